"""How a turn can end: one union, matched exhaustively."""

from __future__ import annotations

from typing import get_args

import pytest

from banksman.core.outcome import (
    Answered,
    Capped,
    Ended,
    Exited,
    Lost,
    Outcome,
    RateLimited,
    Refused,
    Stalled,
    Stopped,
    TimedOut,
    Usage,
)
from banksman.core.retry import ErrorClass

ENDINGS = (
    Answered(text="done"),
    TimedOut(after_s=1.0),
    Stalled(silent_s=2.0),
    Exited(code=-9),
    RateLimited(),
    Refused(error=ErrorClass.SERVER_ERROR, message="down"),
    Capped(message="enough"),
    Stopped(why="cancelled"),
    Lost(),
)


def test_the_union_has_every_ending_there_is() -> None:
    assert set(get_args(Outcome)) == set(Ended.__subclasses__())
    assert {type(ending) for ending in ENDINGS} == set(get_args(Outcome))


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: type(ending).__name__)
def test_every_ending_carries_what_was_printed_and_what_it_cost(ending: Ended) -> None:
    assert isinstance(ending.text, str)
    assert ending.usage == Usage()


def test_an_answer_asks_nothing_by_itself() -> None:
    assert (Answered().questions, Answered().denials) == ((), ())


def test_a_rate_limit_may_not_know_its_end() -> None:
    assert RateLimited().reset_at is None
