"""Which errors are tried again, and when.

The arithmetic is the spec's: delay 60 s · 2^(retries used), at most an hour, full jitter as an
option, for transient errors; none for a failed gate or a lost attempt; a rate limit waits for
its reset and uses no retry; an unknown error is tried once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
