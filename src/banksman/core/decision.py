"""What to do with an attempt: evidence in, one of five actions out.

`RULES` is an ordered list of named conditions, as data; the first that holds decides, and its
name is kept with the decision. Rules that ask a person come first (`core.breakpoint_rules`),
then what the engine may try by itself, then acceptance. No rule accepts work whose gate does
not hold, and with few outcomes known the confidence decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from banksman.core.breakpoint_rules import (
    BREAKPOINT_RULES,
    BreakpointRule,
    Condition,
    Telling,
    nothing_more,
)
from banksman.core.breakpoints import SEVERITIES, BreakpointType, Severity, stops
from banksman.core.confidence import WEIGHTS, confidence_of, features_of
from banksman.core.evidence import Evidence, Situation, Thresholds

__all__ = ["RULES", "VERSION", "Action", "Decision", "Evidence", "Rule", "Thresholds", "decide"]

VERSION: Final = "1"
"""Of rules, features and weights together; a decision is replayed under its own version."""


class Action(StrEnum):
    """What the engine does next."""

    PROCEED = "proceed"
    CLARIFY = "clarify"
    RETRY = "retry"
    CHECKPOINT = "checkpoint"
    ESCALATE = "escalate"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One way to decide.

    Attributes:
        name: What the decision is filed under.
        action: What it decides.
        when: Whether it holds.
        because: Why, in words that go on after the action and a colon.
        told: The same where more can be said; what is empty says no more.
        opens: The breakpoint that it opens, if it asks a person.
    """

    name: str
    action: Action
    when: Condition
    because: str
    told: Telling = nothing_more
    opens: BreakpointType | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An action with all that it was made from.

    Attributes:
        action: What to do.
        rule: Name of the rule that decided.
        breakpoint: What to open; set exactly when the action is to escalate.
        confidence: That the work is right, in [0, 1].
        calibrated: Whether enough outcomes are known for that number to decide anything.
        features: The confidence's parts, each in [0, 1].
        weights: What each part weighs.
        reason: One sentence for people.
        explanation: The reason, what counted and how much.
        version: Of the rules.
    """

    action: Action
    rule: str
    breakpoint: BreakpointType | None
    confidence: float
    calibrated: bool
    features: Mapping[str, float]
    weights: Mapping[str, float]
    reason: str
    explanation: str
    version: str = VERSION


def _policy(now: Situation) -> bool:
    return bool(_unanswered(now))


def _transient(now: Situation) -> bool:
    return now.evidence.error is not None and now.evidence.error_retryable


def _fixable(now: Situation) -> bool:
    return now.evidence.gate_failed and now.evidence.turns_left > 0


def _repeatable(now: Situation) -> bool:
    return now.evidence.gate_failed and now.evidence.retries_left > 0


def _unchanged(now: Situation) -> bool:
    facts = now.evidence
    return facts.change_empty and facts.turns_left > 0 and not _doubt_accepted(now)


def _unsure(now: Situation) -> bool:
    doubtful = now.calibrated and now.confidence < now.thresholds.proceed_min
    return doubtful and now.evidence.turns_left > 0 and not _doubt_accepted(now)


def _worth_saving(now: Situation) -> bool:
    facts = now.evidence
    return facts.gate_holds and (facts.checkpoint_asked or facts.milestone or now.change_large)


def _holds(now: Situation) -> bool:
    return now.evidence.gate_holds


def _doubt_accepted(now: Situation) -> bool:
    return BreakpointType.CONFIDENCE_TOO_LOW in now.evidence.accepted


def _unanswered(now: Situation) -> list[BreakpointType]:
    """Return the rules fired elsewhere that stop a task and that nobody has accepted yet."""
    facts = now.evidence
    return [kind for kind in facts.rules_fired if stops(kind) and kind not in facts.accepted]


def _asking(rule: BreakpointRule) -> Rule:
    def when(now: Situation) -> bool:
        # Accepted doubt about the same work is settled; a gate that fails is news.
        settled = now.evidence.gate_holds and rule.type in now.evidence.accepted
        return rule.when(now) and not settled

    return Rule(
        name=rule.type.value,
        action=Action.ESCALATE,
        when=when,
        because=rule.meaning,
        told=rule.told,
        opens=rule.type,
    )


RULES: Final = (
    Rule(
        name="policy", action=Action.ESCALATE, when=_policy, because="a rule asks for a person"
    ),
    *map(_asking, BREAKPOINT_RULES),
    Rule(
        name="transient_error",
        action=Action.RETRY,
        when=_transient,
        because="the error may pass, and another attempt is allowed",
    ),
    Rule(
        name="fixable",
        action=Action.CLARIFY,
        when=_fixable,
        because="the gate does not hold, and turns are left to mend it",
    ),
    Rule(
        name="repeatable",
        action=Action.RETRY,
        when=_repeatable,
        because="the gate does not hold, no turns are left, and a retry is",
    ),
    Rule(
        name="unchanged",
        action=Action.CLARIFY,
        when=_unchanged,
        because="the agent says it is done and changed nothing",
    ),
    Rule(
        name="unsure",
        action=Action.CLARIFY,
        when=_unsure,
        because="the gate holds, but it is doubtful that the work is right",
    ),
    Rule(
        name="worth_saving",
        action=Action.CHECKPOINT,
        when=_worth_saving,
        because="the gate holds, and the work is kept apart before it is integrated",
    ),
    Rule(
        name="holds",
        action=Action.PROCEED,
        when=_holds,
        because="the gate holds and no rule asks for a person",
    ),
)
"""The first that holds decides; one always does."""

DEFAULTS: Final = Thresholds()

_URGENCY: Final = tuple(Severity)


def decide(
    evidence: Evidence,
    thresholds: Thresholds = DEFAULTS,
    *,
    weights: Mapping[str, float] = WEIGHTS,
) -> Decision:
    """Return what to do, and why; the same evidence always gives the same decision."""
    features = features_of(evidence, thresholds)
    now = Situation(
        evidence=evidence,
        confidence=confidence_of(features, weights),
        calibrated=evidence.outcomes_recorded >= thresholds.outcomes_min,
        thresholds=thresholds,
    )
    rule = next(rule for rule in RULES if rule.when(now))
    opens = rule.opens or max(
        _unanswered(now), key=lambda kind: _URGENCY.index(SEVERITIES[kind]), default=None
    )
    why = rule.told(now) or rule.because
    reason = f"{rule.action}: {why}{f' ({opens})' if opens else ''}."
    return Decision(
        action=rule.action,
        rule=rule.name,
        breakpoint=opens,
        confidence=now.confidence,
        calibrated=now.calibrated,
        features=MappingProxyType(features),
        weights=MappingProxyType(dict(weights)),
        reason=reason,
        explanation=" ".join(
            (reason, _trust(now), _parts(features, weights), _facts(evidence))
        ),
    )


def _trust(now: Situation) -> str:
    if now.calibrated:
        limits = now.thresholds
        return (
            f"Confidence {now.confidence:.2f} (asks a person below {limits.clarify_min:.2f}, "
            f"accepts from {limits.proceed_min:.2f})."
        )
    return (
        f"Confidence {now.confidence:.2f}, uncalibrated: {now.evidence.outcomes_recorded} of "
        f"{now.thresholds.outcomes_min} outcomes are known, so it decided nothing."
    )


def _parts(features: Mapping[str, float], weights: Mapping[str, float]) -> str:
    parts = (
        f"{name.replace('_', ' ')} {value:.2f} × {weights[name]:.2f} = "
        f"{value * weights[name]:.2f}"
        for name, value in features.items()
    )
    return f"It adds up from {', '.join(parts)}."


def _facts(evidence: Evidence) -> str:
    failed = ", ".join(evidence.required_failed) or "none"
    return (
        f"Score {evidence.score:.2f}; required checks that do not hold: {failed}; tests: "
        f"{evidence.tests_passed} passed, {evidence.tests_failed} failed, "
        f"{evidence.tests_newly_failing} newly failing, {evidence.tests_newly_passing} newly "
        f"passing; change: {evidence.files_changed} files, {evidence.lines_changed} lines, "
        f"{evidence.outside_touches} files outside what was expected; left: "
        f"{evidence.turns_left} turns, {evidence.retries_left} retries."
    )
