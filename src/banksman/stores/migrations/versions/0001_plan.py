"""The plan: projects, tasks, the journal and the inbox.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None

# What happened stays as it was written down.
JOURNAL_IS_NOT_UPDATED: Final = (
    "CREATE TRIGGER journal_is_not_updated BEFORE UPDATE ON journal "
    "BEGIN SELECT raise(ABORT, 'the journal is append-only'); END"
)
JOURNAL_IS_NOT_DELETED: Final = (
    "CREATE TRIGGER journal_is_not_deleted BEFORE DELETE ON journal "
    "BEGIN SELECT raise(ABORT, 'the journal is append-only'); END"
)
# An engine that lost the project must not make itself its owner again.
EPOCH_ONLY_GROWS: Final = (
    "CREATE TRIGGER project_epoch_only_grows BEFORE UPDATE OF epoch ON project "
    "WHEN new.epoch < old.epoch "
    "BEGIN SELECT raise(ABORT, 'the epoch of a project only grows'); END"
)


def upgrade() -> None:
    """Make the tables of the plan."""
    _project()
    _task()
    _task_spec()
    _dependency()
    _journal()
    _command()
    op.execute(JOURNAL_IS_NOT_UPDATED)
    op.execute(JOURNAL_IS_NOT_DELETED)
    op.execute(EPOCH_ONLY_GROWS)
    # A mark and a version that are read without any library.
    op.execute("PRAGMA application_id = 0x424E4B53")
    op.execute("PRAGMA user_version = 1")


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


def _project() -> None:
    op.create_table(
        "project",
        _number("id"),
        _text("name"),
        _text("base"),
        _text("target"),
        _number("epoch"),
        _number("paused"),
        _text_or_none("integrated"),
        _number("created_at"),
        sa.CheckConstraint("epoch >= 0", name="project_at_least_0"),
        sa.CheckConstraint("paused IN (0, 1)", name="project_paused_is_flag"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )


def _task() -> None:
    op.create_table(
        "task",
        _number("id"),
        _number("project_id"),
        _text("status"),
        _number("version"),
        _number("attempt"),
        _number("retries_used"),
        _number("retries_granted"),
        _number("rate_limits"),
        _number_or_none("not_before"),
        _text("entry"),
        _number_or_none("resumes"),
        _text("guidance"),
        _number("gate_passed"),
        _text("reason"),
        sa.CheckConstraint(
            "(status = 'retrying') = (not_before IS NOT NULL)", name="task_waits_while_retrying"
        ),
        sa.CheckConstraint(
            "(status NOT IN ('running', 'completed', 'failed', 'retrying')) OR attempt >= 1",
            name="task_claimed_has_attempt",
        ),
        sa.CheckConstraint(
            "entry IN ('agent', 'checks', 'integration')", name="task_entry_known"
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'ready', 'running', 'blocked', 'completed', 'failed', "
            "'cancelled', 'retrying')",
            name="task_status_known",
        ),
        sa.CheckConstraint(
            "attempt >= 0 AND retries_used >= 0 AND retries_granted >= 0 AND rate_limits >= 0",
            name="task_at_least_0",
        ),
        sa.CheckConstraint("gate_passed IN (0, 1)", name="task_gate_passed_is_flag"),
        sa.CheckConstraint("version >= 1 AND resumes >= 1", name="task_at_least_1"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("task_by_project", "task", ["project_id", "status"], unique=False)


def _task_spec() -> None:
    op.create_table(
        "task_spec",
        _number("task_id"),
        _number("project_id"),
        _text("key"),
        _text("title"),
        _text("instructions"),
        _number("priority"),
        _number_or_none("deadline"),
        _real("estimate_min"),
        _text("agent"),
        _text("checks"),
        _text("acceptance"),
        _number("retries_max"),
        _number("turns_max"),
        _text("on_dependency_failure"),
        _text("touches"),
        _text("may_change"),
        _text("kind"),
        _text("gate"),
        _text("extra"),
        sa.CheckConstraint("gate IN ('none', 'manual')", name="task_spec_gate_known"),
        sa.CheckConstraint("\"key\" != ''", name="task_spec_key_there"),
        sa.CheckConstraint(
            "kind IN ('feature', 'fix', 'refactor', 'test', 'docs', 'chore')",
            name="task_spec_kind_known",
        ),
        sa.CheckConstraint(
            "on_dependency_failure IN ('block', 'cancel', 'run')",
            name="task_spec_on_dependency_failure_known",
        ),
        sa.CheckConstraint("estimate_min > 0", name="task_spec_estimate"),
        sa.CheckConstraint("priority BETWEEN 1 AND 10", name="task_spec_priority"),
        sa.CheckConstraint("retries_max >= 0", name="task_spec_at_least_0"),
        sa.CheckConstraint("turns_max >= 1", name="task_spec_at_least_1"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"]),
        sa.PrimaryKeyConstraint("task_id"),
        sa.UniqueConstraint("project_id", "key", name="task_spec_key_once"),
        sqlite_strict=True,
    )


def _dependency() -> None:
    op.create_table(
        "dependency",
        _number("task_id"),
        _number("needs_id"),
        sa.CheckConstraint("task_id != needs_id", name="dependency_on_another"),
        sa.ForeignKeyConstraint(["needs_id"], ["task.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"]),
        sa.PrimaryKeyConstraint("task_id", "needs_id"),
        sqlite_strict=True,
    )


def _journal() -> None:
    op.create_table(
        "journal",
        _number("seq"),
        _number("project_id"),
        _number("at"),
        _text("kind"),
        _text("actor"),
        _number("epoch"),
        _number_or_none("task_id"),
        _number_or_none("attempt"),
        _text_or_none("source"),
        _text_or_none("target"),
        _text("reason"),
        _text("writes"),
        sa.CheckConstraint(
            "source IN ('pending', 'ready', 'running', 'blocked', 'completed', 'failed', "
            "'cancelled', 'retrying')",
            name="journal_source_known",
        ),
        sa.CheckConstraint(
            "target IN ('pending', 'ready', 'running', 'blocked', 'completed', 'failed', "
            "'cancelled', 'retrying')",
            name="journal_target_known",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"]),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_strict=True,
    )
    op.create_index("journal_by_task", "journal", ["task_id", "seq"], unique=False)


def _command() -> None:
    op.create_table(
        "command",
        _number("id"),
        _number("project_id"),
        _text("key"),
        _text("name"),
        _text("by"),
        _number("at"),
        _text("arguments"),
        _number_or_none("applied_at"),
        _number_or_none("withdrawn_at"),
        _text_or_none("answer"),
        _text("error"),
        sa.CheckConstraint(
            "applied_at IS NULL OR withdrawn_at IS NULL", name="command_one_end"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "key", name="command_key_once"),
        sqlite_strict=True,
    )
    op.create_index(
        "command_pending",
        "command",
        ["project_id", "id"],
        sqlite_where=sa.text("applied_at IS NULL AND withdrawn_at IS NULL"),
    )
