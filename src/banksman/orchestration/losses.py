"""Tasks that wait for one that ended for good, and the breakpoint events that say so.

There is one open `dependency_failed` event for each task that was lost and stops others; it
lists those that depend on it directly. Those behind them stay pending. An event that has lost
its object resolves itself: the lost task completed after all, or nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from banksman.core.breakpoints import BreakpointType
from banksman.core.events import DependencyLost, UnblockedWaiting
from banksman.core.records import BreakpointEvent
from banksman.core.tally import End, end_of
from banksman.core.task import DependencyPolicy, ProjectId, Task, TaskId, TaskStatus
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager

_LOSS: Final = BreakpointType.DEPENDENCY_FAILED
_NOTES: Final = frozenset({BreakpointType.RATE_LIMIT_HIT})
"""Events that tell a person something and stop nothing."""


def stops(event: BreakpointEvent, task_id: TaskId) -> bool:
    """Return whether an open event keeps a task from going on."""
    if event.type is _LOSS:
        return task_id in event.tasks
    return event.task_id == task_id and event.type not in _NOTES


def is_stopped(events: Iterable[BreakpointEvent], task_id: TaskId) -> bool:
    """Return whether any of these open events keeps a task from going on."""
    return any(stops(event, task_id) for event in events)


class Losses:
    """Keeps those events true."""

    def __init__(self, state: StateManager, breakpoints: BreakpointManager) -> None:
        self._state = state
        self._breakpoints = breakpoints

    def stop(
        self, tx: Transaction, tasks: Collection[Task], lost: Iterable[Task] = ()
    ) -> tuple[Task, ...]:
        """Block tasks whose dependencies are lost; return them as they stand after it.

        Args:
            tx: The transaction to write in.
            tasks: Pending tasks with lost dependencies.
            lost: Tasks that were lost just now; their events list those, too, that stand still
                already because of another one.
        """
        causes = {task.id: lost_needs(tx, task) for task in tasks}
        moved = self._state.apply(
            tx, [(task.id, DependencyLost(reason=why_lost(causes[task.id]))) for task in tasks]
        )
        about = {cause.id: cause for each in causes.values() for cause in each}
        about.update((cause.id, cause) for cause in lost)
        for cause_id in sorted(about):
            stopped = {task.id for task in tasks if cause_id in task.needs}
            self._tell(tx, about[cause_id], stopped)
        return moved

    def review(self, tx: Transaction, project_id: ProjectId) -> tuple[Task, ...]:
        """Correct the events of a project; return the tasks that go back to pending by it."""
        moved: list[Task] = []
        for event in tx.open_breakpoints(project_id):
            if event.type is _LOSS:
                moved.extend(self._review(tx, event))
        return tuple(moved)

    def let_go(
        self, tx: Transaction, project_id: ProjectId, task_ids: Iterable[TaskId]
    ) -> tuple[Task, ...]:
        """Return the blocked ones among these to pending, unless another event stops them."""
        events = tx.open_breakpoints(project_id)
        free = (tx.task(task_id) for task_id in task_ids if not is_stopped(events, task_id))
        blocked = [task for task in free if task.status is TaskStatus.BLOCKED]
        return self._state.apply(tx, [(task.id, _as_before(task)) for task in blocked])

    def _tell(self, tx: Transaction, cause: Task, stopped: set[TaskId]) -> None:
        """See to the one event about a lost task that lists all those it stops."""
        events = [e for e in tx.open_breakpoints(cause.project_id) if e.type is _LOSS]
        listed = {task_id for event in events for task_id in event.tasks}
        stopped |= {each for each in listed if _is_stopped_by(tx.task(each), cause)}
        if not stopped:
            return
        # An event about an earlier attempt of a task that failed again is open still.
        for event in events:
            if event.task_id == cause.id:
                self._relist(tx, event, stopped.union(event.tasks))
                return
        message = f"{cause.spec.key} {cause.status}: {cause.reason}"
        self._breakpoints.trigger_breakpoint(tx, cause, _LOSS, message, tasks=stopped)

    def _review(self, tx: Transaction, event: BreakpointEvent) -> tuple[Task, ...]:
        cause = tx.task(event.task_id)
        still = [task_id for task_id in event.tasks if _is_stopped_by(tx.task(task_id), cause)]
        if len(still) == len(event.tasks):
            return ()
        if still:
            self._relist(tx, event, still)
        else:
            done = cause.status is TaskStatus.COMPLETED
            reason = "it completed after all" if done else "no task waits for it any more"
            self._breakpoints.settle_breakpoint(tx, event.id, reason)
        gone = sorted(set(event.tasks).difference(still))
        return self.let_go(tx, event.project_id, gone)

    def _relist(
        self, tx: Transaction, event: BreakpointEvent, tasks: Collection[TaskId]
    ) -> None:
        listed = replace(event, tasks=tuple(sorted(tasks)))
        if listed != event:
            self._state.record(
                tx,
                "breakpoint.relisted",
                listed,
                task_id=event.task_id,
                attempt=event.attempt,
            )


def lost_needs(tx: Transaction, task: Task) -> list[Task]:
    """Return the dependencies of a task that ended without completing, by id."""
    needs = (tx.task(need) for need in task.needs)
    return [need for need in needs if end_of(need.status) is End.LOST]


def why_lost(causes: Iterable[Task]) -> str:
    """Return in words why a task cannot go on without these."""
    return "; ".join(f"its dependency {cause.spec.key} {cause.status}" for cause in causes)


def _is_stopped_by(task: Task, cause: Task) -> bool:
    return (
        task.status is TaskStatus.BLOCKED
        and cause.id in task.needs
        and cause.status is not TaskStatus.COMPLETED
        and task.spec.on_dependency_failure is DependencyPolicy.BLOCK
    )


def _as_before(task: Task) -> UnblockedWaiting:
    """Return the event that lets a task go on as if it had never been stopped."""
    return UnblockedWaiting(entry=task.entry, resumes=task.resumes, guidance=task.guidance)
