"""The SQLite store keeps the promises of every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.stores.sqlite import SqliteStore
from banksman.testing.store_contract import StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteStore]:
        store = SqliteStore.open(tmp_path / "state.db", synchronous="OFF")
        yield store
        store.close()
