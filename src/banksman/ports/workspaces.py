"""Git, as the engine needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from banksman.core.records import Attempt, FileChange


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A place to work.

    Attributes:
        path: The worktree's root.
        home: A private folder for the `HOME` of what works in it: it is there as long as the
            workspace, and never part of the work.
        branch: Its branch.
        base: The commit it started from.
        env: Variables for everything that runs in it (leased ports, paths).
    """

    path: Path
    home: Path
    branch: str
    base: str
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Capture:
    """What an attempt made, read from git.

    Attributes:
        commit: One commit on `base`, kept under `refs/banksman/`.
        tree: Its tree.
        base: The commit it is compared with.
        changes: What is different, by path.
    """

    commit: str
    tree: str
    base: str
    changes: tuple[FileChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A fresh checkout of one commit, in which checks run; `home` is as in `Workspace`."""

    path: Path
    home: Path
    commit: str
    tree: str
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Combined:
    """The tip with the work on it."""

    commit: str
    tree: str


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """The work cannot be put on the tip; `paths` are in conflict."""

    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Written:
    """A commit as people know it: its id and first line; the line is untrusted."""

    commit: str
    subject: str


class Workspaces(Protocol):  # noqa: PLR0904 - the acts and questions of one protocol
    """Git, as the engine needs it. Every act is idempotent or compare-and-swap."""

    async def ensure_target(self) -> str:
        """Return the target branch's tip; the branch is made at the user's base if missing."""
        ...

    async def tip(self) -> str | None:
        """Return the target branch's tip, or none if it is gone."""
        ...

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Return whether `ancestor` is `commit` or one of its ancestors."""
        ...

    async def commits(self, since: str, until: str) -> tuple[Written, ...]:
        """Return the first parents from `until` back that `since` lacks, oldest first.

        None if git does not have (any more) what is asked for.
        """
        ...

    async def prepare(self, attempt: Attempt) -> Workspace:
        """Return the attempt's workspace on `attempt.branch` from `attempt.base`, set up.

        `attempt.branch` and `attempt.base` are set: the intent is recorded. The work of the
        commit `attempt.start`, if there is one, is laid into a new workspace as uncommitted
        changes.

        Repeating it after a crash gives the same workspace; what an agent wrote there stays.
        A workspace of this attempt that was made from another base is saved, then made anew.

        Raises:
            WorkspaceException: Git refused, or a `setup` command failed (with its output).
        """
        ...

    async def capture(self, attempt: Attempt, message: str) -> Capture:
        """Write the workspace's content as one commit under the attempt's private ref.

        The ref is rewritten: an attempt's later turn captures again.
        """
        ...

    async def save(self, attempt: Attempt, reason: str) -> str | None:
        """Save the workspace under a private ref before it goes; returns the commit.

        None if there is no workspace. Nothing is saved twice.
        """
        ...

    async def remove(self, attempt: Attempt) -> None:
        """Remove the attempt's workspace, its work having been saved. Safe to repeat."""
        ...

    def checkout(self, commit: str, purpose: str) -> AbstractAsyncContextManager[Checkout]:
        """Open a fresh checkout of a commit, set up for checks; removed at the end."""
        ...

    async def combine(self, tip: str, commit: str, message: str) -> Combined | Conflict:
        """Put one commit's work on the tip, by the project's style; touches no ref."""
        ...

    async def publish(self, expected: str, new: str) -> bool:
        """Compare and swap the target branch; False if it is not at `expected`.

        Raises:
            TargetBusyException: Somebody has the branch checked out; it was not moved.
        """
        ...

    async def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """Return what differs between two commits (task 0, attempt 0)."""
        ...

    def trust_changes(self) -> None:
        """Trust what a `GitChangedException` told last: a person has seen it.

        Any act above raises it once an agent has changed what git may run (its configuration,
        its hooks); nothing of that is run before it is trusted.
        """
        ...

    async def prepare_ahead(self) -> None:
        """Make ready what the next workspaces and checkouts need, so that they wait less.

        Nothing depends on it: it may do nothing, and may be cancelled at any time.

        Raises:
            WorkspaceException: It cannot be done now; the disk may be full.
        """
        ...

    async def leftovers(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Return worktrees and checkouts on disk that belong to none of these attempts."""
        ...

    async def sweep(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Save what the leftovers hold, then remove them; return what was removed.

        Raises:
            WorkspaceException: What there is cannot be looked through; the next try may.
        """
        ...
