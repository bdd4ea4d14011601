"""A scheduler on a real store, and short ways to drive it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.records import Attempt, BreakpointEvent, JournalEntry, Project
from banksman.core.retry import ErrorClass, Failure
from banksman.core.task import (
    DependencyPolicy,
    Gate,
    Instant,
    Task,
    TaskId,
    TaskSpec,
    TaskStatus,
)
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.task_flow import TaskFlow
from banksman.orchestration.task_scheduler import TaskScheduler
from banksman.ports import Chance
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock


class Bench:
    """One project on a store of its own."""

    def __init__(self, path: Path, *, chance: Chance | None = None) -> None:
        self.path = path
        self.clock = FakeClock()
        self.chance = chance
        self.open()
        self.project = self.state.create_project("demo", base="main", target="banksman/target")
        self.project = self.state.own(self.project.id)

    def open(self) -> None:
        # What a power failure would do is proved with the store; here it would only cost time.
        self.store = SqliteStore.open(self.path, synchronous="OFF")
        self.state = StateManager(self.store, self.clock)
        self.breakpoints = BreakpointManager(self.state, self.clock)
        self.flow = TaskFlow(self.state, self.breakpoints, self.clock, chance=self.chance)
        self.scheduler = TaskScheduler(self.state, self.flow, self.clock)

    def restart(self) -> None:
        """Do what a new engine does over the same file."""
        self.store.close()
        self.open()
        self.project = self.state.own(self.project.id)

    def add(
        self,
        key: str,
        *needs: Task,
        policy: DependencyPolicy = DependencyPolicy.BLOCK,
        gate: Gate = Gate.NONE,
        retries_max: int = 3,
        priority: int = 5,
        estimate_min: float = 1.0,
        deadline: Instant | None = None,
    ) -> Task:
        spec = TaskSpec(
            key=key,
            title=f"Do {key}",
            priority=priority,
            estimate_min=estimate_min,
            deadline=deadline,
            retries_max=retries_max,
            on_dependency_failure=policy,
            gate=gate,
        )
        return self.scheduler.schedule_task(
            self.project.id, spec, needs=[need.id for need in needs]
        )

    def claim(self) -> Task:
        task = self.scheduler.get_next_task(self.project.id)
        assert task is not None, "there is something to claim"
        return task

    def complete(self, task: Task) -> Task:
        return self.scheduler.mark_complete(task.id, attempt=task.attempt, commit="c0ffee")

    def fail(self, task: Task, error: ErrorClass = ErrorClass.VALIDATION) -> Task:
        failure = Failure(error=error, message="it broke", guidance="mind the gap")
        return self.scheduler.mark_failed(task.id, failure, attempt=task.attempt)

    def finish(self, task: Task) -> Task:
        """Claim the next task, which is to be this one, and complete it."""
        claimed = self.claim()
        assert claimed.id == task.id
        return self.complete(claimed)

    def lose(self, task: Task) -> Task:
        """Claim the next task, which is to be this one, and fail it for good."""
        claimed = self.claim()
        assert claimed.id == task.id
        return self.fail(claimed)

    def block_attempt(
        self, task: Task, kind: BreakpointType = BreakpointType.CONFIDENCE_TOO_LOW
    ) -> Task:
        """Do what a step of an attempt does when it needs a person."""
        with self.state.transaction() as tx:
            self.breakpoints.trigger_breakpoint(tx, tx.task(task.id), kind, "look at this")
            return self.flow.block_attempt(tx, task.id, task.attempt, "look at this")

    def resolve(
        self, event: BreakpointEvent, resolution: Resolution, *, guidance: str = ""
    ) -> tuple[TaskId, ...]:
        with self.state.transaction() as tx:
            answered, release = self.breakpoints.resolve_breakpoint(
                tx, event.id, resolution, by="ada", guidance=guidance
            )
            return self.flow.resolved(tx, answered, release, "ada")

    def need(self, task: Task, *needs: Task) -> Task:
        with self.state.transaction() as tx:
            return self.flow.add_dependency(tx, task.id, [need.id for need in needs])

    def respecify(self, task: Task, *, policy: DependencyPolicy) -> None:
        """Do what reading another plan does."""
        with self.state.transaction() as tx:
            stored = tx.task(task.id)
            spec = replace(stored.spec, on_dependency_failure=policy)
            self.state.respecify(tx, replace(stored, spec=spec), reason="the plan changed")
            self.flow.settle(tx, self.project.id)

    def pause(self, *, paused: bool) -> None:
        with self.state.transaction() as tx:
            project: Project = replace(tx.project(self.project.id), paused=paused)
            self.state.record(tx, "project.paused", project)

    def capture(self, task: Task) -> Attempt:
        """Record that the present attempt has a base and captured work."""
        with self.state.transaction() as tx:
            row = replace(
                tx.attempt(task.id, task.attempt),
                base="ba5e",
                branch="banksman/task-1-do/1",
                commit="c0de",
                tree="7ee",
            )
            self.state.record(
                tx, "capture.recorded", row, task_id=task.id, attempt=task.attempt
            )
            return row

    def task(self, task: Task) -> Task:
        with self.state.transaction() as tx:
            return tx.task(task.id)

    def status(self, *tasks: Task) -> list[TaskStatus]:
        return [self.scheduler.get_task_status(task.id) for task in tasks]

    def attempt(self, task: Task, number: int) -> Attempt:
        with self.state.transaction() as tx:
            return tx.attempt(task.id, number)

    def open_events(self) -> tuple[BreakpointEvent, ...]:
        with self.state.transaction() as tx:
            return tx.open_breakpoints(self.project.id)

    def only_event(self) -> BreakpointEvent:
        (event,) = self.open_events()
        return event

    def events(self) -> tuple[BreakpointEvent, ...]:
        with self.state.transaction() as tx:
            return tx.breakpoints(self.project.id)

    def journal(self) -> tuple[JournalEntry, ...]:
        with self.state.transaction() as tx:
            return tx.journal(self.project.id)
