"""Which failures are tried again, and when: every class."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from banksman.core.retry import (
    FINAL,
    FREE,
    TRANSIENT,
    ErrorClass,
    Failure,
    Retry,
    decide_retry,
)
from banksman.core.task import Task, TaskStatus
from tests.unit.core.plans import HOUR_MS, a_task, at, specified

NOW: Final = at(1_000_000)
MINUTE_MS: Final = 60_000


def failed(*, used: int = 0, most: int = 3, limits: int = 0) -> Task:
    task = specified(a_task(1, status=TaskStatus.FAILED), retries_max=most)
    return replace(task, retries_used=used, rate_limits=limits)


def failure(error: ErrorClass, *, reset_at: int | None = None) -> Failure:
    return Failure(error=error, message="it broke", reset_at=reset_at)


def test_every_class_belongs_to_exactly_one_kind() -> None:
    kinds = [TRANSIENT, FREE, FINAL, {ErrorClass.GATE_FAILED}, {ErrorClass.UNKNOWN}]
    assert sorted(error for kind in kinds for error in kind) == sorted(ErrorClass)


@pytest.mark.parametrize("error", sorted(TRANSIENT))
@pytest.mark.parametrize(
    ("used", "minutes"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (99, 60)]
)
def test_a_transient_error_waits_twice_as_long_each_time(
    error: ErrorClass, used: int, minutes: int
) -> None:
    retry = decide_retry(failed(used=used, most=100), failure(error), NOW)
    assert retry == Retry(at=at(NOW + minutes * MINUTE_MS), uses_retry=True)


@pytest.mark.parametrize(("chance", "share_ms"), [(0.0, 0), (0.5, 60_000), (0.999, 119_880)])
def test_jitter_spreads_over_the_whole_delay(chance: float, share_ms: int) -> None:
    retry = decide_retry(failed(used=1), failure(ErrorClass.TIMEOUT), NOW, chance=chance)
    assert retry == Retry(at=at(NOW + share_ms), uses_retry=True)


def test_a_failed_gate_is_tried_again_at_once_and_costs_a_retry() -> None:
    retry = decide_retry(failed(used=2), failure(ErrorClass.GATE_FAILED), NOW, chance=0.5)
    assert retry == Retry(at=NOW, uses_retry=True)


@pytest.mark.parametrize("error", sorted(TRANSIENT | {ErrorClass.GATE_FAILED}))
def test_without_retries_left_a_failure_is_final(error: ErrorClass) -> None:
    assert decide_retry(failed(used=3), failure(error), NOW) is None
    assert decide_retry(failed(most=0), failure(error), NOW) is None


@pytest.mark.parametrize("error", sorted(FINAL))
def test_what_would_only_come_again_is_not_tried_again(error: ErrorClass) -> None:
    assert decide_retry(failed(), failure(error), NOW) is None


def test_an_unknown_error_is_tried_again_once() -> None:
    unknown = failure(ErrorClass.UNKNOWN)
    first = decide_retry(failed(), unknown, NOW)
    assert first == Retry(at=at(NOW + MINUTE_MS), uses_retry=True)
    assert decide_retry(failed(used=1), unknown, NOW) is None
    assert decide_retry(failed(most=0), unknown, NOW) is None


def test_a_lost_attempt_is_tried_again_at_once_whatever_was_used() -> None:
    retry = decide_retry(failed(used=3, most=0), failure(ErrorClass.LOST), NOW, chance=0.5)
    assert retry == Retry(at=NOW, uses_retry=False)


def test_a_rate_limit_waits_for_the_reset_that_was_told() -> None:
    told = failure(ErrorClass.RATE_LIMIT, reset_at=NOW + 5 * HOUR_MS)
    retry = decide_retry(failed(used=3, most=0), told, NOW, chance=0.5)
    assert retry == Retry(at=at(NOW + 5 * HOUR_MS), uses_retry=False, rate_limited=True)


@pytest.mark.parametrize(("limits", "minutes"), [(0, 1), (1, 2), (4, 16), (6, 60), (50, 60)])
def test_a_rate_limit_without_a_reset_waits_twice_as_long_each_time(
    limits: int, minutes: int
) -> None:
    retry = decide_retry(failed(limits=limits), failure(ErrorClass.RATE_LIMIT), NOW)
    assert retry == Retry(at=at(NOW + minutes * MINUTE_MS), uses_retry=False, rate_limited=True)


@pytest.mark.parametrize("reset_at", [0, NOW])
def test_a_reset_that_is_past_is_not_believed(reset_at: int) -> None:
    # Or a provider with a wrong clock would have us ask it without a pause.
    told = failure(ErrorClass.RATE_LIMIT, reset_at=reset_at)
    retry = decide_retry(failed(), told, NOW)
    assert retry is not None
    assert retry.at == NOW + MINUTE_MS
