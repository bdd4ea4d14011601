"""How an attempt's row begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from banksman.core.records import Attempt, Ending, Project, Step
from banksman.core.retry import ErrorClass, Failure
from banksman.core.task import EntryStep, Instant, Task

FIRST_STEP: Final[Mapping[EntryStep, Step]] = MappingProxyType(
    {
        EntryStep.AGENT: Step.AGENT,
        # A person may have changed the workspace, so what is to be checked is captured first.
        EntryStep.CHECKS: Step.CAPTURE,
        EntryStep.INTEGRATION: Step.INTEGRATION,
    }
)


def begun(task: Task, project: Project, *, resumed: Attempt | None, now: Instant) -> Attempt:
    """Return the row of the attempt that a task was just claimed for.

    One that goes on with captured work takes over where that work is; one that starts with its
    agent gets a base of its own when its workspace is made.
    """
    attempt = Attempt(
        task_id=task.id,
        number=task.attempt,
        project_id=project.id,
        epoch=project.epoch,
        started_at=now,
        entry=task.entry,
        resumes=task.resumes,
        step=FIRST_STEP[task.entry],
        agent=task.spec.agent,
    )
    if task.entry is EntryStep.AGENT:
        return attempt
    assert resumed is not None, "whoever enters after the agent goes on with an attempt's work"
    return replace(
        attempt,
        base=resumed.base,
        branch=resumed.branch,
        commit=resumed.commit,
        tree=resumed.tree,
    )


def ended(attempt: Attempt, ending: Ending, *, now: Instant, message: str = "") -> Attempt:
    """Return the row of an attempt that is over."""
    return replace(attempt, step=Step.ENDED, ended_at=now, ending=ending, message=message)


def failed(attempt: Attempt, failure: Failure, *, now: Instant) -> Attempt:
    """Return the row of an attempt that an error ended, or that was lost."""
    ending = Ending.LOST if failure.error is ErrorClass.LOST else Ending.FAILED
    return replace(
        ended(attempt, ending, now=now, message=failure.message), error=failure.error
    )
