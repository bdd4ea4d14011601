"""The workspaces port over the simulated world."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from banksman.core.records import Attempt, FileChange
from banksman.core.task import TaskId
from banksman.exceptions import WorkspaceException
from banksman.ports import Capture, Checkout, Combined, Conflict, Workspace, Written
from banksman.testing.world import Hand, SimCheckout, SimWorktree, Tree, World

ROOT = Path("/simulated")


class SimWorkspaces:
    """Git in memory; see `banksman.ports.Workspaces` for what each act means."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    @property
    def _world(self) -> World:
        return self._hand.world

    async def ensure_target(self) -> str:
        """Return the target's tip, making the branch at the base if it is missing."""
        await self._git()
        if self._world.target is None:
            self._world.target = self._world.refs["base"]
        return self._world.target

    async def tip(self) -> str | None:
        """Return the target's tip."""
        await self._git()
        return self._world.target

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Return whether `ancestor` is in the commit's history."""
        await self._git()
        return ancestor in self._world.history(commit)

    async def commits(self, since: str, until: str) -> tuple[Written, ...]:
        """Return the commits between two, oldest first."""
        await self._git()
        before = self._world.history(since)
        names = [name for name in self._world.history(until) if name not in before]
        return tuple(
            Written(commit=name, subject=self._world.commits[name].message.partition("\n")[0])
            for name in reversed(names)
        )

    async def prepare(self, attempt: Attempt) -> Workspace:
        """Return the attempt's worktree, made anew if it was made from another base."""
        await self._git()
        assert attempt.base is not None, "the intent names the base"
        assert attempt.branch is not None, "the intent names the branch"
        known = self._world.worktrees.get(_key(attempt))
        if known is None or known.base != attempt.base:
            if known is not None:
                await self.save(attempt, "made anew")
            files = self._laid(attempt.start, attempt.base)
            self._world.worktrees[_key(attempt)] = SimWorktree(attempt.base, files)
        await self._hand.take()
        path = _path(attempt)
        return Workspace(path=path, home=_home(path), branch=attempt.branch, base=attempt.base)

    async def capture(self, attempt: Attempt, message: str) -> Capture:
        """Commit the worktree's content under the attempt's ref."""
        await self._git()
        worktree = self._world.worktrees.get(_key(attempt))
        if worktree is None:
            raise WorkspaceException(message="there is no such worktree")
        commit = self._world.commit((worktree.base,), worktree.files, message)
        self._world.refs[f"attempts/{attempt.task_id}/{attempt.number}"] = commit
        await self._hand.take()
        return Capture(
            commit=commit,
            tree=tree_name(worktree.files),
            base=worktree.base,
            changes=self._changes(worktree.base, worktree.files),
        )

    async def save(self, attempt: Attempt, reason: str) -> str | None:
        """Commit the worktree's content under the saved ref."""
        await self._git()
        worktree = self._world.worktrees.get(_key(attempt))
        if worktree is None:
            return None
        commit = self._world.commit((worktree.base,), worktree.files, f"saved: {reason}")
        self._world.refs[f"saved/{attempt.task_id}/{attempt.number}"] = commit
        return commit

    async def remove(self, attempt: Attempt) -> None:
        """Remove the worktree."""
        await self._git()
        self._world.worktrees.pop(_key(attempt), None)

    @asynccontextmanager
    async def checkout(self, commit: str, purpose: str) -> AsyncGenerator[Checkout]:
        """Open a checkout; only its engine's death leaves it behind."""
        await self._git()
        self._world.opened += 1
        path = ROOT / "checks" / f"{purpose}-{self._world.opened}"
        self._world.checkouts[path] = SimCheckout(commit, self._hand)
        try:
            tree = tree_name(self._world.commits[commit].tree)
            yield Checkout(path=path, home=_home(path), commit=commit, tree=tree)
        finally:
            if self._hand.alive:
                del self._world.checkouts[path]

    async def combine(self, tip: str, commit: str, message: str) -> Combined | Conflict:
        """Merge file by file against the commit's parent."""
        await self._git()
        ours = self._world.commits[tip].tree
        theirs = self._world.commits[commit].tree
        (parent,) = self._world.commits[commit].parents
        base = self._world.commits[parent].tree
        merged, conflicts = merge_trees(base, ours, theirs)
        if conflicts:
            return Conflict(paths=conflicts)
        name = self._world.commit((tip,), merged, message)
        return Combined(commit=name, tree=tree_name(merged))

    async def publish(self, expected: str, new: str) -> bool:
        """Compare and swap the target; it may be said to have failed afterwards."""
        await self._git()
        if self._world.target != expected:
            return False
        self._world.target = new
        await self._git()
        return True

    async def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """Return what differs between two commits."""
        await self._git()
        return self._changes(old, self._world.commits[new].tree)

    def trust_changes(self) -> None:
        """Nothing here changes what git runs."""

    async def leftovers(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Return the worktrees and checkouts that belong to none of these attempts."""
        await self._hand.take()
        kept = {_key(one) for one in live}
        trees = (
            ROOT / f"{task}-{number}"
            for task, number in sorted(self._world.worktrees)
            if (task, number) not in kept
        )
        return (*trees, *self._abandoned())

    async def prepare_ahead(self) -> None:
        """Do nothing: a simulated workspace is there at once."""

    async def sweep(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Save and remove the leftovers."""
        kept = tuple(live)
        gone = await self.leftovers(kept)
        for path in self._abandoned():
            del self._world.checkouts[path]
        for task, number in [
            key for key in self._world.worktrees if key not in {_key(one) for one in kept}
        ]:
            worktree = self._world.worktrees.pop((task, number))
            commit = self._world.commit((worktree.base,), worktree.files, "saved: swept")
            self._world.refs[f"saved/{task}/{number}"] = commit
        return gone

    def _abandoned(self) -> tuple[Path, ...]:
        return tuple(path for path, one in self._world.checkouts.items() if not one.hand.alive)

    def _laid(self, start: str | None, base: str) -> dict[str, str]:
        """Return the files to begin with: the start's work on the base; it wins a conflict."""
        files = dict(self._world.commits[base].tree)
        if start is None or start in self._world.history(base):
            return files
        work = self._world.commits[start]
        before = self._world.commits[work.parents[0]].tree
        for path in before.keys() | work.tree.keys():
            if work.tree.get(path) != before.get(path):
                files.pop(path, None)
                files |= {path: work.tree[path]} if path in work.tree else {}
        return files

    async def _git(self) -> None:
        await self._hand.take()
        if self._world.strikes(self._world.faults.git):
            raise WorkspaceException(message="git failed, as it sometimes does")

    def _changes(self, base: str, files: Tree) -> tuple[FileChange, ...]:
        before = self._world.commits[base].tree
        return tuple(
            FileChange(task_id=TaskId(0), attempt=0, path=path, change="modified", added=1)
            for path in sorted(before.keys() | files.keys())
            if before.get(path) != files.get(path)
        )


def merge_trees(base: Tree, ours: Tree, theirs: Tree) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the merged files and the paths that conflict."""
    merged: dict[str, str] = {}
    conflicts: list[str] = []
    for path in sorted(base.keys() | ours.keys() | theirs.keys()):
        was, left, right = base.get(path), ours.get(path), theirs.get(path)
        if left != right and was not in (left, right):
            conflicts.append(path)
        chosen = right if left == was else left
        if chosen is not None:
            merged[path] = chosen
    return merged, tuple(conflicts)


def tree_name(files: Mapping[str, str]) -> str:
    """Return a name for a content: equal contents have equal names."""
    return "|".join(f"{path}={text}" for path, text in sorted(files.items()))


def _key(attempt: Attempt) -> tuple[int, int]:
    return attempt.task_id, attempt.number


def _path(attempt: Attempt) -> Path:
    return ROOT / f"{attempt.task_id}-{attempt.number}"


def _home(path: Path) -> Path:
    return ROOT / "homes" / path.name
