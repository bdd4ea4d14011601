"""What of the repository's own files may make git run something, and whether it changed.

All worktrees share one configuration, and an agent can write to it: a filter that it adds would
be run by our next `git add`, a hook by the user's next commit. What was there before agents
worked is the user's, and trusted (Git LFS lives there). Before each of our calls the files are
compared with that: by their times first, which costs microseconds, and by what git reads in
them only if those differ. What changed since is not run by us, and a person is told.

Branches, tags and stashes are not watched: the user works in the same repository, and nothing
tells a ref that the user moved from one that an agent moved. A ref runs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from banksman.core.names import escape_path, one_line
from banksman.exceptions import GitChangedException
from banksman.workspaces.git import Git, Place
from banksman.workspaces.layout import write_atomically

Facts = Mapping[str, str]
"""What git reads, by name, as digests: a configuration may hold secrets."""

_Stamp = tuple[tuple[str, int, int, int, int], ...]

_ORDINARY: Final = re.compile(
    r"(branch|user|color|advice)\..*|lfs\.repositoryformatversion|lfs\..*\.(access|locksverify)",
    re.DOTALL,
)
"""Keys that git, its tools and people change while they work, and that run nothing here."""

_INCLUDES: Final = re.compile(r"include(if\..*)?\.path", re.DOTALL)


class Trust:
    """Keeps what is trusted, and compares it with what is there.

    Args:
        git: How to call git; reading a configuration runs nothing of it.
        common_dir: Git's own folder, shared by all worktrees.
        memory: The file in which it is kept from one engine to the next.
    """

    def __init__(self, git: Git, common_dir: Path, memory: Path) -> None:
        self._git = git
        self._place = Place(git_dir=common_dir)
        self._common_dir = common_dir
        self._memory = memory
        self._trusted: Facts = {}
        self._told: Facts | None = None
        self._answered = False
        self._files: frozenset[Path] = frozenset()
        self._settled: _Stamp | None = None

    async def begin(self, *, anew: bool) -> None:
        """Trust what is there if nothing is remembered, or if no agent can have changed it.

        Args:
            anew: No agent has worked since what is remembered was looked at last, and no
                question about a change is open.
        """
        known = _read(self._memory)
        # What was told and not answered stays in doubt, whoever says that all is quiet.
        if anew and (known is None or known[1] is None):
            known = None
        if known is None:
            self._trusted, self._told, self._answered = await self._facts(), None, False
            self._write()
        else:
            self._trusted, self._told, self._answered = known

    async def check(self) -> None:
        """Refuse to go on if something changed that is not trusted.

        Raises:
            GitChangedException: It names what changed.
        """
        stamp = _stamp(self._watched())
        if stamp == self._settled:
            return
        watched, present = self._files, await self._facts()
        if self._answered:
            self._adopt(present)
        changes = tuple(_changes(self._trusted, present))
        if changes:
            if present != self._told:
                self._told = present
                self._write()
            raise GitChangedException(changes=changes)
        if self._told is not None:
            # It was undone: there is nothing left to answer.
            self._told, self._answered = None, False
            self._write()
        # Only what was looked at before it was read is known to be what was read.
        self._settled = stamp if watched == self._files else None

    def accept(self) -> None:
        """Trust what was refused last as a person left it, and nothing that came after it."""
        self._answered = self._told is not None
        self._write()

    def _adopt(self, present: Facts) -> None:
        """Trust of what is there what was trusted or told; what was undone is told no more."""
        before, told = self._trusted, self._told or {}
        names = {*before, *present}
        seen = {name for name in names if present.get(name) == told.get(name)}
        after = {name: (present if name in seen else before).get(name) for name in names}
        self._trusted = {name: fact for name, fact in after.items() if fact is not None}
        self._told, self._answered = None, False
        self._write()

    def _write(self) -> None:
        kept = {
            "trusted": dict(self._trusted),
            "told": None if self._told is None else dict(self._told),
            "answered": self._answered,
        }
        write_atomically(self._memory, json.dumps(kept).encode())

    def _watched(self) -> Iterator[Path]:
        """Yield all files that are compared, those too that are not there."""
        yield from (self._common_dir / "config", self._common_dir / "config.worktree")
        yield self._common_dir / "info" / "attributes"
        yield from self._hooks()
        yield from sorted(self._files)

    def _hooks(self) -> list[Path]:
        with suppress(OSError):
            return sorted((self._common_dir / "hooks").iterdir())
        return []

    async def _facts(self) -> Facts:
        """Return what is there now, and remember from which files git reads."""
        answer = await self._git.run(self._place, "config", "--list", "-z", "--show-origin")
        parts = iter(answer.parts)
        values: dict[str, list[str]] = {}
        files = set(self._homes())
        for origin, entry in zip(parts, parts, strict=True):
            kind, _, name = os.fsdecode(origin).partition(":")
            if kind != "file":
                continue  # Our own, on the command line.
            file = self._common_dir / name
            files.add(file)
            key, _, value = os.fsdecode(entry).partition("\n")
            if _INCLUDES.fullmatch(key):
                # It may come to be later.
                files.add(file.parent / self._expanded(value))
            if not _ORDINARY.fullmatch(key):
                values.setdefault(f"{key} in {name}", []).append(value)
        self._files = frozenset(files)
        beside = (self._common_dir / "info" / "attributes", *self._hooks())
        return {
            **{name: _digest("\0".join(found).encode("utf-8", "surrogateescape"))
               for name, found in values.items()},
            **{os.fspath(file): found for file in beside if (found := _content(file))},
        }  # fmt: skip

    def _expanded(self, path: str) -> str:
        return path.replace("~", self._git.inherited.get("HOME", "~"), 1)

    def _homes(self) -> Iterator[Path]:
        """Yield the user's own files of configuration: an agent may make them."""
        home = self._git.inherited.get("HOME")
        if home:
            yield Path(home, ".gitconfig")
        beside = self._git.inherited.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
        if beside:
            yield Path(beside, "git", "config")


def _changes(before: Facts, after: Facts) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            how = "added" if name not in before else "changed" if name in after else "removed"
            yield f"{how}: {one_line(escape_path(os.fsencode(name)), 1000)}"


def _stamp(files: Iterable[Path]) -> _Stamp:
    """Return what differs after any write: nobody can set the time of an inode's change."""
    found: list[tuple[str, int, int, int, int]] = []
    for file in files:
        with suppress(OSError):
            seen = file.stat()
            found.append(
                (os.fspath(file), seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
            )
    return tuple(found)


def _content(file: Path) -> str:
    """Return a digest of what a file holds and whether it can be run; empty without one."""
    try:
        runs = bool(file.stat().st_mode & stat.S_IXUSR)
        return _digest(file.read_bytes(), b"x" if runs else b"")
    except OSError:
        return ""


def _digest(*content: bytes) -> str:
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def _read(memory: Path) -> tuple[Facts, Facts | None, bool] | None:
    """Return what was trusted, what was told and whether a person answered, if it is known."""
    try:
        kept = json.loads(memory.read_bytes())
        told = kept["told"]
        return dict(kept["trusted"]), None if told is None else dict(told), kept["answered"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
