"""Cycles among dependencies: who is in one, who is behind one.

Edges that are added one by one can close no cycle (`core.graph` refuses them); data that was
stored or imported can hold one all the same. Everything here is iterative: a chain of a hundred
thousand tasks must not meet the recursion limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from banksman.core.task import TaskId

Needs = Mapping[TaskId, Collection[TaskId]]
"""What each task depends on; every id that is named has an entry of its own."""


@dataclass(frozen=True, kw_only=True)
class Deadlock:
    """Tasks that can never become ready, because they wait for themselves.

    Attributes:
        cycles: One walk along the dependencies for each knot of cycles, with the first task
            again at its end; it is a shortest one through the lowest id of the knot.
        behind: Tasks that are in no cycle but depend on one, ascending.
        tasks: All of them: the tasks of every knot and those behind.
    """

    cycles: tuple[tuple[TaskId, ...], ...]
    behind: tuple[TaskId, ...]
    tasks: frozenset[TaskId]


def find_deadlock(needs: Needs) -> Deadlock | None:
    """Return the tasks that wait for themselves or for such tasks; linear."""
    stuck = needs.keys() - ordered(needs)
    if not stuck:
        return None
    rest = {task: [need for need in needs[task] if need in stuck] for task in sorted(stuck)}
    tied = knots(rest)
    walks = (shortest_walk(min(knot), {min(knot)}, rest.__getitem__) for knot in tied)
    return Deadlock(
        cycles=tuple(sorted(walks)),
        behind=tuple(sorted(stuck.difference(*tied))),
        tasks=frozenset(stuck),
    )


def ordered(needs: Needs) -> list[TaskId]:
    """Return every task after its needs; those in cycles and behind them are missing.

    A. B. Kahn, "Topological sorting of large networks", CACM 5 (1962); linear.
    """
    missing = {task: len(wanted) for task, wanted in needs.items()}
    dependents: dict[TaskId, list[TaskId]] = {task: [] for task in needs}
    for task, wanted in needs.items():
        for need in wanted:
            dependents[need].append(task)
    order = [task for task, count in missing.items() if count == 0]
    for done in order:  # It grows while it is read.
        for task in dependents[done]:
            missing[task] -= 1
            if missing[task] == 0:
                order.append(task)
    return order


def knots(needs: Needs) -> tuple[frozenset[TaskId], ...]:
    """Return the sets of tasks that all depend on one another (or on themselves); linear.

    They are the strongly connected components that hold a cycle: R. Tarjan, "Depth-first search
    and linear graph algorithms", SIAM J. Comput. 1 (1972), with its call stack as a list.
    """
    search = _Search(needs)
    found = (part for root in needs for part in search.components_from(root))
    return tuple(part for part in found if len(part) > 1 or _needs_itself(part, needs))


def _needs_itself(part: frozenset[TaskId], needs: Needs) -> bool:
    return any(task in needs[task] for task in part)


class _Search:
    """Tarjan's depth-first search.

    `_number` counts the tasks as they are met; `_low` is the least number known to be reachable
    within the component; `_open` holds the tasks whose component is not complete yet.
    """

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._number: dict[TaskId, int] = {}
        self._low: dict[TaskId, int] = {}
        self._open: dict[TaskId, None] = {}

    def components_from(self, root: TaskId) -> Iterator[frozenset[TaskId]]:
        """Yield the components that are reachable from a task and were not met before."""
        calls = [] if root in self._number else [(root, self._enter(root))]
        while calls:
            task, ahead = calls[-1]
            need = next(ahead, None)
            if need is None:
                calls.pop()
                if calls:
                    caller = calls[-1][0]
                    self._low[caller] = min(self._low[caller], self._low[task])
                if self._low[task] == self._number[task]:
                    yield self._close(task)
            elif need not in self._number:
                calls.append((need, self._enter(need)))
            elif need in self._open:
                self._low[task] = min(self._low[task], self._number[need])

    def _enter(self, task: TaskId) -> Iterator[TaskId]:
        self._number[task] = self._low[task] = len(self._number)
        self._open[task] = None
        return iter(self._needs[task])

    def _close(self, root: TaskId) -> frozenset[TaskId]:
        part: set[TaskId] = set()
        while root not in part:
            part.add(self._open.popitem()[0])
        return frozenset(part)


def shortest_walk(
    start: TaskId,
    goals: Collection[TaskId],
    steps: Callable[[TaskId], Iterable[TaskId]],
) -> tuple[TaskId, ...]:
    """Return a shortest walk of at least one step from `start` to a goal, or nothing.

    Among equals the walk with the lower ids wins, so that a message is the same every time.
    """
    came_from: dict[TaskId, TaskId] = {}
    queue = deque([start])
    while queue:
        task = queue.popleft()
        for following in sorted(steps(task)):
            if following in goals:
                return (*_way_back(task, start, came_from), following)
            if following not in came_from:
                came_from[following] = task
                queue.append(following)
    return ()


def _way_back(
    task: TaskId, start: TaskId, came_from: Mapping[TaskId, TaskId]
) -> tuple[TaskId, ...]:
    walk = [task]
    while walk[-1] != start:
        walk.append(came_from[walk[-1]])
    return tuple(reversed(walk))
