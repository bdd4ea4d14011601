"""From how a turn ended to what went wrong, if anything did."""

from __future__ import annotations

from typing import Final, assert_never

from banksman.core.outcome import (
    Answered,
    Capped,
    Exited,
    Lost,
    Outcome,
    RateLimited,
    Refused,
    Stalled,
    Stopped,
    TimedOut,
)
from banksman.core.retry import ErrorClass, Failure

EXIT_NOT_EXECUTABLE: Final = 126
EXIT_NOT_FOUND: Final = 127


def failure_of(outcome: Outcome) -> Failure | None:
    """Return what went wrong in a turn; None for an answer, and for a limit that was reached.

    A stop that the engine did not ask for (the runner's time to live ran out) is a loss: the
    agent did nothing wrong.
    """
    match outcome:
        case Answered() | Capped():
            return None
        case TimedOut(after_s=after_s):
            return Failure(
                error=ErrorClass.TIMEOUT, message=f"the agent took longer than {after_s:g} s"
            )
        case Stalled(silent_s=silent_s):
            return Failure(
                error=ErrorClass.STALLED, message=f"the agent was silent for {silent_s:g} s"
            )
        case Exited(code=code, message=message):
            return _exited(code, message)
        case RateLimited(reset_at=reset_at):
            return Failure(
                error=ErrorClass.RATE_LIMIT,
                message="the agent's provider limits the rate",
                reset_at=reset_at,
            )
        case Refused(error=error, message=message):
            return Failure(error=error, message=message)
        case Stopped(why=why):
            return Failure(error=ErrorClass.LOST, message=f"the agent was stopped: {why}")
        case Lost():
            return Failure(error=ErrorClass.LOST, message="the agent's runner died")
        case _:
            assert_never(outcome)


def _exited(code: int, message: str) -> Failure:
    if code == EXIT_NOT_FOUND:
        return Failure(error=ErrorClass.NOT_FOUND, message="the agent's program was not found")
    if code == EXIT_NOT_EXECUTABLE:
        return Failure(
            error=ErrorClass.VALIDATION, message="the agent's program cannot be executed"
        )
    how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
    said = f": {message}" if message else ""
    return Failure(error=ErrorClass.UNKNOWN, message=f"the agent {how}{said}")
