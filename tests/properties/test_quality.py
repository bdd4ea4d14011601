"""Laws of the score, the gate and the comparison."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from banksman.core.quality import (
    SCORE_MIN,
    CheckStatus,
    Comparison,
    QualityReport,
    Stage,
    Verdict,
    score_of,
)
from banksman.core.regression import compare_cases, judge

OUTCOMES = st.sampled_from(["passed", "failed", "skipped", "error"])
CASES = st.dictionaries(st.sampled_from("abcdefgh"), OUTCOMES)
VERDICTS = st.lists(
    st.builds(
        Verdict,
        check=st.sampled_from("abc"),
        stage=st.sampled_from(Stage),
        status=st.sampled_from(CheckStatus),
        required=st.booleans(),
        asked=st.booleans(),
    )
)


def named(comparison: Comparison) -> list[str]:
    return [
        *comparison.regressions,
        *comparison.excused,
        *comparison.newly_passing,
        *comparison.still_failing,
    ]


@given(VERDICTS)
def test_a_score_is_a_share(verdicts: list[Verdict]) -> None:
    assert 0.0 <= score_of(verdicts) <= 1.0


@given(VERDICTS)
def test_the_order_of_verdicts_does_not_matter(verdicts: list[Verdict]) -> None:
    assert score_of(verdicts) == score_of(verdicts[::-1])


@given(VERDICTS)
def test_a_gate_that_holds_has_its_score_and_all_that_is_required(
    verdicts: list[Verdict],
) -> None:
    report = QualityReport(verdicts=tuple(verdicts))
    held = all(verdict.holds for verdict in verdicts if verdict.required)
    ran = any(verdict.ran for verdict in verdicts)
    assert report.gate_holds == (held and ran and report.score >= SCORE_MIN - 1e-9)


@given(VERDICTS, st.sampled_from([CheckStatus.FAIL, CheckStatus.ERROR]))
def test_one_more_failure_never_raises_the_score(
    verdicts: list[Verdict], status: CheckStatus
) -> None:
    for stage in {verdict.stage for verdict in verdicts if verdict.ran}:
        worse = [*verdicts, Verdict(check="one more", stage=stage, status=status)]
        assert score_of(worse) <= score_of(verdicts)


@given(CASES)
def test_a_run_compared_with_itself_is_no_regression(cases: dict[str, str]) -> None:
    assert compare_cases(cases, cases).regressions == ()


@given(CASES, CASES)
def test_each_test_is_in_one_place_at_most(
    base: dict[str, str], branch: dict[str, str]
) -> None:
    names = named(compare_cases(base, branch))
    assert len(names) == len(set(names))
    assert set(names) <= base.keys() | branch.keys()


@given(CASES, CASES)
def test_what_fails_now_is_told_whatever_it_was(
    base: dict[str, str], branch: dict[str, str]
) -> None:
    comparison = compare_cases(base, branch)
    broken = {case for case, outcome in branch.items() if outcome in {"failed", "error"}}
    assert broken <= {*comparison.regressions, *comparison.still_failing}


@given(CASES, CASES)
def test_leave_to_change_tests_never_adds_a_regression(
    base: dict[str, str], branch: dict[str, str]
) -> None:
    strict = compare_cases(base, branch)
    lenient = compare_cases(base, branch, may_change=["**"])
    assert set(lenient.regressions) <= set(strict.regressions)
    assert sorted(named(lenient)) == sorted(named(strict))


@given(CASES, CASES, st.sampled_from(CheckStatus))
def test_a_regression_is_never_judged_a_pass(
    base: dict[str, str], branch: dict[str, str], status: CheckStatus
) -> None:
    ran = Verdict(check="tests", stage=Stage.TESTS, status=status)
    comparison = compare_cases(base, branch)
    if comparison.regressions:
        assert not judge(ran, comparison).holds
