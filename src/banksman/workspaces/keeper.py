"""Keeps work: nothing of an attempt goes before a private ref has it.

A saved state is one commit: its tree is what the files were, its parents are the base and, if
the agent committed, the agent's own commits. Files that git ignores are not kept; they go with
the workspace.
"""

from __future__ import annotations

from banksman.core.names import REFS, attempt_ref, saved_message, saved_ref, saved_refs
from banksman.workspaces.git import Place
from banksman.workspaces.history import History
from banksman.workspaces.snapshot import Site, Snapshots


class Keeper:
    """Writes captures and saved states."""

    def __init__(self, history: History, snapshots: Snapshots) -> None:
        self._history = history
        self._snapshots = snapshots

    async def capture(self, site: Site, message: str) -> tuple[str, str]:
        """Return commit and tree of the workspace's content, under the attempt's ref."""
        tree = await self._snapshots.tree(site)
        ref = attempt_ref(site.task_id, site.number)
        existing = await self._history.refs.resolve(ref)
        if existing is not None and await self._is_capture(existing, site, tree, message):
            return existing, tree
        commit = await self._history.write(tree, (site.base,), message)
        await self._history.refs.move(ref, commit, "capture")
        return commit, tree

    async def save(self, site: Site, reason: str) -> str:
        """Return a commit that keeps the workspace; the base if there is nothing to keep."""
        tree = await self._snapshots.tree(site)
        parents = (site.base, *await self._own_commits(site))
        if len(parents) == 1 and tree == await self._history.tree(site.base):
            return site.base
        saved = await self._history.refs.below(saved_refs(site.task_id, site.number))
        for commit in saved.values():
            if await self._is(commit, tree, parents):
                return commit
        capture = await self._history.refs.resolve(attempt_ref(site.task_id, site.number))
        if capture is None or not await self._is(capture, tree, parents):
            message = saved_message(site.task_id, site.number, reason)
            capture = await self._history.write(tree, parents, message)
        await self._keep(site, capture)
        return capture

    async def keep_branch(self, site: Site) -> str | None:
        """Return where the attempt's branch is, having made sure that a private ref has it."""
        tip = await self._history.refs.branch(site.branch) if site.branch else None
        if (
            tip is not None
            and tip != site.base
            and not await self._history.refs.kept(tip, REFS)
        ):
            await self._keep(site, tip)
        return tip

    async def keep_capture(self, site: Site) -> None:
        """Move a capture of an earlier attempt that had the same number to the saved ones."""
        ref = attempt_ref(site.task_id, site.number)
        commit = await self._history.refs.resolve(ref)
        if commit is not None:
            if not await self._history.refs.kept(commit, saved_refs(site.task_id, site.number)):
                await self._keep(site, commit)
            await self._history.refs.delete(ref, commit)

    async def _keep(self, site: Site, commit: str) -> None:
        prefix = saved_refs(site.task_id, site.number)
        numbers = [
            int(last)
            for name in await self._history.refs.below(prefix)
            if (last := name.removeprefix(prefix)).isdecimal()
        ]
        ref = saved_ref(site.task_id, site.number, max(numbers, default=0) + 1)
        await self._history.refs.swap(ref, commit, expected=None, why="save")

    async def _own_commits(self, site: Site) -> tuple[str, ...]:
        """Return the commits that the agent made, on its branch or wherever its HEAD is."""
        found: dict[str, None] = {}
        if site.place is not None:
            found[await self._head(site.place) or ""] = None
        if site.branch:
            found[await self._history.refs.branch(site.branch) or ""] = None
        own = [
            commit
            for commit in found
            if commit and not await self._history.contains(site.base, commit)
        ]
        return tuple(own)

    async def _head(self, place: Place) -> str | None:
        # Asked of the repository: a worktree may have a configuration of its own, which its
        # agent wrote.
        return await self._history.refs.resolve(f"worktrees/{place.git_dir.name}/HEAD")

    async def _is_capture(self, commit: str, site: Site, *what: str) -> bool:
        tree, message = what
        return (
            await self._is(commit, tree, (site.base,))
            and await self._history.message(commit) == message
        )

    async def _is(self, commit: str, tree: str, parents: tuple[str, ...]) -> bool:
        return (
            await self._history.tree(commit) == tree
            and await self._history.parents(commit) == parents
        )
