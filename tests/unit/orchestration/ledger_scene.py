"""A ledger over a store that refuses what it is told to, for the tests of group commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from banksman.core.task import TaskSpec
from banksman.exceptions import StoreException, StoreFullException
from banksman.orchestration.group_commit import GroupCommit
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock


class CountingStore:
    """A real store that counts its transactions, and refuses the commits it is told to."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.begun = 0
        self.refuse: set[int] = set()
        self.refuses_all = False
        self.full: StoreFullException | None = None
        self.fills_at = 0

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        self.begun += 1
        number = self.begun
        with self.store.transaction() as tx:
            yield tx
            if self.full is not None:
                raise self.full
            if number == self.fills_at:
                raise StoreFullException(message="full")
            if self.refuses_all or number in self.refuse:
                raise StoreException(message=f"commit {number} was refused")

    def close(self) -> None:
        self.store.close()


class Round:
    """A ledger over a project, and the rounds of an engine that has nothing else to do."""

    def __init__(self, path: Path) -> None:
        self.store = CountingStore(SqliteStore.open(path / "state.db", synchronous="OFF"))
        self.state = StateManager(self.store, FakeClock())
        created = self.state.create_project("demo", base="main", target="banksman/target")
        self.project = self.state.own(created.id)
        self.ledger = GroupCommit(self.state)
        self.store.begun = 0

    def add(self, tx: Transaction, key: str) -> int:
        spec = TaskSpec(key=key, title=key)
        return self.state.create_task(self.project.id, spec, tx=tx).id

    def adding(self, key: str) -> Callable[[Transaction], int]:
        return lambda tx: self.add(tx, key)

    def keys(self) -> list[str]:
        with self.store.store.transaction() as tx:
            return [task.spec.key for task in tx.tasks(self.project.id)]

    def flush(self) -> str:
        return self.ledger.flush(lambda tx: f"{len(tx.tasks(self.project.id))} tasks")


async def let_others_run() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def caught(
    ledger: GroupCommit, work: Callable[[Transaction], object]
) -> Exception | None:
    try:
        await ledger.commit(work)
    except Exception as error:  # noqa: BLE001 - it is what the test looks at
        return error
    return None
