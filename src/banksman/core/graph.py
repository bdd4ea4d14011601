"""Dependencies between tasks: refuses a cycle as it would be closed, keeps a topological order.

The order is kept by the algorithm of D. J. Pearce and P. H. J. Kelly, "A dynamic topological
sort algorithm for directed acyclic graphs", ACM JEA 11 (2006): every task has a rank above the
ranks of its needs; an edge that already agrees costs O(1), any other one is searched for and
repaired only between the two ranks. A plan that is read in its own order costs nothing extra.

Stored or imported edges may hold cycles. Those inside a knot (a set of tasks that all depend
on one another) are kept aside as *loose* edges, and the order holds for all others.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet

from banksman.core.cycles import knots, ordered, shortest_walk
from banksman.core.task import TaskId
from banksman.exceptions import TaskDependencyException


class DependencyGraph:
    """Who needs whom, in an order in which it can be done.

    Its invariant: for every edge that is not loose, the need's rank is below the task's.
    """

    def __init__(self) -> None:
        self._needs: dict[TaskId, set[TaskId]] = {}
        self._dependents: dict[TaskId, set[TaskId]] = {}
        self._rank: dict[TaskId, int] = {}
        self._loose: dict[TaskId, set[TaskId]] = {}
        self._next_rank = 0

    @classmethod
    def of(cls, needs: Mapping[TaskId, Iterable[TaskId]]) -> DependencyGraph:
        """Return the graph of edges as they were stored, cycles included; linear.

        An edge to a task that is not there is left out: it stands for nothing that can be
        ordered, and whoever counts the needs of a task still sees it.
        """
        graph = cls()
        graph._dependents = {task: set() for task in needs}
        graph._needs = {
            task: {need for need in wanted if need in needs} for task, wanted in needs.items()
        }
        for task, wanted in graph._needs.items():
            for need in wanted:
                graph._dependents[need].add(task)
        graph._arrange()
        return graph

    def add(self, task: TaskId, needs: Collection[TaskId] = ()) -> None:
        """Add a task that nothing depends on yet.

        Raises:
            TaskDependencyException: A need is unknown, or the task itself; nothing was added.
        """
        assert task not in self._needs, "a task is added once"
        self._refuse_ends(task, needs)
        self._needs[task] = set(needs)
        self._dependents[task] = set()
        for need in needs:
            self._dependents[need].add(task)
        self._rank[task] = self._next_rank
        self._next_rank += 1

    def connect(self, task: TaskId, needs: Collection[TaskId]) -> None:
        """Let a known task need others, too.

        Raises:
            TaskDependencyException: As for `refuse`; then no edge at all was added.
        """
        self.refuse(task, needs)
        for need in set(needs) - self._needs[task]:
            self._needs[task].add(need)
            self._dependents[need].add(task)
            self._repair(task, need)

    def disconnect(self, task: TaskId, needs: Collection[TaskId]) -> None:
        """Let a task need these no longer; what it does not need is ignored."""
        for need in self._needs[task].intersection(needs):
            self._needs[task].remove(need)
            self._dependents[need].remove(task)
        if self._loose:
            # A knot may have come apart; its edges then belong to the order again.
            self._arrange()

    def refuse(self, task: TaskId, needs: Collection[TaskId]) -> None:
        """Return if the task may need these, too; nothing changes.

        Raises:
            TaskDependencyException: A need is unknown, is the task itself, or closes a cycle,
                which is named as it would be walked from task to need.
        """
        self._refuse_ends(task, needs)
        highest = max((self._rank[need] for need in needs), default=0)
        walk = shortest_walk(task, set(needs), lambda at: self._dependents_up_to(at, highest))
        if walk:
            raise TaskDependencyException(
                task_id=task,
                depends_on=walk[-1],
                problem="that closes a cycle",
                cycle=(task, *reversed(walk)),
            )

    def needs(self, task: TaskId) -> AbstractSet[TaskId]:
        """Return what a task depends on directly; a view, not to be changed."""
        return self._needs[task]

    def dependents(self, task: TaskId) -> AbstractSet[TaskId]:
        """Return what depends on a task directly; a view, not to be changed."""
        return self._dependents[task]

    def rank(self, task: TaskId) -> int:
        """Return the task's place in the present order: above those of all its needs."""
        return self._rank[task]

    def is_loose(self, task: TaskId, need: TaskId) -> bool:
        """Return whether this edge is part of a cycle, and so not of the order."""
        return need in self._loose.get(task, ())

    @property
    def tangled(self) -> bool:
        """Whether there is a cycle; O(1)."""
        return bool(self._loose)

    def kahn_order(self) -> tuple[TaskId, ...]:
        """Return every task after its needs, the lowest id first among those that are free.

        Tasks in cycles and those behind them have no place in it.
        """
        missing = {task: len(wanted) for task, wanted in self._needs.items()}
        free = [task for task, count in missing.items() if count == 0]
        heapq.heapify(free)
        order: list[TaskId] = []
        while free:
            done = heapq.heappop(free)
            order.append(done)
            for task in self._dependents[done]:
                missing[task] -= 1
                if missing[task] == 0:
                    heapq.heappush(free, task)
        return tuple(order)

    def _arrange(self) -> None:
        """Set the loose edges and the ranks anew; linear."""
        self._loose = {}
        order = ordered(self._needs)
        if len(order) < len(self._needs):
            self._loosen(self._needs.keys() - order)
            order = ordered({task: self._tight(task) for task in self._needs})
        self._rank = {task: rank for rank, task in enumerate(order)}
        self._next_rank = len(order)

    def _loosen(self, stuck: AbstractSet[TaskId]) -> None:
        rest = {task: self._needs[task] & stuck for task in stuck}
        for knot in knots(rest):
            self._loose.update((task, rest[task] & knot) for task in knot)

    def _tight(self, task: TaskId) -> AbstractSet[TaskId]:
        return self._needs[task] - self._loose.get(task, set())

    def _refuse_ends(self, task: TaskId, needs: Collection[TaskId]) -> None:
        for need in needs:
            if need == task:
                problem = "a task cannot wait for itself"
            elif need not in self._needs:
                problem = "there is no such task in the project"
            else:
                continue
            raise TaskDependencyException(task_id=task, depends_on=need, problem=problem)

    def _dependents_up_to(self, task: TaskId, rank: int) -> Iterable[TaskId]:
        """Return the dependents that can still lead to that rank."""
        if self._loose:
            # Loose edges run against the ranks, so they bound nothing: search everywhere.
            return self._dependents[task]
        return [each for each in self._dependents[task] if self._rank[each] <= rank]

    def _repair(self, task: TaskId, need: TaskId) -> None:
        """Give the affected region its ranks again, after `task` began to need `need`."""
        low, high = self._rank[task], self._rank[need]
        if high < low:
            return
        after = _reach(task, lambda at: self._ordered_dependents(at, high))
        before = _reach(need, lambda at: self._ordered_needs(at, low))
        moved = [*sorted(before, key=self._rank.__getitem__)]
        moved += sorted(after, key=self._rank.__getitem__)
        ranks = sorted(self._rank[each] for each in moved)
        self._rank.update(zip(moved, ranks, strict=True))

    def _ordered_dependents(self, task: TaskId, high: int) -> list[TaskId]:
        return [
            each
            for each in self._dependents[task]
            if self._rank[each] <= high and not self.is_loose(each, task)
        ]

    def _ordered_needs(self, task: TaskId, low: int) -> list[TaskId]:
        return [
            each
            for each in self._needs[task]
            if self._rank[each] >= low and not self.is_loose(task, each)
        ]


def _reach(start: TaskId, steps: Callable[[TaskId], Iterable[TaskId]]) -> set[TaskId]:
    found = {start}
    ahead = [start]
    while ahead:
        fresh = set(steps(ahead.pop())) - found
        found |= fresh
        ahead.extend(fresh)
    return found
