"""How often an agent's provider was asked again, beside what a turn cost.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Make the table anew: SQLite cannot change the CHECK of one that it has."""
    op.rename_table("usage", "usage_before")
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
        _number("retries"),
        sa.CheckConstraint(
            "input_tokens >= 0 AND output_tokens >= 0 AND cost_microusd >= 0 AND "
            "duration_ms >= 0 AND retries >= 0",
            name="usage_at_least_0",
        ),
        sa.ForeignKeyConstraint(["task_id", "attempt"], ["attempt.task_id", "attempt.number"]),
        sa.PrimaryKeyConstraint("task_id", "attempt", "turn"),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO usage SELECT *, 0 FROM usage_before")
    op.drop_table("usage_before")
    op.execute("PRAGMA user_version = 3")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False)
