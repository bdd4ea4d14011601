"""A plan as it was read: tasks, what they need of one another, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass

from banksman.core.task import TaskSpec


@dataclass(frozen=True, kw_only=True)
class PlannedTask:
    """A task as the plan has it.

    Attributes:
        spec: What is to be done.
        needs: Keys of the tasks it depends on, in the order of the plan.
        line: Where it begins in the file, 1 first.
    """

    spec: TaskSpec
    needs: tuple[str, ...]
    line: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The tasks of a plan, in the order of the file; their needs make no circle."""

    tasks: tuple[PlannedTask, ...]
