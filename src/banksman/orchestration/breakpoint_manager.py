"""Opens, answers and settles breakpoint events; no answer means no.

It writes events only. What an answer does to the task comes back as a `Release`, for the one
who moves tasks. Everything happens in the caller's transaction: of two people who answer at
once, the second one's transaction sees the first one's answer and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from banksman.core.breakpoints import (
    SEVERITIES,
    BreakpointType,
    Left,
    Release,
    Resolution,
    effect_of,
    joined,
    release_of,
)
from banksman.core.prompt import LINE_CHARS_MAX, answer_text, clean, shortened
from banksman.core.records import Attempt, BreakpointEvent, Ending
from banksman.core.task import ProjectId, Task, TaskId, TaskStatus
from banksman.exceptions import CommandRefusedException
from banksman.orchestration.doubts import holds_claims
from banksman.ports import Clock, Transaction
from banksman.state.state_manager import StateManager

DETAILS_MAX: Final = 200
"""Details kept with an event; the full output is in the checks' artefacts."""
MESSAGE_CHARS_MAX: Final = 2_000
WORDS_CHARS_MAX: Final = 20_000
"""Of a person's reason or guidance."""

ENGINE: Final = "engine"


class BreakpointManager:
    """Keeps the events that stop tasks for a person."""

    def __init__(self, state: StateManager, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def trigger_breakpoint(  # noqa: PLR0917 - which, why and where read well in this order
        self,
        tx: Transaction,
        task: Task,
        kind: BreakpointType,
        message: str,
        *,
        details: Iterable[str] = (),
        tasks: Iterable[TaskId] = (),
    ) -> BreakpointEvent:
        """Return the open event of this type for the task's present attempt, opened if need be.

        Args:
            tx: The transaction to write in.
            task: The task it stops; for `dependency_failed`, the task that failed.
            kind: Its type.
            message: Why, for people; untrusted.
            details: Evidence, line by line; untrusted.
            tasks: For `dependency_failed`, the dependents; new ones join an open event.
        """
        same = (
            event
            for event in tx.open_breakpoints(task.project_id)
            if (event.task_id, event.attempt, event.type) == (task.id, task.attempt, kind)
        )
        wanted = tuple(sorted(set(tasks)))
        event = next(same, None)
        if event is None:
            return self._open(tx, task, kind, message=message, details=details, tasks=wanted)
        if set(wanted) <= set(event.tasks):
            return event
        wider = replace(event, tasks=tuple(sorted({*event.tasks, *wanted})))
        self._record(tx, "breakpoint.extended", wider)
        return wider

    def resolve_breakpoint(
        self,
        tx: Transaction,
        breakpoint_id: int,
        resolution: Resolution,
        *,
        by: str,
        reason: str = "",
        guidance: str = "",
    ) -> tuple[BreakpointEvent, Release]:
        """Return the event as answered, and what all answers together do to its task.

        The release counts once no other event stops the task. It joins the answers to every
        event of the same attempt: the most careful one decides where the task enters again.

        Args:
            tx: The transaction to write in.
            breakpoint_id: The event.
            resolution: The answer; final.
            by: Who answers: a person, never an agent.
            reason: Why, for the record.
            guidance: What the agent is told in its next attempt.

        Raises:
            RecordNotFoundException: No such event.
            CommandRefusedException: It was answered before (by whom and how is said), the
                answer makes no sense for it (those that do are named), lacks the words that
                it needs, is about a task that was cancelled, or comes from no person.
        """
        event = tx.breakpoint(breakpoint_id)
        _refuse_agents(by)
        _refuse_second(event)
        left = left_after(event, tx.attempts(event.task_id))
        effect = effect_of(event.type, resolution, left)
        if effect.reruns_dependency:
            _refuse_cancelled(tx.task(event.task_id), event)
        words = _bounded(guidance, WORDS_CHARS_MAX)
        if effect.asks_guidance and not words:
            raise CommandRefusedException(
                message=f"{resolution} of a {event.type} breakpoint is nothing without words.",
                hint="Say with --guidance what the agent shall be told.",
            )
        answered = replace(
            event,
            resolution=resolution,
            resolved_at=self._clock.now(),
            resolved_by=by,
            reason=_bounded(reason, WORDS_CHARS_MAX),
            guidance=words,
        )
        self._record(tx, "breakpoint.resolved", answered, reason=answered.reason, actor=by)
        return answered, self._release(tx, answered, left)

    def settle_breakpoint(
        self, tx: Transaction, breakpoint_id: int, reason: str
    ) -> BreakpointEvent:
        """Return an event resolved by the engine itself, since it has lost its object.

        It counts as cancelled if the tasks that it stopped are, else as accepted. An event that
        was resolved before is returned as it is.

        Raises:
            RecordNotFoundException: No such event.
        """
        event = tx.breakpoint(breakpoint_id)
        if event.resolution is not None:
            return event
        stopped = event.tasks or (event.task_id,)
        gone = all(tx.task(task_id).status is TaskStatus.CANCELLED for task_id in stopped)
        settled = replace(
            event,
            resolution=Resolution.CANCEL if gone else Resolution.ACCEPT,
            resolved_at=self._clock.now(),
            resolved_by=ENGINE,
            reason=reason,
        )
        self._record(tx, "breakpoint.settled", settled, reason=reason)
        return settled

    def get_pending_breakpoints(
        self, tx: Transaction, project_id: ProjectId, *, task_id: TaskId | None = None
    ) -> tuple[BreakpointEvent, ...]:
        """Return the open events of a project by id, or only those that stop one task."""
        return _about(tx.open_breakpoints(project_id), task_id)

    def get_breakpoint_history(
        self, tx: Transaction, project_id: ProjectId, *, task_id: TaskId | None = None
    ) -> tuple[BreakpointEvent, ...]:
        """Return all events of a project by id, resolved ones too, or those of one task."""
        return _about(tx.breakpoints(project_id), task_id)

    def _open(
        self,
        tx: Transaction,
        task: Task,
        kind: BreakpointType,
        *,
        message: str,
        details: Iterable[str],
        tasks: tuple[TaskId, ...],
    ) -> BreakpointEvent:
        event = BreakpointEvent(
            id=tx.next_breakpoint_id(),
            project_id=task.project_id,
            task_id=task.id,
            attempt=task.attempt,
            type=kind,
            severity=SEVERITIES[kind],
            message=_bounded(message, MESSAGE_CHARS_MAX),
            opened_at=self._clock.now(),
            details=_few(details),
            tasks=tasks,
        )
        self._record(tx, "breakpoint.opened", event, reason=event.message)
        return event

    def _release(self, tx: Transaction, event: BreakpointEvent, left: Left) -> Release:
        """Return what the answers to all events of this task and attempt do together."""
        mine = (event.task_id, event.attempt)
        answers = [
            other
            for other in tx.breakpoints(event.project_id)
            if (other.task_id, other.attempt) == mine and _counts_with(other, event)
        ]
        release = joined(_release_of(answer, left) for answer in answers)
        if any(map(_evidence, answers)):
            return release
        # A task that was only held up must still hear what its next attempt was to be told.
        held = tx.task(event.task_id).guidance
        told = "\n\n".join(filter(None, (held, release.guidance)))
        return replace(release, guidance=told)

    def _record(
        self,
        tx: Transaction,
        kind: str,
        event: BreakpointEvent,
        *,
        reason: str = "",
        actor: str = ENGINE,
    ) -> None:
        self._state.record(
            tx,
            kind,
            event,
            task_id=event.task_id,
            attempt=event.attempt,
            reason=reason,
            actor=actor,
        )


def left_after(event: BreakpointEvent, attempts: Iterable[Attempt]) -> Left:
    """Return what the attempt that an event stopped, of these, has left to go on with."""
    stopped = [attempt for attempt in attempts if attempt.number == event.attempt]
    return max(map(_left_by, stopped), default=Left.NOTHING)


def _counts_with(other: BreakpointEvent, event: BreakpointEvent) -> bool:
    """Return whether an event's answer bears on the same release as the one just answered.

    Only what was open at the same time does: a task may be stopped, released and stopped
    again before its next attempt begins, and the first answer was used up by then.
    """
    if other.id == event.id:
        return True
    if other.resolved_at is None or other.resolved_by == ENGINE:
        return False
    return other.id > event.id or other.resolved_at >= event.opened_at


def _release_of(event: BreakpointEvent, left: Left) -> Release:
    assert event.resolution is not None, "only answered events release anything"
    effect = effect_of(event.type, event.resolution, left)
    evidence = _evidence(event) if event.resolution is Resolution.RETRY else ()
    asked = event.type is BreakpointType.AGENT_QUESTION
    told = answer_text(
        event.guidance,
        by=event.resolved_by,
        questions=evidence if asked else (),
        findings=() if asked else evidence,
    )
    return release_of(effect, attempt=event.attempt, left=left, guidance=told.strip())


def _evidence(event: BreakpointEvent) -> tuple[str, ...]:
    """Return what an event says about the work; about the repository it is for people only."""
    return () if holds_claims(event) else event.details


def _left_by(attempt: Attempt) -> Left:
    # An attempt that failed or was lost before the task was stopped is nothing to go on with.
    if attempt.ending not in {None, Ending.BLOCKED} or attempt.base is None:
        return Left.NOTHING
    return Left.WORKSPACE if attempt.commit is None else Left.CAPTURE


def _about(
    events: Iterable[BreakpointEvent], task_id: TaskId | None
) -> tuple[BreakpointEvent, ...]:
    return tuple(
        event
        for event in events
        if task_id is None or task_id == event.task_id or task_id in event.tasks
    )


def _refuse_agents(by: str) -> None:
    if not by or by == "agent" or by.startswith("agent:"):
        raise CommandRefusedException(
            message="only a person resolves a breakpoint, never an agent.",
            hint="Resolve it yourself with `banksman resolve`.",
        )


def _refuse_second(event: BreakpointEvent) -> None:
    if event.resolution is None:
        return
    why = f": {event.reason}" if event.reason else ""
    raise CommandRefusedException(
        message=f"breakpoint {event.id} was resolved before, by {event.resolved_by} "
        f"with {event.resolution}{why}.",
        hint="A resolution is final.",
    )


def _refuse_cancelled(task: Task, event: BreakpointEvent) -> None:
    if task.status is TaskStatus.CANCELLED:
        raise CommandRefusedException(
            message=f"{task.spec.key!r} was cancelled, and cannot be tried again.",
            hint="Take it out of `needs` in the plan and run that again, or cancel what waits "
            f"for it: `banksman resolve {event.id} cancel`.",
        )


def _few(details: Iterable[str]) -> tuple[str, ...]:
    lines = [_bounded(line, LINE_CHARS_MAX) for line in details]
    if len(lines) <= DETAILS_MAX:
        return tuple(lines)
    return (*lines[:DETAILS_MAX], f"… and {len(lines) - DETAILS_MAX} more")


def _bounded(text: str, size_max: int) -> str:
    return shortened(clean(text).strip(), size_max)
