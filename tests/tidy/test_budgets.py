"""The budgets of time: what is said, and what fails."""

from __future__ import annotations

from tools.budgets import FAIL_FACTOR, Spent, overspent, table

BUDGETS = {"unit": 10.0, "crash": 20.0}


def test_a_folder_may_take_its_budget_and_some_noise() -> None:
    assert overspent({"unit": Spent(tests=1, cpu_s=10.0 * FAIL_FACTOR)}, BUDGETS) == []


def test_a_folder_that_takes_many_times_its_budget_fails() -> None:
    (line,) = overspent({"unit": Spent(tests=1, cpu_s=10.0 * FAIL_FACTOR + 0.1)}, BUDGETS)
    assert line.startswith("unit took 30 s")


def test_waiting_is_said_and_does_not_fail() -> None:
    slow = {"crash": Spent(tests=2, wall_s=500.0, cpu_s=1.0)}
    assert overspent(slow, BUDGETS) == []
    assert any(row.startswith("crash") and row.endswith("over") for row in table(slow, BUDGETS))


def test_a_folder_without_a_budget_fails() -> None:
    (line,) = overspent({"new": Spent(tests=1, cpu_s=0.1)}, BUDGETS)
    assert "no budget for new" in line


def test_a_folder_that_did_not_run_is_named() -> None:
    *_, last = table({"unit": Spent(tests=3, wall_s=1.0, cpu_s=1.0)}, BUDGETS)
    assert last == "not run: crash"
