"""What decisions are made from: facts that the engine itself gathered, never the agent's word.

`Evidence` is complete: what is not known has the value that speaks for nothing. `Thresholds`
say where one action ends and the next begins. `Situation` is both with the confidence that
follows: the one thing that a rule is asked over.
"""

from __future__ import annotations

from dataclasses import dataclass

from banksman.core.breakpoints import BreakpointType
from banksman.core.retry import ErrorClass


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The facts about one task at the moment of a decision; every number is 0 or more.

    Attributes:
        gate_waits: The plan wants a person's word before the task may start.
        dependencies_lost: Dependencies that ended for good without completing.
        target_rewritten: The target branch no longer holds what was integrated last.
        conflicts: Merge conflicts that the attempt has met.
        questions: What the agent asks a person.
        error: How the turn went wrong, if it did.
        error_retryable: Whether `core.retry` allows another attempt after it.
        gate_holds: Score and required stages are good enough (`core.quality`).
        required_failed: Required checks that do not hold, by name.
        score: Of the gate, in [0, 1].
        checks_broken: Checks that could not answer.
        tests_passed: Tests that pass on the work.
        tests_failed: Tests that fail or break on the work.
        tests_newly_failing: … of which passed on the base, or are new.
        tests_newly_passing: Tests that pass with the work and fail or are absent without it.
        lines_covered: Share of changed lines that tests execute, in [0, 1]; none if unknown.
        files_changed: Files that differ from the base.
        lines_changed: Lines added and deleted.
        outside_touches: Changed files that the plan did not expect.
        rules_fired: Breakpoint rules that were evaluated elsewhere and fired.
        accepted: Breakpoints that a person has accepted for this same work.
        checkpoint_asked: The plan or a person wants the work saved before it is integrated.
        milestone: The task completes a milestone.
        turns_left: Turns that the attempt may still take.
        retries_left: Retries that the task may still use.
        failures_in_row: Attempts that failed their gate in a row, this one included.
        similar_seen: Earlier attempts of this agent at this kind of task with a known outcome.
        similar_right: … of which were right, at most `similar_seen`.
        outcomes_recorded: Decisions of this project whose outcome is known.
    """

    gate_waits: bool = False
    dependencies_lost: int = 0
    target_rewritten: bool = False
    conflicts: int = 0
    questions: tuple[str, ...] = ()
    error: ErrorClass | None = None
    error_retryable: bool = False
    gate_holds: bool = False
    required_failed: tuple[str, ...] = ()
    score: float = 0.0
    checks_broken: int = 0
    tests_passed: int = 0
    tests_failed: int = 0
    tests_newly_failing: int = 0
    tests_newly_passing: int = 0
    lines_covered: float | None = None
    files_changed: int = 0
    lines_changed: int = 0
    outside_touches: int = 0
    rules_fired: tuple[BreakpointType, ...] = ()
    accepted: tuple[BreakpointType, ...] = ()
    checkpoint_asked: bool = False
    milestone: bool = False
    turns_left: int = 0
    retries_left: int = 0
    failures_in_row: int = 0
    similar_seen: int = 0
    similar_right: int = 0
    outcomes_recorded: int = 0

    def __post_init__(self) -> None:
        _check_share("score", self.score)
        if self.lines_covered is not None:
            _check_share("lines_covered", self.lines_covered)
        for name in _COUNTS:
            assert getattr(self, name) >= 0, f"{name} is 0 or more"
        assert self.similar_right <= self.similar_seen, "right ones are among those seen"
        assert not (self.gate_holds and self.required_failed), "the gate needs its checks"

    @property
    def change_empty(self) -> bool:
        """Whether the work differs from its base in nothing."""
        return self.files_changed == 0

    @property
    def gate_failed(self) -> bool:
        """Whether the work was judged and does not hold."""
        return self.error is None and not self.gate_holds

    @property
    def nothing_left(self) -> bool:
        """Whether the engine has used up what it may try by itself."""
        return self.turns_left == 0 and self.retries_left == 0


_COUNTS = (
    "dependencies_lost",
    "conflicts",
    "checks_broken",
    "tests_passed",
    "tests_failed",
    "tests_newly_failing",
    "tests_newly_passing",
    "files_changed",
    "lines_changed",
    "outside_touches",
    "turns_left",
    "retries_left",
    "failures_in_row",
    "similar_seen",
    "similar_right",
    "outcomes_recorded",
)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where one action ends and the next begins.

    Attributes:
        proceed_min: Confidence from which work is integrated, in [0, 1].
        clarify_min: Confidence below which a person is asked at once, at most `proceed_min`.
        outcomes_min: Recorded outcomes from which the confidence counts as calibrated.
        failures_max: Failed gates in a row after which a person is asked, though retries are
            left; 1 or more.
        conflicts_max: Merge conflicts that the agent may solve by itself.
        files_large: Changed files from which a change is large; 1 or more.
        lines_large: Changed lines from which a change is large; 1 or more.
    """

    proceed_min: float = 0.7
    clarify_min: float = 0.4
    outcomes_min: int = 50
    failures_max: int = 5
    conflicts_max: int = 1
    files_large: int = 50
    lines_large: int = 1000

    def __post_init__(self) -> None:
        _check_share("proceed_min", self.proceed_min)
        _check_share("clarify_min", self.clarify_min)
        assert self.clarify_min <= self.proceed_min, "clarify_min is at most proceed_min"
        assert self.outcomes_min >= 0, "outcomes_min is 0 or more"
        assert self.conflicts_max >= 0, "conflicts_max is 0 or more"
        for name in ("failures_max", "files_large", "lines_large"):
            assert getattr(self, name) >= 1, f"{name} is 1 or more"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a rule is asked over.

    Attributes:
        evidence: The facts.
        confidence: That the work is right, in [0, 1].
        calibrated: Whether enough outcomes are known for that number to decide anything.
        thresholds: Where one action ends and the next begins.
    """

    evidence: Evidence
    confidence: float
    calibrated: bool
    thresholds: Thresholds

    @property
    def change_large(self) -> bool:
        """Whether the change is large in files or lines."""
        return (
            self.evidence.files_changed >= self.thresholds.files_large
            or self.evidence.lines_changed >= self.thresholds.lines_large
        )


def _check_share(name: str, value: float) -> None:
    # Not a number is in no range, so this refuses it too.
    assert 0.0 <= value <= 1.0, f"{name} is in [0, 1], not {value}"
