"""One project's tasks in memory: what can be claimed, what waits for what, why nothing moves.

A cache of the store, and pure: it is told of every change by `put` and never asks. A change
costs what the tasks next to it cost, not what the plan costs: the board counts the open
dependencies of each task, and hands out only those tasks for which something may follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from banksman.core.consequence import Standing
from banksman.core.critical_path import CriticalPaths
from banksman.core.cycles import Deadlock, find_deadlock
from banksman.core.graph import DependencyGraph
from banksman.core.priority import near_from, selection_key
from banksman.core.ready_queue import Entry, ReadyQueue
from banksman.core.tally import End, Tally, end_of
from banksman.core.task import Instant, Task, TaskId, TaskStatus

_CLAIMABLE: Final = frozenset({TaskStatus.READY, TaskStatus.RETRYING})


class Board:  # noqa: PLR0904 - twelve public names, and the rule counts the constructor
    """The tasks of one project.

    Every known task is on the agenda at first: what was stored or imported may not be settled.
    """

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        found = tuple(tasks)
        self._tasks: dict[TaskId, Task] = {}
        self._graph = DependencyGraph.of({task.id: task.needs for task in found})
        self._paths = CriticalPaths(self._graph)
        self._tally = Tally()
        self._queue = ReadyQueue()
        self._by_status: dict[TaskStatus, set[TaskId]] = {each: set() for each in TaskStatus}
        self._agenda: set[TaskId] = set()
        self._deadlock: Deadlock | None = None
        self._deadlock_is_stale = True
        for task in found:
            self._take(task)

    def put(self, task: Task) -> None:
        """Take a new task, or a known one as it stands now.

        Raises:
            TaskDependencyException: Its dependencies are unknown or close a cycle; the board is
                as it was.
        """
        before = self._tasks.get(task.id)
        if before is None:
            self._graph.add(task.id, task.needs)
            self._deadlock_is_stale = True
        elif before.needs != task.needs:
            self._rewire(before, task)
        self._take(task)

    def task(self, task_id: TaskId) -> Task:
        """Return a task of the project as it stands."""
        return self._tasks[task_id]

    def tasks(self, status: TaskStatus) -> tuple[Task, ...]:
        """Return the tasks in a status by id."""
        return tuple(self._tasks[each] for each in sorted(self._by_status[status]))

    def first(self, now: Instant) -> Task | None:
        """Return the task to be claimed next; O(log n) for what changed since the last look."""
        self._refresh_paths()
        task_id = self._queue.first(now)
        return None if task_id is None else self._tasks[task_id]

    def ready(self, now: Instant) -> tuple[Task, ...]:
        """Return the tasks that can be claimed now, the next one first."""
        self._refresh_paths()
        return tuple(self._tasks[each] for each in self._queue.ordered(now))

    def take_agenda(self) -> tuple[TaskId, ...]:
        """Return, and forget, the tasks for which something may follow from what changed."""
        agenda = tuple(sorted(self._agenda))
        self._agenda.clear()
        return agenda

    def standing(self, task_id: TaskId) -> Standing:
        """Return how a task stands with its dependencies; O(1)."""
        return self._tally.standing(task_id)

    @property
    def graph(self) -> DependencyGraph:
        """The dependencies; not to be changed but by `put`."""
        return self._graph

    @property
    def is_complete(self) -> bool:
        """Whether every task is completed."""
        return len(self._by_status[TaskStatus.COMPLETED]) == len(self._tasks)

    @property
    def has_ready(self) -> bool:
        """Whether a task could be claimed at the last look (`first`, `ready`)."""
        return self._queue.has_ready

    @property
    def next_due(self) -> Instant | None:
        """When the next retry's delay passes; none if none was delayed at the last look."""
        return self._queue.next_due

    @property
    def deadlock(self) -> Deadlock | None:
        """The tasks that wait for themselves; O(1) unless such tasks changed."""
        if not self._graph.tangled:
            return None
        if self._deadlock_is_stale:
            self._deadlock = find_deadlock(self._open_needs())
            self._deadlock_is_stale = False
        return self._deadlock

    def _rewire(self, before: Task, task: Task) -> None:
        old, new = set(before.needs), set(task.needs)
        # In a tangled graph one edge may loosen a whole knot.
        stale = self._tasks.keys() if self._graph.tangled else old ^ new
        # First what may be refused. What goes is still there, and refuses nothing more: no
        # cycle through a new edge of this task passes another edge that starts at it.
        self._graph.connect(task.id, new - old)
        self._graph.disconnect(task.id, old - new)
        self._paths.edges_changed(each for each in stale if each in self._tasks)
        self._deadlock_is_stale = True

    def _take(self, task: Task) -> None:
        before = self._tasks.get(task.id)
        self._tasks[task.id] = task
        if before is not None:
            self._by_status[before.status].remove(task.id)
            self._check_deadlock(task.id, end_of(before.status), end_of(task.status))
        self._by_status[task.status].add(task.id)
        is_open = end_of(task.status) is End.OPEN
        self._paths.weigh(task.id, task.spec.estimate_min if is_open else 0.0)
        touched = self._tally.put(task, self._graph.dependents(task.id))
        self._agenda.update((task.id, *touched.dependents))
        for each in {task.id, *touched.dependents, *touched.needs}:
            self._requeue(each)

    def _check_deadlock(self, task_id: TaskId, before: End, after: End) -> None:
        """Note whether the end of a task can change who waits for whom in a circle."""
        if before is after or (before is End.OPEN and not self._is_stuck(task_id)):
            return
        self._deadlock_is_stale = True

    def _is_stuck(self, task_id: TaskId) -> bool:
        return self._deadlock is not None and task_id in self._deadlock.tasks

    def _requeue(self, task_id: TaskId) -> None:
        task = self._tasks.get(task_id)
        if task is None:
            return
        missing = self.standing(task_id).unsatisfied(task.spec.on_dependency_failure)
        if task.status in _CLAIMABLE and missing == 0:
            self._queue.put(self._entry(task))
        else:
            self._queue.discard(task_id)

    def _entry(self, task: Task) -> Entry:
        waited_for = self._tally.is_waited_for(task.id)
        path_min = self._paths.minutes(task.id)
        far, near = (
            selection_key(task, near=near, waited_for=waited_for, path_min=path_min)
            for near in (False, True)
        )
        return Entry(far=far, near=near, near_from=near_from(task), not_before=task.not_before)

    def _refresh_paths(self) -> None:
        for task_id in self._paths.refresh():
            if task_id in self._queue:
                self._requeue(task_id)

    def _open_needs(self) -> dict[TaskId, list[TaskId]]:
        """Return the edges between tasks that have not ended."""
        is_open = {
            task_id for task_id, task in self._tasks.items() if end_of(task.status) is End.OPEN
        }
        return {
            task_id: [need for need in self._tasks[task_id].needs if need in is_open]
            for task_id in is_open
        }
