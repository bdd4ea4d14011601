"""The only writer of state: every change is an event or a record, with its journal line.

The caller owns the transaction, so that all that one round of the engine causes is one commit.
Whoever keeps a cache of tasks listens: it hears of each change inside the transaction, and of
a rollback before any other transaction can begin.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Protocol

from banksman.core.events import Event
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    CheckResult,
    Command,
    JournalEntry,
    Project,
    Record,
    Run,
    Turn,
)
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec, parse_dependencies
from banksman.core.transitions import advance
from banksman.exceptions import (
    RecordNotFoundException,
    StaleReportException,
    TaskDependencyException,
)
from banksman.ports import Clock, Store, Transaction
from banksman.state import journal


class TaskListener(Protocol):
    """What a cache of tasks implements."""

    def task_changed(self, task: Task) -> None:
        """Take a task as it stands after a change; called inside the transaction."""
        ...

    def reset(self) -> None:
        """Throw the cache away: the transaction rolls back.

        Called before any other transaction can begin.
        """
        ...


class StateManager:
    """Writes state, and nothing else does.

    Its writes carry the epoch under which this process owns the project; once another engine
    has taken over they are refused.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._epochs: dict[ProjectId, int] = {}
        self._listeners: list[TaskListener] = []

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        """Open the store's transaction; if it rolls back, all listeners are reset."""
        with self._store.transaction() as tx:
            tx.on_rollback(self._reset)
            yield tx

    def subscribe(self, listener: TaskListener) -> None:
        """Tell this listener of every change from now on."""
        self._listeners.append(listener)

    def create_project(self, name: str, *, base: str, target: str) -> Project:
        """Return a new project, which nobody owns yet."""
        now = self._clock.now()
        with self.transaction() as tx:
            project = tx.insert_project(
                Project(id=ProjectId(0), name=name, base=base, target=target, created_at=now)
            )
            line = self._line(project, "project.created", at=now)
            tx.append(replace(line, writes=(journal.record_write(project),)))
        return project

    def own(self, project_id: ProjectId) -> Project:
        """Take the project over; every later write of this manager carries the new epoch.

        Raises:
            RecordNotFoundException: No such project.
        """
        with self.transaction() as tx:
            before = tx.project(project_id)
            project = replace(before, epoch=before.epoch + 1)
            tx.put(project)
            line = self._line(project, "project.owned")
            tx.append(replace(line, writes=(journal.record_write(project),)))
        self._epochs[project_id] = project.epoch
        return project

    def create_task(
        self,
        project_id: ProjectId,
        spec: TaskSpec,
        *,
        needs: Iterable[TaskId] = (),
        metadata: Mapping[str, str] | None = None,
        tx: Transaction | None = None,
        actor: str = "engine",
    ) -> Task:
        """Return a new pending task.

        Args:
            project_id: Its project.
            spec: What is to be done.
            needs: Tasks that it depends on, besides those in `metadata["dependencies"]`.
            metadata: Free facts; `dependencies` holds ids in their text form, `"12, 15"`.
            tx: The transaction to write in; a new one by default.
            actor: Who asked for it.

        Raises:
            TaskDependencyException: A dependency is not a task of this project.
            StaleWriterException: Another engine owns the project by now.
        """
        extra = dict(metadata or {})
        edges = {*needs, *_parsed(extra.pop("dependencies", ""))}
        task = Task(
            id=TaskId(0),
            project_id=project_id,
            spec=spec,
            needs=tuple(sorted(edges)),
            extra=extra,
        )
        with self._within(tx) as inner:
            project = self._checked(inner, project_id)
            _refuse_unknown(inner, task)
            task = inner.insert_task(task)
            inner.append(
                replace(
                    self._line(project, "task.created", actor=actor),
                    task_id=task.id,
                    target=task.status,
                    writes=(journal.task_write(task),),
                )
            )
            self._notify(task)
        return task

    def apply(
        self, tx: Transaction, events: Iterable[tuple[TaskId, Event]], *, actor: str = "engine"
    ) -> tuple[Task, ...]:
        """Record that the events happened; return the tasks after each, in order.

        Raises:
            RecordNotFoundException: No such task.
            TaskStateException: A task's status does not admit its event.
            StaleReportException: The event is of an attempt that is over.
            StaleWriterException: Another engine owns the project by now.
        """
        projects: dict[ProjectId, Project] = {}
        moved: list[Task] = []
        now = self._clock.now()
        for task_id, event in events:
            before = tx.task(task_id)
            project = projects.get(before.project_id)
            if project is None:
                project = projects[before.project_id] = self._checked(tx, before.project_id)
            task = advance(before, event)
            tx.save_task(task)
            tx.append(
                JournalEntry(
                    project_id=project.id,
                    at=now,
                    kind=journal.event_kind(event),
                    actor=actor,
                    epoch=project.epoch,
                    task_id=task.id,
                    attempt=task.attempt or None,
                    source=before.status,
                    target=task.status,
                    reason=str(getattr(event, "reason", "")),
                    writes=(journal.state_write(task),),
                )
            )
            self._notify(task)
            moved.append(task)
        return tuple(moved)

    def respecify(
        self, tx: Transaction, task: Task, *, reason: str, actor: str = "engine"
    ) -> Task:
        """Write a task's changed `spec`, `needs` and `extra`; its state stays as it is stored.

        Raises:
            TaskDependencyException: A dependency is the task itself or no task of the project.
            RecordNotFoundException: No such task.
            StaleWriterException: Another engine owns the project by now.
        """
        project = self._checked(tx, task.project_id)
        stored = tx.task(task.id)
        wanted = replace(
            stored, spec=task.spec, needs=tuple(sorted(set(task.needs))), extra=task.extra
        )
        _refuse_unknown(tx, wanted)
        tx.save_spec(wanted)
        tx.append(
            replace(
                self._line(project, "task.respecified", actor=actor),
                task_id=wanted.id,
                reason=reason,
                writes=(journal.spec_write(wanted),),
            )
        )
        self._notify(wanted)
        return wanted

    def retime(
        self,
        tx: Transaction,
        project_id: ProjectId,
        times: Mapping[TaskId, Instant],
        *,
        kind: str,
        reason: str,
    ) -> None:
        """Let the delays of these tasks end at other times of day, which is no transition.

        Raises:
            RecordNotFoundException: No such task.
            StaleWriterException: Another engine owns the project by now.
        """
        project = self._checked(tx, project_id)
        stored = (tx.task(task_id) for task_id in sorted(times))
        tasks = [
            replace(task, not_before=times[task.id], version=task.version + 1)
            for task in stored
        ]
        for task in tasks:
            tx.save_task(task)
            self._notify(task)
        writes = tuple(journal.state_write(task) for task in tasks)
        tx.append(replace(self._line(project, kind), reason=reason, writes=writes))

    def record(
        self,
        tx: Transaction,
        kind: str,
        *records: Record,
        task_id: TaskId | None = None,
        attempt: int | None = None,
        reason: str = "",
        actor: str = "engine",
    ) -> None:
        """Write whole rows and the one journal line that says what happened.

        Args:
            tx: The transaction to write in.
            kind: Dotted name of the fact, such as `turn.ended`.
            records: The rows; a new attempt may come with its first turn.
            task_id: The task of the line; by default that of the first record with one.
            attempt: The attempt of the line.
            reason: Why, for people.
            actor: Who.

        Raises:
            StaleReportException: An attempt or turn is of an attempt that is over.
            StaleWriterException: Another engine owns the project by now.
        """
        about = journal.about(records) if task_id is None else task_id
        project = self._checked(tx, _project_of(tx, about, records))
        _fence(tx, records)
        tx.put(*records)
        line = self._line(project, kind, actor=actor)
        tx.append(
            replace(
                line,
                task_id=about,
                attempt=attempt,
                reason=reason,
                writes=tuple(journal.record_write(record) for record in records),
            )
        )

    def answer(
        self,
        tx: Transaction,
        command: Command,
        *,
        answer: Mapping[str, object] | None = None,
        error: str = "",
    ) -> Command:
        """Return the command as applied, or refused with `error`, and journal that.

        Raises:
            CommandRefusedException: It was answered or withdrawn before.
            StaleWriterException: Another engine owns the project by now.
        """
        project = self._checked(tx, command.project_id)
        now = self._clock.now()
        answered = replace(command, applied_at=now, answer=answer, error=error)
        tx.save_command(answered)
        line = self._line(project, f"command.{command.name}", actor=command.by, at=now)
        tx.append(replace(line, reason=error))
        return answered

    def _within(self, tx: Transaction | None) -> AbstractContextManager[Transaction]:
        return self.transaction() if tx is None else nullcontext(tx)

    def _checked(self, tx: Transaction, project_id: ProjectId) -> Project:
        """Return the project, if this manager may write to it."""
        epoch = self._epochs.get(project_id)
        if epoch is not None:
            tx.check_epoch(project_id, epoch)
        return tx.project(project_id)

    def _line(
        self, project: Project, kind: str, *, actor: str = "engine", at: Instant | None = None
    ) -> JournalEntry:
        return JournalEntry(
            project_id=project.id,
            at=self._clock.now() if at is None else at,
            kind=kind,
            actor=actor,
            epoch=project.epoch,
        )

    def _notify(self, task: Task) -> None:
        for listener in self._listeners:
            listener.task_changed(task)

    def _reset(self) -> None:
        for listener in self._listeners:
            listener.reset()


def _parsed(dependencies: str) -> tuple[TaskId, ...]:
    """Return the ids of the text form (`TaskDependencyException` if it is not one)."""
    try:
        return parse_dependencies(dependencies)
    except ValueError as error:
        problem = f"{dependencies!r:.200} is not a list of task numbers such as '12, 15'"
        raise TaskDependencyException(task_id=0, depends_on=0, problem=problem) from error


def _refuse_unknown(tx: Transaction, task: Task) -> None:
    """Refuse edges to nowhere, to other projects and to the task itself.

    Longer cycles are found where the graph is known, before anything is written.
    """
    for need in task.needs:
        problem = "" if _is_task_of(tx, task.project_id, need) else "there is no such task"
        if need == task.id:
            problem = "no task can wait for itself"
        if problem:
            raise TaskDependencyException(task_id=task.id, depends_on=need, problem=problem)


def _is_task_of(tx: Transaction, project_id: ProjectId, task_id: TaskId) -> bool:
    with suppress(RecordNotFoundException):
        return tx.task(task_id).project_id == project_id
    return False


def _project_of(
    tx: Transaction, task_id: TaskId | None, records: tuple[Record, ...]
) -> ProjectId:
    """Return the project that a fact belongs to."""
    for record in records:
        if isinstance(record, Project):
            return record.id
        if isinstance(record, Run | Attempt | CheckResult | BreakpointEvent):
            return record.project_id
    assert task_id is not None, "a fact is about a task or has a record of a project"
    return tx.task(task_id).project_id


def _fence(tx: Transaction, records: tuple[Record, ...]) -> None:
    """Refuse what an attempt that is over reports.

    A lost worker may sleep through its attempt's end and wake up when a newer one runs: what
    it says then must not overwrite anything.
    """
    begun = {(r.task_id, r.number) for r in records if isinstance(r, Attempt)}
    turns = {(r.task_id, r.attempt) for r in records if isinstance(r, Turn)}
    for task_id, number in sorted(begun | turns):
        present = tx.task(task_id).attempt
        open_or_new = (task_id, number) in begun
        with suppress(RecordNotFoundException):
            open_or_new = tx.attempt(task_id, number).ended_at is None
        if number != present or not open_or_new:
            raise StaleReportException(task_id=task_id, attempt=present, reported=number)
