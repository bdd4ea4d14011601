"""For each task: how many of its dependencies are open or lost, and how many tasks wait for it.

Kept by differences: a task that changes costs as much as it has neighbours, never as much as
the plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from enum import Enum
from typing import Final, NamedTuple

from banksman.core.consequence import Standing
from banksman.core.task import Task, TaskId, TaskStatus


class End(Enum):
    """How a task stands for those that depend on it."""

    OPEN = "open"
    DONE = "done"
    LOST = "lost"


_ENDS: Final = {
    TaskStatus.COMPLETED: End.DONE,
    TaskStatus.FAILED: End.LOST,
    TaskStatus.CANCELLED: End.LOST,
}


def end_of(status: TaskStatus) -> End:
    """Return how a status counts for dependents; failed is for good unless a person retries."""
    return _ENDS.get(status, End.OPEN)


class Touched(NamedTuple):
    """Neighbours of a task whose numbers changed with it.

    Attributes:
        dependents: Those whose dependencies count otherwise.
        needs: Those that more or fewer unfinished tasks wait for.
    """

    dependents: Collection[TaskId]
    needs: Collection[TaskId]


class Tally:
    """The numbers of one project."""

    def __init__(self) -> None:
        self._ends: dict[TaskId, End] = {}
        self._needs: dict[TaskId, tuple[TaskId, ...]] = {}
        self._counts: dict[TaskId, Counter[End]] = {}
        self._waiting: Counter[TaskId] = Counter()

    def put(self, task: Task, dependents: Collection[TaskId]) -> Touched:
        """Take a task as it stands now; return which neighbours that changed.

        Tasks may come in any order: one that is not known yet counts as open, which is right
        for good if it never comes.
        """
        before, after = self._ends.get(task.id, End.OPEN), end_of(task.status)
        changed = dependents if before is not after else ()
        for each in changed:
            self._move(each, before, after)
        return Touched(dependents=changed, needs=self._put_needs(task, after))

    def standing(self, task: TaskId) -> Standing:
        """Return how a task stands with its dependencies; O(1)."""
        counts = self._counts[task]
        return Standing(needs_open=counts[End.OPEN], needs_lost=counts[End.LOST])

    def is_waited_for(self, task: TaskId) -> bool:
        """Return whether an unfinished task depends on it."""
        return self._waiting[task] > 0

    def _move(self, task: TaskId, before: End, after: End) -> None:
        counts = self._counts.get(task)
        if counts is not None:  # One that is still to come will count by itself.
            counts[before] -= 1
            counts[after] += 1

    def _put_needs(self, task: Task, after: End) -> Collection[TaskId]:
        known = task.id in self._counts
        waited = known and self._ends[task.id] is End.OPEN
        needs = self._needs.get(task.id, ())
        self._ends[task.id] = after
        self._needs[task.id] = task.needs
        if not known or needs != task.needs:
            self._counts[task.id] = Counter(
                self._ends.get(need, End.OPEN) for need in task.needs
            )
        elif waited is (after is End.OPEN):
            return ()
        self._waiting.subtract(needs if waited else ())
        self._waiting.update(task.needs if after is End.OPEN else ())
        return {*needs, *task.needs}
