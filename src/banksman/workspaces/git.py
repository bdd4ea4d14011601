"""The one way to call git.

Nothing of the user's that could act by itself takes part: no hook, no fsmonitor, no signing, no
background maintenance, no prompt. Which repository is meant is said with every call (`Place`)
and never discovered from a folder, because an agent may have written to that folder. The user's
and the system's configuration are read, since Git LFS is configured there; a guard sees to it
that nothing which an agent added to them is (`banksman.workspaces.trust`), and of the filters
none runs on a worktree's files that an agent could redirect (`banksman.workspaces.filters`).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from banksman.core.names import clean_message, one_line
from banksman.exceptions import WorkspaceException
from banksman.workspaces.filters import ASKED, switched_off, variables, without_relative

REFUSED: Final = 128
"""Exit code with which git ends when it cannot do what it was asked."""

OUTPUT_BYTES_MAX: Final = 256 << 20
_ERROR_CHARACTERS_MAX: Final = 4000
_ERROR_BYTES_MAX: Final = 16 * _ERROR_CHARACTERS_MAX
_GRACE_S: Final = 2.0

_SETTINGS: Final[Mapping[str, str]] = {
    # What would run a program or start something in the background.
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.editor": "true",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "merge.autoStash": "false",
    "submodule.recurse": "false",
    # What would hide files, or changes of files, from git.
    "core.sparseCheckout": "false",
    "core.splitIndex": "false",
    "core.untrackedCache": "false",
    "core.trustctime": "true",
    "core.checkStat": "default",
    "index.sparse": "false",
    # What would make two machines write different commits.
    "i18n.commitEncoding": "UTF-8",
    "core.quotePath": "false",
    # Others hold these locks for milliseconds: wait rather than fail.
    "core.filesRefLockTimeout": "10000",
    "core.packedRefsTimeout": "10000",
}
_OPTIONS: Final = tuple(
    word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")
)


Guard = Callable[[], Awaitable[None]]
"""Asked before each call; it raises if git must not be called now."""

_LOOKS: Final = frozenset({"for-each-ref", "merge-base", "rev-parse", "show-ref"})
"""What only looks at refs and commits: no guard is asked. All that a configuration could have
them run is a transport for commits that are missing, and none is allowed."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which repository, files and index a command is about.

    Attributes:
        git_dir: The repository's (or one worktree's) own folder.
        work_tree: The files, if the command is about files.
        index: Another index than the git folder's own.
        held: Descriptors of locks that git keeps as long as it lives, even if we die.
    """

    git_dir: Path
    work_tree: Path | None = None
    index: Path | None = None
    held: tuple[int, ...] = ()

    def holding(self, *locks: int) -> Place:
        """Return the same place with these locks held."""
        return replace(self, held=(*self.held, *locks))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What git said."""

    code: int
    out: bytes
    error: str

    @property
    def text(self) -> str:
        """Output as text, without the last line's end."""
        return os.fsdecode(self.out.removesuffix(b"\n"))

    @property
    def parts(self) -> list[bytes]:
        """Output of a command with `-z`."""
        return self.out.removesuffix(b"\0").split(b"\0") if self.out else []


class Git:
    """Git, with a clean environment and a time limit.

    Args:
        environment: Where the environment of each call comes from.
        timeout_s: Wall time of each call.
        guard: Asked before each call.
        filters: Names of filters, besides Git LFS, that run on the files of a `Place`.

    Attributes:
        inherited: The environment it was given, without what would lead git astray.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        timeout_s: float = 600.0,
        guard: Guard | None = None,
        filters: Collection[str] = (),
    ) -> None:
        self._timeout_s = timeout_s
        self._guard = guard
        self._filters = filters
        self.inherited = {
            name: value for name, value in environment.items() if not name.startswith("GIT_")
        }
        self._environment = {
            **self.inherited,
            "PATH": without_relative(self.inherited.get("PATH", os.defpath)),
            "GIT_TERMINAL_PROMPT": "0",
            # No command that only looks may write the user's index.
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C",
            "LANGUAGE": "C",
        }

    def guarded_by(self, guard: Guard) -> Git:
        """Return the same git, asking a guard before each call."""
        return Git(
            self.inherited, timeout_s=self._timeout_s, guard=guard, filters=self._filters
        )

    def signing_as(self, name: str, email: str) -> Git:
        """Return the same git with an author."""
        ours = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", email))
        }
        other = Git(
            self.inherited, timeout_s=self._timeout_s, guard=self._guard, filters=self._filters
        )
        other._environment.update(ours)
        return other

    async def filters_off(self, at: Place) -> tuple[str, ...]:
        """Return the names of the configured filters that are not run on a worktree's files."""
        listed = await self.run(replace(at, work_tree=None), *ASKED, accept=(0, 1))
        return switched_off(listed.parts, self._filters)

    async def run(
        self,
        at: Place | Path,
        *args: str,
        stdin: bytes = b"",
        accept: tuple[int, ...] = (0,),
    ) -> Answer:
        """Return what git answered.

        Args:
            at: The place; a mere path lets git discover the repository around it, which is for
                the user's own folders only.
            args: Subcommand and its arguments.
            stdin: What git reads.
            accept: Exit codes that are answers and not errors.

        Raises:
            WorkspaceException: Another exit code, the time limit, too much output, or no git;
                or what the guard raises.
        """
        env, where, held = self._situation(at)
        if self._guard is not None and args[0] in _LOOKS:
            env = {**env, "GIT_ALLOW_PROTOCOL": ""}
        elif self._guard is not None:
            await self._guard()
        if isinstance(at, Place) and at.work_tree is not None:
            env = {**env, **variables(await self.filters_off(at))}
        try:
            process = await asyncio.create_subprocess_exec(
                "git", *_OPTIONS, *where, *args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=env,
                cwd=_folder(at),
                pass_fds=held,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            why = one_line(error.strerror or str(error))
            raise _failed(args, f"could not be started: {why}") from error
        answer = await self._answer(process, args, stdin)
        if answer.code not in accept:
            raise _failed(args, _ending(answer.code), answer.error)
        return answer

    async def _answer(
        self, process: asyncio.subprocess.Process, args: tuple[str, ...], stdin: bytes
    ) -> Answer:
        ended = False
        try:
            async with asyncio.timeout(self._timeout_s), asyncio.TaskGroup() as group:
                out = group.create_task(_read(process.stdout))
                error = group.create_task(_read(process.stderr))
                group.create_task(_feed(process.stdin, stdin))
                group.create_task(process.wait())
            ended = True
        except TimeoutError as late:
            raise _failed(args, f"did not end within {self._timeout_s:g} s") from late
        finally:
            # Also when we are cancelled: nothing that we started goes on behind our back.
            if not ended:
                await _end(process)
        if len(out.result()) > OUTPUT_BYTES_MAX:
            raise _failed(args, f"printed more than {OUTPUT_BYTES_MAX} bytes")
        assert process.returncode is not None, "it has ended"
        return Answer(code=process.returncode, out=out.result(), error=_told(error.result()))

    def _situation(
        self, at: Place | Path
    ) -> tuple[Mapping[str, str], tuple[str, ...], tuple[int, ...]]:
        if isinstance(at, Path):
            return self._environment, (), ()
        where = [f"--git-dir={at.git_dir}"]
        if at.work_tree is not None:
            where.append(f"--work-tree={at.work_tree}")
        env = self._environment
        if at.index is not None:
            env = {**env, "GIT_INDEX_FILE": str(at.index)}
        return env, tuple(where), at.held


def _told(error: bytes) -> str:
    """Return the end of what git complained, harmless on a terminal."""
    # Cut before it is cleaned too: a filter of the user's may print without end.
    text = error[-_ERROR_BYTES_MAX:].decode("utf-8", "replace")
    return clean_message(text)[-_ERROR_CHARACTERS_MAX:]


def _folder(at: Place | Path) -> Path:
    return at if isinstance(at, Path) else at.work_tree or at.git_dir


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """Return all of it; what is beyond the bound by more than a chunk is read and dropped."""
    assert stream is not None, "all three are pipes"
    kept: list[bytes] = []
    size = 0
    while chunk := await stream.read(1 << 16):
        if size <= OUTPUT_BYTES_MAX:
            kept.append(chunk)
            size += len(chunk)
    return b"".join(kept)


async def _feed(stream: asyncio.StreamWriter | None, text: bytes) -> None:
    assert stream is not None, "all three are pipes"
    # A command that does not read its input to the end says so by its exit code.
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.write(text)
        await stream.drain()
    stream.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole group: first politely, because git removes its lock files then."""
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        # Its own children too: one that kept the pipes would keep us waiting.
        _signal(process, signal.SIGKILL)
    await process.wait()
    # The pipes are closed when their end has been read.
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await _read(process.stdout)
            await _read(process.stderr)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _ending(code: int) -> str:
    """Return in words how a command ended that did not do what it was asked."""
    if code >= 0:
        return f"failed with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


def _failed(args: tuple[str, ...], problem: str, output: str = "") -> WorkspaceException:
    return WorkspaceException(
        message=f"`git {one_line(' '.join(args))}` {problem}.", output=output
    )
