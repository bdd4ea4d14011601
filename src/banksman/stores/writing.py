"""What a transaction writes: the other half of `banksman.ports.Transaction`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from banksman.core.records import BreakpointEvent, Command, JournalEntry, Project, Record
from banksman.core.task import ProjectId, Task, TaskId
from banksman.exceptions import (
    CommandRefusedException,
    RecordNotFoundException,
    StaleVersionException,
    StaleWriterException,
)
from banksman.state.codec import from_plain, to_plain
from banksman.state.journal import KINDS, SPEC_FIELDS, TABLES
from banksman.stores import statements
from banksman.stores.driver import Driver
from banksman.stores.reading import AttemptReads, OtherReads, PlanReads
from banksman.stores.rows import Row, from_row, to_json, to_row


class PlanWrites(PlanReads):
    """Projects and tasks."""

    def check_epoch(self, project_id: ProjectId, epoch: int) -> None:
        """Refuse a writer that is not the present owner (`StaleWriterException`)."""
        row = self._driver.first(statements.EPOCH, {"id": project_id})
        if row is None:
            raise RecordNotFoundException(record="project", name=str(project_id))
        (current,) = row
        if current != epoch:
            assert isinstance(current, int), "the table refuses anything else"
            raise StaleWriterException(project_id=project_id, epoch=epoch, current=current)

    def insert_project(self, project: Project) -> Project:
        """Insert with the next id; the id given is ignored."""
        row = to_row(project) | {"id": None}
        number = self._driver.execute(statements.INSERT_PROJECT, row).lastrowid
        return from_row(Project, (row | {"id": number}).values())

    def insert_task(self, task: Task) -> Task:
        """Insert with the next id, with its edges; the id given is ignored."""
        state = to_row(task, without=SPEC_FIELDS) | {"id": None}
        number = self._driver.execute(statements.INSERT_TASK, state).lastrowid
        inserted = from_plain(Task, to_plain(task) | {"id": number})
        keys = {"task_id": inserted.id, "project_id": task.project_id}
        self._driver.execute(statements.INSERT_SPEC, _spec_row(task) | keys)
        self._insert_edges(inserted)
        self._kept[inserted.id] = inserted
        return inserted

    def save_task(self, task: Task) -> None:
        """Write state over the version before (`StaleVersionException` if there is another)."""
        row = to_row(task, without=SPEC_FIELDS)
        keys = {"key_id": task.id, "version_before": task.version - 1}
        if self._driver.execute(statements.SAVE_TASK, row | keys).rowcount != 1:
            before = task.version - 1
            raise StaleVersionException(record="task", name=str(task.id), version=before)
        kept = self._kept.pop(task.id, None)
        if kept is not None and _is_as_stored(task, row, kept):
            self._kept[task.id] = task

    def save_spec(self, task: Task) -> None:
        """Write `spec`, `extra` and `needs` of a task, whatever its version."""
        values = _spec_row(task) | {"key_id": task.id}
        if self._driver.execute(statements.SAVE_SPEC, values).rowcount != 1:
            raise RecordNotFoundException(record="task", name=str(task.id))
        self._driver.execute(statements.DELETE_EDGES, {"task_id": task.id})
        self._insert_edges(task)
        self._kept.pop(task.id, None)

    def _insert_edges(self, task: Task) -> None:
        edges = [{"task_id": task.id, "needs_id": need} for need in task.needs]
        self._driver.execute_many(statements.INSERT_EDGE, edges)


class RecordWrites(OtherReads):
    """Records, the journal and the inbox."""

    _breakpoint_id = 0

    def put(self, *records: Record) -> None:
        """Insert or overwrite whole rows; a `BreakpointEvent` with id 0 is refused."""
        rows: dict[str, list[Row]] = {}
        for record in records:
            assert not isinstance(record, BreakpointEvent) or record.id > 0, "ask for an id"
            rows.setdefault(TABLES[type(record)], []).append(to_row(record))
        # In the order of the tables, so that a new attempt may come with its first turn.
        for table in sorted(rows, key=list(KINDS).index):
            self._driver.execute_many(statements.PUT[table], rows[table])

    def append(self, entry: JournalEntry) -> JournalEntry:
        """Append with the next sequence number; the number given is ignored."""
        # The writes are plain already; walking through them again would double the cost.
        row = to_row(entry, without=("seq", "writes"))
        row |= {"seq": None, "writes": to_json(entry.writes)}
        number = self._driver.execute(statements.INSERT_JOURNAL, row).lastrowid
        assert number is not None, "an insert gives a number"
        return replace(entry, seq=number)

    def next_breakpoint_id(self) -> int:
        """Return an id that no breakpoint event has, another one at each call."""
        row = self._driver.first(statements.LAST_BREAKPOINT)
        last = row[0] if row else 0
        assert isinstance(last, int), "ids are whole numbers"
        self._breakpoint_id = max(self._breakpoint_id, last) + 1
        return self._breakpoint_id

    def insert_command(self, command: Command) -> Command:
        """Insert with the next id, or return the earlier command with the same key."""
        row = to_row(command) | {"id": None}
        earlier = self._one(Command, statements.COMMAND_BY_KEY, row)
        if earlier is not None:
            return earlier
        number = self._driver.execute(statements.INSERT_COMMAND, row).lastrowid
        return from_row(Command, (row | {"id": number}).values())

    def save_command(self, command: Command) -> None:
        """Record that a command was applied or withdrawn; refused if it was before."""
        row = to_row(command) | {"key_id": command.id}
        if self._driver.execute(statements.SAVE_COMMAND, row).rowcount != 1:
            end = "withdrawn" if self.command(command.id).withdrawn_at else "applied"
            raise CommandRefusedException(
                message=f"command {command.id} ({command.name}) was already {end}."
            )


class SqliteTransaction(PlanWrites, AttemptReads, RecordWrites):
    """One transaction; `banksman.ports.Transaction` says what each method promises."""

    def __init__(self, driver: Driver, kept: dict[TaskId, Task]) -> None:
        super().__init__(driver, kept)
        self._rollback_calls: list[Callable[[], None]] = []

    @property
    def rollback_calls(self) -> tuple[Callable[[], None], ...]:
        """What to call if the transaction does not commit, in the order it was asked for."""
        return tuple(self._rollback_calls)

    def on_rollback(self, call: Callable[[], None]) -> None:
        """Call this if the transaction does not commit, before any other can begin."""
        self._rollback_calls.append(call)


def _is_as_stored(task: Task, row: Row, before: Task) -> bool:
    """Return whether reading a saved task gives just this value.

    It does not if a text had to be escaped, or if the caller changed what is not its state.
    """
    state = row["guidance"] == task.guidance and row["reason"] == task.reason
    plan = task.spec is before.spec and task.needs is before.needs
    return state and plan and task.extra is before.extra


def _spec_row(task: Task) -> Row:
    return to_row(task.spec) | {"extra": to_json(to_plain(task)["extra"])}
