"""The file of a store: made for its owner, brought up to date, and refused with a sentence."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from banksman.core.events import DependenciesMet
from banksman.core.task import TaskStatus
from banksman.core.transitions import advance
from banksman.exceptions import StoreException
from banksman.ports import Transaction
from banksman.stores.migrating import migrate
from banksman.stores.sqlite import SqliteStore
from banksman.stores.versions import APPLICATION_ID, SCHEMA_VERSION
from banksman.testing.store_samples import new_project, new_task


class SeenConnection(sqlite3.Connection):
    """A connection that fails at one statement and remembers all; the last one is kept."""

    last: SeenConnection
    failing = ""
    executed: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the driver's own
        super().__init__(*args, **kwargs)
        SeenConnection.last = self

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401 - as it is
        self.executed = (*self.executed, sql)
        if sql == self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, parameters)


def open_seen(path: Path) -> tuple[SqliteStore, SeenConnection]:
    store = SqliteStore.open(path, connection_type=SeenConnection)
    return store, SeenConnection.last


def run(store: SqliteStore, work: Callable[[Transaction], object]) -> None:
    """Do this in one transaction."""
    with store.transaction() as tx:
        work(tx)


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "git" / "banksman" / "state.db"
    store = SqliteStore.open(path)
    run(store, new_project)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    store.close()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(0o644)
    path.chmod(0o644)
    SqliteStore.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_store_is_kept_in_a_log_and_synchronous(tmp_path: Path) -> None:
    store, connection = open_seen(tmp_path / "state.db")
    settings = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    assert settings == ["wal", 2, 1]
    store.close()


def test_a_new_store_carries_mark_and_version(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "state.db").close()
    assert pragma(tmp_path / "state.db", "application_id") == APPLICATION_ID
    assert pragma(tmp_path / "state.db", "user_version") == SCHEMA_VERSION


def test_a_store_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, revision="0001")
        connection.execute("INSERT INTO project VALUES (1, 'p', 'main', 't', 3, 0, NULL, 0)")
    assert pragma(path, "user_version") == 1
    store = SqliteStore.open(path)
    with store.transaction() as tx:
        assert tx.projects()[0].epoch == 3
        assert tx.attempts(new_task(tx, tx.projects()[0], "a").id) == ()
    store.close()


def test_what_turns_cost_before_retries_were_counted_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, revision="0002")
        connection.execute("INSERT INTO usage VALUES (1, 1, 1, 'command', 'm', 2, 3, 4, 5)")
    SqliteStore.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT cost_microusd, duration_ms, retries FROM usage")
        assert rows.fetchall() == [(4, 5, 0)]


class LateConnection(sqlite3.Connection):
    """A connection that has asked for the store's mark when another process makes it."""

    made_at: Path
    _asked = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401 - as it is
        if self._asked:
            self._asked = False
            SqliteStore.open(self.made_at).close()
        self._asked = sql == "PRAGMA application_id"
        return super().execute(sql, parameters)


def test_a_store_that_another_process_makes_meanwhile_is_no_strangers(tmp_path: Path) -> None:
    LateConnection.made_at = tmp_path / "state.db"
    store = SqliteStore.open(tmp_path / "state.db", connection_type=LateConnection)
    run(store, new_project)
    store.close()


def test_migrations_that_fail_leave_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, revision="0001")
        # In the way of the second one's last table.
        connection.execute("CREATE TABLE usage (mood TEXT)")
    with pytest.raises(StoreException, match="usage already exists"):
        SqliteStore.open(path)
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert pragma(path, "user_version") == 1
    assert "attempt" not in tables


def test_an_up_to_date_store_opens_without_loading_the_migrations(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteStore.open(path).close()
    program = (
        "import pathlib, sys; from banksman.stores.sqlite import SqliteStore;"
        f"SqliteStore.open(pathlib.Path({str(path)!r})).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_percent_sign_in_the_path_means_nothing(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "100%(here)s ?#é" / "state.db")
    run(store, new_project)
    store.close()
    assert (tmp_path / "100%(here)s ?#é" / "state.db").is_file()


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteStore.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreException, match=r"newer version.*schema 99.*upgrade Banksman"):
        SqliteStore.open(path)
    assert pragma(path, "user_version") == 99


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("my precious notes\n" * 100)
    with pytest.raises(StoreException, match="is not a database; move it away"):
        SqliteStore.open(path)
    assert path.read_text().startswith("my precious notes")


def test_another_program_s_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE song (title TEXT)")
    with pytest.raises(StoreException, match="of another program"):
        SqliteStore.open(path)
    assert pragma(path, "journal_mode") == "delete"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreException, match=r"cannot be written.*BANKSMAN_STATE_DIR"):
        SqliteStore.open(tmp_path / "file" / "banksman" / "state.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "state.db").close()
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreException, match=r"cannot be written.*permissions"):
            SqliteStore.open(tmp_path / "state.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_busy_store_says_so_and_works_again_later(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore.open(path, busy_timeout_s=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreException, match=r"another process kept .* busy") as caught:
            run(store, new_project)
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        other.execute("ROLLBACK")
    run(store, new_project)
    store.close()


def test_a_thread_that_waits_too_long_is_told(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "state.db", busy_timeout_s=0.05)
    caught: list[StoreException] = []

    def write() -> None:
        try:
            run(store, new_project)
        except StoreException as error:
            caught.append(error)

    with store.transaction():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert "another thread" in str(caught[0])
    run(store, new_project)
    store.close()


def test_a_full_disk_is_named_and_nothing_is_half_done(tmp_path: Path) -> None:
    store, connection = open_seen(tmp_path / "state.db")
    with store.transaction() as tx:
        project = new_project(tx)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    def fill(tx: Transaction) -> None:
        for number in range(1000):
            new_task(tx, project, f"task {number}")

    with pytest.raises(StoreException, match=r"disk .* is full; make room"):
        run(store, fill)
    connection.execute("PRAGMA max_page_count = 100000")
    with store.transaction() as tx:
        assert tx.tasks(project.id) == ()
        fill(tx)
    store.close()


def test_a_number_too_big_for_the_database_is_refused(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "state.db")
    with pytest.raises(StoreException, match="too large"):
        run(store, lambda tx: tx.put(replace(new_project(tx), epoch=1 << 64)))
    store.close()


def test_a_commit_that_fails_is_a_rollback_that_was_announced(tmp_path: Path) -> None:
    store, connection = open_seen(tmp_path / "state.db")
    announced: list[bool] = []

    def write(tx: Transaction) -> None:
        tx.on_rollback(lambda: announced.append(connection.in_transaction))
        new_project(tx)

    connection.failing = "COMMIT"
    with pytest.raises(StoreException, match="disk I/O error"):
        run(store, write)
    # Still inside the transaction: no other writer can have begun.
    assert announced == [True]
    assert connection.executed[-2:] == ("COMMIT", "ROLLBACK")
    connection.failing = ""
    with store.transaction() as tx:
        assert tx.projects() == ()
    store.close()


def test_an_error_that_the_caller_swallows_still_rolls_back(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "state.db")

    def swallow(tx: Transaction) -> None:
        project = new_project(tx)
        with pytest.raises(StoreException):
            tx.put(replace(project, epoch=-1))

    with pytest.raises(StoreException, match="over"):
        run(store, swallow)
    with store.transaction() as tx:
        assert tx.projects() == ()
    store.close()


def test_a_task_that_another_connection_changed_is_read_anew(tmp_path: Path) -> None:
    ours, theirs = (SqliteStore.open(tmp_path / "state.db") for _ in range(2))
    with ours.transaction() as tx:
        task = new_task(tx, new_project(tx), "a")
    with theirs.transaction() as tx:
        tx.save_task(advance(tx.task(task.id), DependenciesMet()))
    with ours.transaction() as tx:
        assert tx.task(task.id).status is TaskStatus.READY
    ours.close()
    theirs.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "state.db")
    store.close()
    with pytest.raises(StoreException, match="closed"):
        run(store, new_project)
