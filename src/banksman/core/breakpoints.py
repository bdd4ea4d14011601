"""Breakpoints: their types, and what each resolution of each type does.

The table is data: (type, resolution) → what the task does next. A pair that is absent makes no
sense and is refused with the ones that do.
"""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How much a breakpoint wants a person."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Resolution(StrEnum):
    """What a person answers."""

    ACCEPT = "accept"
    RETRY = "retry"
    EDIT = "edit"
    CANCEL = "cancel"


class BreakpointType(StrEnum):
    """The built-in rules."""

    ARCHITECTURE_DECISION = "architecture_decision"
    BREAKING_TEST_FAILURE = "breaking_test_failure"
    CONFLICTING_SOLUTIONS = "conflicting_solutions"
    MILESTONE_COMPLETION = "milestone_completion"
    RATE_LIMIT_HIT = "rate_limit_hit"
    TIME_THRESHOLD_EXCEEDED = "time_threshold_exceeded"
    CONFIDENCE_TOO_LOW = "confidence_too_low"
    CONSECUTIVE_FAILURES = "consecutive_failures"
    BUDGET_EXCEEDED = "budget_exceeded"
    MERGE_CONFLICT = "merge_conflict"
    TEST_TAMPERING = "test_tampering"
    PROTECTED_PATH = "protected_path"
    DEPENDENCY_FAILED = "dependency_failed"
    AGENT_QUESTION = "agent_question"
    AUDIT_SAMPLE = "audit_sample"
    TARGET_REWRITTEN = "target_rewritten"
    MANUAL = "manual"
