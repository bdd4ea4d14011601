"""The store: one writing transaction at a time, and the right to write."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from banksman.core.budget import Spent
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    CheckResult,
    Command,
    DecisionRecord,
    FileChange,
    JournalEntry,
    Project,
    Record,
    Run,
    Turn,
)
from banksman.core.task import ProjectId, Task, TaskId


class Transaction(Protocol):  # noqa: PLR0904 - one read and one write for each kind of record
    """One atomic change of the store, and a consistent view of it.

    Only `banksman.state` writes.
    """

    def check_epoch(self, project_id: ProjectId, epoch: int) -> None:
        """Refuse a writer that is not the present owner (`StaleWriterException`)."""
        ...

    def insert_project(self, project: Project) -> Project:
        """Insert with the next id; the id given is ignored."""
        ...

    def insert_task(self, task: Task) -> Task:
        """Insert with the next id, with its edges; the id given is ignored."""
        ...

    def save_task(self, task: Task) -> None:
        """Write state over the version before (`StaleVersionException` if there is another)."""
        ...

    def save_spec(self, task: Task) -> None:
        """Write `spec`, `extra` and `needs` of a task, whatever its version."""
        ...

    def put(self, *records: Record) -> None:
        """Insert or overwrite whole rows; a `BreakpointEvent` with id 0 is refused."""
        ...

    def append(self, entry: JournalEntry) -> JournalEntry:
        """Append with the next sequence number; the number given is ignored."""
        ...

    def insert_command(self, command: Command) -> Command:
        """Insert with the next id, or return the earlier command with the same key."""
        ...

    def save_command(self, command: Command) -> None:
        """Record that a command was applied or withdrawn; refused if it was before."""
        ...

    def next_breakpoint_id(self) -> int:
        """Return an id that no breakpoint event has."""
        ...

    def projects(self) -> tuple[Project, ...]:
        """Return all projects by id."""
        ...

    def project(self, project_id: ProjectId) -> Project:
        """Return it (`RecordNotFoundException`)."""
        ...

    def task(self, task_id: TaskId) -> Task:
        """Return it (`RecordNotFoundException`)."""
        ...

    def tasks(self, project_id: ProjectId) -> tuple[Task, ...]:
        """Return all tasks of a project by id."""
        ...

    def attempt(self, task_id: TaskId, number: int) -> Attempt:
        """Return it (`RecordNotFoundException`)."""
        ...

    def attempts(self, task_id: TaskId) -> tuple[Attempt, ...]:
        """Return a task's attempts by number."""
        ...

    def open_attempts(self, project_id: ProjectId) -> tuple[Attempt, ...]:
        """Return the attempts that have not ended, by task and number."""
        ...

    def turns(self, task_id: TaskId, attempt: int) -> tuple[Turn, ...]:
        """Return an attempt's turns by number."""
        ...

    def last_run(self, project_id: ProjectId) -> Run | None:
        """Return the run that began last, if there was one."""
        ...

    def spent(self, project_id: ProjectId) -> Spent:
        """Return what all turns of a project cost, those that go on included."""
        ...

    def spent_on(self, task_id: TaskId, *, after: int = 0) -> Spent:
        """Return what a task's turns cost in the attempts with numbers above `after`."""
        ...

    def check_result(  # noqa: PLR0917 - the four parts of its key, in their order
        self, project_id: ProjectId, tree: str, check: str, tool: str
    ) -> CheckResult | None:
        """Return what is known of this check on this tree."""
        ...

    def check_results(self, project_id: ProjectId, tree: str) -> tuple[CheckResult, ...]:
        """Return everything known of this tree, by stage and name."""
        ...

    def decisions(self, task_id: TaskId) -> tuple[DecisionRecord, ...]:
        """Return a task's decisions, oldest first."""
        ...

    def breakpoint(self, breakpoint_id: int) -> BreakpointEvent:
        """Return it (`RecordNotFoundException`)."""
        ...

    def open_breakpoints(self, project_id: ProjectId) -> tuple[BreakpointEvent, ...]:
        """Return the breakpoint events without a resolution, by id."""
        ...

    def breakpoints(self, project_id: ProjectId) -> tuple[BreakpointEvent, ...]:
        """Return all breakpoint events of a project, resolved ones too, by id."""
        ...

    def changes(self, task_id: TaskId, attempt: int) -> tuple[FileChange, ...]:
        """Return what an attempt's last turn left changed, by path."""
        ...

    def journal(
        self, project_id: ProjectId, *, after: int = 0, limit: int = 1000
    ) -> tuple[JournalEntry, ...]:
        """Return journal entries with a sequence number above `after`, in order."""
        ...

    def pending_commands(
        self, project_id: ProjectId, *, limit: int = 100
    ) -> tuple[Command, ...]:
        """Return commands that are neither applied nor withdrawn, by id."""
        ...

    def command(self, command_id: int) -> Command:
        """Return it (`RecordNotFoundException`)."""
        ...

    def on_rollback(self, call: Callable[[], None]) -> None:
        """Call this if the transaction does not commit, before any other can begin."""
        ...


class Store(Protocol):
    """A database."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open the one writing transaction: commits on a clean exit, else rolls back.

        Transactions of several threads and processes follow one another; they do not nest.

        Raises:
            StoreException: The database is busy for too long, full, or broken.
        """
        ...

    def close(self) -> None:
        """Release the database; safe to call twice."""
        ...


class Ownership(Protocol):
    """The right to drive a project, released by death."""

    def acquire(self) -> None:
        """Take it (`OwnershipException` names the owner if another engine lives)."""
        ...

    def held(self) -> bool:
        """Return whether this process still has it."""
        ...

    def release(self) -> None:
        """Give it back; safe to call twice."""
        ...
