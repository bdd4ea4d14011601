"""The schema repeats the invariants of the core: the same products are lawful in both."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Final

import pytest
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from banksman.core import events
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec, TaskStatus
from banksman.core.transitions import TRANSITIONS, advance
from banksman.exceptions import StaleReportException, TaskStateException
from banksman.stores.columns import metadata
from banksman.stores.sqlite import SqliteStore

Product = tuple[TaskStatus, bool, bool]
"""Status, whether there is a delay, whether there was an attempt."""

EVENTS: Final = (
    events.DependenciesMet(),
    events.DependencyLost(),
    events.DependencyAdded(),
    events.Claimed(),
    events.BreakpointOpened(),
    events.AttemptBlocked(attempt=1),
    events.Integrated(attempt=1, commit="c"),
    events.AttemptFailed(attempt=1, error=ErrorClass.LOST),
    events.RetryScheduled(at=Instant(5)),
    events.Unblocked(),
    events.UnblockedWaiting(),
    events.Cancelled(reason="why"),
)

INSERT_TASK: Final = """
INSERT INTO task VALUES (NULL, 1, :status, :version, :attempt, :retries_used, 0, 0, :not_before,
    :entry, :resumes, '', :gate_passed, '')
"""
LAWFUL_TASK: Final[Mapping[str, object]] = {
    "status": "pending",
    "version": 1,
    "attempt": 0,
    "retries_used": 0,
    "not_before": None,
    "entry": "agent",
    "resumes": None,
    "gate_passed": 0,
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Return a connection to a new store, made once, to copy from."""
    path = tmp_path_factory.mktemp("schema") / "state.db"
    SqliteStore.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        yield connection


@pytest.fixture
def connection(template: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Return a connection to a copy with one project and one task in it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        template.backup(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO project VALUES (1, 'p', 'main', 't', 0, 0, NULL, 0)")
        connection.execute(INSERT_TASK, LAWFUL_TASK)
        yield connection


def reachable() -> set[Product]:
    """Return every product that events can lead to."""
    task = Task(id=TaskId(1), project_id=ProjectId(1), spec=TaskSpec(key="k", title="t"))
    pending, seen = [task], set[Product]()
    while pending:
        task = pending.pop()
        product = (task.status, task.not_before is not None, task.attempt > 0)
        if product in seen:
            continue
        seen.add(product)
        # One attempt stands for all: only whether there was one matters here.
        pending.extend(replace(after, attempt=min(after.attempt, 1)) for after in _after(task))
    return seen


def _after(task: Task) -> Iterator[Task]:
    for event in EVENTS:
        try:
            yield advance(task, event)
        except (TaskStateException, StaleReportException):
            continue


def test_the_events_above_are_all_there_are() -> None:
    named = {event.__name__ for _, event in TRANSITIONS}
    assert named == {type(event).__name__ for event in EVENTS}


@pytest.mark.parametrize(
    ("status", "delayed", "attempted"),
    list(itertools.product(TaskStatus, (False, True), (False, True))),
)
def test_the_schema_takes_a_state_exactly_if_events_can_lead_to_it(
    connection: sqlite3.Connection, status: TaskStatus, *, delayed: bool, attempted: bool
) -> None:
    row = dict(LAWFUL_TASK) | {
        "status": status.value,
        "not_before": 5 if delayed else None,
        "attempt": int(attempted),
    }
    try:
        connection.execute(INSERT_TASK, row)
        taken = True
    except sqlite3.IntegrityError:
        taken = False
    assert taken is ((status, delayed, attempted) in reachable())


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "asleep"},
        {"status": None},
        {"version": 0},
        {"version": "many"},
        {"attempt": -1},
        {"retries_used": -1},
        {"retries_used": 0.5},
        {"entry": "exit"},
        {"resumes": 0},
        {"gate_passed": 2},
    ],
    ids=str,
)
def test_a_task_breaks_no_invariant(
    connection: sqlite3.Connection, wrong: Mapping[str, object]
) -> None:
    connection.execute(INSERT_TASK, LAWFUL_TASK)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(INSERT_TASK, {**LAWFUL_TASK, **wrong})


# A lawful row of each table, and what must not be written into it.
ROWS: Final[Mapping[str, Mapping[str, object]]] = {
    "project": {
        "name": "n",
        "base": "b",
        "target": "t",
        "epoch": 0,
        "paused": 0,
        "created_at": 0,
    },
    "task_spec": {
        **dict.fromkeys(("title", "instructions", "agent"), ""),
        **dict.fromkeys(("checks", "acceptance", "touches", "may_change", "extra"), "[]"),
        "task_id": 1,
        "project_id": 1,
        "key": "k",
        "priority": 5,
        "estimate_min": 1.0,
        "retries_max": 0,
        "turns_max": 1,
        "on_dependency_failure": "block",
        "kind": "fix",
        "gate": "none",
        "limits": "{}",
    },
    "run": {
        **dict.fromkeys(("limits", "task_limits", "project_limits", "before", "reason"), "{}"),
        **dict.fromkeys(("project_id", "number", "epoch", "begun_at"), 1),
    },
    "dependency": {"task_id": 1, "needs_id": 2},
    "journal": {
        **dict.fromkeys(("kind", "actor", "reason", "writes"), ""),
        "project_id": 1,
        "at": 0,
        "epoch": 0,
    },
    "attempt": {
        **dict.fromkeys(("agent", "guidance", "stop_reason", "stop_by", "message"), ""),
        "task_id": 1,
        "number": 1,
        "project_id": 1,
        "epoch": 0,
        "started_at": 0,
        "entry": "agent",
        "step": "agent",
        "turns": 0,
        "conflicts": 0,
        "superseded": "[]",
    },
    "turn": {
        **dict.fromkeys(("spool", "prompt", "text"), ""),
        "task_id": 1,
        "attempt": 9,
        "number": 1,
        "started_at": 0,
    },
    "check_result": {
        **dict.fromkeys(("tree", "check", "tool", "message", "artefact", "digest"), ""),
        **dict.fromkeys(("passed", "failed", "skipped", "errors", "duration_ms", "at"), 0),
        "project_id": 1,
        "stage": "tests",
        "status": "pass",
        "details": "[]",
    },
    "decision": {
        **dict.fromkeys(("action", "rule", "version", "explanation"), ""),
        **dict.fromkeys(("evidence", "features", "weights"), "{}"),
        "task_id": 1,
        "attempt": 9,
        "number": 1,
        "at": 0,
        "confidence": 0.5,
        "calibrated": 0,
    },
    "breakpoint_event": {
        **dict.fromkeys(("message", "resolved_by", "reason", "guidance"), ""),
        "project_id": 1,
        "task_id": 1,
        "attempt": 0,
        "type": "manual",
        "severity": "low",
        "opened_at": 0,
        "details": "[]",
        "tasks": "[]",
    },
    "checkpoint": {
        **dict.fromkeys(("ref", "commit", "reason"), ""),
        "task_id": 1,
        "attempt": 9,
        "number": 1,
        "at": 0,
    },
    "file_change": {
        "task_id": 1,
        "attempt": 9,
        "path": "p",
        "change": "added",
        "turn": 0,
        "old_path": "",
        "mode": "100644",
        "added": 0,
        "deleted": 0,
    },
    "usage": {
        **dict.fromkeys(("input_tokens", "output_tokens", "cost_microusd"), 0),
        **dict.fromkeys(("duration_ms", "retries"), 0),
        "task_id": 1,
        "attempt": 9,
        "turn": 1,
        "agent": "",
        "model": "",
    },
    "command": {
        **dict.fromkeys(("key", "name", "by", "error"), ""),
        "project_id": 1,
        "at": 0,
        "arguments": "{}",
    },
}
WRONG: Final = (
    ("project", {"epoch": -1}),
    ("project", {"paused": 2}),
    ("project", {"name": None}),
    ("task_spec", {"key": ""}),
    ("task_spec", {"priority": 0}),
    ("task_spec", {"priority": 11}),
    ("task_spec", {"estimate_min": 0}),
    ("task_spec", {"retries_max": -1}),
    ("task_spec", {"turns_max": 0}),
    ("task_spec", {"on_dependency_failure": "hope"}),
    ("task_spec", {"kind": "magic"}),
    ("task_spec", {"gate": "automatic"}),
    ("task_spec", {"task_id": 7}),
    ("dependency", {"needs_id": 1}),
    ("dependency", {"needs_id": 7}),
    ("journal", {"source": "asleep"}),
    ("journal", {"target": "asleep"}),
    ("journal", {"project_id": 7}),
    ("attempt", {"number": 0}),
    ("attempt", {"resumes": 0}),
    ("attempt", {"turns": -1}),
    ("attempt", {"ended_at": 5}),
    ("attempt", {"ending": "failed"}),
    ("attempt", {"ended_at": 5, "ending": "asleep"}),
    ("attempt", {"entry": "exit"}),
    ("attempt", {"step": "dance"}),
    ("attempt", {"stop": "now"}),
    ("attempt", {"error": "oops"}),
    ("attempt", {"task_id": 7}),
    ("turn", {"number": 0}),
    ("turn", {"ended_at": 5}),
    ("turn", {"outcome": "answered"}),
    ("turn", {"attempt": 8}),
    ("check_result", {"stage": "hope"}),
    ("check_result", {"status": "maybe"}),
    ("check_result", {"failed": -1}),
    ("decision", {"confidence": 1.5}),
    ("decision", {"confidence": -0.5}),
    ("decision", {"confidence": float("nan")}),
    ("decision", {"calibrated": 2}),
    ("decision", {"attempt": 8}),
    ("breakpoint_event", {"id": 0}),
    ("breakpoint_event", {"attempt": -1}),
    ("breakpoint_event", {"resolution": "accept"}),
    ("breakpoint_event", {"resolved_at": 5}),
    ("breakpoint_event", {"resolution": "shrug", "resolved_at": 5}),
    ("breakpoint_event", {"type": "mood"}),
    ("breakpoint_event", {"severity": "mild"}),
    ("checkpoint", {"attempt": 8}),
    ("file_change", {"change": "blessed"}),
    ("file_change", {"added": -1}),
    ("run", {"number": 0}),
    ("run", {"epoch": -1}),
    ("run", {"ended_at": 1}),
    ("run", {"project_id": 7}),
    ("usage", {"cost_microusd": -1}),
    ("usage", {"retries": -1}),
    ("usage", {"attempt": 8}),
    ("command", {"applied_at": 1, "withdrawn_at": 1}),
    ("command", {"project_id": 7}),
)


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join("?" for _ in row)
    connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - names of ours
        tuple(row.values()),
    )


@pytest.fixture
def furnished(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return the connection with what the rows above refer to."""
    connection.execute(INSERT_TASK, LAWFUL_TASK)
    insert(connection, "attempt", dict(ROWS["attempt"]) | {"number": 9})
    return connection


@pytest.mark.parametrize(("table", "wrong"), WRONG, ids=str)
def test_a_row_breaks_no_invariant(
    furnished: sqlite3.Connection, table: str, wrong: Mapping[str, object]
) -> None:
    furnished.execute("BEGIN")
    insert(furnished, table, ROWS[table])
    furnished.execute("ROLLBACK")
    with pytest.raises(sqlite3.IntegrityError):
        insert(furnished, table, {**ROWS[table], **wrong})


def test_every_table_has_a_lawful_row_here() -> None:
    assert {*ROWS, "task"} == {table.name for table in metadata.sorted_tables}
    assert {table for table, _ in WRONG} == ROWS.keys()


@pytest.mark.parametrize("statement", ["UPDATE journal SET kind = 'y'", "DELETE FROM journal"])
def test_the_journal_only_grows(connection: sqlite3.Connection, statement: str) -> None:
    insert(connection, "journal", ROWS["journal"])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)


def test_an_epoch_only_grows(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE project SET epoch = 2")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute("UPDATE project SET epoch = 1")


def test_all_migrations_make_the_schema(connection: sqlite3.Connection) -> None:
    """Tables and indexes are compared by what makes them, line by line in any order."""
    engine = create_engine("sqlite://")
    wanted: set[tuple[str, ...]] = set()
    for table in metadata.sorted_tables:
        wanted.add(_lines(str(CreateTable(table).compile(engine))))
        wanted |= {_lines(str(CreateIndex(index).compile(engine))) for index in table.indexes}
    made = {
        _lines(sql)
        for (sql,) in connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL "
            "AND type IN ('table', 'index') AND name <> 'alembic_version'"
        )
    }
    assert made == wanted


def _lines(sql: str) -> tuple[str, ...]:
    lines = (line.strip().rstrip(",").strip() for line in sql.splitlines())
    return tuple(sorted(line for line in lines if line))
