"""Short ways to write tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from banksman.core.task import (
    DependencyPolicy,
    Gate,
    Instant,
    ProjectId,
    Task,
    TaskId,
    TaskSpec,
    TaskStatus,
)

HOUR_MS = 3_600_000


def ids(numbers: Iterable[int]) -> tuple[TaskId, ...]:
    return tuple(TaskId(number) for number in numbers)


def at(instant_ms: int) -> Instant:
    return Instant(instant_ms)


def a_task(number: int, *needs: int, status: TaskStatus = TaskStatus.PENDING) -> Task:
    """Return a task of project 1 that is lawful in its status."""
    begun = status not in {TaskStatus.PENDING, TaskStatus.READY}
    return Task(
        id=TaskId(number),
        project_id=ProjectId(1),
        spec=TaskSpec(key=f"t{number}", title=f"Task {number}"),
        needs=ids(needs),
        status=status,
        attempt=int(begun),
        not_before=at(0) if status is TaskStatus.RETRYING else None,
    )


def specified(
    task: Task,
    *,
    priority: int = 5,
    deadline: int | None = None,
    estimate_min: float = 1.0,
    retries_max: int = 3,
    policy: DependencyPolicy = DependencyPolicy.BLOCK,
    gate: Gate = Gate.NONE,
) -> Task:
    """Return the task as another plan would have it."""
    spec = replace(
        task.spec,
        priority=priority,
        deadline=None if deadline is None else at(deadline),
        estimate_min=estimate_min,
        retries_max=retries_max,
        on_dependency_failure=policy,
        gate=gate,
    )
    return replace(task, spec=spec)
