"""The journal alone rebuilds the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.events import Claimed, DependenciesMet
from banksman.core.records import JournalEntry
from banksman.core.task import Instant, ProjectId, TaskSpec
from banksman.exceptions import StoreException
from banksman.state.recovery import differences, entries, rebuild
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock
from banksman.testing.store_samples import new_attempt


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[str], SqliteStore]:
    return lambda name: SqliteStore.open(tmp_path / name, synchronous="OFF")


def live(store: SqliteStore) -> None:
    """Lead a short life in two projects."""
    state = StateManager(store, FakeClock())
    for name in ("crane", "hoist"):
        project = state.own(state.create_project(name, base="main", target="t").id)
        first = state.create_task(project.id, TaskSpec(key="a", title="A", estimate_min=0.1))
        second = state.create_task(project.id, TaskSpec(key="b", title="B"), needs=[first.id])
        with state.transaction() as tx:
            state.apply(tx, [(first.id, DependenciesMet()), (first.id, Claimed())])
            state.respecify(tx, replace(second, needs=(), extra={"x": "y"}), reason="plan")
        with store.transaction() as tx:
            attempt = new_attempt(tx, first)
        with state.transaction() as tx:
            state.record(tx, "attempt.started", replace(attempt, guidance="\udcff" * 3))


def test_rebuilt_tables_are_the_same(opened: Callable[[str], SqliteStore]) -> None:
    source, copy = opened("source"), opened("copy")
    live(source)
    lines = list(entries(source))
    assert rebuild(lines, copy) == len(lines) == lines[-1].seq
    assert differences(source.tables(), copy.tables()) == ()
    source.close()
    copy.close()


def test_differences_are_told_by_table(opened: Callable[[str], SqliteStore]) -> None:
    source, copy = opened("source"), opened("copy")
    live(source)
    found = differences(source.tables(), copy.tables())
    tables = [sentence.partition(":")[0] for sentence in found]
    assert tables == ["attempt", "journal", "project", "task", "task_spec"]
    source.close()
    copy.close()


def line(**facts: object) -> JournalEntry:
    entry = JournalEntry(
        project_id=ProjectId(1), at=Instant(1), kind="x", actor="e", epoch=0, seq=1
    )
    return replace(entry, writes=(facts,))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (line(table="moods", row={}), "'moods'.*upgrade"),
        (line(table="task"), "no row"),
        (line(table="turn", row={"mood": "good"}), "mood.*upgrade"),
        (
            line(table="project", row={"id": 4, "name": "n", "base": "b", "target": "t"}),
            "number 4.*not empty",
        ),
        (
            replace(
                line(table="project", row={"id": 1, "name": "n", "base": "b", "target": "t"}),
                seq=2,
            ),
            "line 2 .*missing",
        ),
    ],
)
def test_a_journal_that_cannot_be_read_changes_nothing(
    opened: Callable[[str], SqliteStore], entry: JournalEntry, words: str
) -> None:
    store = opened("copy")
    with pytest.raises(StoreException, match=words):
        rebuild([entry], store)
    assert not any(store.tables().values())
    store.close()
