"""Stages, check results and how they add up to a score and a gate.

Nothing is assumed to pass: a check that broke, a required check that was skipped or not asked,
and a gate over no checks at all do not hold. Tests are judged one by one against what they did
on the attempt's base: see `banksman.core.regression`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Stage(StrEnum):
    """The four stages, in the order in which they run."""

    SYNTAX = "syntax"
    REQUIREMENTS = "requirements"
    QUALITY = "quality"
    TESTS = "tests"


class CheckStatus(StrEnum):
    """What a check found; `error` means the check itself broke and never counts as a pass."""

    PASS = "pass"  # noqa: S105 -- a verdict, not a password
    FAIL = "fail"
    WARN = "warn"
    SKIPPED = "skipped"
    ERROR = "error"


WEIGHTS: Final[Mapping[Stage, float]] = MappingProxyType(
    {
        Stage.SYNTAX: 0.2,
        Stage.REQUIREMENTS: 0.3,
        Stage.QUALITY: 0.3,
        Stage.TESTS: 0.2,
    }
)
SCORE_MIN: Final = 0.7
FEEDBACK_LINES_MAX: Final = 40
"""Findings that are fed back for one check; a prompt is no place for a whole log."""

HOLDING: Final = frozenset({CheckStatus.PASS, CheckStatus.WARN})
"""A warning is a pass with a remark: it holds, and counts as passed in the score."""

_TOLD: Final = frozenset({CheckStatus.FAIL, CheckStatus.ERROR})


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Exact numbers of tests or files; all 0 or more."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What became of each test since the base commit; in order, each in one place at most.

    Attributes:
        baseline_known: Whether there is a base to compare with.
        newly_failing: Passed or was skipped on the base, fails or errors now. Without a base,
            every test that fails or errors.
        added_failing: Is new, and fails or errors.
        newly_skipped: Ran on the base, is skipped now.
        vanished: Passed, failed or was skipped on the base, is gone now. What was an error on
            the base gave no answer (a module that cannot be imported is reported as one), so
            its end is no loss.
        excused: Newly skipped or vanished, in a file that the task may change.
        newly_passing: Failed, errored or was skipped on the base, or is new; passes now.
        still_failing: Failed or errored on the base, and does so now: no regression.
    """

    baseline_known: bool = True
    newly_failing: tuple[str, ...] = ()
    added_failing: tuple[str, ...] = ()
    newly_skipped: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()
    newly_passing: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()

    @property
    def regressions(self) -> tuple[str, ...]:
        """The tests that fail the check.

        Strict on purpose: a test that was renamed counts as vanished, and one that is skipped
        as lost, unless the task may change its file.
        """
        return (*self.newly_failing, *self.added_failing, *self.newly_skipped, *self.vanished)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one check says of an attempt.

    Attributes:
        check: The check's name.
        stage: Its stage.
        required: Whether the gate needs it.
        status: What it found; for tests, after the comparison with the base.
        message: One sentence.
        details: Findings, one a line, untrusted; of tests, `test: message`.
        counts: Tests or files of the attempt, whatever they were on the base.
        comparison: What became of each test, for checks that compare.
        asked: False for a check that stood behind a failed stage.
    """

    check: str
    stage: Stage
    status: CheckStatus
    required: bool = True
    message: str = ""
    details: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)
    comparison: Comparison | None = None
    asked: bool = True

    @property
    def ran(self) -> bool:
        """Whether there is an answer: it was asked, and not skipped."""
        return self.asked and self.status is not CheckStatus.SKIPPED

    @property
    def holds(self) -> bool:
        """Whether it passed, with a warning at most."""
        return self.status in HOLDING

    @property
    def blocks(self) -> bool:
        """Whether it stops the stages behind its own, and the gate."""
        return self.required and not self.holds


def score_of(verdicts: Sequence[Verdict]) -> float:
    """Return Σ w·(share of passed checks) / Σ w over the stages that ran, in [0, 1].

    A stage ran if one of its checks did; if none did, the score is 0.

    Examples:
        >>> parses = Verdict(check="syntax", stage=Stage.SYNTAX, status=CheckStatus.PASS)
        >>> tests = Verdict(check="tests", stage=Stage.TESTS, status=CheckStatus.FAIL)
        >>> score_of([parses]), score_of([parses, tests]), score_of([])
        (1.0, 0.5, 0.0)
    """
    weight = reached = 0.0
    for stage in Stage:
        held = [verdict.holds for verdict in verdicts if verdict.stage is stage and verdict.ran]
        if held:
            weight += WEIGHTS[stage]
            reached += WEIGHTS[stage] * sum(held) / len(held)
    return min(1.0, reached / weight) if weight else 0.0


def blocking_stage(verdicts: Iterable[Verdict]) -> Stage | None:
    """Return the first stage with a required check that does not hold; no later one runs."""
    failed = {verdict.stage for verdict in verdicts if verdict.blocks}
    return next((stage for stage in Stage if stage in failed), None)


@dataclass(frozen=True, kw_only=True)
class QualityReport:
    """The verdicts of all checks of an attempt, and the gate over them."""

    verdicts: tuple[Verdict, ...] = ()

    @property
    def score(self) -> float:
        """The score of all verdicts, in [0, 1]."""
        return score_of(self.verdicts)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the gate does not hold, one sentence each; empty if it holds."""
        blocking = [
            f"the required check {verdict.check!r} ({verdict.stage}) {_what(verdict)}"
            for verdict in self.verdicts
            if verdict.blocks
        ]
        if not any(verdict.ran for verdict in self.verdicts):
            return (*blocking, "no check ran, and nothing is assumed to pass")
        # Sums of weights such as 0.2 + 0.3 are not exact: 0.7 must reach 0.7.
        if round(self.score, 9) < SCORE_MIN:
            return (*blocking, f"the score {self.score:.2f} is below {SCORE_MIN}")
        return tuple(blocking)

    @property
    def gate_holds(self) -> bool:
        """Whether the score is high enough and every required check passed."""
        return not self.problems

    @property
    def summary(self) -> str:
        """The gate in one sentence, for people."""
        if self.gate_holds:
            return f"the gate holds with a score of {self.score:.2f}"
        return f"the gate does not hold: {'; '.join(self.problems)}"

    @property
    def feedback(self) -> tuple[str, ...]:
        """Lines for the next prompt: what failed and broke, each with its findings.

        Everything in them comes from tools and tests, and is untrusted.
        """
        return tuple(
            line
            for verdict in self.verdicts
            if verdict.asked and (verdict.blocks or verdict.status in _TOLD)
            for line in _feedback(verdict)
        )


def _what(verdict: Verdict) -> str:
    if not verdict.asked:
        return "was not asked, for a stage before it failed"
    words = {CheckStatus.SKIPPED: "was skipped", CheckStatus.FAIL: "failed"}
    return words.get(verdict.status, "broke")


def _feedback(verdict: Verdict) -> Iterator[str]:
    yield f"{verdict.check} ({verdict.stage}): {verdict.message}"
    findings = verdict.details
    if verdict.comparison is not None:
        findings = tuple(_worse(verdict.comparison, verdict.details))
    yield from (f"- {finding}" for finding in findings[:FEEDBACK_LINES_MAX])
    if len(findings) > FEEDBACK_LINES_MAX:
        yield f"- and {len(findings) - FEEDBACK_LINES_MAX} more"


def _worse(comparison: Comparison, details: Sequence[str]) -> Iterator[str]:
    """Yield a line for each regression, with the test's own message where there is one."""
    told = {
        "fails": comparison.newly_failing,
        "is new and fails": comparison.added_failing,
        "is skipped and was not before": comparison.newly_skipped,
        "is gone": comparison.vanished,
    }
    for what, cases in told.items():
        for case in cases:
            message = next((line for line in details if line.startswith(f"{case}: ")), case)
            yield f"{case} {what}{message[len(case) :]}"
