"""The lines of the journal: what each says, and the rows that it carries.

A write is a table's name and a row as plain data. A transition writes only the state of its
task, so that the journal does not repeat instructions; everything else writes whole rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from banksman.core.events import Event
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    Checkpoint,
    CheckResult,
    DecisionRecord,
    FileChange,
    Project,
    Record,
    Run,
    Turn,
    UsageRecord,
)
from banksman.core.task import Task, TaskId
from banksman.state.codec import fields_of, to_plain

Write = Mapping[str, object]

KINDS: Final[Mapping[str, type[Record]]] = {
    "project": Project,
    "run": Run,
    "attempt": Attempt,
    "turn": Turn,
    "check_result": CheckResult,
    "decision": DecisionRecord,
    "breakpoint_event": BreakpointEvent,
    "checkpoint": Checkpoint,
    "file_change": FileChange,
    "usage": UsageRecord,
}
"""The record of each table, in an order in which rows may refer to earlier tables."""

TABLES: Final = {kind: table for table, kind in KINDS.items()}

SPEC_FIELDS: Final = ("spec", "needs", "extra")
"""The fields of a task that a plan sets; the others are its state."""

STATE_FIELDS: Final = tuple(f.name for f in fields(Task) if f.name not in SPEC_FIELDS)

_STATE: Final = tuple(field for field in fields_of(Task) if field.name in STATE_FIELDS)


def event_kind(event: Event) -> str:
    """Return the journal's name of an event.

    Examples:
        >>> from banksman.core.events import Claimed
        >>> event_kind(Claimed())
        'task.claimed'
    """
    name = type(event).__name__
    return "task." + re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower()


def record_write(record: Record) -> Write:
    """Return the write of a whole row."""
    return {"table": TABLES[type(record)], "row": to_plain(record)}


def task_write(task: Task) -> Write:
    """Return the write of a new task, with its edges."""
    return {"table": "task", "row": to_plain(task)}


def state_write(task: Task) -> Write:
    """Return the write of a transition: the state alone."""
    return {"table": "task_state", "row": state_row(task)}


def spec_write(task: Task) -> Write:
    """Return the write of a changed specification."""
    row = to_plain(task)
    return {"table": "task_spec", "row": {name: row[name] for name in ("id", *SPEC_FIELDS)}}


def state_row(task: Task) -> dict[str, object]:
    """Return a task's state as plain data: one row of its table."""
    return {
        field.name: None
        if (value := getattr(task, field.name)) is None
        else field.encode(value)
        for field in _STATE
    }


def about(records: tuple[Record, ...]) -> TaskId | None:
    """Return the task that the first of these records with a task is about."""
    for record in records:
        if not isinstance(record, Project | Run | CheckResult):
            return record.task_id
    return None
