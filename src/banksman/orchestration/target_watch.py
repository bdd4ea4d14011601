"""The target branch before it is built on: ours as we left it, or a person is asked.

It is in doubt if it lost what was integrated into it, and if it has commits that no task made.
All that is ours on it was an intent in the store before it was published, so what is not is
somebody else's: perhaps the user's, perhaps an agent's. Only a person can tell which.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from banksman.core.breakpoints import BreakpointType
from banksman.core.records import Attempt, Project
from banksman.core.task import Task, TaskStatus
from banksman.orchestration.attempts import Desk, Stop
from banksman.ports import Transaction, Written

_NAMED_MAX: Final = 50
_SHORT: Final = 10


@dataclass(frozen=True, kw_only=True)
class Target:
    """The target branch as it was found.

    Attributes:
        tip: Its tip, which holds all that was integrated; none if it does not.
        doubt: What a person is asked before anything is built on it.
    """

    tip: str | None = None
    doubt: Stop | None = None


async def look_at_target(desk: Desk, project: Project) -> Target:
    """Return the target as it is; what is found of our own is recorded as integrated."""
    known = project.integrated
    if known is None:
        return await _taken(desk, project, await desk.workspaces.ensure_target())
    tip = await desk.workspaces.tip()
    if tip is None or not await desk.workspaces.contains(tip, known):
        return Target(doubt=await _rewritten(desk, project, known, tip))
    if tip == known:
        return Target(tip=tip)
    since = await desk.workspaces.commits(known, tip)
    tried = await desk.ledger.commit(lambda tx: _intents(tx, project))
    theirs = [one for one in since if one.commit not in tried]
    if theirs:
        return Target(tip=tip, doubt=_foreign(project, since, theirs))
    return await _taken(desk, project, tip)


async def _taken(desk: Desk, before: Project, tip: str) -> Target:
    def write(tx: Transaction) -> None:
        now = tx.project(before.id)
        # Integrated meanwhile: then that is the newer truth.
        if now.integrated == before.integrated != tip:
            reason = "begun here" if before.integrated is None else "it has moved since"
            desk.state.record(tx, "target.found", replace(now, integrated=tip), reason=reason)

    await desk.ledger.commit(write)
    return Target(tip=tip)


def _foreign(project: Project, since: tuple[Written, ...], theirs: list[Written]) -> Stop:
    before = [project.integrated, *(one.commit for one in since)]
    good = before[before.index(theirs[0].commit) - 1]
    listed = (f"{one.commit[:_SHORT]} {one.subject}" for one in theirs)
    return Stop(
        type=BreakpointType.TARGET_REWRITTEN,
        message=f"{len(theirs)} commit(s) on {project.target} were made by no task",
        details=(
            *_few(listed, len(theirs)),
            f"accept keeps them; to take them off, {_put_back(project, good)}",
        ),
    )


async def _rewritten(  # noqa: PLR0917 - whose target, from where to where
    desk: Desk, project: Project, known: str, tip: str | None
) -> Stop:
    gone: tuple[Written, ...] = () if tip is None else await desk.workspaces.commits(tip, known)
    lost = {one.commit for one in gone}

    def look(tx: Transaction) -> list[str]:
        done = (
            (task, tx.attempt(task.id, task.attempt))
            for task in tx.tasks(project.id)
            if task.status is TaskStatus.COMPLETED
        )
        return [_missing(task, one) for task, one in done if tip is None or lost & _tried(one)]

    missing = await desk.ledger.commit(look)
    return Stop(
        type=BreakpointType.TARGET_REWRITTEN,
        message="the target branch no longer holds what was integrated last",
        details=(
            f"{project.target} was at {known}",
            f"it is at {tip} now" if tip else "it is gone",
            *_few(missing, len(missing)),
            f"accept goes on from what is there; to put it back, {_put_back(project, known)}",
        ),
    )


def _missing(task: Task, attempt: Attempt) -> str:
    return f"missing: the work of {task.spec.key} ({(attempt.new or '')[:_SHORT]})"


def _put_back(project: Project, commit: str | None) -> str:
    return f"`git branch -f {shlex.quote(project.target)} {commit}`, then answer accept"


def _few(lines: Iterable[str], count: int) -> Iterator[str]:
    yield from (line for line, _ in zip(lines, range(_NAMED_MAX), strict=False))
    if count > _NAMED_MAX:
        yield f"… and {count - _NAMED_MAX} more"


def _intents(tx: Transaction, project: Project) -> set[str]:
    """Return all commits that were ever meant for the target."""
    tasks = tx.tasks(project.id)
    return {commit for task in tasks for one in tx.attempts(task.id) for commit in _tried(one)}


def _tried(attempt: Attempt) -> set[str]:
    return {commit for commit in (attempt.new, *attempt.superseded) if commit is not None}
