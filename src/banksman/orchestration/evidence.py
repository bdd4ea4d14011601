"""What a decision is made from, put together from the records of the attempt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from banksman.core.evidence import Evidence
from banksman.core.globs import matches_any
from banksman.core.quality import CheckStatus, QualityReport, Verdict
from banksman.core.records import Attempt
from banksman.core.retry import ErrorClass
from banksman.core.task import Task
from banksman.ports import Capture


def evidence_of(
    task: Task,
    attempt: Attempt,
    *,
    capture: Capture,
    report: QualityReport,
    earlier: Sequence[Attempt],
) -> Evidence:
    """Return the evidence about one capture; `earlier` are the task's other attempts."""
    compared = [one.comparison for one in report.verdicts if one.comparison is not None]
    return Evidence(
        conflicts=attempt.conflicts,
        gate_holds=report.gate_holds,
        required_failed=tuple(one.check for one in report.verdicts if one.blocks),
        score=report.score,
        checks_broken=sum(one.status is CheckStatus.ERROR for one in report.verdicts),
        tests_passed=_tests(report.verdicts, "passed"),
        tests_failed=_tests(report.verdicts, "failed") + _tests(report.verdicts, "errors"),
        tests_newly_failing=sum(len(one.regressions) for one in compared),
        tests_newly_passing=sum(len(one.newly_passing) for one in compared),
        files_changed=len(capture.changes),
        lines_changed=sum(one.added + one.deleted for one in capture.changes),
        outside_touches=_outside(task, capture),
        turns_left=max(0, task.spec.turns_max - attempt.turns),
        retries_left=task.retries_left,
        failures_in_row=1 + _failed_in_row(earlier) if not report.gate_holds else 0,
    )


def _tests(verdicts: Sequence[Verdict], outcome: str) -> int:
    """Sum one count over the checks that judge tests one by one."""
    return sum(getattr(one.counts, outcome) for one in verdicts if one.comparison is not None)


def _outside(task: Task, capture: Capture) -> int:
    if not task.spec.touches:
        return 0
    return sum(not matches_any(one.path, task.spec.touches) for one in capture.changes)


def _failed_in_row(earlier: Sequence[Attempt]) -> int:
    """Count the attempts that failed their gate, back from the latest."""
    latest_first = sorted(earlier, key=lambda one: one.number, reverse=True)
    return sum(
        1 for _ in takewhile(lambda one: one.error is ErrorClass.GATE_FAILED, latest_first)
    )
