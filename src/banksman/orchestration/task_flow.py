"""How tasks move: computes what follows from what happened, and writes it.

Everything happens in the caller's transaction, and whatever is refused is refused before
anything is written. After each change the flow settles what follows from it: dependents become
ready, are blocked or cancelled, gates ask their question.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from banksman.core.board import Board
from banksman.core.breakpoints import BreakpointType, Release
from banksman.core.consequence import asks_first
from banksman.core.events import (
    AttemptBlocked,
    AttemptFailed,
    BreakpointOpened,
    Cancelled,
    Claimed,
    Event,
    Integrated,
    RetryScheduled,
    Unblocked,
    UnblockedWaiting,
)
from banksman.core.records import Attempt, BreakpointEvent, Ending, StopWhy
from banksman.core.retry import FREE, Failure, decide_retry
from banksman.core.task import EntryStep, Instant, ProjectId, Task, TaskId, TaskStatus
from banksman.core.transitions import TERMINAL, advance
from banksman.exceptions import TaskDependencyException
from banksman.orchestration.attempt_record import begun, ended, failed
from banksman.orchestration.boards import Boards
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.losses import is_stopped, stops
from banksman.orchestration.settling import Settling
from banksman.ports import Chance, Clock, Transaction
from banksman.state.state_manager import StateManager

Over = Callable[[Transaction, Task], str | None]
"""Returns in words which limit a task has reached; none if it may spend more."""


def never_over(_tx: Transaction, _task: Task) -> str | None:
    """Return that a task may spend more, whatever it has spent."""
    return None


class TaskFlow:
    """Moves tasks.

    Args:
        state: The writer.
        breakpoints: Keeps the events that stop tasks.
        clock: For what is stored.
        chance: Spreads the delays of transient errors; none keeps them whole.
        over: Says whether a task's own budget is spent.

    Attributes:
        boards: All projects in memory, as they stand within the present transaction.
        settling: Writes what follows from a change, and knows what that leaves behind.
    """

    def __init__(
        self,
        state: StateManager,
        breakpoints: BreakpointManager,
        clock: Clock,
        *,
        chance: Chance | None = None,
        over: Over = never_over,
    ) -> None:
        self._over = over
        self._state = state
        self._breakpoints = breakpoints
        self._clock = clock
        self._chance = chance
        self.boards = Boards()
        self.settling = Settling(state, breakpoints, self.boards)
        state.subscribe(self.boards)

    def claim(self, tx: Transaction, project_id: ProjectId, now: Instant) -> Task | None:
        """Claim the next task for a new attempt; none if nothing can be claimed now.

        Tasks in a cycle, and those behind one, are never claimed: they do not become ready. A
        paused project gives nothing, and a task whose budget is spent stops for a person.
        """
        project = tx.project(project_id)
        if project.paused:
            return None
        self.settle(tx, project_id)
        task = self._next(tx, project_id, now)
        if task is None:
            return None
        claimed = self._apply(tx, task.id, Claimed())
        resumed = None if task.resumes is None else tx.attempt(task.id, task.resumes)
        self._record(tx, "attempt.begun", begun(claimed, project, resumed=resumed, now=now))
        return claimed

    def _next(self, tx: Transaction, project_id: ProjectId, now: Instant) -> Task | None:
        """Return the task to be claimed; stop those before it that have spent all."""
        while True:
            task = self.boards.read(tx, project_id, lambda board: _next(board, now))
            # What was edited or accepted costs nothing more to check and to integrate.
            if task is None or task.entry is not EntryStep.AGENT:
                return task
            why = self._over(tx, task)
            if why is None:
                return task
            self._stop(tx, task, BreakpointType.BUDGET_EXCEEDED, why)

    def complete(  # noqa: PLR0917 - which attempt of which task made what
        self, tx: Transaction, task_id: TaskId, attempt: int, commit: str
    ) -> Task:
        """Complete a task whose attempt was integrated as `commit`; return it.

        Raises:
            RecordNotFoundException: No such task.
            StaleReportException: The attempt is over.
            TaskStateException: The task is not running.
        """
        task = self._apply(tx, task_id, Integrated(attempt=attempt, commit=commit))
        self._end(tx, task, Ending.INTEGRATED)
        return self._settled(tx, task)

    def fail(  # noqa: PLR0917 - which attempt of which task failed how
        self, tx: Transaction, task_id: TaskId, attempt: int, failure: Failure
    ) -> Task:
        """End an attempt in failure; return the task, retrying if it is tried again.

        Raises:
            RecordNotFoundException: No such task.
            StaleReportException: The attempt is over.
            TaskStateException: The task is not running.
        """
        now = self._clock.now()
        event = AttemptFailed(attempt=attempt, error=failure.error, reason=failure.message)
        task = self._apply(tx, task_id, event)
        row = tx.attempt(task_id, attempt)
        self._record(tx, "attempt.ended", failed(row, failure, now=now))
        chance = None if self._chance is None else self._chance.random()
        retry = decide_retry(task, failure, now, chance=chance)
        if retry is not None:
            again = RetryScheduled(
                at=retry.at,
                uses_retry=retry.uses_retry,
                rate_limited=retry.rate_limited,
                guidance=failure.guidance,
                # What ended through no fault of its own goes on where it was saved.
                resumes=attempt if failure.error in FREE and row.start else None,
            )
            task = self._apply(tx, task_id, again)
        return self._settled(tx, task)

    def block_attempt(  # noqa: PLR0917 - which attempt of which task was stopped why
        self, tx: Transaction, task_id: TaskId, attempt: int, reason: str
    ) -> Task:
        """End an attempt at a breakpoint, which the caller opens; return the task.

        Raises:
            RecordNotFoundException: No such task.
            StaleReportException: The attempt is over.
            TaskStateException: The task is not running.
        """
        task = self._apply(tx, task_id, AttemptBlocked(attempt=attempt, reason=reason))
        self._end(tx, task, Ending.BLOCKED)
        return self._settled(tx, task)

    def block(self, tx: Transaction, task_id: TaskId, reason: str) -> Task:
        """Stop a task that is not running, at a person's wish; return it.

        Raises:
            RecordNotFoundException: No such task.
            TaskStateException: It runs, has ended, or is blocked already.
        """
        return self._stop(tx, tx.task(task_id), BreakpointType.MANUAL, reason)

    def cancel(  # noqa: PLR0917 - what, why and by whom
        self, tx: Transaction, task_id: TaskId, reason: str, by: str
    ) -> Task:
        """Cancel a task, the processes of which have ended; return it.

        Raises:
            RecordNotFoundException: No such task.
            TaskStateException: It is completed or cancelled.
        """
        before = tx.task(task_id)
        task = self._apply(tx, task_id, Cancelled(reason=reason), actor=by)
        if before.status is TaskStatus.RUNNING:
            self._end(tx, task, Ending.CANCELLED, actor=by)
        for event in tx.open_breakpoints(task.project_id):
            # What only lists the task stands for another one; settling takes it off the list.
            if event.task_id == task_id and stops(event, task_id):
                self._breakpoints.settle_breakpoint(tx, event.id, f"cancelled: {reason}")
        return self._settled(tx, task)

    def retry(  # noqa: PLR0917 - what, by whom and with which words
        self, tx: Transaction, task_id: TaskId, by: str, guidance: str = ""
    ) -> Task:
        """Grant a failed task exactly one more attempt, at once; return it.

        Raises:
            RecordNotFoundException: No such task.
            TaskStateException: It has not failed.
        """
        event = RetryScheduled(at=self._clock.now(), granted=True, guidance=guidance)
        return self._settled(tx, self._apply(tx, task_id, event, actor=by))

    def resolved(  # noqa: PLR0917 - which event, what it does and by whom
        self, tx: Transaction, event: BreakpointEvent, release: Release, by: str
    ) -> tuple[TaskId, ...]:
        """Do to the tasks what a resolution says; return the tasks that it cancelled.

        A task that another open event stops stays blocked; the release that comes with the last
        answer joins all of them.
        """
        cancelled: tuple[TaskId, ...] = ()
        if release.cancels:
            cancelled = self._cancel_stopped(tx, event, by)
        elif event.type is BreakpointType.DEPENDENCY_FAILED:
            self._rerun(tx, event, release.guidance, by=by)
        elif not release.notes_only:
            self._let_go(tx, tx.task(event.task_id), release, by=by)
        self.settle(tx, event.project_id)
        return cancelled

    def add_dependency(
        self, tx: Transaction, task_id: TaskId, needs: Collection[TaskId]
    ) -> Task:
        """Let a task wait for others, too; return it, back to pending if it has to wait.

        A running attempt goes on: whoever wants it to end blocks it.

        Raises:
            RecordNotFoundException: No such task.
            TaskDependencyException: A need is unknown, the task itself, or closes a cycle,
                which is named; or the task has ended. Nothing is written.
        """
        task = tx.task(task_id)
        if task.status in TERMINAL:
            raise TaskDependencyException(
                task_id=task_id,
                depends_on=min(needs, default=task_id),
                problem=f"it is {task.status} already",
            )
        self.boards.read(tx, task.project_id, lambda board: board.graph.refuse(task_id, needs))
        wider = replace(task, needs=tuple(sorted({*task.needs, *needs})))
        changed = self._state.respecify(tx, wider, reason="a dependency was added")
        return self._settled(tx, changed)

    def settle(self, tx: Transaction, project_id: ProjectId) -> tuple[Task, ...]:
        """Write all that follows from what changed; return the tasks that moved by it."""
        return self.settling.settle(tx, project_id)

    def board(self, project_id: ProjectId, tx: Transaction | None = None) -> Board:
        """Return a project's board, to be read and not changed.

        Args:
            project_id: The project.
            tx: The open transaction. Without one, a board that is not in memory yet is read in
                a transaction of its own: whoever is inside one has to pass it.
        """
        known = self.boards.known(project_id)
        if known is not None:
            return known
        if tx is not None:
            return self.boards.board(tx, project_id)
        with self._state.transaction() as own:
            return self.boards.board(own, project_id)

    def _cancel_stopped(
        self, tx: Transaction, event: BreakpointEvent, by: str
    ) -> tuple[TaskId, ...]:
        """Cancel the tasks that an event stopped; for a lost task those that waited for it."""
        cancelled: list[TaskId] = []
        reason = (
            event.reason or f"breakpoint {event.id} ({event.type}) was answered with cancel"
        )
        for task_id in event.tasks or (event.task_id,):
            task = tx.task(task_id)
            if task.status is TaskStatus.RUNNING:
                # The event only told something. The attempt's processes have to end first.
                row = tx.attempt(task_id, task.attempt)
                wish = replace(row, stop=StopWhy.CANCEL, stop_reason=reason, stop_by=by)
                self._record(tx, "stop.intended", wish, actor=by)
            elif task.status not in TERMINAL:
                cancelled.append(self.cancel(tx, task_id, reason, by).id)
        return tuple(cancelled)

    def _rerun(
        self, tx: Transaction, event: BreakpointEvent, guidance: str, *, by: str
    ) -> None:
        """Try a failed task again, and let those go that it stopped."""
        if tx.task(event.task_id).status is TaskStatus.FAILED:
            self.retry(tx, event.task_id, by, guidance)
        self.settling.let_go(tx, event.project_id, event.tasks)

    def _stop(  # noqa: PLR0917 - what, by which rule and why
        self, tx: Transaction, task: Task, kind: BreakpointType, reason: str
    ) -> Task:
        """Stop a task that is not running at a breakpoint; return it."""
        event = BreakpointOpened(reason=reason)
        advance(task, event)  # Refused before anything is written.
        self._breakpoints.trigger_breakpoint(tx, task, kind, reason)
        return self._settled(tx, self._apply(tx, task.id, event))

    def _let_go(self, tx: Transaction, task: Task, release: Release, *, by: str) -> None:
        """Let a blocked task go on as a release says, unless another event stops it."""
        still = is_stopped(tx.open_breakpoints(task.project_id), task.id)
        if still or task.status is not TaskStatus.BLOCKED:
            return
        standing = self.boards.read(tx, task.project_id, lambda board: board.standing(task.id))
        gated = asks_first(task) and not release.gate_passed
        missing = standing.unsatisfied(task.spec.on_dependency_failure)
        # One that must wait, or whose gate is still shut, becomes ready in its own time.
        kind = UnblockedWaiting if missing or gated else Unblocked
        event = kind(
            entry=release.entry,
            resumes=release.resumes,
            guidance=release.guidance,
            grants_retry=release.grants_retry,
            gate_passed=release.gate_passed,
        )
        self._apply(tx, task.id, event, actor=by)

    def _apply(
        self, tx: Transaction, task_id: TaskId, event: Event, *, actor: str = "engine"
    ) -> Task:
        (task,) = self._state.apply(tx, [(task_id, event)], actor=actor)
        return task

    def _end(
        self, tx: Transaction, task: Task, ending: Ending, *, actor: str = "engine"
    ) -> None:
        row = tx.attempt(task.id, task.attempt)
        over = ended(row, ending, now=self._clock.now(), message=task.reason)
        self._record(tx, "attempt.ended", over, actor=actor)

    def _record(
        self, tx: Transaction, kind: str, attempt: Attempt, *, actor: str = "engine"
    ) -> None:
        self._state.record(
            tx, kind, attempt, task_id=attempt.task_id, attempt=attempt.number, actor=actor
        )

    def _settled(self, tx: Transaction, task: Task) -> Task:
        """Return the task as it stands after all that follows from its change."""
        moved = {each.id: each for each in self.settle(tx, task.project_id)}
        return moved.get(task.id, task)


def _next(board: Board, now: Instant) -> Task | None:
    """Return the task to be claimed."""
    task, deadlock = board.first(now), board.deadlock
    assert task is None or deadlock is None or task.id not in deadlock.tasks, "never ready"
    return task
