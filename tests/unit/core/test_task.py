"""A task as a value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from banksman.core import task as task_module
from banksman.core.task import TaskSpec, TaskStatus, parse_dependencies
from tests.unit.core.plans import a_task, specified


def test_metadata_shows_the_dependencies_in_their_text_form() -> None:
    task = replace(a_task(20, 12, 15), extra={"owner": "ada"})
    assert task.metadata == {"owner": "ada", "dependencies": "12, 15"}


def test_the_text_form_of_dependencies_reads_back() -> None:
    task = a_task(20, 12, 15)
    assert parse_dependencies(task.metadata["dependencies"]) == task.needs


@pytest.mark.parametrize("text", ["12; 15", "a", "1.5", "1 2"])
def test_dependencies_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_dependencies(text)


@pytest.mark.parametrize(
    ("most", "granted", "used", "left"),
    [(3, 0, 0, 3), (3, 0, 3, 0), (3, 1, 3, 1), (0, 0, 2, 0)],
)
def test_retries_left_are_those_allowed_and_granted_but_not_used(
    most: int, granted: int, used: int, left: int
) -> None:
    task = replace(
        specified(a_task(1), retries_max=most), retries_granted=granted, retries_used=used
    )
    assert task.retries_left == left


@pytest.mark.parametrize("status", TaskStatus)
def test_every_status_has_its_alias(status: TaskStatus) -> None:
    assert getattr(task_module, f"STATE_{status.name}") is status


@pytest.mark.parametrize("priority", [0, 11])
def test_a_priority_out_of_range_is_a_defect(priority: int) -> None:
    with pytest.raises(AssertionError, match="priority"):
        TaskSpec(key="k", title="t", priority=priority)


@pytest.mark.parametrize("estimate", [0.0, -1.0, float("inf"), float("nan")])
def test_an_estimate_that_cannot_be_added_up_is_a_defect(estimate: float) -> None:
    with pytest.raises(AssertionError, match="estimate"):
        TaskSpec(key="k", title="t", estimate_min=estimate)


def test_a_task_without_key_retries_or_turns_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="key"):
        TaskSpec(key="", title="t")
    with pytest.raises(AssertionError, match="retries"):
        TaskSpec(key="k", title="t", retries_max=-1)
    with pytest.raises(AssertionError, match="turns"):
        TaskSpec(key="k", title="t", turns_max=0)
