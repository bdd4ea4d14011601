"""Whatever happens to a plan, and however often its engine restarts."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from banksman.core.board import Board
from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.retry import ErrorClass
from banksman.core.task import DependencyPolicy, Gate, Instant, Task, TaskId, TaskStatus
from banksman.core.transitions import TERMINAL, TRANSITIONS
from banksman.exceptions import (
    CommandRefusedException,
    StaleReportException,
    TaskDependencyException,
    TaskStateException,
)
from banksman.orchestration.losses import is_stopped
from tests.unit.orchestration.bench import Bench

_S = TaskStatus
HOUR_MS: Final = 3_600_000
ENDED: Final = frozenset({_S.COMPLETED, _S.CANCELLED, _S.FAILED})
WAYS: Final = frozenset((source, target) for (source, _), target in TRANSITIONS.items())
# Half of all errors end a task for good, so that much depends on lost tasks.
ERRORS: Final = st.sampled_from([*ErrorClass, *[ErrorClass.VALIDATION] * len(ErrorClass)])


class Model:
    """The rules of the domain on a list of tasks, slow and plain."""

    def __init__(self, tasks: tuple[Task, ...], now: Instant) -> None:
        self.tasks = {task.id: task for task in tasks}
        self.now = now

    def needs(self, task: Task) -> list[Task]:
        return [self.tasks[need] for need in task.needs]

    def is_satisfied(self, task: Task) -> bool:
        regardless = task.spec.on_dependency_failure is DependencyPolicy.RUN
        return all(
            need.status is _S.COMPLETED or (regardless and need.status in ENDED)
            for need in self.needs(task)
        )

    def has_lost(self, task: Task) -> bool:
        return any(need.status in {_S.FAILED, _S.CANCELLED} for need in self.needs(task))

    def dependents(self, task: Task) -> list[Task]:
        return [other for other in self.tasks.values() if task.id in other.needs]

    def path_min(self, task: Task) -> float:
        if task.status in ENDED:
            return 0.0
        longest = max(map(self.path_min, self.dependents(task)), default=0.0)
        return task.spec.estimate_min + longest

    def key(self, task: Task) -> tuple[float, float, float, int]:
        spec = task.spec
        priority = spec.priority - task.retries_used
        if spec.deadline is not None and spec.deadline - self.now < HOUR_MS:
            priority += 2
        if any(other.status not in ENDED for other in self.dependents(task)):
            priority += 1
        deadline = float("inf") if spec.deadline is None else spec.deadline
        return (-max(1, priority), -self.path_min(task), deadline, task.id)

    def claimable(self) -> list[TaskId]:
        due = [
            task
            for task in self.tasks.values()
            if task.status is _S.READY
            or (task.not_before is not None and task.not_before <= self.now)
        ]
        return [task.id for task in sorted(due, key=self.key)]


class SchedulerLife(RuleBasedStateMachine):
    """Drives one project and looks at everything after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self.folder.name) / "state.db")
        self.paused = False
        self.claims: Counter[tuple[TaskId, int]] = Counter()

    def teardown(self) -> None:
        self.bench.store.close()
        self.folder.cleanup()

    # --- what is there ---------------------------------------------------------------------

    def tasks(self) -> tuple[Task, ...]:
        with self.bench.state.transaction() as tx:
            return tx.tasks(self.bench.project.id)

    def model(self) -> Model:
        return Model(self.tasks(), self.bench.clock.now())

    def some(self, data: st.DataObject, *statuses: TaskStatus) -> Task | None:
        found = [task for task in self.tasks() if not statuses or task.status in statuses]
        return data.draw(st.sampled_from(found)) if found else None

    # --- what happens ----------------------------------------------------------------------

    @rule(
        data=st.data(),
        priority=st.integers(1, 10),
        estimate_min=st.sampled_from([0.5, 1.0, 1.0, 30.0]),
        deadline_ms=st.none() | st.integers(0, 3 * HOUR_MS),
        policy=st.sampled_from(DependencyPolicy),
        gate=st.sampled_from([Gate.NONE, Gate.NONE, Gate.NONE, Gate.MANUAL]),
        retries_max=st.integers(0, 2),
    )
    def a_task_is_scheduled(
        self,
        *,
        data: st.DataObject,
        priority: int,
        estimate_min: float,
        deadline_ms: int | None,
        policy: DependencyPolicy,
        gate: Gate,
        retries_max: int,
    ) -> None:
        tasks = self.tasks()
        needs = data.draw(st.lists(st.sampled_from(tasks), max_size=3)) if tasks else []
        now = self.bench.clock.now()
        self.bench.add(
            f"t{len(tasks)}",
            *needs,
            priority=priority,
            estimate_min=estimate_min,
            deadline=None if deadline_ms is None else Instant(now + deadline_ms),
            policy=policy,
            gate=gate,
            retries_max=retries_max,
        )

    @rule()
    def the_next_task_is_claimed(self) -> None:
        expected = [] if self.paused else self.model().claimable()
        task = self.bench.scheduler.get_next_task(self.bench.project.id)
        assert (task.id if task else None) == (expected[0] if expected else None)
        if task is not None:
            self.claims[task.id, task.attempt] += 1

    @rule(data=st.data())
    def an_attempt_is_integrated(self, data: st.DataObject) -> None:
        if task := self.some(data, _S.RUNNING):
            self.bench.complete(task)

    @rule(data=st.data(), error=ERRORS)
    def an_attempt_fails(self, data: st.DataObject, error: ErrorClass) -> None:
        if task := self.some(data, _S.RUNNING):
            self.bench.fail(task, error)

    @rule(
        data=st.data(),
        kind=st.sampled_from(
            [BreakpointType.CONFIDENCE_TOO_LOW, BreakpointType.AGENT_QUESTION]
        ),
        captured=st.booleans(),
    )
    def an_attempt_needs_a_person(
        self, *, data: st.DataObject, kind: BreakpointType, captured: bool
    ) -> None:
        if task := self.some(data, _S.RUNNING):
            if captured:
                self.bench.capture(task)
            self.bench.block_attempt(task, kind)

    @rule(data=st.data())
    def an_attempt_that_is_over_reports(self, data: st.DataObject) -> None:
        task = self.some(data)
        if task is None or task.status is _S.RUNNING:
            return
        with suppress(StaleReportException, TaskStateException):
            self.bench.complete(task)
            raise AssertionError(task)

    @rule(data=st.data(), resolution=st.sampled_from(Resolution))
    def a_person_answers(self, data: st.DataObject, resolution: Resolution) -> None:
        events = self.bench.open_events()
        if events:
            with suppress(CommandRefusedException):
                event = data.draw(st.sampled_from(events))
                self.bench.resolve(event, resolution, guidance="so and so")

    @rule(data=st.data())
    def a_person_cancels(self, data: st.DataObject) -> None:
        if task := self.some(data, *(set(_S) - TERMINAL)):
            self.bench.scheduler.cancel_task(task.id, "not wanted", by="ada")

    @rule(data=st.data())
    def a_person_retries(self, data: st.DataObject) -> None:
        if task := self.some(data, _S.FAILED):
            self.bench.scheduler.retry_task(task.id, by="ada")

    @rule(data=st.data())
    def a_person_holds_a_task(self, data: st.DataObject) -> None:
        if task := self.some(data, _S.PENDING, _S.READY, _S.RETRYING):
            with self.bench.state.transaction() as tx:
                self.bench.flow.block(tx, task.id, "not yet")

    @rule(data=st.data())
    def a_dependency_is_added(self, data: st.DataObject) -> None:
        task, need = self.some(data), self.some(data)
        if task and need:
            with suppress(TaskDependencyException):
                self.bench.need(task, need)

    @rule(data=st.data(), policy=st.sampled_from(DependencyPolicy))
    def another_plan_is_read(self, data: st.DataObject, policy: DependencyPolicy) -> None:
        if task := self.some(data, _S.PENDING, _S.READY, _S.BLOCKED):
            self.bench.respecify(task, policy=policy)

    @rule(seconds=st.sampled_from([1, 60, 120, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.bench.clock.advance(seconds)

    @rule(seconds=st.integers(-4000, 4000))
    def the_clock_is_set(self, seconds: int) -> None:
        self.bench.clock.jump(max(seconds, -self.bench.clock.now() // 1000))

    @rule()
    def the_project_is_paused_or_goes_on(self) -> None:
        self.paused = not self.paused
        self.bench.pause(paused=self.paused)

    @rule()
    def the_engine_restarts(self) -> None:
        self.bench.restart()

    @rule(data=st.data())
    @precondition(lambda self: self.tasks())
    def a_transaction_is_rolled_back(self, data: st.DataObject) -> None:
        task = self.some(data, *(set(_S) - TERMINAL))
        with suppress(ZeroDivisionError), self.bench.state.transaction() as tx:
            self.bench.scheduler.get_next_task(self.bench.project.id, tx=tx)
            if task is not None:
                self.bench.scheduler.cancel_task(task.id, "never was", by="ada", tx=tx)
            raise ZeroDivisionError

    # --- what always holds -----------------------------------------------------------------

    @invariant()
    def everything_that_follows_has_happened(self) -> None:
        model = self.model()
        for task in model.tasks.values():
            if task.status in {_S.READY, _S.RETRYING}:
                assert model.is_satisfied(task)
            if task.status is _S.PENDING:
                regardless = task.spec.on_dependency_failure is DependencyPolicy.RUN
                assert not model.is_satisfied(task)
                assert regardless or not model.has_lost(task)

    @invariant()
    def the_board_is_the_one_that_the_store_would_give(self) -> None:
        tasks, now = self.tasks(), self.bench.clock.now()
        board, fresh = self.bench.flow.board(self.bench.project.id), Board(tasks)
        assert board.ready(now) == fresh.ready(now)
        assert [task.id for task in fresh.ready(now)] == self.model().claimable()
        assert board.next_due == fresh.next_due
        assert board.is_complete == fresh.is_complete
        assert board.deadlock is None
        for status in TaskStatus:
            assert board.tasks(status) == fresh.tasks(status)
        for task in tasks:
            assert board.task(task.id) == task
            assert board.standing(task.id) == fresh.standing(task.id)
            assert board.graph.needs(task.id) == set(task.needs)

    @invariant()
    def no_claim_is_made_twice_and_no_attempt_is_without_one(self) -> None:
        assert all(times == 1 for times in self.claims.values())
        with self.bench.state.transaction() as tx:
            for task in tx.tasks(self.bench.project.id):
                attempts = tx.attempts(task.id)
                assert [row.number for row in attempts] == list(range(1, task.attempt + 1))
                assert all((task.id, row.number) in self.claims for row in attempts)
                still = [row.number for row in attempts if row.ended_at is None]
                assert still == ([task.attempt] if task.status is _S.RUNNING else [])

    @invariant()
    def the_journal_has_one_line_for_each_version(self) -> None:
        with self.bench.state.transaction() as tx:
            tasks = tx.tasks(self.bench.project.id)
            journal = tx.journal(self.bench.project.id, limit=100_000)
        for task in tasks:
            lines = [e for e in journal if e.task_id == task.id and e.target is not None]
            assert len(lines) == task.version
            assert (lines[0].source, lines[0].target) == (None, _S.PENDING)
            assert lines[-1].target is task.status
            for before, after in pairwise(lines):
                assert after.source is before.target
                assert (after.source, after.target) in WAYS

    @invariant()
    def whoever_is_blocked_has_an_open_question(self) -> None:
        events = self.bench.open_events()
        for task in self.tasks():
            assert is_stopped(events, task.id) == (task.status is _S.BLOCKED)

    @invariant()
    def there_is_one_event_for_a_lost_task_and_it_lists_its_own_dependents(self) -> None:
        model = self.model()
        losses = [
            event
            for event in self.bench.open_events()
            if event.type is BreakpointType.DEPENDENCY_FAILED
        ]
        assert len({event.task_id for event in losses}) == len(losses)
        for event in losses:
            assert event.tasks
            assert model.tasks[event.task_id].status is not _S.COMPLETED
            for task_id in event.tasks:
                assert event.task_id in model.tasks[task_id].needs


TestSchedulerLife = SchedulerLife.TestCase
TestSchedulerLife.settings = settings(max_examples=40, stateful_step_count=40)
