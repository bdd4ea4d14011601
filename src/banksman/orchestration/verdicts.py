"""Verdicts from results, and on checks that gave none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from banksman.core.names import one_line
from banksman.core.quality import CheckStatus, Counts, Stage, Verdict
from banksman.core.records import CheckResult
from banksman.orchestration.check_runs import Inquiry
from banksman.ports import Check

LINES_MAX: Final = 30
"""Lines of a failed set-up that are told."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A check of a task.

    Attributes:
        required: Whether this task's gate needs it.
        known: The answer, if it is recorded.
    """

    check: Check
    required: bool
    known: CheckResult | None = None


def as_found(one: Chosen, result: CheckResult) -> Verdict:
    """Return the verdict on a check as its result has it, before any comparison."""
    counts = Counts(
        passed=result.passed,
        failed=result.failed,
        skipped=result.skipped,
        errors=result.errors,
    )
    return Verdict(
        check=result.check,
        stage=result.stage,
        required=one.required,
        status=result.status,
        message=result.message,
        details=result.details,
        counts=counts,
    )


def not_asked(one: Chosen) -> Verdict:
    """Return the verdict on a check that stands behind a failed stage."""
    return Verdict(
        check=one.check.name,
        stage=one.check.stage,
        required=one.required,
        status=CheckStatus.SKIPPED,
        message="not asked: a stage before it failed",
        asked=False,
    )


def broken(one: Chosen, why: str, output: str = "") -> Verdict:
    """Return the verdict on a check that could not be asked, with what was printed."""
    lines = [line for line in map(one_line, output.splitlines()[-LINES_MAX:]) if line]
    return Verdict(
        check=one.check.name,
        stage=one.check.stage,
        required=one.required,
        status=CheckStatus.ERROR,
        message=one_line(why),
        details=tuple(lines),
    )


def unknown(name: str) -> Verdict:
    """Return the verdict on a check that a task names and nobody has configured."""
    # In the first stage, so that nothing else is run for a task that cannot pass.
    return Verdict(
        check=name,
        stage=Stage.SYNTAX,
        status=CheckStatus.ERROR,
        message="the task names this check, and it is not configured",
    )


def no_base(check: Check, inquiry: Inquiry, why: str) -> CheckResult:
    """Return the result of a check on a base that could not be checked out."""
    return CheckResult(
        project_id=inquiry.attempt.project_id,
        tree="",
        check=check.name,
        tool=check.tool,
        stage=check.stage,
        status=CheckStatus.ERROR,
        message=one_line(why),
    )
