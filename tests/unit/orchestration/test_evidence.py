"""What a decision is made from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from banksman.core.quality import CheckStatus, Comparison, Counts, QualityReport, Stage, Verdict
from banksman.core.records import Attempt, Ending, FileChange
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec
from banksman.orchestration.evidence import evidence_of
from banksman.ports import Capture

TASK = Task(
    id=TaskId(1),
    project_id=ProjectId(1),
    spec=TaskSpec(key="a", title="A", retries_max=3, turns_max=2),
    retries_used=1,
    retries_granted=2,
)
ATTEMPT = Attempt(
    task_id=TaskId(1),
    number=4,
    project_id=ProjectId(1),
    epoch=1,
    started_at=Instant(0),
    turns=1,
)
CAPTURE = Capture(commit="c", tree="t", base="b")


def verdict(
    check: str,
    status: CheckStatus = CheckStatus.PASS,
    *,
    counts: Counts | None = None,
    comparison: Comparison | None = None,
    stage: Stage = Stage.TESTS,
) -> Verdict:
    return Verdict(
        check=check,
        stage=stage,
        status=status,
        required=True,
        counts=counts or Counts(),
        comparison=comparison,
    )


HOLDS = QualityReport(verdicts=(verdict("tests"),))
FAILS = QualityReport(verdicts=(verdict("tests", CheckStatus.FAIL),))


def change(path: str, added: int = 1, deleted: int = 0) -> FileChange:
    return FileChange(
        task_id=TaskId(1), attempt=4, path=path, change="modified", added=added, deleted=deleted
    )


def earlier(number: int, error: ErrorClass | None) -> Attempt:
    return replace(ATTEMPT, number=number, error=error, ending=Ending.FAILED)


def test_a_gate_that_holds_leaves_turns_and_retries_as_they_are() -> None:
    found = evidence_of(TASK, ATTEMPT, capture=CAPTURE, report=HOLDS, earlier=())
    assert found.gate_holds
    assert (found.turns_left, found.retries_left) == (1, 4)
    assert (found.required_failed, found.failures_in_row, found.checks_broken) == ((), 0, 0)
    assert found.change_empty


def test_no_more_turns_than_none_are_left() -> None:
    worn = replace(ATTEMPT, turns=7)
    found = evidence_of(TASK, worn, capture=CAPTURE, report=HOLDS, earlier=())
    assert found.turns_left == 0


def test_checks_that_do_not_hold_are_named_and_broken_ones_counted() -> None:
    report = QualityReport(
        verdicts=(
            verdict("lint", CheckStatus.FAIL),
            verdict("tests", CheckStatus.ERROR),
            verdict("more", CheckStatus.PASS),
        )
    )
    found = evidence_of(TASK, ATTEMPT, capture=CAPTURE, report=report, earlier=())
    assert (found.required_failed, found.checks_broken) == (("lint", "tests"), 1)
    assert not found.gate_holds


def test_tests_are_counted_where_they_are_compared_one_by_one() -> None:
    comparison = Comparison(newly_failing=("x", "y"), newly_passing=("z",))
    report = QualityReport(
        verdicts=(
            verdict(
                "unit",
                CheckStatus.FAIL,
                counts=Counts(passed=5, failed=2, errors=1, skipped=9),
                comparison=comparison,
            ),
            verdict("files", counts=Counts(passed=100, failed=100)),
        )
    )
    found = evidence_of(TASK, ATTEMPT, capture=CAPTURE, report=report, earlier=())
    assert (found.tests_passed, found.tests_failed) == (5, 3)
    assert found.tests_newly_failing == len(comparison.regressions)
    assert found.tests_newly_passing == 1


def test_a_change_is_measured_in_files_and_lines() -> None:
    capture = replace(CAPTURE, changes=(change("a", 3, 1), change("b", 0, 7)))
    found = evidence_of(TASK, ATTEMPT, capture=capture, report=HOLDS, earlier=())
    assert (found.files_changed, found.lines_changed, found.outside_touches) == (2, 11, 0)


@pytest.mark.parametrize(("touches", "outside"), [((), 0), (("src/**",), 1), (("**",), 0)])
def test_files_outside_of_what_was_expected_are_counted(
    touches: tuple[str, ...], outside: int
) -> None:
    task = replace(TASK, spec=replace(TASK.spec, touches=touches))
    capture = replace(CAPTURE, changes=(change("src/a"), change("docs/b")))
    found = evidence_of(task, ATTEMPT, capture=capture, report=HOLDS, earlier=())
    assert found.outside_touches == outside


@pytest.mark.parametrize(
    ("errors", "in_row"),
    [
        ([], 1),
        ([ErrorClass.GATE_FAILED], 2),
        ([ErrorClass.GATE_FAILED] * 3, 4),
        ([ErrorClass.GATE_FAILED, ErrorClass.TIMEOUT], 1),
        ([ErrorClass.TIMEOUT, ErrorClass.GATE_FAILED], 2),
        ([ErrorClass.GATE_FAILED, None], 1),
    ],
)
def test_failures_in_a_row_are_counted_back_from_this_one(
    errors: list[ErrorClass | None], in_row: int
) -> None:
    before = [earlier(number, error) for number, error in enumerate(errors, start=1)]
    for order in (before, before[::-1]):
        found = evidence_of(TASK, ATTEMPT, capture=CAPTURE, report=FAILS, earlier=order)
        assert found.failures_in_row == in_row
    found = evidence_of(TASK, ATTEMPT, capture=CAPTURE, report=HOLDS, earlier=before)
    assert found.failures_in_row == 0


def test_conflicts_are_the_attempts_own() -> None:
    met = replace(ATTEMPT, conflicts=1)
    found = evidence_of(TASK, met, capture=CAPTURE, report=HOLDS, earlier=())
    assert found.conflicts == 1
