"""Every way from a test's outcome on the base to its outcome now."""

from __future__ import annotations

from itertools import product

import pytest

from banksman.core.quality import CheckStatus, Comparison, Stage, Verdict
from banksman.core.regression import case_name, compare_cases, judge

CASE = "tests.test_prices.TestVat::test_rounds"

FATES: dict[tuple[str | None, str | None], str] = {
    ("passed", "passed"): "",
    ("passed", "failed"): "newly_failing",
    ("passed", "error"): "newly_failing",
    ("passed", "skipped"): "newly_skipped",
    ("passed", None): "vanished",
    ("failed", "passed"): "newly_passing",
    ("failed", "failed"): "still_failing",
    ("failed", "error"): "still_failing",
    ("failed", "skipped"): "newly_skipped",
    ("failed", None): "vanished",
    ("error", "passed"): "newly_passing",
    ("error", "failed"): "still_failing",
    ("error", "error"): "still_failing",
    ("error", "skipped"): "newly_skipped",
    ("error", None): "",
    ("skipped", "passed"): "newly_passing",
    ("skipped", "failed"): "newly_failing",
    ("skipped", "error"): "newly_failing",
    ("skipped", "skipped"): "",
    ("skipped", None): "vanished",
    (None, "passed"): "newly_passing",
    (None, "failed"): "added_failing",
    (None, "error"): "added_failing",
    (None, "skipped"): "",
}
WORSE = {"newly_failing", "added_failing", "newly_skipped", "vanished"}


def only(field: str) -> Comparison:
    return Comparison(**{field: (CASE,)}) if field else Comparison()  # type: ignore[arg-type] # One field by name


def cases(outcome: str | None) -> dict[str, str]:
    return {} if outcome is None else {CASE: outcome}


def test_the_table_of_fates_knows_every_pair() -> None:
    outcomes = ("passed", "failed", "error", "skipped", None)
    assert FATES.keys() == set(product(outcomes, outcomes)) - {(None, None)}


@pytest.mark.parametrize(("before", "now"), FATES)
def test_a_test_becomes_what_its_two_outcomes_say(before: str | None, now: str | None) -> None:
    fate = FATES[before, now]
    comparison = compare_cases(cases(before), cases(now))
    assert comparison == only(fate)
    assert comparison.regressions == ((CASE,) if fate in WORSE else ())


@pytest.mark.parametrize(("before", "now"), FATES)
def test_a_task_may_lose_tests_in_files_it_may_change_and_may_not_break_them(
    before: str | None, now: str | None
) -> None:
    fate = FATES[before, now]
    excused = "excused" if fate in {"newly_skipped", "vanished"} else fate
    may = compare_cases(cases(before), cases(now), may_change=["tests/test_prices.py"])
    assert may == only(excused)


@pytest.mark.parametrize(
    ("case", "glob", "named"),
    [
        (CASE, "tests/test_prices.py", True),
        (CASE, "tests/*", True),
        (CASE, "**/test_prices.py", True),
        (CASE, "**", True),
        (CASE, "tests/test_?rices.py", True),
        (CASE, "*.py", False),
        (CASE, "tests", False),
        (CASE, "tests/test_pri.es.py", False),
        (CASE, "other/test_prices.py", False),
        ("test_top::test_a", "*.py", True),
        ("test_top::test_a", "**/test_top.py", True),
        ("web/prices.test.ts::Prices::adds", "web/**", True),
        ("web/deep/prices.test.ts::Prices::adds", "web/*", False),
        ("web/deep/prices.test.ts::Prices::adds", "web/**/*.ts", True),
        ("tests.test_broken", "tests/test_broken.py", True),
    ],
)
def test_a_glob_names_the_file_of_a_test(case: str, glob: str, *, named: bool) -> None:
    comparison = compare_cases({case: "passed"}, {}, may_change=["no/such.py", glob])
    assert comparison.excused == ((case,) if named else ())
    assert comparison.vanished == (() if named else (case,))


def test_without_a_baseline_every_failing_test_counts() -> None:
    branch = {"b": "error", "a": "failed", "c": "passed", "d": "skipped"}
    assert compare_cases(None, branch) == Comparison(
        baseline_known=False, newly_failing=("a", "b")
    )


@pytest.mark.parametrize(
    ("file", "classname", "name", "identity"),
    [
        ("t.py", "t.TestA", "test_1", "t.py::t.TestA::test_1"),
        ("", "t.TestA", "test_1", "t.TestA::test_1"),
        ("t.py", "", "test_1", "t.py::test_1"),
        ("", "", "tests.broken", "tests.broken"),
    ],
)
def test_a_test_is_named_by_its_place_and_its_name(
    file: str, classname: str, name: str, identity: str
) -> None:
    assert case_name(file=file, classname=classname, name=name) == identity


def ran(status: CheckStatus) -> Verdict:
    return Verdict(check="tests", stage=Stage.TESTS, status=status, message="3 tests")


@pytest.mark.parametrize("status", [CheckStatus.PASS, CheckStatus.SKIPPED, CheckStatus.FAIL])
@pytest.mark.parametrize("field", sorted(WORSE))
def test_a_regression_fails_the_check_whatever_the_runner_said(
    field: str, status: CheckStatus
) -> None:
    judged = judge(ran(status), only(field))
    assert judged.status is CheckStatus.FAIL
    assert judged.comparison == only(field)


def test_a_failure_that_the_base_has_too_is_a_warning() -> None:
    judged = judge(ran(CheckStatus.FAIL), only("still_failing"))
    assert judged.status is CheckStatus.WARN
    assert judged.message == "3 tests; 1 failing as before"


@pytest.mark.parametrize("status", [CheckStatus.PASS, CheckStatus.SKIPPED, CheckStatus.FAIL])
def test_a_run_without_regressions_keeps_its_status(status: CheckStatus) -> None:
    judged = judge(ran(status), only("newly_passing"))
    assert judged.status is status
    assert judged.message == "3 tests"


def test_a_run_that_broke_stays_broken() -> None:
    broken = ran(CheckStatus.ERROR)
    assert judge(broken, only("vanished")) == broken


def test_the_message_counts_each_way_and_says_that_the_base_is_unknown() -> None:
    known = Comparison(
        newly_failing=("a", "b"),
        added_failing=("c",),
        newly_skipped=("d",),
        vanished=("e",),
        excused=("f",),
        still_failing=("g",),
    )
    assert judge(ran(CheckStatus.FAIL), known).message == (
        "3 tests; 2 failing that did not before; 1 new and failing; 1 no longer run; 1 gone; "
        "1 skipped or gone where the task may change tests; 1 failing as before"
    )
    unknown = Comparison(baseline_known=False, newly_failing=("a",))
    assert judge(ran(CheckStatus.FAIL), unknown).message == (
        "3 tests; the baseline is unknown, so every failing test counts; 1 failing"
    )
