"""Worktrees: made under one lock, filled outside it, and taken away in one step.

Concurrent `git worktree add` fails now and then, because each reads the others' half-made
entries: so adding holds a lock of the whole repository, and only that. Writing the files, which
takes nearly all of the time, is done side by side.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from banksman.core.names import one_line
from banksman.workspaces.git import Git, Place
from banksman.workspaces.layout import Layout, delete, move_aside, shown, write_atomically
from banksman.workspaces.locks import hold

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Worktrees:
    """The worktrees of one repository that are ours."""

    def __init__(self, git: Git, common_dir: Path, layout: Layout) -> None:
        self._git = git
        self._common_dir = common_dir
        self._layout = layout

    async def add(
        self, path: Path, commit: str, *, branch: str = "", held: tuple[int, ...]
    ) -> Place:
        """Return a new worktree with the commit's files.

        Args:
            path: Where; nothing is there, or an empty folder.
            commit: What it gets.
            branch: Its branch, which is moved to the commit; none for a detached worktree.
            held: The workspace's lock, which git keeps while it works.
        """
        _make_private(path)
        how = ("--no-track", "-B", branch) if branch else ("--detach",)
        at = Place(git_dir=self._common_dir, held=held)
        async with hold(self._layout.state / "worktrees.lock") as adding:
            await self._git.run(
                at.holding(adding), "worktree", "add", "--quiet", "--no-checkout",
                # Locked, it survives a `git worktree prune` after an agent deleted `.git`.
                "--lock", "--reason", "in use by banksman",
                *how, str(path), commit,
            )  # fmt: skip
        place = self.place(path)
        assert place is not None, "it was just made"
        place = place.holding(*held)
        await self._git.run(place, "reset", "--quiet", "--hard", commit)
        return place

    async def lay(self, place: Place, tree: str) -> None:
        """Lay a tree into a fresh worktree, as staged changes on its commit."""
        await self._git.run(place, "read-tree", "-m", "-u", "HEAD", tree)

    def place(self, path: Path) -> Place | None:
        """Return how git must be called for a worktree of ours, whatever is in its folder."""
        entry = self._entry(path)
        return None if entry is None else Place(git_dir=entry, work_tree=path)

    async def drop(self, path: Path) -> None:
        """Take a worktree away; its files go to the trash. Safe to repeat."""
        move_aside(self._layout, path)
        async with hold(self._layout.state / "worktrees.lock"):
            entry = self._entry(path)
            if entry is not None:
                # What `git worktree remove` does, without its look into the folder. A half
                # removed entry without this file is one that git prunes by itself.
                (entry / "locked").unlink(missing_ok=True)
                shutil.rmtree(entry)
            with suppress(OSError):
                (self._common_dir / "worktrees").rmdir()

    def move(self, path: Path, goal: Path) -> None:
        """Move a worktree; whoever is killed in between leaves what `drop` takes away.

        Args:
            path: Where it is.
            goal: Where it goes; nothing is there, or an empty folder.

        Raises:
            OSError: The system refuses.
        """
        entry = self._entry(path)
        if entry is None:
            raise FileNotFoundError(path)
        write_atomically(entry / "gitdir", os.fsencode(goal / ".git") + b"\n")
        path.rename(goal)

    def sign(self, path: Path) -> None:
        """Write the file by which git finds a worktree's repository, whatever is there."""
        entry = self._entry(path)
        assert entry is not None, "a worktree of ours"
        delete(path / ".git")
        (path / ".git").write_bytes(b"gitdir: " + os.fsencode(entry) + b"\n")

    async def empty_trash(self) -> None:
        """Delete what was taken away, and what crashes left of temporary files.

        What cannot be deleted stays for the next time, and one line of the log names it:
        everything in there has been saved, so only space is lost.
        """
        await in_thread(_empty, self._layout)

    def _entry(self, path: Path) -> Path | None:
        wanted = os.fsencode(path / ".git")
        for entry in (self._common_dir / "worktrees").glob("*"):
            with suppress(OSError):
                if (entry / "gitdir").read_bytes().rstrip(b"\n") == wanted:
                    return entry
        return None


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a blocking call returns; being cancelled waits until it is through."""
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(None, lambda: call(*args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _make_private(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)


def _empty(layout: Layout) -> None:
    for path in _listed(layout.trash):
        try:
            delete(path)
        except FileNotFoundError:
            # Two may be at it at the same time.
            continue
        except (OSError, RecursionError) as error:
            # Folders can be nested deeper than the library can follow.
            _stays(path, error)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        _stays(folder, error)
        return []


def _stays(path: Path, error: Exception) -> None:
    """Say it in one line: of what an agent left there may be much, and it is no defect."""
    log.warning("trash.not_deleted %s: %s", shown(path), one_line(str(error)))
