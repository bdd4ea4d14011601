"""States as an engine leaves them, written by the state manager."""

from __future__ import annotations

from dataclasses import dataclass

from banksman.core.breakpoints import BreakpointType, Severity
from banksman.core.events import BreakpointOpened, Claimed, DependenciesMet, Event
from banksman.core.records import Attempt, BreakpointEvent, Project, Record
from banksman.core.task import Instant, TaskId, TaskSpec
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from tests.cli.shell import Shell

NOW = Instant(1_700_000_000_000)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A project's state, to be moved on by a test."""

    shell: Shell
    store: SqliteStore
    state: StateManager
    project: Project

    def add(self, key: str, title: str = "Do it", *, needs: tuple[TaskId, ...] = ()) -> TaskId:
        """Add a task and return its number."""
        spec = TaskSpec(key=key, title=title)
        return self.state.create_task(self.project.id, spec, needs=needs).id

    def happen(self, task_id: TaskId, *events: Event) -> None:
        """Let things happen to a task."""
        with self.state.transaction() as tx:
            self.state.apply(tx, [(task_id, event) for event in events])

    def note(self, kind: str, *records: Record, task_id: TaskId | None = None) -> None:
        """Record facts."""
        with self.state.transaction() as tx:
            self.state.record(tx, kind, *records, task_id=task_id)

    def start(self, task_id: TaskId, **facts: object) -> Attempt:
        """Let a pending task's first attempt begin."""
        self.happen(task_id, DependenciesMet(), Claimed())
        attempt = Attempt(
            task_id=task_id,
            number=1,
            project_id=self.project.id,
            epoch=self.project.epoch,
            started_at=NOW,
            **facts,  # type: ignore[arg-type] # the test names fields of the record
        )
        self.note("attempt.begun", attempt, task_id=task_id)
        return attempt

    def stop(self, task_id: TaskId, message: str) -> BreakpointEvent:
        """Open a manual breakpoint at a task that has not started."""
        event = BreakpointEvent(
            id=1,
            project_id=self.project.id,
            task_id=task_id,
            attempt=0,
            type=BreakpointType.MANUAL,
            severity=Severity.MEDIUM,
            message=message,
            opened_at=NOW,
        )
        self.happen(task_id, BreakpointOpened(reason=message))
        self.note("breakpoint.opened", event, task_id=task_id)
        return event
