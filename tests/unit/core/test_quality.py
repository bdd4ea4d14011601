"""Verdicts, the score and the gate over them, and what is fed back."""

from __future__ import annotations

import pytest

from banksman.core.quality import (
    FEEDBACK_LINES_MAX,
    WEIGHTS,
    CheckStatus,
    Comparison,
    QualityReport,
    Stage,
    Verdict,
    blocking_stage,
    score_of,
)


def verdict(
    stage: Stage = Stage.TESTS,
    status: CheckStatus = CheckStatus.PASS,
    *,
    check: str = "tests",
    required: bool = True,
    asked: bool = True,
    details: tuple[str, ...] = (),
) -> Verdict:
    return Verdict(
        check=check,
        stage=stage,
        status=status,
        required=required,
        asked=asked,
        message="said",
        details=details,
    )


def test_the_weights_of_the_stages_are_those_of_the_domain_in_their_order() -> None:
    assert [(str(stage), WEIGHTS[stage]) for stage in Stage] == [
        ("syntax", 0.2),
        ("requirements", 0.3),
        ("quality", 0.3),
        ("tests", 0.2),
    ]


def test_the_score_weighs_the_shares_of_the_stages_that_ran() -> None:
    verdicts = (
        verdict(Stage.SYNTAX),
        verdict(Stage.QUALITY, check="a"),
        verdict(Stage.QUALITY, CheckStatus.FAIL, check="b", required=False),
        verdict(Stage.TESTS),
    )
    assert round(score_of(verdicts), 9) == round((0.2 + 0.3 / 2 + 0.2) / 0.7, 9)


@pytest.mark.parametrize(
    ("status", "score"),
    [
        (CheckStatus.PASS, 1.0),
        (CheckStatus.WARN, 1.0),
        (CheckStatus.FAIL, 0.0),
        (CheckStatus.ERROR, 0.0),
        (CheckStatus.SKIPPED, 0.0),
    ],
)
def test_only_a_pass_and_a_warning_count_as_passed(status: CheckStatus, score: float) -> None:
    assert score_of([verdict(status=status)]) == score
    assert QualityReport(verdicts=(verdict(status=status),)).gate_holds == (score == 1.0)


def test_a_skipped_check_takes_no_part_in_the_share_of_its_stage() -> None:
    skipped = verdict(status=CheckStatus.SKIPPED, check="other", required=False)
    assert score_of([verdict(), skipped]) == 1.0


def test_a_check_that_was_not_asked_takes_no_part_in_the_score() -> None:
    behind = verdict(Stage.TESTS, CheckStatus.SKIPPED, asked=False)
    assert score_of([verdict(Stage.SYNTAX), behind]) == 1.0


def test_a_gate_over_no_checks_does_not_hold() -> None:
    report = QualityReport()
    assert report.score == 0.0
    assert report.problems == ("no check ran, and nothing is assumed to pass",)


def test_a_gate_over_checks_that_were_all_skipped_does_not_hold() -> None:
    skipped = verdict(status=CheckStatus.SKIPPED, required=False)
    assert not QualityReport(verdicts=(skipped,)).gate_holds


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (CheckStatus.FAIL, "failed"),
        (CheckStatus.ERROR, "broke"),
        (CheckStatus.SKIPPED, "was skipped"),
    ],
)
def test_a_required_check_that_does_not_pass_breaks_the_gate_whatever_the_score(
    status: CheckStatus, words: str
) -> None:
    others = tuple(verdict(stage, check=f"{stage} {n}") for stage in Stage for n in range(20))
    report = QualityReport(verdicts=(*others, verdict(status=status, check="tests")))
    assert report.score > 0.98
    assert report.problems == (f"the required check 'tests' (tests) {words}",)
    assert report.summary == (
        f"the gate does not hold: the required check 'tests' (tests) {words}"
    )


def test_a_required_check_behind_a_failed_stage_is_named_as_not_asked() -> None:
    report = QualityReport(
        verdicts=(
            verdict(Stage.SYNTAX, CheckStatus.FAIL, check="syntax"),
            verdict(Stage.TESTS, CheckStatus.SKIPPED, asked=False),
        )
    )
    assert report.problems == (
        "the required check 'syntax' (syntax) failed",
        "the required check 'tests' (tests) was not asked, for a stage before it failed",
        "the score 0.00 is below 0.7",
    )


def test_a_check_that_is_not_required_breaks_the_gate_only_by_the_score() -> None:
    passed = verdict(Stage.TESTS)
    failed = verdict(Stage.QUALITY, CheckStatus.FAIL, check="lint", required=False)
    assert QualityReport(verdicts=(failed, passed)).problems == ("the score 0.40 is below 0.7",)
    many = tuple(verdict(Stage.QUALITY, check=f"lint {n}") for n in range(9))
    assert QualityReport(verdicts=(failed, *many, passed)).gate_holds


def test_a_score_of_exactly_seven_tenths_is_enough() -> None:
    stages = [verdict(stage, check=stage) for stage in Stage if stage is not Stage.QUALITY]
    failed = verdict(Stage.QUALITY, CheckStatus.FAIL, required=False)
    report = QualityReport(verdicts=(*stages, failed))
    assert report.gate_holds
    assert report.summary == "the gate holds with a score of 0.70"


def test_the_first_stage_with_a_required_failure_is_the_one_that_blocks() -> None:
    assert blocking_stage([verdict(), verdict(Stage.SYNTAX)]) is None
    verdicts = [
        verdict(Stage.TESTS, CheckStatus.FAIL),
        verdict(Stage.QUALITY, CheckStatus.ERROR),
        verdict(Stage.SYNTAX, CheckStatus.FAIL, required=False),
    ]
    assert blocking_stage(verdicts) is Stage.QUALITY


def test_feedback_tells_of_what_failed_and_broke_and_of_nothing_else() -> None:
    report = QualityReport(
        verdicts=(
            verdict(Stage.SYNTAX, CheckStatus.FAIL, check="syntax", details=("a.py:1: bad",)),
            verdict(Stage.QUALITY, CheckStatus.WARN, check="warned", details=("w",)),
            verdict(Stage.QUALITY, CheckStatus.SKIPPED, check="optional", required=False),
            verdict(Stage.QUALITY, CheckStatus.SKIPPED, check="needed"),
            verdict(Stage.TESTS, CheckStatus.ERROR, check="broken", required=False),
            verdict(Stage.TESTS, CheckStatus.SKIPPED, check="behind", asked=False),
        )
    )
    assert report.feedback == (
        "syntax (syntax): said",
        "- a.py:1: bad",
        "needed (quality): said",
        "broken (tests): said",
    )


def test_feedback_on_tests_names_each_regression_with_its_own_message() -> None:
    comparison = Comparison(
        newly_failing=("t::a",),
        added_failing=("t::b",),
        newly_skipped=("t::c",),
        vanished=("t::d",),
        still_failing=("t::old",),
    )
    failed = Verdict(
        check="tests",
        stage=Stage.TESTS,
        status=CheckStatus.FAIL,
        message="1 passed, 3 failed",
        details=("t::a: assert 1 == 2", "t::b: boom", "t::old: as ever"),
        comparison=comparison,
    )
    assert QualityReport(verdicts=(failed,)).feedback == (
        "tests (tests): 1 passed, 3 failed",
        "- t::a fails: assert 1 == 2",
        "- t::b is new and fails: boom",
        "- t::c is skipped and was not before",
        "- t::d is gone",
    )


def test_feedback_on_one_check_is_bounded_and_says_how_much_is_left_out() -> None:
    details = tuple(f"finding {n}" for n in range(FEEDBACK_LINES_MAX + 2))
    report = QualityReport(verdicts=(verdict(status=CheckStatus.FAIL, details=details),))
    assert len(report.feedback) == FEEDBACK_LINES_MAX + 2
    assert report.feedback[-2:] == (f"- finding {FEEDBACK_LINES_MAX - 1}", "- and 2 more")
