"""Makes a fresh worktree one in which the project can be built: files, links, ports, setup."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from banksman.core.names import clean_message, escape_path, one_line
from banksman.exceptions import WorkspaceException
from banksman.ports import Confinement, Executor, ProcessEnd, ProcessSpec
from banksman.workspaces.git import Git, Place
from banksman.workspaces.leases import Leases
from banksman.workspaces.materials import copy_files, link_folders
from banksman.workspaces.worktrees import in_thread

_OUTPUT_CHARACTERS_MAX: Final = 4000
_OUTPUT_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class WorkspaceSettings:
    """How workspaces are set up and work is integrated.

    Attributes:
        copy: Globs of ignored files, relative to the user's work tree, to be copied.
        link: Folders of the user's work tree to be linked.
        ports: Names of variables that get a free port of their own in each workspace.
        setup: Commands to be run in each workspace before it is used; no shell reads them.
        setup_timeout_s: Wall time that each of them may take.
        spares: How many worktrees are kept ready ahead, 0 or more.
        style: `rebase` puts work on the tip as one commit, `merge` merges it.
    """

    copy: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    setup: tuple[tuple[str, ...], ...] = ()
    setup_timeout_s: float = 900.0
    spares: int = 0
    style: str = "rebase"

    def __post_init__(self) -> None:
        # Outside input is checked with good words in `banksman.config`; this guards our own.
        assert self.style in {"rebase", "merge"}, "there are two styles"
        assert self.setup_timeout_s > 0, "a time limit is above 0"
        assert all(self.setup), "a command has a program"


class Outfitter:
    """Sets up workspaces and checkouts alike."""

    def __init__(
        self,
        git: Git,
        source: Path,
        *,
        leases: Leases,
        executor: Executor,
        settings: WorkspaceSettings,
        home: Path,
    ) -> None:
        self._home = home
        self._git = git
        self._source = source
        self._leases = leases
        self._executor = executor
        self._settings = settings

    @property
    def changes_files(self) -> bool:
        """Whether there are commands that may leave files behind."""
        return bool(self._settings.setup)

    async def provide(self, place: Place, *, committed: bool) -> tuple[str, ...]:
        """Copy and link what is configured; return the paths.

        Args:
            place: The worktree.
            committed: Somebody may commit here: refuse what git does not ignore.

        Raises:
            WorkspaceException: Something is not there, leads outside, or is not ignored.
        """
        assert place.work_tree is not None, "a place with files"
        ours = self._settings
        target = place.work_tree
        copied = await in_thread(copy_files, ours.copy, self._source, target)
        linked = await in_thread(link_folders, ours.link, self._source, target)
        if committed and copied:
            await self._are_ignored(place, copied)
        return (*copied, *linked)

    async def environment(self, name: str, path: Path) -> Mapping[str, str]:
        """Return the variables for everything that runs in a workspace."""
        ports = await self._leases.lease(name, self._settings.ports)
        return {**ports, "BANKSMAN_WORKSPACE": str(path)}

    async def set_up(
        self, spool: str, path: Path, *, env: Mapping[str, str], marker: str
    ) -> None:
        """Run the setup commands in a workspace.

        Args:
            spool: Where the first word of their spools' names comes from; never used before.
            path: The workspace.
            env: Its variables.
            marker: Execution id, by which their processes are found.

        Raises:
            WorkspaceException: One failed; with the end of its output.
        """
        for number, argv in enumerate(self._settings.setup, 1):
            spec = ProcessSpec(
                argv=argv,
                cwd=path,
                env={**self._git.inherited, **env},
                timeout_s=self._settings.setup_timeout_s,
                output_bytes_max=_OUTPUT_BYTES_MAX,
                ttl_s=0,
                marker=marker,
                confinement=Confinement(home=self._home, writable=(path,), network=True),
            )
            end = await self._executor.run(f"{spool}-{number}", spec)
            self._executor.discard(f"{spool}-{number}")
            if (end.how, end.code) != ("exited", 0):
                raise _setup_failed(argv, end, spec.timeout_s)

    async def end(self, spool: str) -> None:
        """End what an engine that died may have left running of `set_up`."""
        for number in range(1, len(self._settings.setup) + 1):
            if await self._executor.attach(f"{spool}-{number}"):
                await self._executor.stop(f"{spool}-{number}", "the engine starts it again")
            self._executor.discard(f"{spool}-{number}")

    async def release(self, name: str) -> None:
        """Give back what a workspace has leased."""
        await self._leases.release(name)

    async def _are_ignored(self, place: Place, copied: tuple[str, ...]) -> None:
        answer = await self._git.run(
            place, "check-ignore", "-z", "--stdin",
            stdin=b"\0".join(map(os.fsencode, copied)), accept=(0, 1),
        )  # fmt: skip
        seen = set(answer.parts)
        for path in map(os.fsencode, copied):
            if path not in seen:
                raise WorkspaceException(
                    message=f"`copy` of the workspaces: git does not ignore "
                    f"{escape_path(path)!r}, so it could be committed; add it to .gitignore."
                )


def _setup_failed(argv: tuple[str, ...], end: ProcessEnd, limit_s: float) -> WorkspaceException:
    how = {
        "exited": f"failed with exit code {end.code}",
        "timeout": f"did not end within {limit_s:g} s",
    }.get(end.how, f"ended by {end.how}")
    told = clean_message(end.output.decode("utf-8", "replace"))
    return WorkspaceException(
        message=f"setup command `{one_line(shlex.join(argv))}` {how}.",
        output="\n".join(filter(None, (one_line(end.why), told[-_OUTPUT_CHARACTERS_MAX:]))),
    )
