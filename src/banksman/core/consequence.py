"""What follows for a task from how it stands with its dependencies."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from banksman.core.task import DependencyPolicy, Gate, Task, TaskStatus


class Consequence(StrEnum):
    """What has to be done about a task."""

    NOTHING = "nothing"
    PROMOTE = "promote"
    """It may start: pending → ready."""
    ASK = "ask"
    """A person must let it start: pending → blocked, with a `manual` breakpoint."""
    WAIT = "wait"
    """A dependency is not satisfied (any more): ready or retrying → pending."""
    STOP = "stop"
    """A dependency ended for good and it blocks: pending → blocked."""
    CANCEL = "cancel"
    """A dependency ended for good and it is not to be done then: pending → cancelled."""


class Standing(NamedTuple):
    """How a task stands with its dependencies, in numbers.

    Attributes:
        needs_open: Dependencies that have not ended for good.
        needs_lost: Dependencies that ended for good without completing.
    """

    needs_open: int
    needs_lost: int

    def unsatisfied(self, policy: DependencyPolicy) -> int:
        """Return how many are not satisfied; lost ones are for a task that runs regardless."""
        return self.needs_open + (0 if policy is DependencyPolicy.RUN else self.needs_lost)


def consequence(task: Task, standing: Standing) -> Consequence:
    """Return what follows for a task; its start rules speak only as it becomes ready."""
    policy = task.spec.on_dependency_failure
    missing = standing.unsatisfied(policy)
    if task.status in {TaskStatus.READY, TaskStatus.RETRYING}:
        return Consequence.WAIT if missing else Consequence.NOTHING
    if task.status is not TaskStatus.PENDING:
        return Consequence.NOTHING
    if standing.needs_lost and policy is not DependencyPolicy.RUN:
        blocks = policy is DependencyPolicy.BLOCK
        return Consequence.STOP if blocks else Consequence.CANCEL
    if missing:
        return Consequence.NOTHING
    return Consequence.ASK if asks_first(task) else Consequence.PROMOTE


def asks_first(task: Task) -> bool:
    """Return whether a gate in the plan still keeps the task from starting."""
    return task.spec.gate is Gate.MANUAL and not task.gate_passed
