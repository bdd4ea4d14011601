"""Everything that can happen to a task, as values.

An event says what happened, never what to do. `Report`s come from an attempt and name it, so
that a report on an attempt that is over is refused (`core.transitions.advance`).
"""

from __future__ import annotations

from dataclasses import dataclass

from banksman.core.retry import ErrorClass
from banksman.core.task import EntryStep, Instant


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, kw_only=True)
class Report(Event):
    """An event that an attempt reports; `attempt` fences it."""

    attempt: int


@dataclass(frozen=True, kw_only=True)
class DependenciesMet(Event):
    """Every dependency is satisfied and no start rule stops the task."""


@dataclass(frozen=True, kw_only=True)
class DependencyLost(Event):
    """A dependency ended for good and the task's policy is to block."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class DependencyAdded(Event):
    """A dependency that is not satisfied yet was added."""


@dataclass(frozen=True, kw_only=True)
class Claimed(Event):
    """An engine took the task; a new attempt begins."""


@dataclass(frozen=True, kw_only=True)
class BreakpointOpened(Event):
    """A rule or a person stops a task that is not running."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AttemptBlocked(Report):
    """A breakpoint fired while the attempt ran; its processes have ended, its work is saved."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Integrated(Report):
    """The attempt was accepted and its commits are on the target branch."""

    commit: str


@dataclass(frozen=True, kw_only=True)
class AttemptFailed(Report):
    """An error ended the attempt, or the attempt was lost."""

    error: ErrorClass
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RetryScheduled(Event):
    """The task will be tried again.

    Attributes:
        at: When it may be claimed.
        uses_retry: Whether this costs one of its retries.
        granted: A person granted one more attempt; it is used by this retry.
        rate_limited: The wait is for a rate limit, which counts for the doubling.
        guidance: What the next prompt must say.
        resumes: The attempt whose work the next one goes on with.
    """

    at: Instant
    resumes: int | None = None
    uses_retry: bool = False
    granted: bool = False
    rate_limited: bool = False
    guidance: str = ""


@dataclass(frozen=True, kw_only=True)
class Unblocked(Event):
    """All open breakpoint events are resolved and every dependency is satisfied.

    Attributes:
        entry: Where the next attempt starts.
        resumes: The attempt that it continues.
        guidance: What the next prompt must say.
        grants_retry: A person's `retry` grants exactly one more attempt.
        gate_passed: The resolution lets the task through its manual gate.
    """

    entry: EntryStep = EntryStep.AGENT
    resumes: int | None = None
    guidance: str = ""
    grants_retry: bool = False
    gate_passed: bool = False


@dataclass(frozen=True, kw_only=True)
class UnblockedWaiting(Unblocked):
    """All open breakpoint events are resolved, but a dependency is not satisfied yet."""


@dataclass(frozen=True, kw_only=True)
class Cancelled(Event):
    """The task will not be done; its processes, if any, have ended."""

    reason: str
