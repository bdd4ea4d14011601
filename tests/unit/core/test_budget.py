"""What is spent of what may be, kind by kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from banksman.core.breakpoint_rules import granted_after
from banksman.core.breakpoints import BreakpointType, Resolution, Severity
from banksman.core.budget import Limits, Spent, dollars, exceeded, filled, least, left, told
from banksman.core.records import BreakpointEvent
from banksman.core.task import Instant, ProjectId, TaskId

MUCH = Spent(turns=7, time_ms=90_000, tokens=1_200_000, cost_microusd=20_030_000)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(turns=7), "7 of 7 turns"),
        (Limits(turns=1), "7 of 1 turn"),
        (Limits(time_ms=60_000), "1.5 of 1 minute"),
        (Limits(tokens=1_000_000), "1,200,000 of 1,000,000 tokens"),
        (Limits(cost_microusd=20_000_000), "$20.03 of $20.00"),
        (
            Limits(cost_microusd=1, turns=8, time_ms=90_001, tokens=1_200_000),
            "1,200,000 of 1,200,000 tokens",
        ),
    ],
)
def test_the_first_limit_that_is_reached_is_told(limits: Limits, words: str) -> None:
    assert exceeded(limits, MUCH) == words


@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(turns=8, time_ms=90_001, tokens=1_200_001, cost_microusd=20_030_001),
    ],
)
def test_nothing_is_told_while_more_may_be_spent(limits: Limits) -> None:
    assert exceeded(limits, MUCH) is None


def test_a_limit_of_nothing_is_reached_from_the_start() -> None:
    assert exceeded(Limits(turns=0), Spent()) == "0 of 0 turns"


def test_what_is_left_ends_at_nothing() -> None:
    limits = Limits(turns=9, time_ms=1, cost_microusd=20_030_001)
    assert left(limits, MUCH) == Limits(turns=2, time_ms=0, cost_microusd=1)


def test_of_two_limits_the_lower_one_keeps_both() -> None:
    first = Limits(turns=3, tokens=5, cost_microusd=9)
    second = Limits(turns=2, tokens=6, time_ms=4)
    assert least(first, second) == Limits(turns=2, time_ms=4, tokens=5, cost_microusd=9)


def test_a_default_counts_where_a_task_says_nothing() -> None:
    own = Limits(turns=30, time_ms=0)
    defaults = Limits(turns=2, time_ms=7, tokens=6)
    assert filled(own, defaults) == Limits(turns=30, time_ms=0, tokens=6)


def test_only_what_was_spent_or_is_limited_is_told() -> None:
    assert told(Spent(), Limits()) == ()
    assert told(Spent(turns=1, cost_microusd=5), Limits(tokens=7)) == (
        "1 turn",
        "0 of 7 tokens",
        "$0.000005",
    )


def test_minutes_that_are_not_over_do_not_look_as_if_they_were() -> None:
    assert told(Spent(time_ms=59_999), Limits(time_ms=60_000)) == ("0.99 of 1 minute",)


def test_what_was_spent_since_is_the_difference_kind_by_kind() -> None:
    before = Spent(turns=3, time_ms=90_001, tokens=200_000, cost_microusd=30_000)
    assert MUCH.since(before) == Spent(turns=4, tokens=1_000_000, cost_microusd=20_000_000)


def test_whether_anything_is_limited_is_known() -> None:
    assert not Limits().any
    assert Limits(cost_microusd=0).any


@pytest.mark.parametrize(
    ("microusd", "words"),
    [(0, "$0.00"), (10, "$0.00001"), (1_500_000, "$1.50"), (10**15, "$1,000,000,000.00")],
)
def test_money_is_written_exactly(microusd: int, words: str) -> None:
    assert dollars(microusd) == words


def test_numbers_below_nothing_are_refused() -> None:
    with pytest.raises(AssertionError):
        Spent(turns=-1)
    with pytest.raises(AssertionError):
        Limits(cost_microusd=-1)


def test_only_what_was_spent_after_the_last_answer_counts() -> None:
    event = BreakpointEvent(
        id=1,
        project_id=ProjectId(1),
        task_id=TaskId(7),
        attempt=3,
        type=BreakpointType.BUDGET_EXCEEDED,
        severity=Severity.HIGH,
        message="",
        opened_at=Instant(0),
    )
    answered = replace(event, attempt=2, resolution=Resolution.RETRY, resolved_at=Instant(1))
    others = (
        replace(answered, attempt=8, task_id=TaskId(8)),
        replace(answered, attempt=9, type=BreakpointType.MANUAL),
    )
    assert granted_after(TaskId(7), (event, *others)) == 0
    earlier = replace(answered, attempt=1)
    assert granted_after(TaskId(7), (event, answered, earlier, *others)) == 2
