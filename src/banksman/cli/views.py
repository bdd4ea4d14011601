"""What people are shown of a project's state, as values: pure functions from rows to words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from banksman.cli.budget_words import spent_answer, words
from banksman.core.breakpoints import Left, sensible
from banksman.core.clocks import span
from banksman.core.records import BreakpointEvent
from banksman.core.task import Instant, TaskId, TaskStatus
from banksman.stores.views import StatusView, TaskView

_STEPS: Final = {
    "agent": "agent",
    "capture": "reading what changed",
    "checks": "checks",
    "integration": "integration",
}
_STOPS: Final = {
    "cancel": "being cancelled",
    "block": "being stopped",
    "shutdown": "being stopped",
}


@dataclass(frozen=True, kw_only=True)
class AttemptLine:
    """One attempt that is under way.

    Attributes:
        key: The task's key.
        attempt: The attempt's number.
        turn: The turn's number, 0 before the first.
        step: Where it is.
        elapsed_s: Since when, in seconds.
        waits_for: What it waits for.
    """

    key: str
    attempt: int
    turn: int
    step: str
    elapsed_s: int
    waits_for: str


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Number of tasks by what they mean to a person; `waiting` for a dependency or a timer."""

    done: int = 0
    running: int = 0
    ready: int = 0
    waiting: int = 0
    blocked: int = 0
    failed: int = 0
    cancelled: int = 0

    def words(self) -> str:
        """Return them as one line; what nobody expects is left out while there is none."""
        always = ("done", "running", "ready", "waiting")
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return ", ".join(
            f"{count} {name}" for name, count in shown.items() if count or name in always
        )


@dataclass(frozen=True, kw_only=True)
class Question:
    """A breakpoint that waits for a person.

    Attributes:
        id: Its number.
        key: The key of the task that it is about.
        type: Its type.
        message: Why it fired.
        opened_at: When it fired.
        answers: The answers that make sense.
    """

    id: int
    key: str
    type: str
    message: str
    opened_at: Instant
    answers: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command that answers it, with the answers to choose from."""
        return f"banksman resolve {self.id} {'|'.join(self.answers)}"


@dataclass(frozen=True, kw_only=True)
class Delay:
    """A task that will be tried again: its key, and in how many seconds."""

    key: str
    in_s: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """All that a look at a run shows; `spent` is what it has spent, in words."""

    attempts: tuple[AttemptLine, ...]
    delays: tuple[Delay, ...]
    totals: Totals
    questions: tuple[Question, ...]
    paused: bool
    held: str = ""
    spent: str = ""


def progress_of(
    status: StatusView,
    breakpoints: Iterable[BreakpointEvent],
    now: Instant,
    *,
    held: str = "",
) -> Progress:
    """Return what a look at a project shows at a moment.

    Args:
        status: Where it stands.
        breakpoints: Those that are open.
        now: The time of day.
        held: Why nothing more is started, if nothing is.
    """
    keys = {task.id: task.key for task in status.tasks}
    return Progress(
        attempts=tuple(
            _attempt(task, now) for task in status.tasks if task.status is TaskStatus.RUNNING
        ),
        delays=tuple(
            Delay(key=task.key, in_s=_seconds(task.not_before - now), reason=task.reason)
            for task in status.tasks
            if task.not_before is not None
        ),
        totals=totals_of(status.counts),
        questions=tuple(question_of(event, keys) for event in breakpoints),
        paused=status.project.paused,
        held=held,
        spent=_spent(status, now),
    )


def _spent(status: StatusView, now: Instant) -> str:
    spent = spent_answer(status, now, live=True)
    return words(spent.run, spent.run_limits) if status.run else ""


def totals_of(counts: Mapping[TaskStatus, int]) -> Totals:
    """Return the totals of the counts by state."""
    return Totals(
        done=counts[TaskStatus.COMPLETED],
        running=counts[TaskStatus.RUNNING],
        ready=counts[TaskStatus.READY],
        waiting=counts[TaskStatus.PENDING] + counts[TaskStatus.RETRYING],
        blocked=counts[TaskStatus.BLOCKED],
        failed=counts[TaskStatus.FAILED],
        cancelled=counts[TaskStatus.CANCELLED],
    )


def question_of(
    event: BreakpointEvent, keys: Mapping[TaskId, str], left: Left | None = None
) -> Question:
    """Return a breakpoint as a question.

    Args:
        event: The breakpoint.
        keys: Keys of tasks by number.
        left: What the stopped attempt has left, if that is known: some answers need it.
    """
    unknown = Left.CAPTURE if event.attempt else Left.NOTHING
    answers = sensible(event.type, unknown if left is None else left)
    return Question(
        id=event.id,
        key=keys.get(event.task_id, str(event.task_id)),
        type=event.type.value,
        message=event.message,
        opened_at=event.opened_at,
        answers=tuple(str(answer) for answer in answers),
    )


def doing(task: TaskView, now: Instant) -> str:
    """Return what a task does, or why it does nothing, in a few words."""
    match task.status:
        case TaskStatus.RUNNING:
            line = _attempt(task, now)
            turn = f", turn {line.turn}" if line.turn else ""
            return f"{line.waits_for}{turn}, {span(line.elapsed_s)}"
        case TaskStatus.RETRYING if task.not_before is not None:
            when = span(_seconds(task.not_before - now))
            return f"again in {when}{': ' if task.reason else ''}{task.reason}"
        case TaskStatus.BLOCKED if task.breakpoints:
            numbers = ", ".join(map(str, task.breakpoints))
            return f"breakpoint {numbers}{': ' if task.reason else ''}{task.reason}"
        case _:
            return task.reason


def moment(at: Instant) -> str:
    """Return a point in time in UTC, to the second.

    Examples:
        >>> moment(Instant(1_700_000_000_999))
        '2023-11-14T22:13:20Z'
    """
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _attempt(task: TaskView, now: Instant) -> AttemptLine:
    step = task.step or "agent"
    waits_for = _STOPS[task.stop] if task.stop else _STEPS.get(step, step)
    if waits_for == "agent" and task.agent:
        waits_for = f"agent {task.agent}"
    started = now if task.started_at is None else task.started_at
    return AttemptLine(
        key=task.key,
        attempt=task.attempt,
        turn=task.turns,
        step=step,
        elapsed_s=_seconds(now - started),
        waits_for=waits_for,
    )


def _seconds(span_ms: int) -> int:
    # The time of day may jump back: nothing has taken less than no time.
    return max(0, span_ms // 1000)
