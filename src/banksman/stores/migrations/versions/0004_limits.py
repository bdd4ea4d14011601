"""What tasks may spend, and the runs with what they may.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"
branch_labels: Final = None
depends_on: Final = None

_COPY: Final = """
INSERT INTO task_spec SELECT task_id, project_id, key, title, instructions, priority, deadline,
    estimate_min, agent, checks, acceptance, retries_max, turns_max, on_dependency_failure,
    touches, may_change, kind, gate, '{}', extra
FROM task_spec_before
"""


def upgrade() -> None:
    """Make the table of runs; make that of specifications anew, with a column that is set."""
    _run()
    op.rename_table("task_spec", "task_spec_before")
    _task_spec()
    op.execute(_COPY)
    op.drop_table("task_spec_before")
    op.execute("PRAGMA user_version = 4")


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


def _run() -> None:
    op.create_table(
        "run",
        _number("project_id"),
        _number("number"),
        _number("epoch"),
        _number("begun_at"),
        _text("limits"),
        _text("task_limits"),
        _text("project_limits"),
        _text("before"),
        _number_or_none("ended_at"),
        _text_or_none("end"),
        _text("reason"),
        sa.CheckConstraint("epoch >= 0", name="run_at_least_0"),
        sa.CheckConstraint("number >= 1", name="run_at_least_1"),
        sa.CheckConstraint(
            '(ended_at IS NULL) = ("end" IS NULL)', name="run_ended_at_with_end"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id", "number"),
        sqlite_strict=True,
    )


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
        _text("limits"),
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
