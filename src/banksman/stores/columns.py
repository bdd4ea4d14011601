"""The words in which the tables are written: kinds of columns, and kinds of CHECKs."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    column,
)
from sqlalchemy.schema import SchemaItem

# SQLite's strict tables know only INTEGER, which holds 64 bits there.
LONG: Final = BigInteger().with_variant(Integer(), "sqlite")

metadata: Final = MetaData()


def table(name: str, *items: SchemaItem) -> Table:
    """Return a table whose columns refuse values of another type."""
    return Table(name, metadata, *items, sqlite_strict=True)


def text(name: str) -> Column[str]:
    """Return a column of text."""
    return Column(name, Text, nullable=False)


def text_or_none(name: str) -> Column[str]:
    """Return a column of text that may be null."""
    return Column(name, Text)


def number(name: str) -> Column[int]:
    """Return a column of whole numbers, which also holds flags and instants."""
    return Column(name, LONG, nullable=False)


def number_or_none(name: str) -> Column[int]:
    """Return a column of whole numbers that may be null."""
    return Column(name, LONG)


def identity() -> Column[int]:
    """Return the column `id`; the database gives the next number."""
    return Column("id", LONG, primary_key=True)


def check(name: str, condition: ColumnElement[bool]) -> CheckConstraint:
    """Return a CHECK by its name, which an error shows."""
    return CheckConstraint(condition, name=name)


def one_of(table: str, name: str, members: type[StrEnum] | tuple[str, ...]) -> CheckConstraint:
    """Return a check that a column is a member or null."""
    values = [str(member) for member in members]
    return check(f"{table}_{name}_known", column(name).in_(values))


def flag(table: str, name: str) -> CheckConstraint:
    """Return a CHECK that a column is 0 or 1."""
    return check(f"{table}_{name}_is_flag", column(name).in_([0, 1]))


def at_least(table: str, least: int, *names: str) -> CheckConstraint:
    """Return a check that all these columns are this much or more, or null."""
    condition = and_(*(column(name) >= least for name in names))
    return check(f"{table}_at_least_{least}", condition)


def together(table: str, first: str, second: str) -> CheckConstraint:
    """Return a check that two columns are both null or both set."""
    both = column(first).is_(None) == column(second).is_(None)
    return check(f"{table}_{first}_with_{second}", both)


def of_project() -> Column[int]:
    """Return the column that names the row's project."""
    return Column("project_id", LONG, ForeignKey("project.id"), nullable=False)


def of_task() -> Column[int]:
    """Return the column that names the row's task."""
    return Column("task_id", LONG, ForeignKey("task.id"), nullable=False)


def of_attempt() -> tuple[Column[int], Column[int], ForeignKeyConstraint]:
    """Return the columns that name the row's attempt, and their foreign key."""
    keys = ["task_id", "attempt"], ["attempt.task_id", "attempt.number"]
    return number("task_id"), number("attempt"), ForeignKeyConstraint(*keys)
