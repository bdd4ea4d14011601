"""What people are shown, read beside a running engine and without its libraries."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.breakpoints import Resolution
from banksman.core.events import AttemptBlocked, Claimed, DependenciesMet
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import (
    Attempt,
    Checkpoint,
    CheckResult,
    Command,
    DecisionRecord,
    Ending,
    FileChange,
    Project,
    StopWhy,
    Turn,
    UsageRecord,
)
from banksman.core.records import Step as AttemptStep
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec, TaskStatus
from banksman.exceptions import RecordNotFoundException, StoreException
from banksman.state.state_manager import StateManager
from banksman.stores.light import open_light
from banksman.stores.reader import Reader
from banksman.stores.sqlite import SqliteStore
from banksman.stores.versions import SCHEMA_VERSION
from banksman.testing.fakes import FakeClock
from banksman.testing.store_samples import new_event

NOW = Instant(7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.open(path, synchronous="OFF")
    yield store
    store.close()


@pytest.fixture
def state(store: SqliteStore) -> StateManager:
    return StateManager(store, FakeClock())


@pytest.fixture
def project(state: StateManager) -> Project:
    return state.own(state.create_project("crane", base="main", target="t").id)


@pytest.fixture
def task(state: StateManager, project: Project) -> Task:
    """Return a task that needs another one and runs, being stopped in its second turn."""
    need = state.create_task(project.id, TaskSpec(key="base", title="Base", agent="claude"))
    spec = TaskSpec(key="top", title="Top", priority=8, deadline=NOW, checks=("tests",))
    task = state.create_task(project.id, spec, needs=[need.id])
    with state.transaction() as tx:
        state.apply(tx, [(task.id, DependenciesMet()), (task.id, Claimed())])
    attempt = Attempt(
        task_id=task.id,
        number=1,
        project_id=project.id,
        epoch=1,
        started_at=NOW,
        agent="command",
        step=AttemptStep.CHECKS,
        stop=StopWhy.CANCEL,
        turns=2,
        tree="tree",
    )
    turn = Turn(task_id=task.id, attempt=1, number=1, spool="s", prompt="p", started_at=NOW)
    with state.transaction() as tx:
        state.record(tx, "attempt.started", attempt, turn)
    return task


def attempt_of(state: StateManager, task: Task) -> Attempt:
    with state.transaction() as tx:
        return tx.attempt(task.id, 1)


def test_a_status_shows_each_task_with_its_open_attempt(
    path: Path, project: Project, task: Task
) -> None:
    with Reader(path) as reader:
        status = reader.status(project.id)
    assert status.project == project
    assert status.counts == dict.fromkeys(TaskStatus, 0) | {
        TaskStatus.PENDING: 1,
        TaskStatus.RUNNING: 1,
    }
    need, top = status.tasks
    assert (need.key, need.status, need.agent, need.step, need.attempt) == (
        "base",
        TaskStatus.PENDING,
        "claude",
        None,
        0,
    )
    assert (top.title, top.priority, top.deadline, top.needs) == ("Top", 8, NOW, (need.id,))
    assert (top.agent, top.step, top.stop, top.turns, top.started_at, top.attempt) == (
        "command",
        "checks",
        "cancel",
        2,
        NOW,
        1,
    )
    assert top.id == task.id


def test_an_attempt_that_ended_is_no_open_attempt(
    path: Path, state: StateManager, project: Project, task: Task
) -> None:
    ended = replace(attempt_of(state, task), ended_at=NOW, ending=Ending.BLOCKED)
    with state.transaction() as tx:
        state.apply(tx, [(task.id, AttemptBlocked(attempt=1, reason="a question"))])
        event = new_event(tx, task)
        state.record(tx, "attempt.ended", ended, event)
    with Reader(path) as reader:
        top = reader.status(project.id).tasks[1]
        assert reader.breakpoints(project.id) == (event,)
        assert reader.breakpoint(event.id) == event
    assert (top.step, top.started_at, top.turns, top.agent) == (None, None, 0, "command")
    assert (top.reason, top.breakpoints) == ("a question", (event.id,))


def test_resolved_breakpoints_are_shown_on_request(
    path: Path, state: StateManager, project: Project, task: Task
) -> None:
    with state.transaction() as tx:
        event = replace(new_event(tx, task), resolution=Resolution.RETRY, resolved_at=NOW)
        state.record(tx, "breakpoint.resolved", event)
    with Reader(path) as reader:
        assert reader.breakpoints(project.id) == ()
        assert reader.breakpoints(project.id, resolved=True) == (event,)
        assert reader.status(project.id).tasks[1].breakpoints == ()


def test_a_task_is_shown_with_all_that_is_recorded(
    path: Path, state: StateManager, project: Project, task: Task
) -> None:
    decision = DecisionRecord(
        task_id=task.id,
        attempt=1,
        number=1,
        at=NOW,
        action="proceed",
        rule="r",
        version="1",
        confidence=0.5,
        calibrated=True,
        evidence={"checks": [1]},
    )
    found = CheckResult(
        project_id=project.id,
        tree="tree",
        check="tests",
        tool="v",
        stage=Stage.TESTS,
        status=CheckStatus.PASS,
    )
    change = FileChange(task_id=task.id, attempt=1, path="a", change="added", turn=2)
    undone = replace(change, path="b", turn=1)
    usage = UsageRecord(task_id=task.id, attempt=1, turn=1, agent="command", cost_microusd=5)
    saved = Checkpoint(
        task_id=task.id, attempt=1, number=1, at=NOW, ref="r", commit="c", reason=""
    )
    with state.transaction() as tx:
        records = (decision, found, replace(found, tree="other"), change, undone, usage, saved)
        state.record(tx, "attempt.checked", *records)
        stored = tx.task(task.id)
        turns = tx.turns(task.id, 1)
    with Reader(path) as reader:
        shown = reader.task(task.id)
    assert shown.task == stored
    assert shown.attempts == (attempt_of(state, task),)
    assert (shown.turns, shown.decisions, shown.results) == (turns, (decision,), (found,))
    assert (shown.changes, shown.usage, shown.checkpoints) == ((change,), (usage,), (saved,))


def test_a_task_is_found_by_key_before_number(
    path: Path, state: StateManager, project: Project, task: Task
) -> None:
    odd = state.create_task(project.id, TaskSpec(key="1", title="One"))
    with Reader(path) as reader:
        assert reader.task_id(project.id, "top") == task.id
        assert reader.task_id(project.id, str(task.id)) == task.id
        assert reader.task_id(project.id, "1") == odd.id
        for name in ("9", "nobody", "-1", "9" * 40, "٢"):
            with pytest.raises(RecordNotFoundException, match=name):
                reader.task_id(project.id, name)
        with pytest.raises(RecordNotFoundException):
            reader.task_id(ProjectId(2), str(task.id))


def test_what_is_not_there_is_named(path: Path, project: Project) -> None:
    with Reader(path) as reader:
        with pytest.raises(RecordNotFoundException, match="project '9'"):
            reader.status(ProjectId(9))
        with pytest.raises(RecordNotFoundException, match="task '9'"):
            reader.task(TaskId(9))
        with pytest.raises(RecordNotFoundException, match="breakpoint '9'"):
            reader.breakpoint(9)
        # And the reader goes on.
        assert reader.projects() == (project,)


def test_the_journal_is_shown_from_its_end_or_from_a_point(
    path: Path, project: Project, task: Task
) -> None:
    with Reader(path) as reader:
        everything = reader.journal(project.id)
        seqs = [line.seq for line in everything]
        assert seqs == list(range(1, reader.revision() + 1))
        assert [line.seq for line in reader.journal(project.id, limit=2)] == seqs[-2:]
        assert [line.seq for line in reader.journal(project.id, after=2, limit=2)] == [3, 4]
        about = reader.journal(project.id, task_id=task.id)
        assert [line.kind for line in about] == [
            "task.created",
            "task.dependencies_met",
            "task.claimed",
            "attempt.started",
        ]
        assert reader.journal(project.id, after=seqs[-1]) == ()
        assert reader.journal(ProjectId(2)) == ()


def test_usage_is_added_up_by_agent_from_a_line_on_whatever_the_clock_said(
    path: Path, state: StateManager, project: Project, task: Task
) -> None:
    with Reader(path) as reader:
        assert reader.usage(project.id) == ()
    spent = UsageRecord(
        task_id=task.id,
        attempt=1,
        turn=1,
        agent="b",
        input_tokens=10,
        output_tokens=1,
        cost_microusd=3,
        duration_ms=20,
    )
    for number, agent in enumerate(("b", "a", "b"), start=1):
        turn = Turn(
            task_id=task.id,
            attempt=1,
            number=number,
            spool="s",
            prompt="p",
            started_at=NOW,
            ended_at=Instant(NOW - number),
            outcome="answered",
        )
        with state.transaction() as tx:
            state.record(tx, "turn.ended", turn, replace(spent, turn=number, agent=agent))
    with Reader(path) as reader:
        a, b = reader.usage(project.id)
        (last,) = reader.usage(project.id, reader.revision())
    assert (a.agent, a.turns, b.agent, b.turns) == ("a", 1, "b", 2)
    assert (b.input_tokens, b.output_tokens, b.cost_microusd, b.duration_ms) == (20, 2, 6, 40)
    assert (last.agent, last.turns) == ("b", 1)


def test_waiting_commands_are_counted(path: Path, store: SqliteStore, project: Project) -> None:
    with store.transaction() as tx:
        wish = Command(project_id=project.id, key="k", name="pause", by="ann", at=NOW)
        command = tx.insert_command(wish)
        tx.insert_command(replace(wish, key="other"))
        tx.save_command(replace(command, applied_at=NOW))
    with Reader(path) as reader:
        assert reader.status(project.id).commands == 1


def test_the_revision_grows_with_every_change(
    path: Path, state: StateManager, project: Project
) -> None:
    with Reader(path) as reader:
        before = reader.revision()
        state.create_task(project.id, TaskSpec(key="k", title="t"))
        assert reader.revision() > before
        assert reader.status(project.id).revision == reader.revision()


def test_a_reader_neither_waits_for_a_writer_nor_holds_it_up(
    path: Path, store: SqliteStore, state: StateManager, project: Project
) -> None:
    with Reader(path) as reader, store.transaction() as tx:
        tx.put(replace(project, paused=True))
        assert not reader.status(project.id).project.paused
    assert state.own(project.id).paused


def test_a_reader_writes_nothing(path: Path, project: Project) -> None:
    with (
        closing(open_light(path)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM command")


def test_a_reader_makes_no_store(path: Path) -> None:
    with pytest.raises(StoreException, match=r"no store at .* `banksman run` makes it"):
        Reader(path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("version", "words"),
    [(SCHEMA_VERSION + 1, "newer version.*upgrade"), (1, "older version.*`banksman run`")],
)
def test_a_store_of_another_version_is_refused(
    path: Path, store: SqliteStore, version: int, words: str
) -> None:
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(StoreException, match=words):
        Reader(path)


def test_what_is_no_store_is_refused(path: Path) -> None:
    path.write_text("notes\n" * 500)
    with pytest.raises(StoreException, match="not a database"):
        Reader(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE song (title TEXT)")
    with pytest.raises(StoreException, match="not a store of Banksman"):
        Reader(path)


def test_a_store_that_was_closed_is_read_too(
    path: Path, store: SqliteStore, project: Project
) -> None:
    store.close()
    with Reader(path) as reader:
        assert reader.projects() == (project,)


def test_a_status_with_a_mark_in_its_path_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%20" / "state.db"
    SqliteStore.open(path).close()
    with Reader(path) as reader:
        assert reader.projects() == ()


def test_reading_and_wishing_load_no_heavy_library() -> None:
    program = (
        "import sys, banksman.stores.reader, banksman.stores.inbox;"
        "heavy = {'sqlalchemy', 'alembic', 'asyncio', 'pydantic'} & set(sys.modules);"
        "print(*heavy)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("\n", "")
