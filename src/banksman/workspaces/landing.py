"""From the target branch to the user's own: the one act that moves a branch of theirs.

It goes forward or merges, all or nothing. Where the branch is checked out, git itself brings
the files along, and only if nothing of the user's is in the way: no uncommitted change, no file
that git does not track (an ignored one it would overwrite without a word), nothing half-done.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from banksman.core.names import escape_path, one_line
from banksman.core.records import FileChange
from banksman.exceptions import RepositoryException, WorkspaceException
from banksman.ports import Written
from banksman.workspaces.differences import RAW, Entry, parse_entries
from banksman.workspaces.git import Git
from banksman.workspaces.history import History
from banksman.workspaces.layout import is_folder
from banksman.workspaces.repository import Repository

_SHOWN_MAX: Final = 10
_UNFINISHED: Final = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}


class Way(StrEnum):
    """How a branch comes to contain the target."""

    NOTHING = "nothing"
    FAST_FORWARD = "fast-forward"
    MERGE = "merge"
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True)
class Landing:
    """What landing would do.

    Attributes:
        branch: The user's branch.
        branch_commit: Where it is.
        target: The target branch.
        target_commit: Where it is.
        way: How the one would come to contain the other.
        tree: What the branch would have.
        commits: Id and first line of each commit that the branch would get, newest first.
        foreign: Those of them that came onto the target by no task.
        changes: What would change on it.
        conflicts: Paths in conflict.
        place: The worktree in which the branch is checked out.
        obstacles: Paths there that would be overwritten.
        unfinished: What is half-done there, such as `a rebase`.
    """

    branch: str
    branch_commit: str
    target: str
    target_commit: str
    way: Way
    tree: str
    commits: tuple[tuple[str, str], ...] = ()
    foreign: tuple[Written, ...] = ()
    changes: tuple[FileChange, ...] = ()
    conflicts: tuple[str, ...] = ()
    place: Path | None = None
    obstacles: tuple[str, ...] = ()
    unfinished: str = ""


async def preview(
    repository: Repository,
    git: Git,
    *,
    branch: str | None = None,
    ours: Collection[str] = (),
) -> Landing:
    """Return what `land` would do; nothing is touched.

    Args:
        repository: The repository; its base branch is the one that would move,
        git: How to call git.
        branch: unless another one is named.
        ours: The commits that tasks made; others on the target are foreign.

    Raises:
        RepositoryException: One of the branches is missing.
    """
    return await Lander(repository, git).preview(branch or repository.base, ours)


async def land(
    repository: Repository,
    git: Git,
    *,
    branch: str | None = None,
    ours: Collection[str] = (),
) -> Landing:
    """Move the user's branch so that it contains the target; return what was done.

    See `preview` for what is given.

    Raises:
        RepositoryException: A branch is missing, both changed the same lines, or something of
            the user's is in the way; nothing was done.
    """
    lander = Lander(repository, git)
    landing = await lander.preview(branch or repository.base, ours)
    _refuse(landing)
    await lander.move(landing)
    return landing


class Lander:
    """Looks at what landing would do, and does exactly what was looked at."""

    def __init__(self, repository: Repository, git: Git) -> None:
        self._git = git.signing_as(*repository.author)
        self._target = repository.target
        self._common_dir = repository.common_dir
        self._history = History(self._git, repository.common_dir)

    async def preview(self, branch: str, made: Collection[str] = ()) -> Landing:
        """Return what landing would do to a branch; `made` are the commits of tasks."""
        ours, theirs = await self._commit(branch), await self._commit(self._target)
        way, tree, conflicts = await self._way(ours, theirs)
        place = await self._history.refs.checked_out(branch)
        entries = await self._entries(ours, tree)
        return Landing(
            branch=branch,
            branch_commit=ours,
            target=self._target,
            target_commit=theirs,
            way=way,
            tree=tree,
            commits=await self._commits(ours, theirs),
            foreign=tuple(
                one
                for one in await self._history.commits(ours, theirs)
                if one.commit not in made
            ),
            changes=await self._history.changes(ours, tree),
            conflicts=conflicts,
            place=place,
            obstacles=await self._obstacles(place, entries) if place else (),
            unfinished=await self._unfinished(branch, place),
        )

    async def move(self, landing: Landing) -> None:
        """Move the branch as it was looked at.

        Raises:
            RepositoryException: It moved since, or git refused; nothing was done.
        """
        if landing.way is Way.NOTHING:
            return
        new = landing.target_commit
        if landing.way is Way.MERGE:
            parents = (landing.branch_commit, landing.target_commit)
            message = f"Merge branch '{landing.target}' into {landing.branch}\n"
            new = await self._history.write(landing.tree, parents, message)
        if landing.place is not None:
            await self._bring_along(landing, landing.place, new)
            return
        ref, old = f"refs/heads/{landing.branch}", landing.branch_commit
        if not await self._history.refs.swap(ref, new, expected=old, why="land"):
            raise _moved(landing)

    async def _bring_along(self, landing: Landing, place: Path, new: str) -> None:
        """Let git move branch, index and files together, from exactly what was looked at."""
        if await self._history.refs.branch(landing.branch) != (landing.branch_commit):
            raise _moved(landing)
        try:
            await self._git.run(
                place, "merge", "--quiet", "--ff-only", "--no-overwrite-ignore", "--no-stat",
                "--no-autostash", "--no-verify-signatures", new,
            )  # fmt: skip
        except WorkspaceException as error:
            raise RepositoryException(
                message=f"Git refused to update {place}: {one_line(error.output)}",
                hint="Nothing was changed. Commit or move what it names, then land again.",
            ) from error

    async def _commit(self, branch: str) -> str:
        commit = await self._history.refs.branch(branch)
        if commit is None:
            raise RepositoryException(
                message=f"There is no local branch {branch!r}.",
                hint="`git branch` lists those that there are.",
            )
        return commit

    async def _way(self, ours: str, theirs: str) -> tuple[Way, str, tuple[str, ...]]:
        if await self._history.contains(ours, theirs):
            return Way.NOTHING, await self._history.tree(ours), ()
        if await self._history.contains(theirs, ours):
            return Way.FAST_FORWARD, await self._history.tree(theirs), ()
        merge = await self._history.merge(ours, theirs)
        return Way.MERGE if merge.clean else Way.CONFLICT, merge.tree, merge.conflicts

    async def _commits(self, ours: str, theirs: str) -> tuple[tuple[str, str], ...]:
        answer = await self._git.run(
            self._history.place, "log", "-z", "--format=%H %s", f"{ours}..{theirs}", "--"
        )
        lines = (part.decode("utf-8", "replace").partition(" ") for part in answer.parts)
        return tuple((commit, one_line(subject)) for commit, _, subject in lines)

    async def _entries(self, ours: str, tree: str) -> tuple[Entry, ...]:
        return tuple(parse_entries(await self._git.run(self._history.place, *RAW, ours, tree)))

    async def _obstacles(self, place: Path, entries: tuple[Entry, ...]) -> tuple[str, ...]:
        status = await self._git.run(
            place, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames",
            "--ignore-submodules=all",
        )  # fmt: skip
        dirty = {part[3:] for part in status.parts}
        above = {folder for path in dirty for folder in _folders(path)}
        found = {
            entry.path
            for entry in entries
            if entry.path in dirty | above
            or dirty & set(_folders(entry.path))
            or (entry.letter == "A" and _is_taken(place, entry.path))
        }
        return tuple(map(escape_path, sorted(found)))

    async def _unfinished(self, branch: str, place: Path | None) -> str:
        if place is not None:
            answer = await self._git.run(place, "rev-parse", "--absolute-git-dir")
            found = _unfinished_in(Path(answer.text))
            if found:
                return found
        return "a rebase" if _is_rebased(branch, self._common_dir) else ""


def _refuse(landing: Landing) -> None:
    if landing.way is Way.NOTHING:
        return
    if landing.conflicts or landing.way is Way.CONFLICT:
        raise RepositoryException(
            message=f"{landing.target!r} and {landing.branch!r} changed the same places: "
            f"{_list(landing.conflicts)}.",
            hint=f"Merge by hand: `git merge {landing.target}` on {landing.branch}.",
        )
    if landing.unfinished:
        raise RepositoryException(
            message=f"{landing.unfinished.capitalize()} is under way on {landing.branch!r}.",
            hint="Finish or abort it, then land again.",
        )
    if landing.obstacles:
        raise RepositoryException(
            message=f"Landing would overwrite what you have not committed in {landing.place}: "
            f"{_list(landing.obstacles)}.",
            hint="Commit, stash or move these files, then land again.",
        )


def _moved(landing: Landing) -> RepositoryException:
    return RepositoryException(
        message=f"The branch {landing.branch!r} moved in the meantime.",
        hint="Nothing was changed. Land again.",
    )


def _list(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _SHOWN_MAX} more" if len(paths) > _SHOWN_MAX else ""
    return f"{', '.join(paths[:_SHOWN_MAX])}{more}"


def _folders(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _is_taken(place: Path, path: bytes) -> bool:
    """Return whether something is where a new file would go, or where its folders would."""
    whole = Path(place, os.fsdecode(path))
    if os.path.lexists(whole):
        return True
    for folder in _folders(path):
        above = Path(place, os.fsdecode(folder))
        if os.path.lexists(above) and not is_folder(above):
            return True
    return False


def _unfinished_in(git_dir: Path) -> str:
    found = (what for name, what in _UNFINISHED.items() if (git_dir / name).exists())
    return next(found, "")


def _is_rebased(branch: str, common_dir: Path) -> bool:
    """Return whether a rebase has the branch: nobody has it checked out meanwhile."""
    folders = (common_dir, *(common_dir / "worktrees").glob("*"))
    return any(
        _text(folder / name / "head-name") == f"refs/heads/{branch}"
        for folder in folders
        for name in ("rebase-merge", "rebase-apply")
    )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
