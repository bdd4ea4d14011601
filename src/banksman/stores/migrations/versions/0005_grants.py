"""What money turns were granted.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Make the table anew, with a column that is last; older turns were granted nothing."""
    op.rename_table("turn", "turn_before")
    op.create_table(
        "turn",
        _number("task_id"),
        _number("attempt"),
        _number("number"),
        _text("spool"),
        _text("prompt"),
        _number("started_at"),
        _number("ended_at", nullable=True),
        _text("outcome", nullable=True),
        _text("text"),
        _number("granted_microusd", nullable=True),
        sa.CheckConstraint("number >= 1", name="turn_at_least_1"),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (outcome IS NULL)", name="turn_ended_at_with_outcome"
        ),
        sa.ForeignKeyConstraint(["task_id", "attempt"], ["attempt.task_id", "attempt.number"]),
        sa.PrimaryKeyConstraint("task_id", "attempt", "number"),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO turn SELECT *, NULL FROM turn_before")
    op.drop_table("turn_before")
    op.execute("PRAGMA user_version = 5")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=nullable)
