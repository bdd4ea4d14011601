"""What people are shown of a store, read beside a running engine.

The connection reads only: it makes nothing, locks nobody out, and sees one moment for each
question that needs several statements.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, TypeVar

from banksman.core.breakpoint_rules import granted_after
from banksman.core.budget import Limits, Spent, filled
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    Checkpoint,
    CheckResult,
    DecisionRecord,
    FileChange,
    JournalEntry,
    Project,
    Run,
    Turn,
    UsageRecord,
)
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec, TaskStatus
from banksman.exceptions import RecordNotFoundException
from banksman.stores import questions
from banksman.stores.driver import Driver, Values
from banksman.stores.light import open_light
from banksman.stores.rows import columns_of, from_row, values_of
from banksman.stores.views import (
    AgentUsage,
    StatusView,
    TaskDetails,
    TaskView,
)

T = TypeVar("T")


class Opened:
    """A connection for reading; close it, or use it in a `with`.

    Args:
        path: The store's file, which must exist.

    Raises:
        StoreException: There is none, it is another program's, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_light(path)
        self._connection.row_factory = sqlite3.Row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._connection.close()

    def _driver(self) -> Driver:
        return Driver(self._connection, self._path)

    @contextmanager
    def _moment(self) -> Generator[Driver]:
        """Let all that is read inside be of one moment."""
        driver = self._driver()
        driver.execute(questions.BEGIN)
        try:
            yield driver
        finally:
            if self._connection.in_transaction:
                self._connection.rollback()


class Reader(Opened):
    """Answers questions about a store."""

    def revision(self) -> int:
        """Return a number that grows with every change; cheap enough to ask all the time."""
        return _count(self._driver().first(questions.REVISION))

    def projects(self) -> tuple[Project, ...]:
        """Return all projects by id."""
        return _records(self._driver(), Project, questions.PROJECTS, {})

    def status(self, project_id: ProjectId) -> StatusView:
        """Return where a project stands (`RecordNotFoundException`)."""
        values = {"project_id": project_id}
        with self._moment() as driver:
            found = _records(driver, Project, questions.PROJECT, values)
            if not found:
                raise RecordNotFoundException(record="project", name=str(project_id))
            tasks = _tasks(driver, values)
            counts = Counter(task.status for task in tasks)
            return StatusView(
                project=found[0],
                revision=_count(driver.first(questions.REVISION)),
                counts={status: counts[status] for status in TaskStatus},
                tasks=tasks,
                commands=_count(driver.first(questions.PENDING_COMMANDS, values)),
                run=_last_run(driver, project_id),
                spent=_spent(driver, questions.SPENT, values),
                confined=not _count(driver.first(questions.UNCONFINED, values)),
            )

    def task_id(self, project_id: ProjectId, name: str) -> TaskId:
        """Return the task with this key in the plan, or else with this number.

        Raises:
            RecordNotFoundException: The project has no such task.
        """
        values = {"project_id": project_id, "key": name}
        driver = self._driver()
        row = driver.first(questions.TASK_BY_KEY, values)
        if row is None and name.isdecimal() and name.isascii() and len(name) < _DIGITS:
            values = {"project_id": project_id, "id": int(name)}
            row = driver.first(questions.TASK_BY_NUMBER, values)
        if row is None:
            raise RecordNotFoundException(record="task", name=name)
        return TaskId(_count(row))

    def task(self, task_id: TaskId) -> TaskDetails:
        """Return a task with all that is recorded of it (`RecordNotFoundException`)."""
        values = {"task_id": task_id}
        with self._moment() as driver:
            task = _task(driver, task_id)
            stops = _records(driver, BreakpointEvent, questions.TASK_BREAKPOINTS, values)
            run = _last_run(driver, task.project_id)
            return TaskDetails(
                task=task,
                attempts=_records(driver, Attempt, questions.ATTEMPTS, values),
                turns=_records(driver, Turn, questions.TURNS, values),
                decisions=_records(driver, DecisionRecord, questions.DECISIONS, values),
                results=_records(driver, CheckResult, questions.RESULTS, values),
                changes=_records(driver, FileChange, questions.CHANGES, values),
                checkpoints=_records(driver, Checkpoint, questions.CHECKPOINTS, values),
                usage=_records(driver, UsageRecord, questions.USAGE, values),
                breakpoints=stops,
                spent=_spent(
                    driver,
                    questions.SPENT_ON_TASK,
                    {**values, "after": granted_after(task_id, stops)},
                ),
                limits=filled(task.spec.limits, run.task_limits if run else Limits()),
            )

    def breakpoints(
        self, project_id: ProjectId, *, resolved: bool = False
    ) -> tuple[BreakpointEvent, ...]:
        """Return the open breakpoint events by id, on request the resolved ones too."""
        sql = questions.BREAKPOINTS if resolved else questions.OPEN_BREAKPOINTS
        return _records(self._driver(), BreakpointEvent, sql, {"project_id": project_id})

    def breakpoint(self, breakpoint_id: int) -> BreakpointEvent:
        """Return it (`RecordNotFoundException`)."""
        values = {"id": breakpoint_id}
        found = _records(self._driver(), BreakpointEvent, questions.BREAKPOINT, values)
        if not found:
            raise RecordNotFoundException(record="breakpoint", name=str(breakpoint_id))
        return found[0]

    def journal(
        self,
        project_id: ProjectId,
        *,
        after: int | None = None,
        task_id: TaskId | None = None,
        limit: int = 100,
    ) -> tuple[JournalEntry, ...]:
        """Return lines of the journal in order, without their writes.

        Args:
            project_id: Whose.
            after: The first lines after this sequence number; the last ones if none.
            task_id: Only lines about this task.
            limit: At most so many.
        """
        values = {"project_id": project_id, "task_id": task_id, "limit": limit, "after": after}
        sql = questions.JOURNAL_TAIL if after is None else questions.JOURNAL_AFTER
        lines = _records(self._driver(), JournalEntry, sql, values, without=("writes",))
        return lines[::-1] if after is None else lines

    def last_run(self, project_id: ProjectId) -> int:
        """Return the line of the journal with which the last run began; 0 if none is known."""
        row = self._driver().first(questions.LAST_RUN, {"project_id": project_id})
        return 0 if row is None else _count(row)

    def held(self, project_id: ProjectId) -> str:
        """Return why the engine of the last run claims nothing; empty if it does."""
        row = self._driver().first(questions.HELD, {"project_id": project_id})
        return str(row[1]) if row is not None and row[0] == "claims.held" else ""

    def since(self, project_id: ProjectId, at: Instant) -> int:
        """Return the first line of the journal from a time on; 0 if there is none."""
        return _count(
            self._driver().first(questions.SINCE, {"project_id": project_id, "at": at})
        )

    def usage(self, project_id: ProjectId, line: int = 0) -> tuple[AgentUsage, ...]:
        """Return what turns have cost that ended from a line of the journal on, by agent."""
        values = {"project_id": project_id, "line": line}
        rows = self._driver().all(questions.USAGE_SINCE, values)
        return tuple(
            AgentUsage(agent=str(agent), **dict(zip(_SUMS, map(_whole, sums), strict=True)))
            for agent, *sums in rows
        )


_DIGITS: Final = 19  # One more than what certainly fits into 64 bits.


def _records(  # noqa: PLR0917 - what, how and with what, in the order of every statement here
    driver: Driver, kind: type[T], sql: str, values: Values, *, without: tuple[str, ...] = ()
) -> tuple[T, ...]:
    """Return the records that a statement finds; their columns are read by name."""
    names = columns_of(kind, without=without)
    rows = driver.execute(sql, values).fetchall()
    return tuple(
        kind(**values_of(kind, (row[name] for name in names), without=without)) for row in rows
    )


_SUMS: Final = ("turns", "input_tokens", "output_tokens", "cost_microusd", "duration_ms")


def _whole(value: object) -> int:
    assert isinstance(value, int), "sums of whole numbers are whole"
    return value


def _count(row: tuple[object, ...] | None) -> int:
    assert row is not None, "these statements have one row"
    (value,) = row
    assert isinstance(value, int), "these statements give a number"
    return value


def _last_run(driver: Driver, project_id: ProjectId) -> Run | None:
    found = _records(driver, Run, questions.RUN, {"project_id": project_id})
    return found[0] if found else None


def _spent(driver: Driver, sql: str, values: Values) -> Spent:
    (spent,) = _records(driver, Spent, sql, values)
    return spent


def _groups(rows: list[tuple[object, ...]]) -> dict[object, list[int]]:
    """Return the second column's numbers by the first."""
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for key, value in rows:
        assert isinstance(value, int), "ids are whole numbers"
        groups[key].append(value)
    return groups


def _tasks(driver: Driver, values: Values) -> tuple[TaskView, ...]:
    needs = _groups(driver.all(questions.EDGES, values))
    stops = _groups(driver.all(questions.OPEN_BREAKPOINT_IDS, values))
    names = columns_of(TaskView, without=("needs", "breakpoints"))
    found: list[TaskView] = []
    for row in driver.execute(questions.TASKS, values).fetchall():
        columns = (row[name] for name in names)
        facts = values_of(TaskView, columns, without=("needs", "breakpoints"))
        task_id = facts["id"]
        edges = tuple(map(TaskId, needs.get(task_id, ())))
        found.append(TaskView(**facts, needs=edges, breakpoints=tuple(stops.get(task_id, ()))))
    return tuple(found)


def _task(driver: Driver, task_id: TaskId) -> Task:
    values = {"task_id": task_id}
    row = driver.execute(questions.TASK, values).fetchone()
    if row is None:
        raise RecordNotFoundException(record="task", name=str(task_id))
    spec = from_row(TaskSpec, (row[name] for name in columns_of(TaskSpec)))
    needs = (TaskId(_count((need,))) for (need,) in driver.all(questions.NEEDS, values))
    plan = ("spec", "needs")
    state = (row[name] for name in columns_of(Task, without=plan))
    return Task(**values_of(Task, state, without=plan), spec=spec, needs=tuple(needs))
