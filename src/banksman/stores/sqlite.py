"""The store on SQLite: one file, one connection, one writing transaction at a time.

Threads of this process wait for one another at a lock, processes at the database's own. The
write-ahead log lets others read meanwhile; each commit is on the disk before it returns.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final, Literal

from banksman.core.task import Task, TaskId
from banksman.exceptions import StoreException, StoreUnusableException
from banksman.stores import statements
from banksman.stores.driver import Driver, in_our_words
from banksman.stores.place import MOUNTINFO, prepare, refuse_network
from banksman.stores.versions import APPLICATION_ID, SCHEMA_VERSION
from banksman.stores.writing import SqliteTransaction

BUSY_TIMEOUT_S: Final = 10.0

# IMMEDIATE takes the write lock now: a later upgrade could fail halfway through.
_BEGIN: Final = "BEGIN IMMEDIATE"
_COMMIT: Final = "COMMIT"
_ROLLBACK: Final = "ROLLBACK"
# Changes when another connection has committed, and never by our own commits.
_DATA_VERSION: Final = "PRAGMA data_version"
_APPLICATION_ID: Final = "PRAGMA application_id"
_USER_VERSION: Final = "PRAGMA user_version"
_OBJECTS: Final = "SELECT count(*) FROM sqlite_master"
_JOURNAL_MODE: Final = "PRAGMA journal_mode"
_WAL: Final = "PRAGMA journal_mode = WAL"
_FOREIGN_KEYS: Final = "PRAGMA foreign_keys = ON"
_SYNCHRONOUS: Final = {
    "FULL": "PRAGMA synchronous = FULL",
    "OFF": "PRAGMA synchronous = OFF",
}


class SqliteStore:
    """A database file; see `banksman.ports.Store`.

    Args:
        connection: Ours from now on, ready for use.
        path: The file, for messages.
        busy_timeout_s: How long a thread waits for another one's transaction.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self._connection = connection
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        # Keeps one transaction at a time on the one connection.
        self._lock = threading.Lock()
        self._thread: int | None = None
        # Tasks as they are stored, while nobody else writes; at most all of them.
        self._kept: dict[TaskId, Task] = {}
        self._seen_version = -1

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        synchronous: Literal["FULL", "OFF"] = "FULL",
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        mountinfo: Path = MOUNTINFO,
        connection_type: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> SqliteStore:
        """Return the store in this file, made or brought up to date if need be.

        Args:
            path: The file; it and its folder are made for the owner alone.
            synchronous: `OFF` gives up safety against a loss of power, for simulations.
            busy_timeout_s: How long to wait for another writer.
            mountinfo: The kernel's list of mounts.
            connection_type: What the driver makes; tests let it fail.

        Raises:
            StoreException: The file cannot be used here, as it is, or by this version.
        """
        refuse_network(path.parent, mountinfo)
        prepare(path)
        try:
            connection = sqlite3.connect(
                path,
                timeout=busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
                factory=connection_type,
            )
            with ExitStack() as stack:
                stack.callback(connection.close)
                _set_up(connection, path, synchronous)
                stack.pop_all()
        except sqlite3.Error as error:
            raise in_our_words(error, path) from error
        return cls(connection, path, busy_timeout_s=busy_timeout_s)

    @contextmanager
    def transaction(self) -> Generator[SqliteTransaction]:
        """Open the one writing transaction: commits on a clean exit, else rolls back.

        Raises:
            StoreException: The database is busy for too long, full, or broken.
        """
        self._wait_for_turn()
        try:
            driver = Driver(self._connection, self._path)
            tx = SqliteTransaction(driver, self._kept)
            try:
                self._begin(driver)
                yield tx
                driver.execute(_COMMIT)
            except BaseException:
                # Also after a failed commit, which leaves the transaction open.
                self._roll_back(driver, tx.rollback_calls)
                raise
            driver.end("it was committed")
        finally:
            self._thread = None
            self._lock.release()

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        """Return all rows of all tables but the inbox, in the order of their keys."""
        with self.transaction():
            driver = Driver(self._connection, self._path)
            return {table: driver.all(sql) for table, sql in statements.WHOLE.items()}

    def close(self) -> None:
        """Release the database; safe to call twice."""
        self._connection.close()

    def _wait_for_turn(self) -> None:
        thread = threading.get_ident()
        if self._thread == thread:
            raise StoreException(message="transactions do not nest: pass on the one you have")
        if not self._lock.acquire(timeout=self._busy_timeout_s):
            raise StoreException(
                message=f"another thread kept the database {self._path} busy for more than "
                f"{self._busy_timeout_s:g} seconds; try again"
            )
        self._thread = thread

    def _begin(self, driver: Driver) -> None:
        driver.execute(_BEGIN)
        row = driver.first(_DATA_VERSION)
        if row != (self._seen_version,):
            self._kept.clear()
            self._seen_version = _number(row)

    def _roll_back(self, driver: Driver, calls: tuple[Callable[[], None], ...]) -> None:
        driver.end("it was rolled back")
        self._kept.clear()
        with ExitStack() as stack:
            # Last in, first out: whoever keeps a cache throws it away before the statement that
            # lets the next writer begin; and a call that fails keeps nobody from the others.
            stack.callback(self._end_open)
            for call in reversed(calls):
                stack.callback(call)

    def _end_open(self) -> None:
        """Roll back, unless SQLite has done so by itself."""
        try:
            if self._connection.in_transaction:
                self._connection.execute(_ROLLBACK)
        except sqlite3.Error as error:
            raise in_our_words(error, self._path) from error


def _set_up(connection: sqlite3.Connection, path: Path, synchronous: str) -> None:
    """Make a connection ready, and the database that it is on up to date."""
    connection.execute(_SYNCHRONOUS[synchronous])
    if _is_old(connection, path):
        # Loaded only here: what migrates takes longer to load than most commands take.
        import_module("banksman.stores.migrating").migrate(connection, path)
    if connection.execute(_JOURNAL_MODE).fetchone() != ("wal",):
        connection.execute(_WAL)
    connection.execute(_FOREIGN_KEYS)


def _is_old(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether the database lacks migrations.

    Raises:
        StoreUnusableException: It is another program's, or a newer version's.
    """
    # In this order: another process may make the store meanwhile, and its mark with it.
    objects = _number(connection.execute(_OBJECTS).fetchone())
    application = _number(connection.execute(_APPLICATION_ID).fetchone())
    version = _number(connection.execute(_USER_VERSION).fetchone())
    if objects and application != APPLICATION_ID:
        raise StoreUnusableException(
            message=f"{path} is a database of another program; "
            "move it away, or choose another folder with BANKSMAN_STATE_DIR."
        )
    if version > SCHEMA_VERSION:
        raise StoreUnusableException(
            message=f"a newer version of Banksman wrote {path} (schema {version}, this version "
            f"knows {SCHEMA_VERSION}); upgrade Banksman."
        )
    return version < SCHEMA_VERSION


def _number(row: tuple[object, ...] | None) -> int:
    assert row is not None, "these statements have one row"
    (value,) = row
    assert isinstance(value, int), "these statements give a number"
    return value
