"""Effective priority and the order of selection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from banksman.core.priority import (
    SelectionKey,
    effective_priority,
    is_near,
    near_from,
    selection_key,
)
from tests.unit.core.plans import HOUR_MS, a_task, at, specified


@pytest.mark.parametrize(
    ("priority", "near", "waited_for", "retries", "effective"),
    [
        (5, False, False, 0, 5),
        (5, True, False, 0, 7),
        (5, False, True, 0, 6),
        (5, True, True, 0, 8),
        (5, False, False, 2, 3),
        (5, True, True, 3, 5),
        (1, False, False, 3, 1),
        (2, True, False, 9, 1),
        (10, True, True, 0, 13),
    ],
)
def test_effective_priority_adds_what_the_domain_says(
    *, priority: int, near: bool, waited_for: bool, retries: int, effective: int
) -> None:
    task = replace(specified(a_task(1), priority=priority), retries_used=retries)
    assert effective_priority(task, near=near, waited_for=waited_for) == effective


@pytest.mark.parametrize(
    ("to_deadline_ms", "near"),
    [(HOUR_MS + 1, False), (HOUR_MS, False), (HOUR_MS - 1, True), (0, True), (-1, True)],
)
def test_a_deadline_is_near_in_less_than_an_hour(*, to_deadline_ms: int, near: bool) -> None:
    now = at(10 * HOUR_MS)
    task = specified(a_task(1), deadline=now + to_deadline_ms)
    assert is_near(task, now) is near


def test_without_a_deadline_none_is_ever_near() -> None:
    assert near_from(a_task(1)) is None
    assert not is_near(a_task(1), at(10**15))


def key(
    number: int, *, priority: int = 5, path: float = 1.0, deadline: int | None = None
) -> SelectionKey:
    task = specified(a_task(number), priority=priority, deadline=deadline)
    return selection_key(task, near=False, waited_for=False, path_min=path)


def test_ties_are_broken_by_path_then_deadline_then_id() -> None:
    in_order = [
        key(9, priority=6),
        key(8, path=2.5),
        key(7, path=2.0, deadline=100),
        key(6, path=2.0, deadline=200),
        key(5, path=2.0),
        key(3),
        key(4),
    ]
    assert sorted(in_order) == in_order
