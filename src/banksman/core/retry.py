"""Which errors are tried again, and when.

The arithmetic is the spec's: delay 60 s · 2^(retries used), at most an hour, full jitter as an
option, for transient errors; none for a failed gate or a lost attempt; a rate limit waits for
its reset and uses no retry; an unknown error is tried once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from banksman.core.task import Instant, Task

DELAY_FIRST_MS: Final = 60_000
DELAY_MAX_MS: Final = 3_600_000


class ErrorClass(StrEnum):
    """Why an attempt failed, as far as the engine can tell."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TEMPORARY_RESOURCE = "temporary_resource"
    SERVER_ERROR = "server_error"
    STALLED = "stalled"
    GATE_FAILED = "gate_failed"
    RATE_LIMIT = "rate_limit"
    LOST = "lost"
    VALIDATION = "validation"
    AUTHENTICATION = "authentication"
    NOT_FOUND = "not_found"
    POLICY = "policy"
    UNKNOWN = "unknown"


_E = ErrorClass

TRANSIENT: Final = frozenset(
    {_E.TIMEOUT, _E.CONNECTION, _E.TEMPORARY_RESOURCE, _E.SERVER_ERROR, _E.STALLED}
)
"""Errors that may go away by themselves; each retry waits longer."""

FREE: Final = frozenset({_E.RATE_LIMIT, _E.LOST})
"""Errors that are not the attempt's fault: tried again always, at no cost."""

FINAL: Final = frozenset({_E.VALIDATION, _E.AUTHENTICATION, _E.NOT_FOUND, _E.POLICY})
"""Errors that would only come again: never tried again by the engine itself."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What went wrong in an attempt.

    Attributes:
        error: The class, which decides whether it is tried again.
        message: One sentence for people.
        guidance: What the next prompt must say, if there is a next one.
        reset_at: For a rate limit, when the agent said it ends (ms UTC).
    """

    error: ErrorClass
    message: str
    guidance: str = ""
    reset_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A decision to try again.

    Attributes:
        at: When the task may be claimed, ms UTC.
        uses_retry: Whether it costs one of the task's retries.
        rate_limited: Whether it waits for a rate limit.
    """

    at: Instant
    uses_retry: bool
    rate_limited: bool = False


def decide_retry(
    task: Task, failure: Failure, now: Instant, *, chance: float | None = None
) -> Retry | None:
    """Return when a task that failed is tried again by itself, or None if it is not.

    Args:
        task: As it stands after its failure.
        failure: What went wrong.
        now: The time of the decision.
        chance: A random number in [0, 1) spreads the delay of a transient error over all of it
            (full jitter); None keeps the whole delay.
    """
    if failure.error in FREE:
        limited = failure.error is ErrorClass.RATE_LIMIT
        at = _limit_ends(task, failure, now) if limited else now
        return Retry(at=at, uses_retry=False, rate_limited=limited)
    if task.retries_left == 0 or not _is_retryable(task, failure.error):
        return None
    if failure.error is ErrorClass.GATE_FAILED:
        return Retry(at=now, uses_retry=True)
    delay_ms = backoff_ms(task.retries_used)
    spread_ms = delay_ms if chance is None else int(delay_ms * chance)
    return Retry(at=Instant(now + spread_ms), uses_retry=True)


def backoff_ms(times: int) -> int:
    """Return how long to wait after something happened `times` times before.

    Examples:
        >>> [backoff_ms(times) // 1000 for times in (0, 1, 5, 6, 10**9)]
        [60, 120, 1920, 3600, 3600]
    """
    doublings = (
        DELAY_MAX_MS // DELAY_FIRST_MS
    ).bit_length()  # More would only build big numbers.
    return min(DELAY_MAX_MS, DELAY_FIRST_MS << min(times, doublings))


def _is_retryable(task: Task, error: ErrorClass) -> bool:
    if error is ErrorClass.UNKNOWN:
        # Once: whoever used a retry already has had that chance.
        return task.retries_used == 0
    return error is ErrorClass.GATE_FAILED or error in TRANSIENT


def _limit_ends(task: Task, failure: Failure, now: Instant) -> Instant:
    # A reset in the past says nothing; taken at its word it would be tried in a tight loop.
    if failure.reset_at is not None and failure.reset_at > now:
        return Instant(failure.reset_at)
    return Instant(now + backoff_ms(task.rate_limits))
