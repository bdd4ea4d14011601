"""Laws of what may be spent."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from banksman.core.budget import Limits, Spent, exceeded, filled, least, left, told

AMOUNT: Final = st.integers(0, 2**53)
BOUND: Final = st.none() | AMOUNT
SPENT: Final = st.builds(
    Spent, turns=AMOUNT, time_ms=AMOUNT, tokens=AMOUNT, cost_microusd=AMOUNT
)
LIMITS: Final = st.builds(Limits, turns=BOUND, time_ms=BOUND, tokens=BOUND, cost_microusd=BOUND)


@given(LIMITS, SPENT)
def test_a_limit_is_reached_exactly_when_nothing_of_it_is_left(
    limits: Limits, spent: Spent
) -> None:
    assert (exceeded(limits, spent) is not None) == (0 in left(limits, spent).bounds)


@given(LIMITS, SPENT, SPENT)
def test_more_that_was_spent_never_leaves_more(limits: Limits, one: Spent, more: Spent) -> None:
    both = one.plus(more)
    assert both == more.plus(one)
    assert both.since(one) == more
    assert left(limits, both) == left(left(limits, one), more)
    assert exceeded(limits, one) is None or exceeded(limits, both) is not None


@given(LIMITS, LIMITS, SPENT)
def test_the_least_of_two_is_reached_exactly_when_one_of_them_is(
    first: Limits, second: Limits, spent: Spent
) -> None:
    both = least(first, second)
    assert both == least(second, first)
    assert (exceeded(both, spent) is None) == (
        exceeded(first, spent) is None and exceeded(second, spent) is None
    )


@given(LIMITS, LIMITS)
def test_defaults_change_nothing_that_is_limited(limits: Limits, defaults: Limits) -> None:
    whole = filled(limits, defaults)
    assert filled(whole, Limits(turns=1, time_ms=1, tokens=1, cost_microusd=1)).any
    assert filled(limits, whole) == whole
    for own, default, both in zip(limits.bounds, defaults.bounds, whole.bounds, strict=True):
        assert both == (default if own is None else own)


@given(LIMITS, SPENT)
def test_what_is_reached_is_among_what_is_told(limits: Limits, spent: Spent) -> None:
    words = exceeded(limits, spent)
    assert words is None or words in told(spent, limits)
