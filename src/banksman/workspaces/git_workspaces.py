"""Workspaces in git worktrees: the port that the engine knows.

Each act can be repeated after a crash at any line of it. A note, out of the agent's reach,
says whether a workspace is complete: before that only we have worked in it, and it is made
again from nothing; after that it is never touched but to read it. What exists and was never
noted (because the state folder was lost, say) belongs to somebody: it is saved, then replaced.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from banksman.core.names import one_line, slug, workspace_name, workspace_owner
from banksman.core.records import Attempt
from banksman.exceptions import RepositoryException, WorkspaceException
from banksman.ports import Capture, Checkout, Executor, Workspace
from banksman.workspaces.differences import GITLINK
from banksman.workspaces.git import Git
from banksman.workspaces.history import History
from banksman.workspaces.keeper import Keeper
from banksman.workspaces.layout import (
    Layout,
    Note,
    folders,
    forget,
    is_folder,
    make_home,
    move_aside,
    noted,
    read_note,
    refusals,
    shown,
    write_note,
)
from banksman.workspaces.leases import Leases
from banksman.workspaces.locks import free, hold
from banksman.workspaces.outfit import Outfitter, WorkspaceSettings
from banksman.workspaces.repository import Repository
from banksman.workspaces.snapshot import Site, Snapshots
from banksman.workspaces.spares import Spares
from banksman.workspaces.target import TargetBranch
from banksman.workspaces.trust import Trust
from banksman.workspaces.worktrees import Worktrees

log = logging.getLogger(__name__)


class GitWorkspaces(TargetBranch):
    """`Workspaces` in a git repository on this machine."""

    def __init__(
        self,
        repository: Repository,
        *,
        git: Git,
        root: Path,
        state: Path,
        executor: Executor,
        settings: WorkspaceSettings | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Make the folders.

        Args:
            repository: The repository, inspected.
            git: How to call git.
            root: Folder for worktrees and checkouts, outside the repository.
            state: Folder for what is remembered, such as `<git dir>/banksman`.
            executor: Runs the setup commands.
            settings: How workspaces are set up.
            trust: What of the user's configuration may be used; none means all of it.

        Raises:
            RepositoryException: The root lies inside the repository.
        """
        settings = settings or WorkspaceSettings()
        layout = Layout(root=_outside(root, repository), state=state.resolve())
        layout.make()
        self._trust = trust
        asking = git if trust is None else git.guarded_by(trust.check)
        signed = asking.signing_as(*repository.author)
        history = History(signed, repository.common_dir)
        super().__init__(
            history, name=repository.target, base=repository.base, style=settings.style
        )
        self._layout = layout
        self._base_commit = repository.base_commit
        self._worktrees = Worktrees(signed, repository.common_dir, layout)
        self._spares = Spares(signed, self._worktrees, layout, count=settings.spares)
        self._snapshots = Snapshots(signed, repository.common_dir, layout)
        self._keeper = Keeper(history, self._snapshots)
        seed = hashlib.sha256(os.fsencode(repository.common_dir)).hexdigest()[:8]
        self._outfitter = Outfitter(
            signed,
            repository.work_tree,
            leases=Leases(layout, seed),
            executor=executor,
            settings=settings,
            home=layout.shared_home,
        )

    async def prepare(self, attempt: Attempt) -> Workspace:
        """Return the attempt's workspace on `attempt.branch` from `attempt.base`, set up."""
        async with hold(self._layout.lock(_name(attempt))) as lock:
            site = self._site(attempt, lock)
            note = _complete(site) or await self._make(attempt, site)
            home = make_home(self._layout, site.name)
        return Workspace(
            path=site.path, home=home, branch=site.branch, base=site.base, env=note.env
        )

    async def capture(self, attempt: Attempt, message: str) -> Capture:
        """Write the workspace's content as one commit under the attempt's private ref."""
        name = _name(attempt)
        with refusals(self._layout.work / name):
            async with hold(self._layout.lock(name)) as lock:
                site = self._site(attempt, lock)
                commit, tree = await self._keeper.capture(site, message)
        changes = await self.changes(site.base, commit)
        links = [change.path for change in changes if change.mode == GITLINK]
        if links:
            raise WorkspaceException(
                message=f"a submodule was changed: {', '.join(links[:3])}."
            )
        return Capture(commit=commit, tree=tree, base=site.base, changes=changes)

    async def save(self, attempt: Attempt, reason: str) -> str | None:
        """Save the workspace under a private ref before it goes; returns the commit.

        None too if it was never complete: then only we have worked in it.
        """
        if self._trust is not None:
            # Asked even if there is nothing to save: its agent may have removed its folder.
            await self._trust.check()
        name = _name(attempt)
        path = self._layout.work / name
        if attempt.base is None or not is_folder(path):
            return None
        with refusals(path):
            async with hold(self._layout.lock(name)) as lock:
                if not is_folder(path):
                    # Another cleaning had the lock: the new file of it is ours alone.
                    self._layout.lock(name).unlink(missing_ok=True)
                    return None
                site = self._site(attempt, lock)
                return await self._keeper.save(site, reason) if _is_touched(site) else None

    async def remove(self, attempt: Attempt) -> None:
        """Remove the attempt's workspace; what was not saved of it, is. Safe to repeat."""
        if attempt.base is not None:
            name = _name(attempt)
            with refusals(self._layout.work / name):
                async with hold(self._layout.lock(name)) as lock:
                    await self._remove(self._site(attempt, lock), "the workspace was removed")
            await self._worktrees.empty_trash()

    @asynccontextmanager
    async def checkout(self, commit: str, purpose: str) -> AsyncGenerator[Checkout]:
        """Open a fresh checkout of a commit, set up for checks; removed at the end."""
        folder = tempfile.mkdtemp(prefix=f"{slug(purpose)}-", dir=self._layout.checks)
        path = Path(folder)
        # Held while it is open: a checkout whose lock is free was left behind by a crash.
        async with hold(self._layout.lock(path.name)) as lock:
            try:
                yield await self._open(path, commit, lock)
            finally:
                with refusals(path):
                    await self._drop(path)
                await self._worktrees.empty_trash()

    def trust_changes(self) -> None:
        """Trust what a `GitChangedException` told last: a person has seen it."""
        if self._trust is not None:
            self._trust.accept()

    async def leftovers(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Return worktrees and checkouts on disk that belong to none of these attempts."""
        names = {_name(attempt) for attempt in live}
        idle = [path for path in folders(self._layout.work) if path.name not in names]
        return (*idle, *filter(self._is_abandoned, folders(self._layout.checks)))

    async def sweep(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Save what the leftovers hold, then remove them; return what was removed.

        A folder that Banksman did not make stays. So does what cannot be saved or removed: one
        line of the log names it, and the next sweep tries again.
        """
        kept = tuple(live)
        with refusals(self._layout.root):
            removed = [path for path in await self.leftovers(kept) if await self._swept(path)]
            for path in self._remains(kept):
                await self._swept(path)
            await self._spares.sweep()
            await self._worktrees.empty_trash()
        return tuple(removed)

    async def prepare_ahead(self) -> None:
        """Make worktrees ready for what comes next; see `Workspaces.prepare_ahead`."""
        with refusals(self._layout.root):
            await self._spares.provide(await self.tip() or self._base_commit)

    def _remains(self, live: tuple[Attempt, ...]) -> list[Path]:
        """Return where workspaces were of which a crash has left all but the folder."""
        homes = (path.name for path in folders(self._layout.homes))
        names = {*noted(self._layout), *homes} - {_name(attempt) for attempt in live}
        paths = [self._layout.folder(name) for name in sorted(names)]
        return [path for path in paths if not is_folder(path) and self._is_abandoned(path)]

    async def _swept(self, path: Path) -> bool:
        """Remove one leftover if that can be done; return whether it was."""
        try:
            with refusals(path):
                return await self._sweep(path)
        except WorkspaceException as error:
            # One that git refuses must not keep all behind it from being swept.
            why = one_line(f"{error.message} {error.output}")
            log.warning("leftover.not_swept %s: %s", shown(path), why)
            return False

    async def _sweep(self, path: Path) -> bool:
        """Remove one leftover; return whether it was ours to remove."""
        if path.parent == self._layout.checks:
            async with hold(self._layout.lock(path.name)):
                await self._drop(path)
            return True
        owner = workspace_owner(path.name)
        if owner is None:
            return False
        async with hold(self._layout.lock(path.name)) as lock:
            note = read_note(self._layout, path.name)
            site = Site(
                task_id=owner[0],
                number=owner[1],
                path=path,
                base=note.base if note else self._base_commit,
                branch=note.branch if note else "",
                note=note,
                place=self._worktrees.place(path),
                held=(lock,),
            )
            await self._remove(site, "the workspace was left over")
        return True

    async def _make(self, attempt: Attempt, site: Site) -> Note:
        """Make the workspace from nothing, and note that it is complete."""
        await self._clear(site)
        note = Note(base=site.base, branch=site.branch)
        write_note(self._layout, site.name, note)
        place = await self._spares.add(site.path, site.base, branch=site.branch, held=site.held)
        self._snapshots.remember_index(site.name, place)
        if attempt.start is not None:
            tree = await self._start(attempt.start, site.base)
            await self._worktrees.lay(place, tree)
        note = replace(
            note,
            provided=await self._outfitter.provide(place, committed=True),
            env=dict(await self._outfitter.environment(site.name, site.path)),
            spool=_new_spool(site.path),
        )
        write_note(self._layout, site.name, note)
        note = await self._set_up(attempt, replace(site, note=note, place=place))
        write_note(self._layout, site.name, replace(note, ready=True))
        return note

    async def _clear(self, site: Site) -> None:
        """Take away whatever is there; what others may have worked in is saved."""
        if _is_touched(site) and is_folder(site.path):
            earlier = replace(site, base=site.note.base if site.note else site.base)
            await self._keeper.save(earlier, "the workspace is made anew")
        await self._keeper.keep_branch(site)
        if site.note is None:
            await self._keeper.keep_capture(site)
        elif site.note.spool:
            await self._outfitter.end(site.note.spool)
        await self._spares.drop(site.path)
        move_aside(self._layout, self._layout.homes / site.name)

    async def _start(self, start: str, base: str) -> str:
        """Return the tree to begin with: the start's work on the base, with any conflicts."""
        if await self._history.contains(base, start):
            return await self._history.tree(base)
        if base in await self._history.parents(start):
            return await self._history.tree(start)
        return (await self._history.pick(start, base)).tree

    async def _set_up(self, attempt: Attempt, site: Site) -> Note:
        """Run the setup commands; the note tells afterwards what they left behind."""
        assert site.note is not None, "it is being made"
        if not self._outfitter.changes_files:
            return site.note
        before = await self._snapshots.tree(site)
        marker = f"{attempt.project_id}:{attempt.task_id}:{attempt.number}:setup"
        await self._outfitter.set_up(
            site.note.spool, site.path, env=site.note.env, marker=marker
        )
        return replace(site.note, before=before, after=await self._snapshots.tree(site))

    async def _open(self, path: Path, commit: str, lock: int) -> Checkout:
        note = Note(base=commit)
        write_note(self._layout, path.name, note)
        place = await self._spares.add(path, commit, held=(lock,))
        await self._outfitter.provide(place, committed=False)
        env = await self._outfitter.environment(path.name, path)
        await self._outfitter.set_up(
            f"setup-{path.name}", path, env=env, marker=f"{path.name}:setup"
        )
        tree = await self._history.tree(commit)
        home = make_home(self._layout, path.name)
        return Checkout(path=path, home=home, commit=commit, tree=tree, env=env)

    async def _remove(self, site: Site, reason: str) -> None:
        """Take a workspace away with all that belongs to it; its lock is held."""
        if _is_touched(site) and is_folder(site.path):
            await self._keeper.save(site, reason)
        tip = await self._keeper.keep_branch(site)
        await self._spares.drop(site.path)
        refs = self._history.refs
        if tip is not None and await refs.checked_out(site.branch) is None:
            await refs.delete(f"refs/heads/{site.branch}", tip)
        await self._outfitter.release(site.name)
        move_aside(self._layout, self._layout.homes / site.name)
        forget(self._layout, site.name)

    async def _drop(self, path: Path) -> None:
        """Take a checkout away."""
        await self._spares.drop(path)
        await self._outfitter.release(path.name)
        move_aside(self._layout, self._layout.homes / path.name)
        forget(self._layout, path.name)

    def _site(self, attempt: Attempt, lock: int) -> Site:
        assert attempt.base is not None, "the intent is recorded"
        assert attempt.branch is not None, "the intent is recorded"
        path = self._layout.work / _name(attempt)
        return Site(
            task_id=attempt.task_id,
            number=attempt.number,
            path=path,
            base=attempt.base,
            branch=attempt.branch,
            note=read_note(self._layout, path.name),
            place=self._worktrees.place(path),
            held=(lock,),
        )

    def _is_abandoned(self, path: Path) -> bool:
        return free(self._layout.lock(path.name))


def _complete(site: Site) -> Note | None:
    """Return the note of a workspace that is complete, and made from this base."""
    note = site.note
    if note is None or not note.ready or note.base != site.base or not is_folder(site.path):
        return None
    return note


def _is_touched(site: Site) -> bool:
    """Return whether somebody other than us may have worked in the workspace."""
    return site.note is None or site.note.ready


def _new_spool(path: Path) -> str:
    """Return a name for a fresh folder that no other has had: it tells when it was made."""
    return f"setup-{path.name}-{path.stat().st_ctime_ns}"


def _name(attempt: Attempt) -> str:
    return workspace_name(attempt.task_id, attempt.number)


def _outside(root: Path, repository: Repository) -> Path:
    """Return the root as git will write it, or refuse one inside the repository."""
    real = root.resolve()
    for inside in (repository.work_tree, repository.common_dir):
        if real.is_relative_to(inside):
            raise RepositoryException(
                message=f"The folder for workspaces, {real}, lies inside {inside}.",
                hint="Set `root` in `[workspaces]` to a folder outside: tools look upwards for "
                "their configuration and would find yours.",
            )
    return real
