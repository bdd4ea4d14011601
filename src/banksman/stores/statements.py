"""Every statement of the store, built once at import and named.

They are made of SQLAlchemy's Core, so that the tables are described once, and compiled to text
at once: the text goes straight to the driver, on a connection that is kept. That is a third of
what executing the constructs would cost, and an engine's round is mostly such statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.sql import ClauseElement

from banksman.core.records import Command, JournalEntry, Project, Run
from banksman.core.task import TaskSpec
from banksman.state.journal import KINDS, STATE_FIELDS
from banksman.stores import schema
from banksman.stores.columns import LONG, metadata
from banksman.stores.rows import columns_of

_NAMED: Final = dialect(paramstyle="named")
_ZERO: Final = literal_column("0", LONG)


def _sql(clause: ClauseElement) -> str:
    """Return the text of a statement, with its parameters by name."""
    compiled = clause.compile(dialect=_NAMED)
    fixed = {name for name, value in (compiled.params or {}).items() if value is not None}
    assert not fixed, f"values are parameters or written out, not {fixed}"
    return str(compiled)


def _columns(table: Table, names: Iterable[str]) -> list[Column[object]]:
    return [table.c[name] for name in names]


def _rows(kind: type, table: Table) -> Select[*tuple[Any, ...]]:
    """Return a query for records: columns in the order of the record's fields."""
    return select(*_columns(table, columns_of(kind)))


def _is(*columns: Column[object]) -> list[ColumnElement[bool]]:
    """Return the conditions that columns equal the parameters of their names."""
    return [column == bindparam(column.name) for column in columns]


def _insert(table: Table) -> str:
    return _sql(insert(table))


def _upsert(table: Table) -> str:
    """Return an insert that overwrites the whole row if its key is there."""
    keys = [column.name for column in table.primary_key]
    statement = insert_or(table)
    names = [column.name for column in table.columns if column.name not in keys]
    others = {name: statement.excluded[name] for name in names}
    return _sql(statement.on_conflict_do_update(index_elements=keys, set_=others))


def _set(table: Table, names: Iterable[str], *where: ColumnElement[bool]) -> str:
    """Return an update of these columns to the parameters of their names."""
    return _sql(update(table).where(*where).values({name: bindparam(name) for name in names}))


_P, _T, _S, _D = schema.PROJECT, schema.TASK, schema.TASK_SPEC, schema.DEPENDENCY
_A, _B, _R, _C = schema.ATTEMPT, schema.BREAKPOINT_EVENT, schema.CHECK_RESULT, schema.COMMAND

SPEC_COLUMNS: Final = (*columns_of(TaskSpec), "extra")
"""The columns of a task's specification, in the order in which they are read."""

# --- writes ------------------------------------------------------------------------------

INSERT_PROJECT: Final = _insert(_P)
INSERT_TASK: Final = _insert(_T)
INSERT_SPEC: Final = _insert(_S)
INSERT_EDGE: Final = _insert(_D)
DELETE_EDGES: Final = _sql(delete(_D).where(*_is(_D.c.task_id)))
INSERT_JOURNAL: Final = _insert(schema.JOURNAL)
INSERT_COMMAND: Final = _insert(_C)

# Compare and set: it writes over the version before this one only, so that who read an older
# row cannot overwrite a newer one. No row changed means that someone else was faster.
SAVE_TASK: Final = _set(
    _T,
    (name for name in STATE_FIELDS if name not in {"id", "project_id"}),
    _T.c.id == bindparam("key_id"),
    _T.c.version == bindparam("version_before"),
)
SAVE_SPEC: Final = _set(_S, SPEC_COLUMNS, _S.c.task_id == bindparam("key_id"))
# Once: what was answered or withdrawn stays so.
SAVE_COMMAND: Final = _set(
    _C,
    ("applied_at", "withdrawn_at", "answer", "error"),
    _C.c.id == bindparam("key_id"),
    _C.c.applied_at.is_(None),
    _C.c.withdrawn_at.is_(None),
)
PUT: Final = {table: _upsert(metadata.tables[table]) for table in KINDS}
"""Insert or overwrite, by table."""

# --- reads -------------------------------------------------------------------------------

_TASK: Final = select(*_columns(_T, STATE_FIELDS), *_columns(_S, SPEC_COLUMNS)).join_from(
    _T, _S, _S.c.task_id == _T.c.id
)
_EDGES: Final = select(_D.c.task_id, _D.c.needs_id).order_by(_D.c.task_id, _D.c.needs_id)
_ATTEMPT: Final = _rows(KINDS["attempt"], _A).order_by(_A.c.task_id, _A.c.number)
_TURN: Final = _rows(KINDS["turn"], schema.TURN).order_by(schema.TURN.c.number)
_RESULT: Final = _rows(KINDS["check_result"], _R).order_by(_R.c.check, _R.c.tool)
_DECISION: Final = _rows(KINDS["decision"], schema.DECISION).order_by(
    schema.DECISION.c.attempt, schema.DECISION.c.number
)
_EVENT: Final = _rows(KINDS["breakpoint_event"], _B).order_by(_B.c.id)
_F: Final = schema.FILE_CHANGE
# What an earlier turn changed, a later one may have undone: only the last turn's count.
_CHANGE: Final = (
    _rows(KINDS["file_change"], _F)
    .join(_A, (_A.c.task_id == _F.c.task_id) & (_A.c.number == _F.c.attempt))
    .where(_F.c.turn == _A.c.turns)
    .order_by(_F.c.path)
)
_COMMAND: Final = _rows(Command, _C).order_by(_C.c.id)

EPOCH: Final = _sql(select(_P.c.epoch).where(*_is(_P.c.id)))
PROJECTS: Final = _sql(_rows(Project, _P).order_by(_P.c.id))
PROJECT: Final = _sql(_rows(Project, _P).where(*_is(_P.c.id)))
TASK: Final = _sql(_TASK.where(*_is(_T.c.id)))
TASKS: Final = _sql(_TASK.where(*_is(_T.c.project_id)).order_by(_T.c.id))
EDGES_OF_TASK: Final = _sql(_EDGES.where(*_is(_D.c.task_id)))
EDGES: Final = _sql(_EDGES.join(_T, _T.c.id == _D.c.task_id).where(*_is(_T.c.project_id)))
ATTEMPT: Final = _sql(_ATTEMPT.where(*_is(_A.c.task_id, _A.c.number)))
ATTEMPTS: Final = _sql(_ATTEMPT.where(*_is(_A.c.task_id)))
OPEN_ATTEMPTS: Final = _sql(_ATTEMPT.where(*_is(_A.c.project_id), _A.c.ended_at.is_(None)))
TURNS: Final = _sql(_TURN.where(*_is(schema.TURN.c.task_id, schema.TURN.c.attempt)))
CHECK_RESULT: Final = _sql(
    _RESULT.where(*_is(_R.c.project_id, _R.c.tree, _R.c.check, _R.c.tool))
)
CHECK_RESULTS: Final = _sql(_RESULT.where(*_is(_R.c.project_id, _R.c.tree)))
DECISIONS: Final = _sql(_DECISION.where(*_is(schema.DECISION.c.task_id)))
BREAKPOINT: Final = _sql(_EVENT.where(*_is(_B.c.id)))
OPEN_BREAKPOINTS: Final = _sql(_EVENT.where(*_is(_B.c.project_id), _B.c.resolved_at.is_(None)))
BREAKPOINTS: Final = _sql(_EVENT.where(*_is(_B.c.project_id)))
LAST_BREAKPOINT: Final = _sql(select(func.coalesce(func.max(_B.c.id), _ZERO)))
CHANGES: Final = _sql(
    _CHANGE.where(*_is(schema.FILE_CHANGE.c.task_id, schema.FILE_CHANGE.c.attempt))
)
JOURNAL: Final = _sql(
    _rows(JournalEntry, schema.JOURNAL)
    .where(*_is(schema.JOURNAL.c.project_id), schema.JOURNAL.c.seq > bindparam("after"))
    .order_by(schema.JOURNAL.c.seq)
    .limit(bindparam("limit"))
    .offset(_ZERO)
)
LAST_RUN: Final = _sql(
    _rows(Run, schema.RUN)
    .where(*_is(schema.RUN.c.project_id))
    .order_by(schema.RUN.c.number.desc())
    .limit(literal_column("1", LONG))
    .offset(_ZERO)
)
PENDING_COMMANDS: Final = _sql(
    _COMMAND.where(
        *_is(_C.c.project_id), _C.c.applied_at.is_(None), _C.c.withdrawn_at.is_(None)
    )
    .limit(bindparam("limit"))
    .offset(_ZERO)
)
COMMAND: Final = _sql(_COMMAND.where(*_is(_C.c.id)))
COMMAND_BY_KEY: Final = _sql(_COMMAND.where(*_is(_C.c.project_id, _C.c.key)))

# Whole tables in the order of their keys, but for the inbox: what a rebuilt store must equal.
WHOLE: Final = {
    table.name: _sql(select(table).order_by(*table.primary_key))
    for table in metadata.sorted_tables
    if table is not _C
}
