"""What becomes of tasks: attempts and all that belongs to them, and breakpoints.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Make the tables of attempts and breakpoints."""
    _check_result()
    _attempt()
    _breakpoint_event()
    _checkpoint()
    _decision()
    _file_change()
    _turn()
    _usage()
    op.execute("PRAGMA user_version = 2")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _text_or_none(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=True)


def _number(name: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False)


def _number_or_none(name: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=True)


def _real(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.REAL(), nullable=False)


def _check_result() -> None:
    op.create_table(
        "check_result",
        _number("project_id"),
        _text("tree"),
        _text("check"),
        _text("tool"),
        _text("stage"),
        _text("status"),
        _number("passed"),
        _number("failed"),
        _number("skipped"),
        _number("errors"),
        _text("message"),
        _text("details"),
        _text("artefact"),
        _text("digest"),
        _number("duration_ms"),
        _number("at"),
        sa.CheckConstraint(
            "stage IN ('syntax', 'requirements', 'quality', 'tests')",
            name="check_result_stage_known",
        ),
        sa.CheckConstraint(
            "status IN ('pass', 'fail', 'warn', 'skipped', 'error')",
            name="check_result_status_known",
        ),
        sa.CheckConstraint(
            "passed >= 0 AND failed >= 0 AND skipped >= 0 AND errors >= 0 AND duration_ms >= 0",
            name="check_result_at_least_0",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id", "tree", "check", "tool"),
        sqlite_strict=True,
    )


def _attempt() -> None:
    op.create_table(
        "attempt",
        _number("task_id"),
        _number("number"),
        _number("project_id"),
        _number("epoch"),
        _number("started_at"),
        _text("entry"),
        _number_or_none("resumes"),
        _text("step"),
        _text("agent"),
        _text_or_none("base"),
        _text_or_none("branch"),
        _number("turns"),
        _text("guidance"),
        _text_or_none("start"),
        _number("conflicts"),
        _text_or_none("commit"),
        _text_or_none("tree"),
        _text_or_none("expected"),
        _text_or_none("new"),
        _text("superseded"),
        _text_or_none("stop"),
        _text("stop_reason"),
        _text("stop_by"),
        _number_or_none("ended_at"),
        _text_or_none("ending"),
        _text_or_none("error"),
        _text("message"),
        *_attempt_checks(),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"]),
        sa.PrimaryKeyConstraint("task_id", "number"),
        sqlite_strict=True,
    )
    op.create_index(
        "attempt_open",
        "attempt",
        ["project_id", "task_id", "number"],
        sqlite_where=sa.text("ended_at IS NULL"),
    )


def _attempt_checks() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint(
            "ending IN ('integrated', 'failed', 'blocked', 'cancelled', 'lost')",
            name="attempt_ending_known",
        ),
        sa.CheckConstraint(
            "entry IN ('agent', 'checks', 'integration')", name="attempt_entry_known"
        ),
        sa.CheckConstraint(
            "error IN ('timeout', 'connection', 'temporary_resource', 'server_error', "
            "'stalled', 'gate_failed', 'rate_limit', 'lost', 'validation', "
            "'authentication', 'not_found', 'policy', 'unknown')",
            name="attempt_error_known",
        ),
        sa.CheckConstraint(
            "step IN ('agent', 'capture', 'checks', 'integration', 'ended')",
            name="attempt_step_known",
        ),
        sa.CheckConstraint(
            "stop IN ('cancel', 'block', 'shutdown')", name="attempt_stop_known"
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ending IS NULL)", name="attempt_ended_at_with_ending"
        ),
        sa.CheckConstraint(
            "epoch >= 0 AND turns >= 0 AND conflicts >= 0", name="attempt_at_least_0"
        ),
        sa.CheckConstraint("number >= 1 AND resumes >= 1", name="attempt_at_least_1"),
    )


def _breakpoint_event() -> None:
    op.create_table(
        "breakpoint_event",
        _number("id"),
        _number("project_id"),
        _number("task_id"),
        _number("attempt"),
        _text("type"),
        _text("severity"),
        _text("message"),
        _number("opened_at"),
        _text("details"),
        _text("tasks"),
        _text_or_none("resolution"),
        _number_or_none("resolved_at"),
        _text("resolved_by"),
        _text("reason"),
        _text("guidance"),
        sa.CheckConstraint(
            "resolution IN ('accept', 'retry', 'edit', 'cancel')",
            name="breakpoint_event_resolution_known",
        ),
        sa.CheckConstraint(
            "severity IN ('low', 'medium', 'high', 'critical')",
            name="breakpoint_event_severity_known",
        ),
        sa.CheckConstraint(
            "type IN ('architecture_decision', 'breaking_test_failure', "
            "'conflicting_solutions', 'milestone_completion', 'rate_limit_hit', "
            "'time_threshold_exceeded', 'confidence_too_low', 'consecutive_failures', "
            "'budget_exceeded', 'merge_conflict', 'test_tampering', 'protected_path', "
            "'dependency_failed', 'agent_question', 'audit_sample', 'target_rewritten', "
            "'manual')",
            name="breakpoint_event_type_known",
        ),
        sa.CheckConstraint(
            "(resolution IS NULL) = (resolved_at IS NULL)",
            name="breakpoint_event_resolution_with_resolved_at",
        ),
        sa.CheckConstraint("attempt >= 0", name="breakpoint_event_at_least_0"),
        sa.CheckConstraint("id >= 1", name="breakpoint_event_has_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        "breakpoint_event_open",
        "breakpoint_event",
        ["project_id", "id"],
        sqlite_where=sa.text("resolved_at IS NULL"),
    )


def _checkpoint() -> None:
    op.create_table(
        "checkpoint",
        _number("task_id"),
        _number("attempt"),
        _number("number"),
        _number("at"),
        _text("ref"),
        _text("commit"),
        _text("reason"),
        sa.ForeignKeyConstraint(["task_id", "attempt"], ["attempt.task_id", "attempt.number"]),
        sa.PrimaryKeyConstraint("task_id", "attempt", "number"),
        sqlite_strict=True,
    )


def _decision() -> None:
    op.create_table(
        "decision",
        _number("task_id"),
        _number("attempt"),
        _number("number"),
        _number("at"),
        _text("action"),
        _text("rule"),
        _text("version"),
        _real("confidence"),
        _number("calibrated"),
        _text("evidence"),
        _text("features"),
        _text("weights"),
        _text("explanation"),
        sa.CheckConstraint("calibrated IN (0, 1)", name="decision_calibrated_is_flag"),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="decision_confidence"),
        sa.ForeignKeyConstraint(["task_id", "attempt"], ["attempt.task_id", "attempt.number"]),
        sa.PrimaryKeyConstraint("task_id", "attempt", "number"),
        sqlite_strict=True,
    )


def _file_change() -> None:
    op.create_table(
        "file_change",
        _number("task_id"),
        _number("attempt"),
        _text("path"),
        _text("change"),
        _number("turn"),
        _text("old_path"),
        _text("mode"),
        _number("added"),
        _number("deleted"),
        sa.CheckConstraint(
            "change IN ('added', 'modified', 'deleted', 'renamed', 'type')",
            name="file_change_change_known",
        ),
        sa.CheckConstraint("added >= 0 AND deleted >= 0", name="file_change_at_least_0"),
        sa.ForeignKeyConstraint(["task_id", "attempt"], ["attempt.task_id", "attempt.number"]),
        sa.PrimaryKeyConstraint("task_id", "attempt", "turn", "path"),
        sqlite_strict=True,
    )


def _turn() -> None:
    op.create_table(
        "turn",
        _number("task_id"),
        _number("attempt"),
        _number("number"),
        _text("spool"),
        _text("prompt"),
        _number("started_at"),
        _number_or_none("ended_at"),
        _text_or_none("outcome"),
        _text("text"),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (outcome IS NULL)", name="turn_ended_at_with_outcome"
        ),
        sa.CheckConstraint("number >= 1", name="turn_at_least_1"),
        sa.ForeignKeyConstraint(["task_id", "attempt"], ["attempt.task_id", "attempt.number"]),
        sa.PrimaryKeyConstraint("task_id", "attempt", "number"),
        sqlite_strict=True,
    )


def _usage() -> None:
    op.create_table(
        "usage",
        _number("task_id"),
        _number("attempt"),
        _number("turn"),
        _text("agent"),
        _text("model"),
        _number("input_tokens"),
        _number("output_tokens"),
        _number("cost_microusd"),
        _number("duration_ms"),
        sa.CheckConstraint(
            "input_tokens >= 0 AND output_tokens >= 0 AND cost_microusd >= 0 AND "
            "duration_ms >= 0",
            name="usage_at_least_0",
        ),
        sa.ForeignKeyConstraint(["task_id", "attempt"], ["attempt.task_id", "attempt.number"]),
        sa.PrimaryKeyConstraint("task_id", "attempt", "turn"),
        sqlite_strict=True,
    )
