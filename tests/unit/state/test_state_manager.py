"""The only writer: every change with its journal line, fenced by epoch and attempt."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from banksman.core.events import (
    AttemptFailed,
    Claimed,
    DependenciesMet,
    Integrated,
    RetryScheduled,
)
from banksman.core.records import (
    Attempt,
    Command,
    JournalEntry,
    Project,
    Step,
)
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec, TaskStatus
from banksman.exceptions import (
    RecordNotFoundException,
    StaleVersionException,
    StaleWriterException,
    StoreException,
    TaskDependencyException,
    TaskStateException,
)
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock


class Listener:
    """A cache that only remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[Task | str] = []

    def task_changed(self, task: Task) -> None:
        self.heard.append(task)

    def reset(self) -> None:
        self.heard.append("reset")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "state.db", synchronous="OFF")
    yield store
    store.close()


@pytest.fixture
def state(store: SqliteStore) -> StateManager:
    return StateManager(store, FakeClock(5_000))


@pytest.fixture
def project(state: StateManager) -> Project:
    return state.own(state.create_project("crane", base="main", target="banksman/target").id)


def journal(state: StateManager, after: int = 0) -> tuple[JournalEntry, ...]:
    with state.transaction() as tx:
        return tx.journal(ProjectId(1), after=after)


def spec(key: str = "a") -> TaskSpec:
    return TaskSpec(key=key, title=key.upper(), instructions="do it")


def running(state: StateManager, project: Project, key: str = "a") -> tuple[Task, Attempt]:
    """Return a task that runs, and its attempt."""
    task = state.create_task(project.id, spec(key))
    with state.transaction() as tx:
        *_, task = state.apply(tx, [(task.id, DependenciesMet()), (task.id, Claimed())])
        attempt = Attempt(
            task_id=task.id,
            number=task.attempt,
            project_id=project.id,
            epoch=project.epoch,
            started_at=Instant(1),
        )
        state.record(tx, "attempt.started", attempt)
    return task, attempt


def test_a_project_begins_without_an_owner(state: StateManager) -> None:
    project = state.create_project("crane", base="main", target="banksman/target")
    assert (project.id, project.epoch, project.created_at) == (1, 0, 5_000)
    (line,) = journal(state)
    assert (line.kind, line.epoch, line.at) == ("project.created", 0, 5_000)
    assert line.writes[0]["table"] == "project"


def test_owning_a_project_raises_its_epoch_in_store_and_journal(state: StateManager) -> None:
    project = state.create_project("crane", base="main", target="t")
    assert [state.own(project.id).epoch for _ in range(2)] == [1, 2]
    with state.transaction() as tx:
        assert tx.project(project.id).epoch == 2
    assert [(line.kind, line.epoch) for line in journal(state, after=1)] == [
        ("project.owned", 1),
        ("project.owned", 2),
    ]


def test_an_unknown_project_cannot_be_owned(state: StateManager) -> None:
    with pytest.raises(RecordNotFoundException):
        state.own(ProjectId(9))


def test_whoever_lost_the_project_writes_nothing(
    store: SqliteStore, state: StateManager, project: Project
) -> None:
    task, attempt = running(state, project)
    command = Command(project_id=project.id, key="k", name="n", by="ann", at=Instant(1))
    with state.transaction() as tx:
        command = tx.insert_command(command)
    newer = StateManager(store, FakeClock())
    newer.own(project.id)
    lines = len(journal(newer))
    writes: tuple[Callable[[Transaction], object], ...] = (
        lambda tx: state.apply(tx, [(task.id, Integrated(attempt=1, commit="c"))]),
        lambda tx: state.record(tx, "attempt.step", replace(attempt, step=Step.CHECKS)),
        lambda tx: state.respecify(tx, task, reason="plan"),
        lambda tx: state.create_task(project.id, spec("b"), tx=tx),
        lambda tx: state.answer(tx, command),
    )
    for write in writes:
        with pytest.raises(StaleWriterException), state.transaction() as tx:
            write(tx)
    assert len(journal(newer)) == lines
    with newer.transaction() as tx:
        assert tx.task(task.id) == task
        newer.apply(tx, [(task.id, Integrated(attempt=1, commit="c"))])


def test_before_it_owns_a_manager_writes_under_the_present_epoch(
    store: SqliteStore, project: Project
) -> None:
    StateManager(store, FakeClock()).create_task(project.id, spec())
    assert journal(StateManager(store, FakeClock()))[-1].epoch == project.epoch


class RefusingConnection(sqlite3.Connection):
    """A connection on a disk that is full whenever something is to be committed."""

    full = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401 - as it is
        if type(self).full and sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, parameters)


def test_an_epoch_that_was_not_committed_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore.open(tmp_path / "other.db", connection_type=RefusingConnection)
    state = StateManager(store, FakeClock())
    project = state.create_project("crane", base="main", target="t")
    monkeypatch.setattr(RefusingConnection, "full", True)
    with pytest.raises(StoreException, match="full"):
        state.own(project.id)
    monkeypatch.undo()
    state.create_task(project.id, spec())
    assert journal(state)[-1].epoch == 0
    store.close()


def test_a_task_begins_pending_with_its_needs_from_both_forms(
    state: StateManager, project: Project
) -> None:
    first, second = (state.create_task(project.id, spec(key)) for key in "ab")
    metadata = {"dependencies": f"{second.id}, {first.id}", "origin": "issue"}
    task = state.create_task(
        project.id, spec("c"), needs=[second.id], metadata=metadata, actor="ann"
    )
    assert (task.status, task.needs) == (TaskStatus.PENDING, (first.id, second.id))
    assert task.metadata == {"origin": "issue", "dependencies": "1, 2"}
    line = journal(state)[-1]
    assert (line.kind, line.actor, line.task_id) == ("task.created", "ann", task.id)
    assert (line.source, line.target) == (None, TaskStatus.PENDING)


@pytest.mark.parametrize(
    ("needs", "text", "words"),
    [
        ((7,), "", "no such task"),
        ((), "7", "no such task"),
        ((), "one, two", "'one, two' is not a list of task numbers"),
        ((2,), "", "no such task"),  # Its own number, which it does not have yet.
    ],
)
def test_a_task_cannot_need_what_is_not_there(
    state: StateManager, project: Project, needs: tuple[int, ...], text: str, words: str
) -> None:
    state.create_task(project.id, spec())
    with pytest.raises(TaskDependencyException, match=words):
        state.create_task(
            project.id,
            spec("b"),
            needs=[TaskId(need) for need in needs],
            metadata={"dependencies": text},
        )
    with state.transaction() as tx:
        assert len(tx.tasks(project.id)) == 1


def test_a_task_cannot_need_one_of_another_project(
    state: StateManager, project: Project
) -> None:
    other = state.create_project("other", base="main", target="t")
    stranger = state.create_task(other.id, spec())
    with pytest.raises(TaskDependencyException, match="no such task"):
        state.create_task(project.id, spec(), needs=[stranger.id])


def test_events_move_tasks_and_leave_a_line_each(state: StateManager, project: Project) -> None:
    task = state.create_task(project.id, spec())
    lines = len(journal(state))
    with state.transaction() as tx:
        moved = state.apply(
            tx,
            [
                (task.id, DependenciesMet()),
                (task.id, Claimed()),
                (task.id, AttemptFailed(attempt=1, error=ErrorClass.LOST, reason="gone")),
                (task.id, RetryScheduled(at=Instant(9))),
            ],
            actor="recovery",
        )
        assert tx.task(task.id) == moved[-1]
    assert [one.status.value for one in moved] == ["ready", "running", "failed", "retrying"]
    told = [
        (line.kind, line.source, line.target, line.attempt, line.reason, line.actor)
        for line in journal(state, after=lines)
    ]
    s = TaskStatus
    assert told == [
        ("task.dependencies_met", s.PENDING, s.READY, None, "", "recovery"),
        ("task.claimed", s.READY, s.RUNNING, 1, "", "recovery"),
        ("task.attempt_failed", s.RUNNING, s.FAILED, 1, "gone", "recovery"),
        ("task.retry_scheduled", s.FAILED, s.RETRYING, 1, "", "recovery"),
    ]


def test_a_transition_does_not_repeat_the_instructions(
    state: StateManager, project: Project
) -> None:
    task = state.create_task(project.id, spec())
    with state.transaction() as tx:
        state.apply(tx, [(task.id, DependenciesMet())])
    assert "do it" in str(journal(state)[-2].writes)
    assert "do it" not in str(journal(state)[-1].writes)


def test_a_refused_event_leaves_nothing_of_its_round(
    state: StateManager, project: Project
) -> None:
    first, second = (state.create_task(project.id, spec(key)) for key in "ab")
    lines = len(journal(state))
    with pytest.raises(TaskStateException), state.transaction() as tx:
        state.apply(tx, [(first.id, DependenciesMet()), (second.id, Claimed())])
    with state.transaction() as tx:
        assert tx.tasks(project.id) == (first, second)
    assert len(journal(state)) == lines


def test_a_changed_plan_is_written_without_moving_the_task(
    state: StateManager, project: Project
) -> None:
    first, second = (state.create_task(project.id, spec(key)) for key in "ab")
    with state.transaction() as tx:
        (moved,) = state.apply(tx, [(first.id, DependenciesMet())])
        wanted = replace(first, spec=replace(first.spec, title="new"), needs=(second.id,))
        written = state.respecify(tx, wanted, reason="the plan was read again", actor="ann")
    assert written == replace(moved, spec=wanted.spec, needs=(second.id,))
    line = journal(state)[-1]
    assert (line.kind, line.reason, line.actor, line.source) == (
        "task.respecified",
        "the plan was read again",
        "ann",
        None,
    )


@pytest.mark.parametrize(("need", "words"), [(1, "itself"), (7, "no such task")])
def test_a_changed_plan_cannot_need_what_makes_no_sense(
    state: StateManager, project: Project, need: int, words: str
) -> None:
    task = state.create_task(project.id, spec())
    with pytest.raises(TaskDependencyException, match=words), state.transaction() as tx:
        state.respecify(tx, replace(task, needs=(TaskId(need),)), reason="")


def test_listeners_hear_of_every_change_inside_the_transaction(
    state: StateManager, project: Project
) -> None:
    listener = Listener()
    state.subscribe(listener)
    with state.transaction() as tx:
        task = state.create_task(project.id, spec(), tx=tx)
        assert listener.heard == [task]
        (ready,) = state.apply(tx, [(task.id, DependenciesMet())])
        changed = state.respecify(tx, replace(ready, extra={"a": "b"}), reason="")
    assert listener.heard == [task, ready, changed]


def test_listeners_are_reset_when_a_transaction_rolls_back(
    state: StateManager, project: Project
) -> None:
    first, second = Listener(), Listener()
    state.subscribe(first)
    state.subscribe(second)
    with pytest.raises(ZeroDivisionError), state.transaction():
        raise ZeroDivisionError
    with pytest.raises(TaskDependencyException):
        state.create_task(project.id, spec(), needs=[TaskId(7)])
    assert first.heard == second.heard == ["reset", "reset"]


def test_two_writers_of_one_task_are_told_apart_by_version(
    store: SqliteStore, state: StateManager, project: Project
) -> None:
    task = state.create_task(project.id, spec())
    with state.transaction() as tx:
        state.apply(tx, [(task.id, DependenciesMet())])
    with pytest.raises(StaleVersionException), store.transaction() as tx:
        tx.save_task(replace(task, version=2, reason="an older reader"))
