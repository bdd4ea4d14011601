"""States as an engine leaves them, written by the state manager."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from banksman.core.breakpoints import BreakpointType, Severity
from banksman.core.events import (
    BreakpointOpened,
    Claimed,
    DependenciesMet,
    Event,
    Integrated,
)
from banksman.core.records import Attempt, BreakpointEvent, Ending, Project, Record, Step
from banksman.core.task import Instant, TaskId, TaskSpec
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from tests.cli.shell import Shell

NOW = Instant(1_700_000_000_000)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A project's state, to be moved on by a test."""

    repo: Shell
    store: SqliteStore
    state: StateManager
    project: Project
    tasks: list[TaskId] = field(default_factory=list[TaskId])

    def add(self, key: str, title: str = "Do it", *, needs: tuple[TaskId, ...] = ()) -> TaskId:
        """Add a task and return its number."""
        spec = TaskSpec(key=key, title=title)
        task_id = self.state.create_task(self.project.id, spec, needs=needs).id
        self.tasks.append(task_id)
        return task_id

    def happen(self, task_id: TaskId, *events: Event) -> None:
        """Let things happen to a task."""
        with self.state.transaction() as tx:
            self.state.apply(tx, [(task_id, event) for event in events])

    def note(self, kind: str, *records: Record, task_id: TaskId | None = None) -> None:
        """Record facts."""
        with self.state.transaction() as tx:
            self.state.record(tx, kind, *records, task_id=task_id)

    def start(self, task_id: TaskId, *, base: str = "", branch: str = "") -> Attempt:
        """Let a pending task's first attempt begin."""
        self.happen(task_id, DependenciesMet(), Claimed())
        attempt = Attempt(
            task_id=task_id,
            number=1,
            project_id=self.project.id,
            epoch=self.project.epoch,
            started_at=NOW,
            base=base or None,
            branch=branch or None,
            agent="codex",
            turns=1,
        )
        self.note("attempt.begun", attempt, task_id=task_id)
        return attempt

    def finish(self, task_id: TaskId, *, base: str, commit: str) -> Attempt:
        """Let a pending task's first attempt begin, and be integrated as a commit."""
        attempt = replace(
            self.start(task_id, base=base),
            step=Step.ENDED,
            commit=commit,
            new=commit,
            ending=Ending.INTEGRATED,
            ended_at=Instant(NOW + 61_000),
        )
        self.note("attempt.ended", attempt, task_id=task_id)
        self.happen(task_id, Integrated(attempt=1, commit=commit))
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
