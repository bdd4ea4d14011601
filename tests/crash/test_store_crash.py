"""The process dies before statement n, for every n until it gets through.

What is left is lawful each time, every stage is seen, and the journal rebuilds the tables.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from banksman.core.events import AttemptFailed, Claimed, DependenciesMet, RetryScheduled
from banksman.core.records import Attempt, Command, Ending, Turn
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, ProjectId, TaskSpec
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock
from banksman.testing.journal_audit import audit

KILLED: Final = 86
PROJECT: Final = ProjectId(1)
FORK: Final = multiprocessing.get_context("fork")


class DyingConnection(sqlite3.Connection):
    """A connection whose process dies just before statement number `left`, counted from 0."""

    left = 0

    def execute(self, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401 - the driver's own
        _die_or_go_on()
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401 - the driver's own
        _die_or_go_on()
        return super().executemany(*args)

    def cursor(self, factory: Any = None) -> Any:  # noqa: ANN401 - the driver's own
        # What migrates takes a cursor.
        return super().cursor(factory or DyingCursor)


class DyingCursor(sqlite3.Cursor):
    """The same for whoever takes a cursor."""

    def execute(self, *args: Any) -> Any:  # noqa: ANN401 - the driver's own
        _die_or_go_on()
        return super().execute(*args)


def _die_or_go_on() -> None:
    if DyingConnection.left == 0:
        os._exit(KILLED)
    DyingConnection.left -= 1


def begin(state: StateManager, _: Transaction | None = None) -> None:
    state.own(state.create_project("crane", base="main", target="t").id)


def plan(state: StateManager, tx: Transaction) -> None:
    first = state.create_task(PROJECT, TaskSpec(key="a", title="A"), tx=tx)
    state.create_task(PROJECT, TaskSpec(key="b", title="B"), needs=[first.id], tx=tx)


def claim(state: StateManager, tx: Transaction) -> None:
    task = tx.tasks(PROJECT)[0]
    state.apply(tx, [(task.id, DependenciesMet()), (task.id, Claimed())])
    attempt = Attempt(
        task_id=task.id, number=1, project_id=PROJECT, epoch=1, started_at=Instant(1)
    )
    turn = Turn(
        task_id=task.id, attempt=1, number=1, spool="s", prompt="", started_at=Instant(1)
    )
    state.record(tx, "attempt.started", attempt, turn)


def fail(state: StateManager, tx: Transaction) -> None:
    task = tx.tasks(PROJECT)[0]
    ended = replace(tx.attempt(task.id, 1), ended_at=Instant(2), ending=Ending.FAILED)
    state.record(tx, "attempt.ended", ended)
    failed = AttemptFailed(attempt=1, error=ErrorClass.LOST)
    state.apply(tx, [(task.id, failed), (task.id, RetryScheduled(at=Instant(3)))])


def change_plan(state: StateManager, tx: Transaction) -> None:
    second = tx.tasks(PROJECT)[1]
    state.respecify(tx, replace(second, needs=(), extra={"x": "y"}), reason="plan")


def answer(state: StateManager, tx: Transaction) -> None:
    wish = Command(project_id=PROJECT, key="k", name="pause", by="ann", at=Instant(4))
    state.answer(tx, tx.insert_command(wish))


STEPS: Final = (plan, claim, fail, change_plan, answer)


def live(path: Path, left: int) -> None:
    """Lead the whole life, or die on the way; runs in a process of its own."""
    DyingConnection.left = left
    store = SqliteStore.open(path, synchronous="OFF", connection_type=DyingConnection)
    state = StateManager(store, FakeClock())
    begin(state)
    for step in STEPS:
        with state.transaction() as tx:
            step(state, tx)
    os._exit(0)


def in_a_child(target: Callable[..., None], *args: object) -> int | None:
    child = FORK.Process(target=target, args=args)
    child.start()
    child.join()
    return child.exitcode


def stage_of(store: SqliteStore) -> tuple[object, ...]:
    """Return what distinguishes the lawful states of this life."""
    with store.transaction() as tx:
        projects = tx.projects()
        tasks = tx.tasks(PROJECT)
        return (
            [project.epoch for project in projects],
            [(task.status.value, task.version, task.needs) for task in tasks],
            [attempt.ending for task in tasks for attempt in tx.attempts(task.id)],
            [turn.number for task in tasks for turn in tx.turns(task.id, 1)],
            [line.kind for line in tx.journal(PROJECT)],
            len(tx.pending_commands(PROJECT)),
        )


def lawful_stages(path: Path) -> list[tuple[object, ...]]:
    """Return the states between the transactions of a life in which nobody dies."""
    store = SqliteStore.open(path, synchronous="OFF")
    state = StateManager(store, FakeClock())
    stages = [stage_of(store)]
    state.create_project("crane", base="main", target="t")
    stages.append(stage_of(store))
    state.own(PROJECT)
    stages.append(stage_of(store))
    for step in STEPS:
        with state.transaction() as tx:
            step(state, tx)
        stages.append(stage_of(store))
    store.close()
    return stages


def test_a_crash_before_any_statement_leaves_a_lawful_store(tmp_path: Path) -> None:
    lawful = lawful_stages(tmp_path / "lawful.db")
    seen: list[tuple[object, ...]] = []
    ended: int | None = KILLED
    for left in range(500):
        folder = tmp_path / str(left)
        ended = in_a_child(live, folder / "state.db", left)
        assert ended in {0, KILLED}
        store = SqliteStore.open(folder / "state.db", synchronous="OFF")
        stage = stage_of(store)
        assert stage in lawful
        if stage not in seen:
            seen.append(stage)
            assert audit(store, folder) == ()
        store.close()
        if ended == 0:
            break
    assert ended == 0
    assert seen == lawful  # Every stage was hit, in order.


def add(path: Path, name: str, count: int) -> None:
    """Add tasks, a transaction each; runs in a process of its own."""
    store = SqliteStore.open(path)
    state = StateManager(store, FakeClock())
    for number in range(count):
        state.create_task(PROJECT, TaskSpec(key=f"{name}{number}", title="t"))
    os._exit(0)


def test_two_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore.open(path)
    begin(StateManager(store, FakeClock()))
    store.close()
    children = [FORK.Process(target=add, args=(path, name, 50)) for name in "xy"]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=60)
    assert [child.exitcode for child in children] == [0, 0]
    store = SqliteStore.open(path)
    with store.transaction() as tx:
        keys = {task.spec.key for task in tx.tasks(PROJECT)}
        seqs = [line.seq for line in tx.journal(PROJECT)]
    assert keys == {f"{name}{number}" for name in "xy" for number in range(50)}
    assert seqs == list(range(1, 103))
    assert audit(store, tmp_path) == ()
    store.close()


def open_once(path: Path) -> None:
    SqliteStore.open(path).close()
    os._exit(0)


@pytest.mark.parametrize("again", range(5))
def test_processes_that_make_a_store_at_once_make_one_store(tmp_path: Path, again: int) -> None:
    path = tmp_path / "state.db"
    children = [FORK.Process(target=open_once, args=(path,)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=60)
    assert [child.exitcode for child in children] == [0] * 4, again
    store = SqliteStore.open(path)
    begin(StateManager(store, FakeClock()))
    store.close()
