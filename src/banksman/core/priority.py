"""Which task comes first.

Effective priority = priority, + 2 if the deadline is less than an hour away or past, + 1 if an
unfinished task depends on it, − 1 for each retry used, never below 1. It is computed when it is
asked for and never written back, so asking twice changes nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from banksman.core.task import PRIORITY_MIN, Instant, Task, TaskId

DEADLINE_NEAR_MS: Final = 3_600_000
DEADLINE_BOOST: Final = 2
WAITED_FOR_BOOST: Final = 1


class SelectionKey(NamedTuple):
    """The place of a task in the queue: the smallest key is claimed first.

    Attributes:
        urgency: The effective priority, negated.
        path: The remaining critical path in minutes, negated.
        deadline: Ms UTC; infinite if there is none.
        task_id: Breaks every tie that is left: no two keys are equal.
    """

    urgency: int
    path: float
    deadline: float
    task_id: TaskId


def near_from(task: Task) -> Instant | None:
    """Return the first instant at which the task's deadline is less than an hour away."""
    deadline = task.spec.deadline
    return None if deadline is None else Instant(deadline - DEADLINE_NEAR_MS + 1)


def is_near(task: Task, now: Instant) -> bool:
    """Return whether the task's deadline is less than an hour away, or past."""
    begins = near_from(task)
    return begins is not None and now >= begins


def effective_priority(task: Task, *, near: bool, waited_for: bool) -> int:
    """Return the priority that counts, 1 or more; it can be above 10.

    Args:
        near: The deadline is less than an hour away or past (`is_near`).
        waited_for: An unfinished task depends on it.
    """
    boosts = DEADLINE_BOOST * near + WAITED_FOR_BOOST * waited_for
    return max(PRIORITY_MIN, task.spec.priority + boosts - task.retries_used)


def selection_key(task: Task, *, near: bool, waited_for: bool, path_min: float) -> SelectionKey:
    """Return the task's place among those that can be claimed.

    Args:
        near: As for `effective_priority`.
        waited_for: As for `effective_priority`.
        path_min: The remaining critical path, minutes.
    """
    deadline = task.spec.deadline
    return SelectionKey(
        urgency=-effective_priority(task, near=near, waited_for=waited_for),
        path=-path_min,
        deadline=float("inf") if deadline is None else deadline,
        task_id=task.id,
    )
