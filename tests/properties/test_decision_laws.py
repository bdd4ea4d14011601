"""What holds of every decision, whatever the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from banksman.core.breakpoints import BreakpointType
from banksman.core.decision import RULES, Action, Evidence, Rule, Thresholds, decide
from banksman.core.evidence import Situation
from banksman.core.retry import ErrorClass

COUNTS = st.one_of(st.integers(0, 3), st.integers(0, 10**9))
SHARES = st.floats(0.0, 1.0)
KINDS = st.lists(st.sampled_from(BreakpointType), max_size=3, unique=True).map(tuple)
MORE_IS_BETTER = (
    "score",
    "tests_passed",
    "tests_newly_passing",
    "lines_covered",
    "similar_right",
)
LESS_IS_BETTER = (
    "tests_failed",
    "tests_newly_failing",
    "checks_broken",
    "lines_changed",
    "outside_touches",
    "conflicts",
)


def _value(name: str, kind: str) -> st.SearchStrategy[Any]:
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "bool": st.booleans(),
        "int": COUNTS,
        "float": SHARES,
        "float | None": st.none() | SHARES,
        "ErrorClass | None": st.none() | st.sampled_from(ErrorClass),
        "tuple[BreakpointType, ...]": KINDS,
        "tuple[str, ...]": st.sampled_from([(), (name,)]),
    }
    return by_kind[kind]


def _consistent(values: dict[str, Any]) -> Evidence:
    right = values.get("similar_right", 0)
    values["similar_seen"] = max(right, values.get("similar_seen", 0))
    if values.get("gate_holds"):
        values.pop("required_failed", None)
    return Evidence(**values)


ANY_VALUE = {field.name: _value(field.name, str(field.type)) for field in fields(Evidence)}
SOUND: Mapping[str, object] = {
    "gate_holds": True,
    "score": 0.9,
    "tests_passed": 9,
    "files_changed": 1,
    "turns_left": 1,
    "retries_left": 1,
    "outcomes_recorded": 50,
}


@st.composite
def _near(draw: st.DrawFn) -> Evidence:
    """Return evidence with few remarkable facts, as in use: where the later rules decide."""
    names = draw(st.lists(st.sampled_from(sorted(ANY_VALUE)), max_size=3, unique=True))
    base = dict(draw(st.sampled_from([SOUND, {}])))
    return _consistent({**base, **{name: draw(ANY_VALUE[name]) for name in names}})


EVIDENCE = _near() | st.fixed_dictionaries({}, optional=ANY_VALUE).map(_consistent)
"""Evidence of every kind, with each field over its whole range."""


@given(EVIDENCE)
def test_a_decision_is_always_taken_and_explained(evidence: Evidence) -> None:
    decision = decide(evidence)
    assert decision.rule in {rule.name for rule in RULES}
    assert decision.explanation.startswith(decision.action)
    assert decide(evidence) == decision


@given(EVIDENCE)
def test_confidence_and_features_are_numbers_between_0_and_1(evidence: Evidence) -> None:
    decision = decide(evidence)
    for value in (decision.confidence, *decision.features.values()):
        assert math.isfinite(value)
        assert 0.0 <= value <= 1.0


@given(EVIDENCE)
def test_a_breakpoint_is_named_exactly_when_a_person_is_asked(evidence: Evidence) -> None:
    decision = decide(evidence)
    assert (decision.breakpoint is not None) == (decision.action is Action.ESCALATE)


@given(EVIDENCE)
def test_no_work_is_accepted_whose_gate_does_not_hold(evidence: Evidence) -> None:
    if decide(evidence).action in {Action.PROCEED, Action.CHECKPOINT}:
        assert evidence.gate_holds
        assert evidence.error is None
        assert not evidence.required_failed


@given(EVIDENCE)
def test_nothing_is_tried_that_is_not_left(evidence: Evidence) -> None:
    decision = decide(evidence)
    if decision.action is Action.CLARIFY:
        assert evidence.turns_left > 0
    if decision.action is Action.RETRY:
        assert evidence.retries_left > 0 or evidence.error_retryable


@given(EVIDENCE)
def test_uncalibrated_work_is_accepted_exactly_if_its_gate_holds_and_no_rule_fires(
    evidence: Evidence,
) -> None:
    unknown = replace(evidence, outcomes_recorded=0)
    decision = decide(unknown)
    asking = [
        rule for rule in RULES if rule.action is Action.ESCALATE or rule.name == "unchanged"
    ]
    now = Situation(
        evidence=unknown,
        confidence=decision.confidence,
        calibrated=False,
        thresholds=Thresholds(),
    )
    fires = any(rule.when(now) for rule in asking)
    sound = unknown.gate_holds and unknown.error is None and not fires
    assert (decision.action in {Action.PROCEED, Action.CHECKPOINT}) == sound


@given(EVIDENCE, st.sampled_from(MORE_IS_BETTER), st.data())
def test_more_of_what_speaks_for_the_work_never_lowers_the_confidence(
    evidence: Evidence, name: str, data: st.DataObject
) -> None:
    before = getattr(evidence, name) or 0
    by_name: dict[str, st.SearchStrategy[Any]] = {
        "score": st.floats(before, 1.0),
        "lines_covered": st.floats(before, 1.0),
    }
    most = evidence.similar_seen if name == "similar_right" else 10**12
    better = data.draw(by_name[name] if name in by_name else st.integers(before, most))
    assert _confidence(_with(evidence, {name: better})) >= _confidence(evidence)


@given(EVIDENCE, st.sampled_from(LESS_IS_BETTER), st.data())
def test_less_of_what_speaks_against_the_work_never_lowers_the_confidence(
    evidence: Evidence, name: str, data: st.DataObject
) -> None:
    fewer = data.draw(st.integers(0, getattr(evidence, name)))
    assert _confidence(_with(evidence, {name: fewer})) >= _confidence(evidence)


@given(EVIDENCE)
def test_a_required_check_that_does_not_hold_never_raises_the_confidence(
    evidence: Evidence,
) -> None:
    assert _confidence(_with(evidence, {"required_failed": ()})) >= _confidence(evidence)


@given(EVIDENCE)
def test_an_error_never_raises_the_confidence(evidence: Evidence) -> None:
    spared = replace(evidence, error=None)
    assert _confidence(spared) >= _confidence(evidence)


def _with(evidence: Evidence, changes: Mapping[str, Any]) -> Evidence:
    return replace(evidence, **changes)


def _confidence(evidence: Evidence) -> float:
    # Sums of products may differ in the last place.
    return round(decide(evidence).confidence, 12)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_can_be_the_one_that_decides(rule: Rule) -> None:
    found = find(
        EVIDENCE,
        lambda evidence: decide(evidence).rule == rule.name,
        settings=settings(max_examples=5_000, database=None, phases=[Phase.generate]),
    )
    assert decide(found).action is rule.action
