"""The one table that others write to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from banksman.core.records import Command, Project
from banksman.core.task import Instant, ProjectId
from banksman.exceptions import (
    CommandRefusedException,
    RecordNotFoundException,
    StoreException,
)
from banksman.state.state_manager import StateManager
from banksman.stores.inbox import Inbox
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[StateManager]:
    store = SqliteStore.open(path, synchronous="OFF")
    yield StateManager(store, FakeClock())
    store.close()


@pytest.fixture
def project(state: StateManager) -> Project:
    return state.create_project("crane", base="main", target="t")


def wish(project: Project, key: str = "k") -> Command:
    return Command(
        project_id=project.id,
        key=key,
        name="cancel",
        by="ann",
        at=Instant(1),
        arguments={"task": "top", "reason": "half \udce9 of a pair"},
    )


def test_a_wish_is_what_the_engine_finds(
    path: Path, state: StateManager, project: Project
) -> None:
    sent = Inbox(path).submit(wish(project))
    with state.transaction() as tx:
        (found,) = tx.pending_commands(project.id)
    assert found.id == sent.id
    assert (found.name, found.by, found.key) == ("cancel", "ann", "k")
    assert found.arguments == {"task": "top", "reason": "half \\udce9 of a pair"}


def test_a_wish_sent_twice_is_one_wish_with_its_answer(
    path: Path, state: StateManager, project: Project
) -> None:
    inbox = Inbox(path)
    first = inbox.submit(wish(project))
    with state.transaction() as tx:
        state.answer(tx, tx.command(first.id), answer={"done": True})
    again = inbox.submit(wish(project))
    assert (again.id, again.name, again.answer) == (first.id, "cancel", {"done": True})
    assert inbox.submit(wish(project, "other")).id != first.id


@pytest.mark.parametrize("change", [{"name": "resume"}, {"arguments": {"task": "other"}}])
def test_the_key_of_another_wish_is_refused(
    path: Path, project: Project, change: dict[str, Any]
) -> None:
    inbox = Inbox(path)
    first = inbox.submit(wish(project))
    words = r"the request 'k' was sent before, and wished something else \(cancel\)"
    with pytest.raises(CommandRefusedException, match=words):
        inbox.submit(replace(wish(project), **change))
    assert inbox.read(first.id).name == "cancel"
    assert inbox.submit(replace(wish(project), at=Instant(2), by="bob")).id == first.id


def test_the_key_of_a_wish_that_was_taken_back_is_refused(path: Path, project: Project) -> None:
    inbox = Inbox(path)
    inbox.withdraw(inbox.submit(wish(project)).id, Instant(9))
    with pytest.raises(
        CommandRefusedException, match="'k' was sent before, and was taken back"
    ):
        inbox.submit(wish(project))


def test_the_answer_is_seen_once_it_is_there(
    path: Path, state: StateManager, project: Project
) -> None:
    inbox = Inbox(path)
    sent = inbox.submit(wish(project))
    assert inbox.read(sent.id).applied_at is None
    with state.transaction() as tx:
        state.answer(tx, tx.command(sent.id), error="it is completed")
    assert inbox.read(sent.id).error == "it is completed"


def test_a_wish_is_taken_back_while_nobody_has_taken_it(
    path: Path, state: StateManager, project: Project
) -> None:
    inbox = Inbox(path)
    sent = inbox.submit(wish(project))
    assert inbox.withdraw(sent.id, Instant(9)).withdrawn_at == 9
    with state.transaction() as tx:
        assert tx.pending_commands(project.id) == ()
    with pytest.raises(CommandRefusedException, match="already withdrawn"):
        inbox.withdraw(sent.id, Instant(10))


def test_a_wish_that_was_applied_stays_applied(
    path: Path, state: StateManager, project: Project
) -> None:
    inbox = Inbox(path)
    sent = inbox.submit(wish(project))
    with state.transaction() as tx:
        state.answer(tx, tx.command(sent.id))
    with pytest.raises(CommandRefusedException, match="already applied"):
        inbox.withdraw(sent.id, Instant(9))
    assert inbox.read(sent.id).withdrawn_at is None


def test_an_unknown_wish_is_named(path: Path, project: Project) -> None:
    inbox = Inbox(path)
    with pytest.raises(RecordNotFoundException, match="command '9'"):
        inbox.read(9)
    with pytest.raises(RecordNotFoundException, match="command '9'"):
        inbox.withdraw(9, Instant(1))


def test_a_wish_for_an_unknown_project_is_refused(path: Path, project: Project) -> None:
    with pytest.raises(StoreException, match="FOREIGN KEY"):
        Inbox(path).submit(replace(wish(project), project_id=ProjectId(9)))


def test_a_wish_makes_no_store(path: Path) -> None:
    sent = Command(project_id=ProjectId(1), key="k", name="n", by="a", at=Instant(1))
    with pytest.raises(StoreException, match="no store"):
        Inbox(path).submit(sent)
    assert not path.exists()
