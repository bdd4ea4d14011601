"""A project on a store of its own, with tasks that breakpoints stop."""

from __future__ import annotations

from pathlib import Path

from banksman.core.breakpoints import BreakpointType, Release, Resolution
from banksman.core.events import AttemptBlocked, Claimed, DependenciesMet, Event
from banksman.core.records import Attempt, BreakpointEvent, Ending, JournalEntry
from banksman.core.task import Instant, ProjectId, Task, TaskSpec
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock


class Scene:
    """A project on a store of its own, and the manager under test."""

    def __init__(self, path: Path) -> None:
        self.store = SqliteStore.open(path / "state.db", synchronous="OFF")
        self.clock = FakeClock(5_000)
        self.state = StateManager(self.store, self.clock)
        project = self.state.create_project("crane", base="main", target="banksman/target")
        self.project_id: ProjectId = self.state.own(project.id).id
        self.manager = BreakpointManager(self.state, self.clock)

    def task(self, key: str = "a") -> Task:
        return self.state.create_task(self.project_id, TaskSpec(key=key, title=key))

    def apply(self, tx: Transaction, task: Task, *events: Event) -> Task:
        return self.state.apply(tx, [(task.id, event) for event in events])[-1]

    def stopped(
        self, tx: Transaction, task: Task, *, base: str | None = "b0", commit: str | None = "c1"
    ) -> Task:
        """Run one attempt of a pending task up to a breakpoint."""
        task = self.apply(tx, task, DependenciesMet(), Claimed())
        attempt = Attempt(
            task_id=task.id,
            number=task.attempt,
            project_id=self.project_id,
            epoch=1,
            started_at=Instant(5_000),
            base=base,
            commit=commit,
            ending=Ending.BLOCKED,
            ended_at=Instant(5_000),
        )
        self.state.record(tx, "attempt.ended", attempt)
        return self.apply(tx, task, AttemptBlocked(attempt=task.attempt))

    def trigger(
        self,
        tx: Transaction,
        task: Task,
        kind: BreakpointType = BreakpointType.CONFIDENCE_TOO_LOW,
        *details: str,
    ) -> BreakpointEvent:
        return self.manager.trigger_breakpoint(tx, task, kind, "why", details=details)

    def resolve(
        self, tx: Transaction, event: BreakpointEvent, resolution: Resolution, **words: str
    ) -> Release:
        said = {"by": "anna", **words}
        return self.manager.resolve_breakpoint(tx, event.id, resolution, **said)[1]

    def journal(self) -> tuple[JournalEntry, ...]:
        with self.state.transaction() as tx:
            return tx.journal(self.project_id)
