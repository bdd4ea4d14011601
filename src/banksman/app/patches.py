"""What an attempt changed, read from git: of its commit, or of its workspace as it is now."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from banksman.app.reads import Place, workspace_of
from banksman.config.environment import base_environment
from banksman.core.records import Attempt, FileChange
from banksman.core.task import TaskId
from banksman.exceptions import InputException, RecordNotFoundException
from banksman.stores.views import TaskDetails
from banksman.workspaces.git import Git
from banksman.workspaces.history import History
from banksman.workspaces.layout import Layout, read_note
from banksman.workspaces.snapshot import Site, Snapshots
from banksman.workspaces.worktrees import Worktrees

_PATCH = ("diff-tree", "-p", "-M", "-l2000", "--no-ext-diff", "--no-textconv", "--no-color")


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A difference.

    Attributes:
        attempt: The attempt's number.
        live: Whether the workspace was read as it is now.
        base: The commit that the attempt started from.
        commit: What it is compared with: a commit, or a tree if it is live.
        changes: What is different, by path.
        text: The difference, in git's form.
    """

    attempt: int
    live: bool
    base: str
    commit: str
    changes: tuple[FileChange, ...]
    text: bytes


def patch_of(
    place: Place,
    environ: Mapping[str, str],
    details: TaskDetails,
    *,
    number: int | None = None,
) -> Patch:
    """Return what an attempt changed.

    Args:
        place: The repository.
        environ: The environment.
        details: The task.
        number: The attempt; the last one by default.

    Raises:
        RecordNotFoundException: There is no such attempt.
        InputException: It has changed nothing that is still there.
    """
    return asyncio.run(_patch(place, environ, details, _chosen(details, number)))


def _chosen(details: TaskDetails, number: int | None) -> Attempt:
    if not details.attempts:
        raise InputException(message=f"{details.task.spec.key} has had no attempt yet.")
    if number is None:
        return details.attempts[-1]
    found = [attempt for attempt in details.attempts if attempt.number == number]
    if not found:
        known = ", ".join(str(attempt.number) for attempt in details.attempts)
        raise RecordNotFoundException(
            record="attempt", name=str(number), hint=f"There is {known}."
        )
    return found[0]


async def _patch(  # noqa: PLR0917 - where, with what, of which attempt of which task
    place: Place, environ: Mapping[str, str], details: TaskDetails, attempt: Attempt
) -> Patch:
    git = Git(base_environment(environ))
    history = History(git, place.common_dir)
    workspace = workspace_of(place, attempt.task_id, attempt.number)
    live = attempt.ended_at is None and workspace is not None
    if live and workspace is not None and attempt.base is not None:
        commit = await _tree(place, git, attempt=attempt, workspace=workspace)
    else:
        commit = attempt.commit or _saved(details, attempt)
    if attempt.base is None or not commit:
        raise InputException(
            message=f"attempt {attempt.number} of {details.task.spec.key} left nothing that "
            "could be compared.",
            hint=f"`banksman task show {details.task.spec.key}` tells what happened to it.",
        )
    answer = await git.run(history.place, *_PATCH, attempt.base, commit)
    return Patch(
        attempt=attempt.number,
        live=live,
        base=attempt.base,
        commit=commit,
        changes=await history.changes(attempt.base, commit),
        text=answer.out,
    )


def _saved(details: TaskDetails, attempt: Attempt) -> str:
    """Return the last state that was saved of an attempt, if any was."""
    saved = [point for point in details.checkpoints if point.attempt == attempt.number]
    return saved[-1].commit if saved else ""


async def _tree(place: Place, git: Git, *, attempt: Attempt, workspace: Path) -> str:
    """Return a workspace's content as a tree, without a step in the way of its engine.

    What is needed for that lies in a folder of our own: the engine's notes are only read.
    """
    theirs = Layout(root=workspace.parent.parent, state=place.state_dir)
    with tempfile.TemporaryDirectory(prefix="banksman-") as folder:
        ours = Layout(root=theirs.root, state=Path(folder))
        ours.notes.mkdir(mode=0o700)
        if theirs.index(workspace.name).exists():
            shutil.copy2(theirs.index(workspace.name), ours.index(workspace.name))
        site = Site(
            task_id=TaskId(attempt.task_id),
            number=attempt.number,
            path=workspace,
            base=attempt.base or "",
            branch=attempt.branch or "",
            note=read_note(theirs, workspace.name),
            place=Worktrees(git, place.common_dir, ours).place(workspace),
        )
        return await Snapshots(git, place.common_dir, ours).tree(site)
