"""The decisions that the domain names, one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from banksman.core.breakpoint_rules import BREAKPOINT_RULES
from banksman.core.breakpoints import BreakpointType
from banksman.core.confidence import WEIGHTS, confidence_of, features_of
from banksman.core.decision import (
    RULES,
    VERSION,
    Action,
    Decision,
    Evidence,
    Thresholds,
    decide,
)
from banksman.core.retry import ErrorClass

B = BreakpointType

GOOD = Evidence(
    gate_holds=True,
    score=1.0,
    tests_passed=10,
    tests_newly_passing=1,
    lines_covered=1.0,
    files_changed=2,
    lines_changed=20,
    turns_left=2,
    retries_left=3,
)
FAILED = replace(GOOD, gate_holds=False, required_failed=("tests",), score=0.5)
KNOWN = {"outcomes_recorded": 50}
"""Enough outcomes for the confidence to count."""
DOUBTFUL = replace(
    GOOD, tests_newly_passing=0, lines_covered=0.25, score=0.7, outcomes_recorded=50
)
"""Confidence between 0.4 and 0.7."""
POOR = replace(DOUBTFUL, tests_passed=0, tests_failed=1, score=0.0, files_changed=49)
"""Confidence below 0.4."""


def decided(base: Evidence, **changes: object) -> Decision:
    return decide(changed(base, changes))


def changed(base: Evidence, changes: Mapping[str, Any]) -> Evidence:
    return replace(base, **changes)


def test_the_samples_lie_where_their_names_say() -> None:
    assert decide(GOOD).confidence >= 0.7
    assert 0.4 <= decide(DOUBTFUL).confidence < 0.7
    assert decide(POOR).confidence < 0.4


def test_work_whose_gate_holds_proceeds() -> None:
    decision = decide(GOOD)
    assert (decision.action, decision.rule, decision.breakpoint) == (
        Action.PROCEED,
        "holds",
        None,
    )


@pytest.mark.parametrize(
    ("left", "action", "rule"),
    [
        ({"turns_left": 1, "retries_left": 1}, Action.CLARIFY, "fixable"),
        ({"turns_left": 1, "retries_left": 0}, Action.CLARIFY, "fixable"),
        ({"turns_left": 0, "retries_left": 1}, Action.RETRY, "repeatable"),
        ({"turns_left": 0, "retries_left": 0}, Action.ESCALATE, "consecutive_failures"),
    ],
)
def test_a_failed_gate_takes_turns_then_retries_then_a_person(
    left: dict[str, int], action: Action, rule: str
) -> None:
    decision = decided(FAILED, **left)
    assert (decision.action, decision.rule) == (action, rule)


def test_tests_that_newly_fail_with_nothing_left_have_their_own_breakpoint() -> None:
    decision = decided(FAILED, turns_left=0, retries_left=0, tests_newly_failing=1)
    assert decision.breakpoint is B.BREAKING_TEST_FAILURE


def test_a_row_of_failures_asks_a_person_though_retries_are_left() -> None:
    row = {"turns_left": 0, "retries_left": 9}
    assert decided(FAILED, failures_in_row=4, **row).action is Action.RETRY
    assert decided(FAILED, failures_in_row=5, **row).breakpoint is B.CONSECUTIVE_FAILURES


def test_turns_are_taken_before_a_row_of_failures_is_counted() -> None:
    assert decided(FAILED, failures_in_row=5, turns_left=1).action is Action.CLARIFY


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"gate_waits": True}, B.MANUAL),
        ({"dependencies_lost": 1}, B.DEPENDENCY_FAILED),
        ({"target_rewritten": True}, B.TARGET_REWRITTEN),
        ({"questions": ("tabs or spaces?",)}, B.AGENT_QUESTION),
        ({"conflicts": 2}, B.MERGE_CONFLICT),
        ({"rules_fired": (B.PROTECTED_PATH,)}, B.PROTECTED_PATH),
    ],
)
def test_what_only_a_person_can_settle_escalates_even_when_the_gate_holds(
    changes: dict[str, Any], kind: BreakpointType
) -> None:
    decision = decided(GOOD, **changes)
    assert (decision.action, decision.breakpoint) == (Action.ESCALATE, kind)
    assert kind in decision.reason


def test_the_first_conflict_is_the_agents() -> None:
    assert decided(GOOD, conflicts=1).action is Action.PROCEED


def test_of_several_rules_that_fired_the_most_severe_is_opened() -> None:
    fired = (B.AUDIT_SAMPLE, B.TEST_TAMPERING, B.ARCHITECTURE_DECISION)
    decision = decided(GOOD, rules_fired=fired)
    assert (decision.rule, decision.breakpoint) == ("policy", B.TEST_TAMPERING)


def test_a_rule_that_only_notifies_stops_nothing() -> None:
    assert decided(GOOD, rules_fired=(B.RATE_LIMIT_HIT,)).action is Action.PROCEED


def test_a_rule_that_a_person_accepted_for_this_work_does_not_stop_it_again() -> None:
    fired = (B.PROTECTED_PATH, B.AUDIT_SAMPLE)
    decision = decided(GOOD, rules_fired=fired, accepted=(B.PROTECTED_PATH,))
    assert decision.breakpoint is B.AUDIT_SAMPLE
    assert decided(GOOD, rules_fired=fired, accepted=fired).action is Action.PROCEED


def test_a_transient_error_is_tried_again() -> None:
    decision = decided(FAILED, error=ErrorClass.TIMEOUT, error_retryable=True)
    assert (decision.action, decision.rule) == (Action.RETRY, "transient_error")


def test_an_error_that_may_not_be_tried_again_is_never_taken_for_work() -> None:
    decision = decided(GOOD, error=ErrorClass.AUTHENTICATION)
    assert decision.breakpoint is B.CONSECUTIVE_FAILURES


@pytest.mark.parametrize(
    ("sample", "turns_left", "action"),
    [
        (GOOD, 0, Action.PROCEED),
        (DOUBTFUL, 1, Action.CLARIFY),
        (DOUBTFUL, 0, Action.ESCALATE),
        (POOR, 1, Action.ESCALATE),
        (POOR, 0, Action.ESCALATE),
    ],
)
def test_a_calibrated_confidence_decides_over_work_whose_gate_holds(
    sample: Evidence, turns_left: int, action: Action
) -> None:
    decision = decided(sample, turns_left=turns_left, **KNOWN)
    assert decision.calibrated
    assert decision.action is action
    if action is Action.ESCALATE:
        assert decision.breakpoint is B.CONFIDENCE_TOO_LOW


@pytest.mark.parametrize("sample", [GOOD, DOUBTFUL, POOR])
def test_an_uncalibrated_confidence_decides_nothing(sample: Evidence) -> None:
    decision = decided(sample, outcomes_recorded=49)
    assert not decision.calibrated
    assert decision.action is Action.PROCEED
    assert "uncalibrated: 49 of 50 outcomes are known" in decision.explanation


def test_accepted_doubt_is_not_asked_about_again() -> None:
    for sample in (DOUBTFUL, POOR):
        accepted = decided(sample, accepted=(B.CONFIDENCE_TOO_LOW,))
        assert accepted.action is Action.PROCEED


def test_accepted_doubt_says_nothing_of_a_gate_that_fails() -> None:
    accepted = (B.CONFIDENCE_TOO_LOW, B.CONSECUTIVE_FAILURES)
    decision = decided(FAILED, turns_left=0, retries_left=0, accepted=accepted)
    assert decision.action is Action.ESCALATE


def test_an_agent_that_changed_nothing_is_asked_again_and_then_a_person_is() -> None:
    nothing = {"files_changed": 0, "lines_changed": 0}
    assert decided(GOOD, **nothing).rule == "unchanged"
    last = decided(GOOD, turns_left=0, **nothing)
    assert last.breakpoint is B.CONFIDENCE_TOO_LOW
    assert last.reason == (
        "escalate: the agent says it is done and changed nothing (confidence_too_low)."
    )
    accepted = decided(GOOD, accepted=(B.CONFIDENCE_TOO_LOW,), **nothing)
    assert accepted.action is Action.PROCEED


def test_a_gate_that_holds_over_newly_failing_tests_contradicts_itself() -> None:
    decision = decided(GOOD, tests_newly_failing=1)
    assert decision.breakpoint is B.CONFIDENCE_TOO_LOW
    assert "the gate holds, although tests fail that passed before" in decision.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"checkpoint_asked": True},
        {"milestone": True},
        {"files_changed": 50},
        {"lines_changed": 1000},
    ],
)
def test_a_milestone_a_large_change_or_a_wish_is_saved_first(changes: dict[str, Any]) -> None:
    assert decided(GOOD, **changes).action is Action.CHECKPOINT


def test_what_is_not_accepted_is_not_saved_as_if_it_were() -> None:
    assert decided(FAILED, checkpoint_asked=True).action is Action.CLARIFY


def test_the_explanation_names_what_counted_and_how_much() -> None:
    decision = decided(GOOD, **KNOWN, outside_touches=1)
    text = decision.explanation
    assert text.startswith("proceed: the gate holds and no rule asks for a person.")
    assert f"Confidence {decision.confidence:.2f} (asks a person below 0.40" in text
    for name, weight in WEIGHTS.items():
        value = decision.features[name]
        words = name.replace("_", " ")
        assert f"{words} {value:.2f} × {weight:.2f} = {value * weight:.2f}" in text
    assert "10 passed, 0 failed, 0 newly failing, 1 newly passing" in text
    assert "2 files, 20 lines, 1 files outside what was expected" in text
    assert "left: 2 turns, 3 retries" in text


def test_the_explanation_names_the_checks_that_do_not_hold() -> None:
    assert "required checks that do not hold: tests;" in decide(FAILED).explanation


def test_a_decision_can_be_replayed_under_other_weights() -> None:
    weights = {name: float(name == "quality") for name in WEIGHTS}
    decision = decide(replace(GOOD, score=0.75), weights=weights)
    assert decision.confidence == 0.75
    assert decision.weights == weights
    assert decision.version == VERSION


def test_the_names_of_the_rules_are_unique() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))


def test_the_weights_are_the_prior_of_the_domain() -> None:
    assert list(WEIGHTS.values()) == [0.35, 0.25, 0.25, 0.10, 0.05]
    assert math.isclose(sum(WEIGHTS.values()), 1.0)


def test_every_breakpoint_rule_is_a_rule_that_escalates() -> None:
    asking = {rule.opens for rule in RULES if rule.action is Action.ESCALATE and rule.opens}
    assert asking == {rule.type for rule in BREAKPOINT_RULES}


FEATURES: Mapping[str, list[tuple[dict[str, Any], float]]] = {
    "evidence_strength": [
        ({}, 1.0),
        ({"files_changed": 0}, 0.0),
        ({"tests_passed": 0}, 0.8),
        ({"tests_newly_passing": 0}, 0.6),
        ({"lines_covered": None}, 0.6),
        ({"lines_covered": 0.5}, 0.8),
    ],
    "validation": [
        ({}, 1.0),
        ({"tests_passed": 0}, 0.5),
        ({"tests_failed": 10}, 0.5),
        ({"tests_newly_failing": 1}, 0.5),
        ({"checks_broken": 3}, 0.25),
        ({"error": ErrorClass.TIMEOUT}, 0.0),
        ({"gate_holds": False, "required_failed": ("tests",)}, 0.0),
    ],
    "quality": [({}, 1.0), ({"score": 0.3}, 0.3)],
    "complexity": [
        ({"lines_changed": 1000}, 0.5),
        ({"files_changed": 50}, 0.5),
        ({"lines_changed": 0, "files_changed": 0}, 1.0),
        ({"lines_changed": 1000, "outside_touches": 2}, 0.25),
        ({"lines_changed": 1000, "conflicts": 1}, 1 / 3),
    ],
    "history": [
        ({}, 0.5),
        ({"similar_seen": 8}, 0.1),
        ({"similar_seen": 8, "similar_right": 8}, 0.9),
    ],
}


@pytest.mark.parametrize(
    ("name", "changes", "value"),
    [(name, changes, value) for name, rows in FEATURES.items() for changes, value in rows],
)
def test_a_feature_is_computed_as_it_is_described(
    name: str, changes: dict[str, Any], value: float
) -> None:
    features = features_of(replace(GOOD, **changes), Thresholds())
    assert math.isclose(features[name], value)


def test_the_confidence_never_rounds_to_above_one() -> None:
    ones = dict.fromkeys(WEIGHTS, 1.0)
    assert confidence_of(ones, dict.fromkeys(WEIGHTS, 0.1)) == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"score": math.nan},
        {"score": -0.1},
        {"score": 1.1},
        {"lines_covered": math.nan},
        {"lines_covered": 2.0},
        {"turns_left": -1},
        {"similar_right": 1},
        {"required_failed": ("tests",)},
    ],
)
def test_evidence_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        replace(GOOD, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"proceed_min": 1.5},
        {"clarify_min": math.nan},
        {"clarify_min": 0.8},
        {"outcomes_min": -1},
        {"conflicts_max": -1},
        {"failures_max": 0},
        {"files_large": 0},
        {"lines_large": 0},
    ],
)
def test_thresholds_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        Thresholds(**changes)
