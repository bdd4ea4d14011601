"""The target branch, and how work comes onto it: by merges that need no files."""

from __future__ import annotations

from banksman.core.records import FileChange
from banksman.exceptions import TargetBusyException, WorkspaceException
from banksman.ports import Combined, Conflict, Written
from banksman.workspaces.history import History
from banksman.workspaces.layout import shown


class TargetBranch:
    """The branch that accepted work is integrated into."""

    def __init__(self, history: History, *, name: str, base: str, style: str) -> None:
        self._history = history
        self._name = name
        self._ref = f"refs/heads/{name}"
        self._base = base
        self._style = style

    async def ensure_target(self) -> str:
        """Return the target branch's tip; the branch is made at the user's base if missing."""
        tip = await self.tip()
        if tip is not None:
            return tip
        start = await self._history.refs.branch(self._base)
        if start is None:
            raise WorkspaceException(message=f"the branch {self._base!r} is gone.")
        # Somebody else may make it at this moment: then it is where they made it.
        await self._history.refs.swap(
            self._ref, start, expected=None, why=f"begin at {self._base}"
        )
        return await self.tip() or start

    async def tip(self) -> str | None:
        """Return the target branch's tip, or none if it is gone."""
        return await self._history.refs.branch(self._name)

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Return whether `ancestor` is `commit` or one of its ancestors."""
        return await self._history.contains(commit, ancestor)

    async def commits(self, since: str, until: str) -> tuple[Written, ...]:
        """Return the first parents from `until` back that `since` lacks, oldest first."""
        return await self._history.commits(since, until)

    async def combine(self, tip: str, commit: str, message: str) -> Combined | Conflict:
        """Put one commit's work on the tip, by the project's style; touches no ref.

        Work that changes nothing becomes a commit too: what is on the branch then says that the
        attempt was integrated.
        """
        merge = await self._history.pick(commit, tip)
        if not merge.clean:
            return Conflict(paths=merge.conflicts)
        parents = (tip,) if self._style == "rebase" else (tip, commit)
        made = await self._history.write(merge.tree, parents, message)
        return Combined(commit=made, tree=merge.tree)

    async def publish(self, expected: str, new: str) -> bool:
        """Compare and swap the target branch; False if it is not at `expected`.

        Raises:
            TargetBusyException: The branch is checked out somewhere: moving it would make the
                files there look changed.
        """
        where = await self._history.refs.checked_out(self._name)
        if where is not None:
            place = shown(where)
            raise TargetBusyException(
                message=f"the branch {self._name!r} is checked out at {place}.",
                branch=self._name,
                worktree=place,
            )
        return await self._history.refs.swap(self._ref, new, expected=expected, why="integrate")

    async def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """Return what differs between two commits (task 0, attempt 0)."""
        return await self._history.changes(old, new)
