"""How much work hangs on a task: its remaining critical path, in minutes.

It is the task's own estimate plus the longest such path among those that depend on it, over
unfinished tasks only. So it hardly changes as a plan runs: what finishes had its needs finished
before. Changes are gathered and worked off together when somebody asks: adding a plan task by
task costs no more than adding it at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from banksman.core.graph import DependencyGraph
from banksman.core.task import TaskId


class CriticalPaths:
    """The remaining critical path of every task of a graph.

    Edges inside a cycle (loose ones) do not count: what waits for itself has no end.
    """

    def __init__(self, graph: DependencyGraph) -> None:
        self._graph = graph
        self._weights: dict[TaskId, float] = {}
        self._minutes: dict[TaskId, float] = {}
        self._stale: set[TaskId] = set()

    def weigh(self, task: TaskId, estimate_min: float) -> None:
        """Say how much work a task is; 0 once it is finished."""
        if self._weights.get(task) != estimate_min:
            self._weights[task] = estimate_min
            self._stale.add(task)

    def edges_changed(self, needs: Iterable[TaskId]) -> None:
        """Say that these tasks won or lost somebody who depends on them."""
        self._stale.update(needs)

    def refresh(self) -> frozenset[TaskId]:
        """Work off all changes; return the tasks whose path is another now.

        Each task is computed once: from the end of the order to its start, because a path
        depends only on what comes later.
        """
        changed: set[TaskId] = set()
        queue = [(-self._graph.rank(task), task) for task in self._stale]
        heapq.heapify(queue)
        while queue:
            _, task = heapq.heappop(queue)
            minutes = self._compute(task)
            if minutes == self._minutes.get(task):
                continue
            self._minutes[task] = minutes
            changed.add(task)
            for need in self._graph.needs(task) - self._stale:
                self._stale.add(need)
                heapq.heappush(queue, (-self._graph.rank(need), need))
        self._stale.clear()
        return frozenset(changed)

    def minutes(self, task: TaskId) -> float:
        """Return the task's path as of the last `refresh`; 0 for a finished or a new one."""
        return self._minutes.get(task, 0.0)

    def _compute(self, task: TaskId) -> float:
        weight = self._weights[task]
        if weight == 0:
            return 0.0
        return weight + max(
            (
                self.minutes(each)
                for each in self._graph.dependents(task)
                if not self._graph.is_loose(each, task)
            ),
            default=0.0,
        )
