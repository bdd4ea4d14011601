"""The life of a task, as one table.

The table is data: the docs draw their diagram from it, the schema's CHECKs are tested against
it, and a pair that is absent is illegal. It holds no conditions. Where a condition decides, the
caller decides first and reports a different event: a failed attempt that may be tried again is
followed by `RetryScheduled` in the same transaction (`banksman.core.retry`), one that may not
is left failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from banksman.core.events import (
    AttemptBlocked,
    AttemptFailed,
    BreakpointOpened,
    Cancelled,
    Claimed,
    DependenciesMet,
    DependencyAdded,
    DependencyLost,
    Event,
    Integrated,
    Report,
    RetryScheduled,
    Unblocked,
    UnblockedWaiting,
)
from banksman.core.task import EntryStep, Task, TaskStatus
from banksman.exceptions import StaleReportException, TaskStateException

_S = TaskStatus

# fmt: off
_ROWS: Mapping[tuple[TaskStatus, type[Event]], TaskStatus] = {
    (_S.PENDING,  DependenciesMet):  _S.READY,
    (_S.PENDING,  DependencyLost):   _S.BLOCKED,
    (_S.PENDING,  BreakpointOpened): _S.BLOCKED,
    (_S.READY,    Claimed):          _S.RUNNING,
    (_S.READY,    DependencyAdded):  _S.PENDING,
    (_S.READY,    BreakpointOpened): _S.BLOCKED,
    (_S.RUNNING,  Integrated):       _S.COMPLETED,
    (_S.RUNNING,  AttemptFailed):    _S.FAILED,
    (_S.RUNNING,  AttemptBlocked):   _S.BLOCKED,
    (_S.FAILED,   RetryScheduled):   _S.RETRYING,
    (_S.RETRYING, Claimed):          _S.RUNNING,
    (_S.RETRYING, DependencyAdded):  _S.PENDING,
    (_S.RETRYING, BreakpointOpened): _S.BLOCKED,
    (_S.BLOCKED,  Unblocked):        _S.READY,
    (_S.BLOCKED,  UnblockedWaiting): _S.PENDING,
}
# fmt: on
_CANCELS: Mapping[tuple[TaskStatus, type[Event]], TaskStatus] = {
    (status, Cancelled): _S.CANCELLED
    for status in _S
    if status not in {_S.COMPLETED, _S.CANCELLED}
}

TRANSITIONS: Final = MappingProxyType({**_ROWS, **_CANCELS})
"""The status that follows, by the status and the type of event; what is absent is illegal."""

TERMINAL: Final = frozenset(TaskStatus) - {status for status, _ in TRANSITIONS}


_TARGETS: Final = MappingProxyType({event: to for (_, event), to in TRANSITIONS.items()})
"""Where an event leads, wherever it comes from."""


def allowed_from(status: TaskStatus) -> tuple[TaskStatus, ...]:
    """Return the statuses that can follow a status, in the order of the table."""
    following = (to for (source, _), to in TRANSITIONS.items() if source is status)
    return tuple(dict.fromkeys(following))


def advance(task: Task, event: Event) -> Task:
    """Return the task as it stands after `event`; the argument is left as it was.

    Raises:
        StaleReportException: Another attempt than the task's last one reports.
        TaskStateException: The table has no row for this status and event.
    """
    # First whether the reporter may speak at all: where the task went since is not its matter.
    if isinstance(event, Report) and event.attempt != task.attempt:
        raise StaleReportException(
            task_id=task.id, attempt=task.attempt, reported=event.attempt
        )
    target = TRANSITIONS.get((task.status, type(event)))
    if target is None:
        raise TaskStateException(
            task_id=task.id,
            key=task.spec.key,
            status=task.status,
            event=type(event).__name__,
            target=_TARGETS[type(event)],
            allowed=allowed_from(task.status),
        )
    # Whatever the row, a delay belongs to the status being left.
    moved = replace(task, status=target, version=task.version + 1, not_before=None)
    return _with_facts(moved, event)


def _with_facts(moved: Task, event: Event) -> Task:
    """Return the task with what the event itself says."""
    match event:
        case Claimed():
            # `entry`, `resumes` and `guidance` stay: the attempt that begins reads them.
            return replace(moved, attempt=moved.attempt + 1, reason="")
        case RetryScheduled():
            return _retrying(moved, event)
        case Unblocked():
            return replace(
                moved,
                entry=event.entry,
                resumes=event.resumes,
                guidance=event.guidance,
                # Granted and used at once: exactly one more attempt, whatever is left besides.
                retries_granted=moved.retries_granted + int(event.grants_retry),
                retries_used=moved.retries_used + int(event.grants_retry),
                gate_passed=moved.gate_passed or event.gate_passed,
                reason="",
            )
        case Integrated():
            return replace(moved, guidance="", reason="")
        case (
            AttemptFailed(reason=reason)
            | AttemptBlocked(reason=reason)
            | BreakpointOpened(reason=reason)
            | DependencyLost(reason=reason)
            | Cancelled(reason=reason)
        ):
            return replace(moved, reason=reason)
        case _:
            return moved


def _retrying(moved: Task, event: RetryScheduled) -> Task:
    return replace(
        moved,
        not_before=event.at,
        entry=EntryStep.AGENT,
        resumes=event.resumes,
        guidance=event.guidance,
        retries_used=moved.retries_used + int(event.uses_retry or event.granted),
        retries_granted=moved.retries_granted + int(event.granted),
        rate_limits=moved.rate_limits + 1 if event.rate_limited else 0,
    )
