"""Chooses and claims the next task; the facade for whoever schedules.

Every method takes the caller's transaction, or opens one of its own. The boards in memory that
make a claim O(log n) are protected by one reentrant lock, which is never held over a
transaction's SQL (`orchestration.boards`): threads that claim at once are put in order by the
store, and each sees what the one before it took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from banksman.core.board import Board
from banksman.core.cycles import Deadlock
from banksman.core.retry import Failure
from banksman.core.stall import StallCause, stall_causes
from banksman.core.task import (
    STATE_BLOCKED,
    STATE_CANCELLED,
    STATE_COMPLETED,
    STATE_FAILED,
    STATE_PENDING,
    STATE_READY,
    STATE_RETRYING,
    STATE_RUNNING,
    Instant,
    ProjectId,
    Task,
    TaskId,
    TaskSpec,
    TaskStatus,
)
from banksman.exceptions import TaskDependencyException
from banksman.orchestration.task_flow import TaskFlow
from banksman.ports import Clock, Transaction
from banksman.state.state_manager import StateManager

__all__ = [
    "STATE_BLOCKED",
    "STATE_CANCELLED",
    "STATE_COMPLETED",
    "STATE_FAILED",
    "STATE_PENDING",
    "STATE_READY",
    "STATE_RETRYING",
    "STATE_RUNNING",
    "TaskScheduler",
]

T = TypeVar("T")


class TaskScheduler:  # noqa: PLR0904 - the system's statement names these methods
    """Schedules the tasks of all projects; safe to use from several threads."""

    def __init__(self, state: StateManager, flow: TaskFlow, clock: Clock) -> None:
        self._state = state
        self._flow = flow
        self._clock = clock

    def schedule_task(
        self,
        project_id: ProjectId,
        spec: TaskSpec,
        *,
        needs: Iterable[TaskId] = (),
        metadata: Mapping[str, str] | None = None,
        by: str = "engine",
        tx: Transaction | None = None,
    ) -> Task:
        """Return a new task: ready, or pending until its dependencies are satisfied.

        Args:
            project_id: Its project.
            spec: What is to be done.
            needs: Tasks that it depends on, besides those in `metadata["dependencies"]`.
            metadata: Free facts; `dependencies` holds ids in their text form, `"12, 15"`.
            by: Who asked for it.
            tx: The transaction to write in; a new one by default.

        Raises:
            TaskDependencyException: A dependency is not a task of this project.
        """
        with self._within(tx) as inner:
            task = self._state.create_task(
                project_id, spec, needs=needs, metadata=metadata, tx=inner, actor=by
            )
            self._flow.settle(inner, project_id)
            return inner.task(task.id)

    def get_next_task(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> Task | None:
        """Claim and return the next task, running; none if nothing can be claimed now."""
        with self._within(tx) as inner:
            return self._flow.claim(inner, project_id, self._clock.now())

    def resolve_dependencies(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> tuple[Task, ...]:
        """Return all tasks of a project in Kahn's order, the lowest id first among equals.

        Raises:
            TaskDependencyException: There is a cycle, so that there is no such order.
        """
        with self._within(tx) as inner:
            return self._read(inner, project_id, _in_order)

    def mark_complete(
        self, task_id: TaskId, *, attempt: int, commit: str, tx: Transaction | None = None
    ) -> Task:
        """Complete a task whose attempt was integrated, promote its dependents; return it.

        Raises:
            RecordNotFoundException: No such task.
            StaleReportException: The attempt is over.
            TaskStateException: The task is not running.
        """
        with self._within(tx) as inner:
            return self._flow.complete(inner, task_id, attempt, commit)

    def mark_failed(
        self, task_id: TaskId, failure: Failure, *, attempt: int, tx: Transaction | None = None
    ) -> Task:
        """Return the task after a failed attempt: retrying if that is due, else failed.

        Raises:
            RecordNotFoundException: No such task.
            StaleReportException: The attempt is over.
            TaskStateException: The task is not running.
        """
        with self._within(tx) as inner:
            return self._flow.fail(inner, task_id, attempt, failure)

    def retry_task(
        self, task_id: TaskId, *, by: str, guidance: str = "", tx: Transaction | None = None
    ) -> Task:
        """Grant a failed task exactly one more attempt; return it.

        Raises:
            RecordNotFoundException: No such task.
            TaskStateException: It has not failed.
        """
        with self._within(tx) as inner:
            return self._flow.retry(inner, task_id, by, guidance)

    def cancel_task(
        self, task_id: TaskId, reason: str, *, by: str, tx: Transaction | None = None
    ) -> Task:
        """Cancel a task, the processes of which have ended; return it.

        Raises:
            RecordNotFoundException: No such task.
            TaskStateException: It is completed or cancelled.
        """
        with self._within(tx) as inner:
            return self._flow.cancel(inner, task_id, reason, by)

    def get_ready_tasks(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> tuple[Task, ...]:
        """Return the tasks that can be claimed now, in the order of their claims.

        They are ready, or retrying and their delay has passed. A paused project lists
        them, too; it only gives none of them away.
        """
        now = self._clock.now()
        with self._within(tx) as inner:
            return self._read(inner, project_id, lambda board: board.ready(now))

    def get_blocked_tasks(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> tuple[Task, ...]:
        """Return the tasks that wait for a person, by id."""
        with self._within(tx) as inner:
            return self._read(inner, project_id, lambda board: board.tasks(STATE_BLOCKED))

    def detect_deadlock(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> Deadlock | None:
        """Return the tasks that wait for themselves and those behind them; none is the rule.

        Such a cycle can only have been stored or imported. It stops nobody else.
        """
        with self._within(tx) as inner:
            return self._read(inner, project_id, lambda board: board.deadlock)

    def get_task_status(self, task_id: TaskId, *, tx: Transaction | None = None) -> TaskStatus:
        """Return where a task stands.

        Raises:
            RecordNotFoundException: No such task.
        """
        with self._within(tx) as inner:
            return inner.task(task_id).status

    def next_due(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> Instant | None:
        """Return when the next retry may be claimed that cannot be claimed yet."""
        now = self._clock.now()
        with self._within(tx) as inner:
            return self._read(inner, project_id, lambda board: _due_after(board, now))

    def stalled(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> tuple[StallCause, ...]:
        """Return why nothing can move though work is left; empty if that is not so."""
        with self._within(tx) as inner:
            return self._read(inner, project_id, stall_causes)

    def _within(self, tx: Transaction | None) -> AbstractContextManager[Transaction]:
        return self._state.transaction() if tx is None else nullcontext(tx)

    def _read(self, tx: Transaction, project_id: ProjectId, look: Callable[[Board], T]) -> T:
        return self._flow.boards.read(tx, project_id, look)


def _in_order(board: Board) -> tuple[Task, ...]:
    deadlock = board.deadlock
    if deadlock is not None:
        cycle = deadlock.cycles[0]
        raise TaskDependencyException(
            task_id=cycle[0], depends_on=cycle[1], problem="they wait in a circle", cycle=cycle
        )
    return tuple(board.task(task_id) for task_id in board.graph.kahn_order())


def _due_after(board: Board, now: Instant) -> Instant | None:
    board.first(now)  # What is due by now waits for nothing any more.
    return board.next_due
