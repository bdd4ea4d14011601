"""Records and answers: each with its line, and none of an attempt that is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.events import (
    AttemptFailed,
    Claimed,
    DependenciesMet,
    RetryScheduled,
)
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import (
    Attempt,
    CheckResult,
    Command,
    Ending,
    FileChange,
    JournalEntry,
    Project,
    Step,
    Turn,
)
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, ProjectId, Task, TaskSpec
from banksman.exceptions import (
    CommandRefusedException,
    StaleReportException,
)
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock


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


def test_a_record_is_a_row_and_a_line(state: StateManager, project: Project) -> None:
    task, attempt = running(state, project)
    turn = Turn(
        task_id=task.id, attempt=1, number=1, spool="s", prompt="p", started_at=Instant(2)
    )
    change = FileChange(task_id=task.id, attempt=1, path="a.py", change="added")
    with state.transaction() as tx:
        state.record(tx, "turn.began", turn, change, attempt=1, reason="why", actor="worker")
        assert tx.turns(task.id, 1) == (turn,)
        assert tx.attempt(task.id, 1) == attempt
    line = journal(state)[-1]
    assert (line.kind, line.task_id, line.attempt) == ("turn.began", task.id, 1)
    assert (line.reason, line.actor) == ("why", "worker")
    assert [write["table"] for write in line.writes] == ["turn", "file_change"]


def test_a_fact_without_a_row_is_a_line(state: StateManager, project: Project) -> None:
    task = state.create_task(project.id, spec())
    with state.transaction() as tx:
        state.record(tx, "task.seen", task_id=task.id)
    assert (journal(state)[-1].kind, journal(state)[-1].writes) == ("task.seen", ())


def test_a_fact_about_the_project_or_a_tree_needs_no_task(
    state: StateManager, project: Project
) -> None:
    found = CheckResult(
        project_id=project.id,
        tree="t",
        check="c",
        tool="v",
        stage=Stage.TESTS,
        status=CheckStatus.PASS,
    )
    with state.transaction() as tx:
        state.record(tx, "project.paused", replace(project, paused=True))
        state.record(tx, "check.ended", found)
        assert tx.project(project.id).paused
    assert [line.task_id for line in journal(state)[-2:]] == [None, None]


def test_a_report_on_an_attempt_that_ended_is_refused(
    state: StateManager, project: Project
) -> None:
    task, attempt = running(state, project)
    turn = Turn(
        task_id=task.id, attempt=1, number=1, spool="s", prompt="", started_at=Instant(2)
    )
    ended = replace(attempt, ended_at=Instant(3), ending=Ending.LOST)
    with state.transaction() as tx:
        # What belongs to the end may come with it.
        state.record(tx, "attempt.ended", ended, turn)
    for late in (turn, attempt, ended):
        with pytest.raises(StaleReportException), state.transaction() as tx:
            state.record(tx, "late", late)
    with state.transaction() as tx:
        assert tx.attempt(task.id, 1) == ended


def test_a_report_on_an_older_attempt_is_refused(state: StateManager, project: Project) -> None:
    task, attempt = running(state, project)
    with state.transaction() as tx:
        failed = AttemptFailed(attempt=1, error=ErrorClass.LOST)
        again = RetryScheduled(at=Instant(1))
        state.apply(tx, [(task.id, failed), (task.id, again), (task.id, Claimed())])
    with pytest.raises(StaleReportException) as caught, state.transaction() as tx:
        state.record(tx, "late", replace(attempt, step=Step.CHECKS))
    assert (caught.value.attempt, caught.value.reported) == (2, 1)


def test_a_turn_of_an_attempt_that_never_began_is_refused(
    state: StateManager, project: Project
) -> None:
    task = state.create_task(project.id, spec())
    turn = Turn(
        task_id=task.id, attempt=0, number=1, spool="s", prompt="", started_at=Instant(2)
    )
    with pytest.raises(StaleReportException), state.transaction() as tx:
        state.record(tx, "early", turn)


def test_a_command_is_answered_once_and_journalled(
    store: SqliteStore, state: StateManager, project: Project
) -> None:
    wish = Command(project_id=project.id, key="k", name="pause", by="ann", at=Instant(1))
    with state.transaction() as tx:
        command = tx.insert_command(wish)
        answered = state.answer(tx, command, answer={"paused": True})
        assert tx.command(command.id) == answered
    assert (answered.applied_at, answered.answer) == (5_000, {"paused": True})
    line = journal(state)[-1]
    assert (line.kind, line.actor, line.writes) == ("command.pause", "ann", ())
    with pytest.raises(CommandRefusedException), state.transaction() as tx:
        state.answer(tx, command)


def test_a_refused_command_says_why_in_the_journal(
    state: StateManager, project: Project
) -> None:
    wish = Command(project_id=project.id, key="k", name="cancel", by="ann", at=Instant(1))
    with state.transaction() as tx:
        answered = state.answer(tx, tx.insert_command(wish), error="there is no such task")
    assert answered.error == journal(state)[-1].reason == "there is no such task"
