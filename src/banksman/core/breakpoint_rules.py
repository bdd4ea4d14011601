"""When the built-in breakpoint rules fire: named data, one condition each.

A condition looks at nothing but a `Situation`, so that it can be read, replayed and written in
another notation. The order is the order of precedence: the first that holds is what a person
is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from banksman.core.breakpoints import BreakpointType
from banksman.core.evidence import Situation
from banksman.core.records import BreakpointEvent
from banksman.core.task import TaskId

Condition = Callable[[Situation], bool]


Telling = Callable[[Situation], str]


def nothing_more(_now: Situation) -> str:
    """Return that the meaning of a rule says it all."""
    return ""


@dataclass(frozen=True, kw_only=True)
class BreakpointRule:
    """A rule that stops a task for a person.

    Attributes:
        type: What it opens.
        when: Whether it fires.
        meaning: Why a person is asked, in a few words.
        told: The same where more can be said; what is empty says no more.
    """

    type: BreakpointType
    when: Condition
    meaning: str
    told: Telling = nothing_more


def _manual(now: Situation) -> bool:
    return now.evidence.gate_waits


def _dependency_failed(now: Situation) -> bool:
    return now.evidence.dependencies_lost > 0


def _target_rewritten(now: Situation) -> bool:
    return now.evidence.target_rewritten


def _agent_question(now: Situation) -> bool:
    return bool(now.evidence.questions)


def _merge_conflict(now: Situation) -> bool:
    return now.evidence.conflicts > now.thresholds.conflicts_max


def _exhausted(now: Situation) -> bool:
    """Return whether the gate failed and the engine should not try again by itself."""
    facts = now.evidence
    if not facts.gate_failed or facts.turns_left:
        return False
    return facts.nothing_left or facts.failures_in_row >= now.thresholds.failures_max


def _breaking_test_failure(now: Situation) -> bool:
    return now.evidence.tests_newly_failing > 0 and _exhausted(now)


def _consecutive_failures(now: Situation) -> bool:
    facts = now.evidence
    return _exhausted(now) or (facts.error is not None and not facts.error_retryable)


def _confidence_too_low(now: Situation) -> bool:
    """Return whether work that passes its gate is still too doubtful to integrate.

    Signals that contradict each other count as doubt whatever the number: an agent that says
    it is done and changed nothing, a gate that holds over tests that newly fail.
    """
    facts, limits = now.evidence, now.thresholds
    if not facts.gate_holds or facts.error is not None:
        return False
    if facts.tests_newly_failing:
        return True
    if facts.change_empty and not facts.turns_left:
        return True
    if not now.calibrated:
        return False
    floor = limits.clarify_min if facts.turns_left else limits.proceed_min
    return now.confidence < floor


def _contradiction(now: Situation) -> str:
    """Return which signals contradict each other, if it is not the number that is too low."""
    if now.evidence.tests_newly_failing:
        return "the gate holds, although tests fail that passed before"
    if now.evidence.change_empty and not now.evidence.turns_left:
        return "the agent says it is done and changed nothing"
    return ""


_B = BreakpointType

BREAKPOINT_RULES: Final = (
    BreakpointRule(
        type=_B.MANUAL, when=_manual, meaning="the plan asks for a person before it starts"
    ),
    BreakpointRule(
        type=_B.DEPENDENCY_FAILED,
        when=_dependency_failed,
        meaning="a task that it depends on ended without completing",
    ),
    BreakpointRule(
        type=_B.TARGET_REWRITTEN,
        when=_target_rewritten,
        meaning="the target branch no longer holds what was integrated last",
    ),
    BreakpointRule(
        type=_B.AGENT_QUESTION, when=_agent_question, meaning="the agent asks a question"
    ),
    BreakpointRule(
        type=_B.MERGE_CONFLICT,
        when=_merge_conflict,
        meaning="the work conflicts with the target again",
    ),
    BreakpointRule(
        type=_B.BREAKING_TEST_FAILURE,
        when=_breaking_test_failure,
        meaning="tests that passed before fail, and nothing is left to try",
    ),
    BreakpointRule(
        type=_B.CONSECUTIVE_FAILURES,
        when=_consecutive_failures,
        meaning="it failed, and nothing is left to try",
    ),
    BreakpointRule(
        type=_B.CONFIDENCE_TOO_LOW,
        when=_confidence_too_low,
        meaning="the checks pass, but it is too doubtful that the work is right",
        told=_contradiction,
    ),
)


def granted_after(task_id: TaskId, events: Iterable[BreakpointEvent]) -> int:
    """Return the last attempt that does not count any more; 0 if all do.

    Whoever answers that a budget is spent, and lets the task go on, grants it the same once
    more: only attempts after the one that was stopped count from then on. So what was spent
    when it was answered cannot stop the task again.
    """
    return max(
        (
            event.attempt
            for event in events
            if event.task_id == task_id
            and event.type is BreakpointType.BUDGET_EXCEEDED
            and event.resolution is not None
        ),
        default=0,
    )
