"""Refs: names for commits, moved by compare-and-swap."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from banksman.exceptions import WorkspaceException
from banksman.workspaces.git import REFUSED, Answer, Git, Place

_TRIES: Final = 20
_BETWEEN_S: Final = 0.05


class Refs:
    """A repository's refs."""

    def __init__(self, git: Git, place: Place) -> None:
        self._git = git
        self._place = place

    async def resolve(self, name: str) -> str | None:
        """Return the commit that a ref, branch or id names, or None."""
        answer = await self._run(
            "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", accept=(0, 1, REFUSED)
        )
        return answer.text if answer.code == 0 else None

    async def branch(self, name: str) -> str | None:
        """Return where the local branch of exactly this name is, or None."""
        ref = f"refs/heads/{name}"
        answer = await self._run("show-ref", "--verify", "--hash", ref, accept=(0, 1, REFUSED))
        return answer.text if answer.code == 0 else None

    async def below(self, prefix: str) -> dict[str, str]:
        """Return the commits by full name of the refs below a prefix."""
        answer = await self._run("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.split() for line in answer.text.splitlines())

    async def kept(self, commit: str, prefix: str) -> bool:
        """Return whether a ref below the prefix keeps this commit."""
        answer = await self._run("for-each-ref", "--count=1", f"--contains={commit}", prefix)
        return bool(answer.out)

    async def move(self, ref: str, new: str, why: str) -> None:
        """Point a ref of ours at a commit, wherever it was."""
        await self._run("update-ref", "--no-deref", "-m", f"banksman: {why}", ref, new)

    async def swap(self, ref: str, new: str, *, expected: str | None, why: str) -> bool:
        """Compare and swap a ref; False if it is not at `expected` (none: not there).

        Raises:
            WorkspaceException: Git refused for another reason.
        """
        old = expected or "0" * len(new)
        words = ("update-ref", "--no-deref", "-m", f"banksman: {why}", ref, new, old)
        answer = await self._run(*words, accept=(0, 1, REFUSED))
        if answer.code == 0:
            return True
        if await self.resolve(ref) != expected:
            return False
        raise WorkspaceException(message=f"{ref} could not be moved.", output=answer.error)

    async def delete(self, ref: str, expected: str) -> None:
        """Delete a ref that is where it is expected to be."""
        await self._run("update-ref", "--no-deref", "-d", ref, expected)

    async def checked_out(self, branch: str) -> Path | None:
        """Return a worktree in which the branch is checked out."""
        answer = await self._worktrees()
        place = b""
        for line in answer.parts:
            word, _, value = line.partition(b" ")
            place = value if word == b"worktree" else place
            if word == b"branch" and value == f"refs/heads/{branch}".encode():
                return Path(place.decode("utf-8", "surrogateescape"))
        return None

    async def _worktrees(self) -> Answer:
        words = ("worktree", "list", "--porcelain", "-z")
        # Git dies of a worktree that somebody, we or the user, is just about to make.
        for _ in range(_TRIES - 1):
            answer = await self._run(*words, accept=(0, REFUSED))
            if answer.code == 0:
                return answer
            await asyncio.sleep(_BETWEEN_S)
        return await self._run(*words)

    async def _run(self, *args: str, accept: tuple[int, ...] = (0,)) -> Answer:
        return await self._git.run(self._place, *args, accept=accept)
