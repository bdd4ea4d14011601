"""What a transaction reads, by subject: half of `banksman.ports.Transaction`.

Tasks are kept from one transaction to the next, as an engine asks for the same ones in each
round. Whoever opens the transaction throws them away if another connection has written.
"""

from __future__ import annotations

from typing import TypeVar

from banksman.core.budget import Spent
from banksman.core.quality import Stage
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    CheckResult,
    Command,
    DecisionRecord,
    FileChange,
    JournalEntry,
    Project,
    Run,
    Turn,
)
from banksman.core.task import ProjectId, Task, TaskId, TaskSpec
from banksman.exceptions import RecordNotFoundException
from banksman.state.journal import SPEC_FIELDS, STATE_FIELDS
from banksman.stores import questions, statements
from banksman.stores.driver import Driver, Values
from banksman.stores.rows import from_row, values_of

T = TypeVar("T")
Row = tuple[object, ...]

_STAGES = list(Stage)


class Reading:
    """Base of the reads: the driver, and the tasks kept.

    Args:
        driver: Executes the statements.
        kept: Tasks as they are stored, by id; filled and kept up to date here.
    """

    def __init__(self, driver: Driver, kept: dict[TaskId, Task]) -> None:
        self._driver = driver
        self._kept = kept

    def _one(self, kind: type[T], sql: str, values: Values) -> T | None:
        row = self._driver.first(sql, values)
        return None if row is None else from_row(kind, row)

    def _all(self, kind: type[T], sql: str, values: Values) -> tuple[T, ...]:
        return tuple(from_row(kind, row) for row in self._driver.all(sql, values))


class PlanReads(Reading):
    """Projects, tasks and the journal."""

    def projects(self) -> tuple[Project, ...]:
        """Return all projects by id."""
        return self._all(Project, statements.PROJECTS, {})

    def project(self, project_id: ProjectId) -> Project:
        """Return it (`RecordNotFoundException`)."""
        project = self._one(Project, statements.PROJECT, {"id": project_id})
        return _found(project, "project", project_id)

    def task(self, task_id: TaskId) -> Task:
        """Return it (`RecordNotFoundException`)."""
        kept = self._kept.get(task_id)
        if kept is not None:
            return kept
        row = _found(self._driver.first(statements.TASK, {"id": task_id}), "task", task_id)
        edges = self._driver.all(statements.EDGES_OF_TASK, {"task_id": task_id})
        task = self._kept[task_id] = _task(row, tuple(need for _, need in edges))
        return task

    def tasks(self, project_id: ProjectId) -> tuple[Task, ...]:
        """Return all tasks of a project by id."""
        values = {"project_id": project_id}
        needs: dict[object, list[object]] = {}
        for task_id, need in self._driver.all(statements.EDGES, values):
            needs.setdefault(task_id, []).append(need)
        rows = self._driver.all(statements.TASKS, values)
        tasks = tuple(_task(row, tuple(needs.get(row[0], ()))) for row in rows)
        self._kept.update((task.id, task) for task in tasks)
        return tasks

    def journal(
        self, project_id: ProjectId, *, after: int = 0, limit: int = 1000
    ) -> tuple[JournalEntry, ...]:
        """Return journal entries with a sequence number above `after`, in order."""
        values = {"project_id": project_id, "after": after, "limit": limit}
        return self._all(JournalEntry, statements.JOURNAL, values)


class AttemptReads(Reading):
    """Attempts and what belongs to them, and what they cost."""

    def last_run(self, project_id: ProjectId) -> Run | None:
        """Return the run that began last, if there was one."""
        return self._one(Run, statements.LAST_RUN, {"project_id": project_id})

    def spent(self, project_id: ProjectId) -> Spent:
        """Return what all turns of a project cost."""
        return spent_from(self._driver.first(questions.SPENT, {"project_id": project_id}))

    def spent_on(self, task_id: TaskId, *, after: int = 0) -> Spent:
        """Return what a task's turns cost in the attempts after one."""
        values = {"task_id": task_id, "after": after}
        return spent_from(self._driver.first(questions.SPENT_ON_TASK, values))

    def attempt(self, task_id: TaskId, number: int) -> Attempt:
        """Return it (`RecordNotFoundException`)."""
        values = {"task_id": task_id, "number": number}
        attempt = self._one(Attempt, statements.ATTEMPT, values)
        return _found(attempt, "attempt", f"{task_id}/{number}")

    def attempts(self, task_id: TaskId) -> tuple[Attempt, ...]:
        """Return a task's attempts by number."""
        return self._all(Attempt, statements.ATTEMPTS, {"task_id": task_id})

    def open_attempts(self, project_id: ProjectId) -> tuple[Attempt, ...]:
        """Return the attempts that have not ended, by task and number."""
        return self._all(Attempt, statements.OPEN_ATTEMPTS, {"project_id": project_id})

    def turns(self, task_id: TaskId, attempt: int) -> tuple[Turn, ...]:
        """Return an attempt's turns by number."""
        return self._all(Turn, statements.TURNS, {"task_id": task_id, "attempt": attempt})

    def decisions(self, task_id: TaskId) -> tuple[DecisionRecord, ...]:
        """Return a task's decisions, oldest first."""
        return self._all(DecisionRecord, statements.DECISIONS, {"task_id": task_id})

    def changes(self, task_id: TaskId, attempt: int) -> tuple[FileChange, ...]:
        """Return what an attempt changed, by path."""
        values = {"task_id": task_id, "attempt": attempt}
        return self._all(FileChange, statements.CHANGES, values)


class OtherReads(Reading):
    """Check results, breakpoint events and the inbox."""

    def check_result(  # noqa: PLR0917 - the four parts of its key, as the port has them
        self, project_id: ProjectId, tree: str, check: str, tool: str
    ) -> CheckResult | None:
        """Return what is known of this check on this tree."""
        values = {"project_id": project_id, "tree": tree, "check": check, "tool": tool}
        return self._one(CheckResult, statements.CHECK_RESULT, values)

    def check_results(self, project_id: ProjectId, tree: str) -> tuple[CheckResult, ...]:
        """Return everything known of this tree, by stage and name."""
        values = {"project_id": project_id, "tree": tree}
        results = self._all(CheckResult, statements.CHECK_RESULTS, values)
        return tuple(sorted(results, key=lambda result: _STAGES.index(result.stage)))

    def breakpoint(self, breakpoint_id: int) -> BreakpointEvent:
        """Return it (`RecordNotFoundException`)."""
        event = self._one(BreakpointEvent, statements.BREAKPOINT, {"id": breakpoint_id})
        return _found(event, "breakpoint", breakpoint_id)

    def open_breakpoints(self, project_id: ProjectId) -> tuple[BreakpointEvent, ...]:
        """Return the breakpoint events without a resolution, by id."""
        values = {"project_id": project_id}
        return self._all(BreakpointEvent, statements.OPEN_BREAKPOINTS, values)

    def breakpoints(self, project_id: ProjectId) -> tuple[BreakpointEvent, ...]:
        """Return all breakpoint events of a project, resolved ones too, by id."""
        values = {"project_id": project_id}
        return self._all(BreakpointEvent, statements.BREAKPOINTS, values)

    def pending_commands(
        self, project_id: ProjectId, *, limit: int = 100
    ) -> tuple[Command, ...]:
        """Return commands that are neither applied nor withdrawn, by id."""
        values = {"project_id": project_id, "limit": limit}
        return self._all(Command, statements.PENDING_COMMANDS, values)

    def command(self, command_id: int) -> Command:
        """Return it (`RecordNotFoundException`)."""
        command = self._one(Command, statements.COMMAND, {"id": command_id})
        return _found(command, "command", command_id)


def _found(record: T | None, kind: str, name: object) -> T:
    if record is None:
        raise RecordNotFoundException(record=kind, name=str(name))
    return record


def _task(row: Row, needs: tuple[object, ...]) -> Task:
    """Return a task from its state, then its specification, then `extra`."""
    split = len(STATE_FIELDS)
    state = values_of(Task, row[:split], without=SPEC_FIELDS)
    spec = from_row(TaskSpec, row[split:-1])
    extra = values_of(Task, row[-1:], without=(*STATE_FIELDS, "spec", "needs"))
    return Task(**state, spec=spec, needs=tuple(map(_task_id, needs)), **extra)


def _task_id(value: object) -> TaskId:
    assert isinstance(value, int), "the table refuses anything else"
    return TaskId(value)


def spent_from(row: Row | None) -> Spent:
    """Return what was spent from its sums, in the order in which people are told."""
    assert row is not None, "sums have one row"
    return from_row(Spent, row)
