"""From how a turn ended to what went wrong."""

from __future__ import annotations

from typing import get_args

import pytest

from banksman.core.failures import failure_of
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
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant

TABLE: list[tuple[Outcome, ErrorClass | None, str]] = [
    (Answered(text="error: no"), None, ""),
    (Answered(questions=("Which?",)), None, ""),
    (Answered(denials=("write",)), None, ""),
    (Capped(message="enough"), None, ""),
    (TimedOut(after_s=3600.0), ErrorClass.TIMEOUT, "the agent took longer than 3600 s"),
    (TimedOut(after_s=0.5), ErrorClass.TIMEOUT, "the agent took longer than 0.5 s"),
    (Stalled(silent_s=900.0), ErrorClass.STALLED, "the agent was silent for 900 s"),
    (Exited(code=1), ErrorClass.UNKNOWN, "the agent exited with code 1"),
    (Exited(code=2, message="no"), ErrorClass.UNKNOWN, "the agent exited with code 2: no"),
    (Exited(code=0), ErrorClass.UNKNOWN, "the agent exited with code 0"),
    (Exited(code=-9), ErrorClass.UNKNOWN, "the agent was killed by signal 9"),
    (Exited(code=127), ErrorClass.NOT_FOUND, "the agent's program was not found"),
    (Exited(code=126), ErrorClass.VALIDATION, "the agent's program cannot be executed"),
    (RateLimited(), ErrorClass.RATE_LIMIT, "the agent's provider limits the rate"),
    (Refused(error=ErrorClass.POLICY, message="it may not"), ErrorClass.POLICY, "it may not"),
    (Stopped(why="nobody watches"), ErrorClass.LOST, "the agent was stopped: nobody watches"),
    (Lost(), ErrorClass.LOST, "the agent's runner died"),
]


@pytest.mark.parametrize(("outcome", "error", "message"), TABLE)
def test_each_ending_has_its_class_and_its_sentence(
    outcome: Outcome, error: ErrorClass | None, message: str
) -> None:
    failure = failure_of(outcome)
    if error is None:
        assert failure is None
        return
    assert failure is not None
    assert (failure.error, failure.message) == (error, message)


def test_the_table_has_every_ending() -> None:
    assert {type(outcome) for outcome, _, _ in TABLE} == set(get_args(Outcome))


@pytest.mark.parametrize("reset_at", [None, Instant(12_345)])
def test_a_rate_limit_says_when_it_ends_if_the_agent_told(reset_at: Instant | None) -> None:
    failure = failure_of(RateLimited(reset_at=reset_at))
    assert failure is not None
    assert failure.reset_at == reset_at
