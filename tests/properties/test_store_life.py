"""Any history of a store: what callers were told is what is stored, across restarts."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from banksman.core import events
from banksman.core.records import Attempt, BreakpointEvent, Command, Ending, FileChange, Turn
from banksman.core.retry import ErrorClass
from banksman.core.task import EntryStep, Instant, Task, TaskId, TaskSpec, TaskStatus
from banksman.exceptions import (
    StaleReportException,
    StaleWriterException,
    StoreException,
    TaskStateException,
)
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.reader import Reader
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock
from banksman.testing.journal_audit import audit
from banksman.testing.store_samples import new_event

WORDS = st.text(st.characters(), max_size=8)
NUMBERS = st.integers(0, 3)
EVENTS = st.one_of(
    st.just(events.DependenciesMet()),
    st.builds(events.DependencyLost, reason=WORDS),
    st.just(events.DependencyAdded()),
    st.just(events.Claimed()),
    st.builds(events.BreakpointOpened, reason=WORDS),
    st.builds(events.AttemptBlocked, attempt=NUMBERS, reason=WORDS),
    st.builds(events.Integrated, attempt=NUMBERS, commit=st.just("c")),
    st.builds(
        events.AttemptFailed, attempt=NUMBERS, error=st.sampled_from(ErrorClass), reason=WORDS
    ),
    st.builds(
        events.RetryScheduled,
        at=st.integers(0, 99).map(Instant),
        uses_retry=st.booleans(),
        granted=st.booleans(),
        rate_limited=st.booleans(),
        guidance=WORDS,
    ),
    st.builds(events.Unblocked, entry=st.sampled_from(EntryStep), grants_retry=st.booleans()),
    st.builds(events.UnblockedWaiting, gate_passed=st.booleans()),
    st.builds(events.Cancelled, reason=WORDS),
)
REFUSALS = (TaskStateException, StaleReportException)


class Cache:
    """Tasks as a scheduler would keep them."""

    def __init__(self) -> None:
        self.tasks: dict[TaskId, Task] | None = {}

    def task_changed(self, task: Task) -> None:
        if self.tasks is not None:
            self.tasks[task.id] = task

    def reset(self) -> None:
        self.tasks = None


def as_stored(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


class StoreLife(RuleBasedStateMachine):
    """Writes through a state manager, and compares with what it was told."""

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = self.open()
        self.state = StateManager(self.store, FakeClock())
        self.cache = Cache()
        self.state.subscribe(self.cache)
        self.expected: dict[TaskId, Task] = {}
        self.lines = 0

    def open(self) -> SqliteStore:
        return SqliteStore.open(self.folder / "state.db", synchronous="OFF")

    @initialize()
    def a_project_is_made(self) -> None:
        project = self.state.create_project("crane", base="main", target="t")
        self.project = self.state.own(project.id)
        self.lines = 2

    @rule(target=tasks, needs=st.lists(tasks, max_size=3), title=WORDS)
    def a_task_is_planned(self, needs: list[TaskId], title: str) -> TaskId:
        spec = TaskSpec(key=f"k{len(self.expected)}", title=title)
        task = self.state.create_task(self.project.id, spec, needs=needs)
        self.take(task, lines=1)
        return task.id

    @rule(task_id=tasks, happened=st.lists(EVENTS, min_size=1, max_size=4))
    def something_happens(self, task_id: TaskId, happened: list[events.Event]) -> None:
        # A refused event must leave no trace of its round; the invariants look for one.
        with suppress(*REFUSALS):
            with self.state.transaction() as tx:
                moved = self.state.apply(tx, [(task_id, event) for event in happened])
            self.take(moved[-1], lines=len(moved))

    @rule(task_id=tasks, need=st.none() | tasks, title=WORDS)
    def the_plan_changes(self, task_id: TaskId, need: TaskId | None, title: str) -> None:
        needs = () if need is None or need == task_id else (need,)
        with self.state.transaction() as tx:
            task = tx.task(task_id)
            wanted = replace(task, spec=replace(task.spec, title=title), needs=needs)
            task = self.state.respecify(tx, wanted, reason="plan")
        self.take(task, lines=1)

    @rule(task_id=tasks, words=WORDS, ends=st.booleans())
    def an_attempt_is_recorded(self, task_id: TaskId, words: str, *, ends: bool) -> None:
        number = self.expected[task_id].attempt
        attempt = Attempt(
            task_id=task_id,
            number=number,
            project_id=self.project.id,
            epoch=self.project.epoch,
            started_at=Instant(1),
            message=words,
            ended_at=Instant(2) if ends else None,
            ending=Ending.LOST if ends else None,
        )
        turn = Turn(
            task_id=task_id,
            attempt=number,
            number=1,
            spool="s",
            prompt=words,
            started_at=Instant(1),
        )
        change = FileChange(task_id=task_id, attempt=number, path=words, change="added")
        # Refused once the attempt has ended; a task that was never claimed has none.
        with suppress(StaleReportException, StoreException):
            with self.state.transaction() as tx:
                self.state.record(tx, "attempt.seen", turn, change, attempt)
            assert number > 0
            self.lines += 1

    @rule(task_id=tasks)
    def a_breakpoint_opens(self, task_id: TaskId) -> None:
        with self.state.transaction() as tx:
            event: BreakpointEvent = new_event(tx, tx.task(task_id))
            self.state.record(tx, "breakpoint.opened", event)
        self.lines += 1

    @rule(key=st.sampled_from("ab"))
    def a_command_is_sent_and_answered(self, key: str) -> None:
        wish = Command(project_id=self.project.id, key=key, name="n", by="ann", at=Instant(1))
        with self.state.transaction() as tx:
            command = tx.insert_command(wish)
            if command.applied_at is None:
                self.state.answer(tx, command)
                self.lines += 1

    @rule(task_id=tasks, event=EVENTS)
    def a_round_fails_at_its_end(self, task_id: TaskId, event: events.Event) -> None:
        with suppress(ZeroDivisionError, *REFUSALS), self.state.transaction() as tx:
            self.state.apply(tx, [(task_id, event)])
            self.doomed(tx)

    def doomed(self, tx: Transaction) -> None:
        self.state.create_task(self.project.id, TaskSpec(key="doomed", title="t"), tx=tx)
        raise ZeroDivisionError

    @rule()
    def the_process_restarts(self) -> None:
        self.store.close()
        self.store = self.open()
        self.state = StateManager(self.store, FakeClock())
        self.cache = Cache()
        self.cache.tasks = None
        self.state.subscribe(self.cache)
        self.project = self.state.own(self.project.id)
        self.lines += 1

    @rule()
    def another_engine_takes_over(self) -> None:
        """The new one writes on a connection of its own; the old one is refused from then."""
        with self.store.transaction() as tx:
            tx.tasks(self.project.id)
        other = self.open()
        newer = StateManager(other, FakeClock())
        newer.own(self.project.id)
        self.lines += 1
        for task in self.expected.values():
            if task.status is TaskStatus.READY:
                with newer.transaction() as tx:
                    (moved,) = newer.apply(tx, [(task.id, events.Claimed())])
                self.take(moved, lines=1)
                break
        other.close()
        with pytest.raises(StaleWriterException):
            self.state.create_task(self.project.id, TaskSpec(key="late", title="t"))
        self.state = StateManager(self.store, FakeClock())
        self.state.subscribe(self.cache)
        self.project = self.state.own(self.project.id)
        self.lines += 1

    def take(self, task: Task, *, lines: int) -> None:
        """Expect to find this, with so many more lines in the journal."""
        spec = replace(task.spec, title=as_stored(task.spec.title))
        reason, guidance = as_stored(task.reason), as_stored(task.guidance)
        self.expected[task.id] = replace(task, spec=spec, reason=reason, guidance=guidance)
        self.lines += lines

    @invariant()
    def the_store_agrees_with_what_callers_were_told(self) -> None:
        if not hasattr(self, "project"):
            return
        with self.store.transaction() as tx:
            for task_id, task in self.expected.items():
                assert tx.task(task_id) == task
            assert tx.tasks(self.project.id) == tuple(self.expected.values())
            assert len(tx.journal(self.project.id)) == self.lines

    @invariant()
    def people_are_shown_the_same(self) -> None:
        if not hasattr(self, "project"):
            return
        with Reader(self.folder / "state.db") as reader:
            shown = reader.status(self.project.id)
            assert [(view.id, view.status, view.needs) for view in shown.tasks] == [
                (task.id, task.status, task.needs) for task in self.expected.values()
            ]
            assert shown.revision == self.lines

    @invariant()
    def a_cache_that_was_not_reset_is_right(self) -> None:
        if self.cache.tasks is None and hasattr(self, "project"):
            with self.store.transaction() as tx:
                self.cache.tasks = {task.id: task for task in tx.tasks(self.project.id)}
        told = self.cache.tasks or {}
        assert {key: task.status for key, task in told.items() if key in self.expected} == {
            key: task.status for key, task in self.expected.items() if key in told
        }

    def teardown(self) -> None:
        assert audit(self.store, self.folder) == ()
        self.store.close()
        shutil.rmtree(self.folder)


TestStoreLife = StoreLife.TestCase
TestStoreLife.settings = settings(max_examples=25, stateful_step_count=30)
