"""What people wish for: applied by the engine, one command at a time, in its round.

Commands come from the inbox, the one table that others insert into. A command is answered in
the transaction that applies it; what has to be done outside the store (`Effect`) is done after
the commit. A command that makes no sense now is answered with the reason, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from banksman.core.breakpoints import Resolution
from banksman.core.prompt import shortened
from banksman.core.records import BreakpointEvent, Command, StopWhy
from banksman.core.task import ProjectId, Task, TaskId, TaskStatus
from banksman.exceptions import (
    BanksmanException,
    CommandRefusedException,
    RecordNotFoundException,
    StaleWriterException,
    StoreException,
)
from banksman.orchestration import arguments
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.doubts import is_about_git
from banksman.orchestration.task_flow import TaskFlow
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager

SENTENCE_CHARS_MAX: Final = 4_000
"""Of the answer to a refused command."""


@dataclass(frozen=True, kw_only=True)
class StopAttempt:
    """A running attempt has a stop intent: its processes have to end."""

    task_id: TaskId


@dataclass(frozen=True, kw_only=True)
class CleanTask:
    """Nobody will look at this task's workspaces any more."""

    task_id: TaskId


@dataclass(frozen=True, kw_only=True)
class EndRun:
    """The engine is to end: after the attempts that work, or `now`, stopping them."""

    now: bool


@dataclass(frozen=True, kw_only=True)
class TrustChanges:
    """A person has seen what changed of git's configuration and hooks."""


Effect = StopAttempt | CleanTask | EndRun | TrustChanges
Answer = Mapping[str, object]
Applied = tuple[Answer, tuple[Effect, ...]]


class CommandDesk:
    """Applies commands."""

    def __init__(
        self,
        state: StateManager,
        flow: TaskFlow,
        breakpoints: BreakpointManager,
    ) -> None:
        self._state = state
        self._flow = flow
        self._breakpoints = breakpoints
        self._handlers: Final[Mapping[str, Callable[[Transaction, Command], Applied]]] = {
            "cancel": self._cancel,
            "retry": self._retry,
            "resolve": self._resolve,
            "block": self._block,
            "pause": self._pause,
            "resume": self._resume,
            "stop": self._end,
            "add": self._add,
        }

    def apply(self, tx: Transaction, command: Command) -> tuple[Effect, ...]:
        """Apply one command and answer it; return what has to be done after the commit."""
        handler = self._handlers.get(command.name)
        try:
            if handler is None:
                raise CommandRefusedException(
                    message=f"no command is named {command.name!r:.100}.",
                    hint=f"There are: {', '.join(self._handlers)}.",
                )
            answer, effects = handler(tx, command)
        except (StoreException, StaleWriterException):
            raise
        except BanksmanException as error:
            # Handlers look before they write: a refused command has written nothing.
            self._state.answer(tx, command, error=_sentence(error))
            return ()
        self._state.answer(tx, command, answer=answer)
        return effects

    def _cancel(self, tx: Transaction, command: Command) -> Applied:
        task = self._task(tx, command)
        reason = arguments.text(command, "reason") or f"cancelled by {command.by}"
        if task.status is TaskStatus.RUNNING:
            return self._stop(tx, command, task, reason)
        after = self._flow.cancel(tx, task.id, reason, command.by)
        return _about(after), (CleanTask(task_id=task.id),)

    def _block(self, tx: Transaction, command: Command) -> Applied:
        task = self._task(tx, command)
        reason = arguments.text(command, "reason") or f"stopped by {command.by}"
        if task.status is TaskStatus.RUNNING:
            return self._stop(tx, command, task, reason)
        return _about(self._flow.block(tx, task.id, reason)), ()

    def _stop(  # noqa: PLR0917 - in answer to what, which task, and why
        self, tx: Transaction, command: Command, task: Task, reason: str
    ) -> Applied:
        """Record the wish to stop a running attempt; its state changes when it has ended."""
        attempt = tx.attempt(task.id, task.attempt)
        why = StopWhy.CANCEL if command.name == "cancel" else StopWhy.BLOCK
        # A cancel is final; an engine that ends is no reason to forget what a person wants.
        if attempt.stop is not StopWhy.CANCEL or why is StopWhy.CANCEL:
            wish = replace(attempt, stop=why, stop_reason=reason, stop_by=command.by)
            self._state.record(
                tx,
                "stop.intended",
                wish,
                task_id=task.id,
                attempt=attempt.number,
                reason=reason,
                actor=command.by,
            )
        return {**_about(task), "stopping": True}, (StopAttempt(task_id=task.id),)

    def _retry(self, tx: Transaction, command: Command) -> Applied:
        task = self._task(tx, command)
        guidance = arguments.text(command, "guidance")
        return _about(self._flow.retry(tx, task.id, command.by, guidance)), ()

    def _resolve(self, tx: Transaction, command: Command) -> Applied:
        number = arguments.number(command, "breakpoint")
        resolution = arguments.resolution(command)
        reason, guidance = (arguments.text(command, name) for name in ("reason", "guidance"))
        if tx.breakpoint(number).project_id != command.project_id:
            raise RecordNotFoundException(record="breakpoint", name=str(number))
        event, release = self._breakpoints.resolve_breakpoint(
            tx, number, resolution, by=command.by, reason=reason, guidance=guidance
        )
        if release.adopts_target:
            project = replace(tx.project(command.project_id), integrated=None)
            self._state.record(tx, "target.adopted", project, actor=command.by)
        cancelled = self._flow.resolved(tx, event, release, command.by)
        if release.adopts_target:
            self._answer_alike(tx, event)
        told = {"breakpoint": event.id, "resolution": event.resolution}
        effects: tuple[Effect, ...] = (
            *((TrustChanges(),) if is_about_git(event) else ()),
            *(CleanTask(task_id=task_id) for task_id in cancelled),
            *_stops(tx, event.tasks or (event.task_id,)),
        )
        return {**_about(tx.task(event.task_id)), **told}, effects

    def _answer_alike(self, tx: Transaction, answered: BreakpointEvent) -> None:
        """Answer the same question of other tasks: the target is trusted, their work goes on.

        Left open, each of them would hold all claims for what a person has decided.
        """
        for event in tx.open_breakpoints(answered.project_id):
            if event.type is answered.type:
                _, release = self._breakpoints.resolve_breakpoint(
                    tx,
                    event.id,
                    Resolution.ACCEPT,
                    by=answered.resolved_by,
                    reason=f"the target is trusted since breakpoint {answered.id} was answered",
                )
                self._flow.resolved(tx, event, release, answered.resolved_by)

    def _pause(self, tx: Transaction, command: Command) -> Applied:
        return self._set_paused(tx, command, paused=True)

    def _resume(self, tx: Transaction, command: Command) -> Applied:
        return self._set_paused(tx, command, paused=False)

    def _set_paused(self, tx: Transaction, command: Command, *, paused: bool) -> Applied:
        project = replace(tx.project(command.project_id), paused=paused)
        kind = "project.paused" if paused else "project.resumed"
        self._state.record(tx, kind, project, actor=command.by)
        return {"project": project.name, "paused": paused}, ()

    def _end(self, tx: Transaction, command: Command) -> Applied:
        """End the engine that was meant: another one has nothing to do with it."""
        meant = arguments.number(command, "epoch")
        if meant != tx.project(command.project_id).epoch:
            return {"ending": False}, ()
        now = arguments.flag(command, "now")
        return {"ending": True, "now": now}, (EndRun(now=now),)

    def _add(self, tx: Transaction, command: Command) -> Applied:
        spec = arguments.new_task(command)
        if any(task.spec.key == spec.key for task in tx.tasks(command.project_id)):
            raise CommandRefusedException(message=f"there is a task {spec.key!r} already.")
        needs = [
            find_task(tx, command.project_id, name).id
            for name in arguments.names(command, "needs")
        ]
        task = self._state.create_task(
            command.project_id, spec, needs=needs, tx=tx, actor=command.by
        )
        self._flow.settle(tx, command.project_id)
        return _about(tx.task(task.id)), ()

    def _task(self, tx: Transaction, command: Command) -> Task:
        return find_task(tx, command.project_id, arguments.text(command, "task"))


def _stops(tx: Transaction, task_ids: Iterable[TaskId]) -> Iterator[StopAttempt]:
    """Yield the running attempts among these tasks that are wished to stop."""
    for task_id in task_ids:
        task = tx.task(task_id)
        if task.status is TaskStatus.RUNNING and tx.attempt(task_id, task.attempt).stop:
            yield StopAttempt(task_id=task_id)


def find_task(tx: Transaction, project_id: ProjectId, name: str) -> Task:
    """Return the task with this key or, if no key is like that, with this number.

    Raises:
        RecordNotFoundException: There is none; the message has the nearest key.
    """
    tasks = tx.tasks(project_id)
    for names in ({task.spec.key: task for task in tasks}, {str(t.id): t for t in tasks}):
        if name in names:
            return names[name]
    near = get_close_matches(name, [task.spec.key for task in tasks], n=1)
    hint = f"Did you mean {near[0]!r}?" if near else ""
    raise RecordNotFoundException(record="task", name=shortened(name, 100), hint=hint)


def _about(task: Task) -> Answer:
    return {"task": task.id, "key": task.spec.key, "status": task.status.value}


def _sentence(error: BanksmanException) -> str:
    return shortened(f"{error}\n{error.recovery}".strip(), SENTENCE_CHARS_MAX)
