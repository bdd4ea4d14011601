"""The command inbox for those who are not the engine: wish, watch for the answer, take back.

This is the one table that anyone but the engine writes to. A wish needs no epoch, and an
idempotency key makes it safe to send twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from banksman.core.records import Command
from banksman.core.task import Instant
from banksman.exceptions import CommandRefusedException, RecordNotFoundException
from banksman.stores.driver import Driver
from banksman.stores.light import open_light
from banksman.stores.rows import Row, columns_of, from_row, to_row

# IMMEDIATE: the key is looked for and the row inserted as one step.
_BEGIN: Final = "BEGIN IMMEDIATE"
_COMMIT: Final = "COMMIT"
# A wish that was acknowledged survives a loss of power.
_SYNCHRONOUS: Final = "PRAGMA synchronous = FULL"
_FOREIGN_KEYS: Final = "PRAGMA foreign_keys = ON"

_INSERT: Final = """
INSERT INTO command
    (project_id, key, name, by, at, arguments, applied_at, withdrawn_at, answer, error)
VALUES (:project_id, :key, :name, :by, :at, :arguments, NULL, NULL, NULL, '')
"""
_BY_ID: Final = "SELECT * FROM command WHERE id = :id"
_BY_KEY: Final = "SELECT * FROM command WHERE project_id = :project_id AND key = :key"
# Only what the engine has not taken can be taken back; it wins if both try at once.
_WITHDRAW: Final = """
UPDATE command SET withdrawn_at = :at
WHERE id = :id AND applied_at IS NULL AND withdrawn_at IS NULL
"""


class Inbox:
    """Sends commands to whichever engine owns the project, now or later.

    Each call opens the store for itself: a command line lives for one call, and one that waits
    for an answer must not hold the file.

    Args:
        path: The store's file, which must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def submit(self, command: Command) -> Command:
        """Return the command as it lies in the inbox, with its id.

        A second one with the same key is the first one, answer and all.

        Raises:
            CommandRefusedException: The first one with this key wished something else, or
                was taken back.
            StoreException: There is no store, it is of another version, or it is busy.
        """
        row = to_row(command)
        with self._writing() as driver:
            earlier = _first(driver, _BY_KEY, row)
            if earlier is not None:
                _refuse_another(earlier, row)
                return earlier
            number = driver.execute(_INSERT, row).lastrowid
            assert number is not None, "an insert gives a number"
            return replace(command, id=number)

    def read(self, command_id: int) -> Command:
        """Return a command with its answer, if it has one by now.

        Raises:
            RecordNotFoundException: There is no such command.
            StoreException: There is no store, or it is of another version.
        """
        with closing(open_light(self._path)) as connection:
            return _found(self._driver(connection), command_id)

    def withdraw(self, command_id: int, at: Instant) -> Command:
        """Take back a command that was not applied yet, and return it.

        Raises:
            CommandRefusedException: It was applied or withdrawn before.
            RecordNotFoundException: There is no such command.
        """
        with self._writing() as driver:
            changed = driver.execute(_WITHDRAW, {"id": command_id, "at": at}).rowcount
            command = _found(driver, command_id)
        if not changed:
            end = "withdrawn" if command.withdrawn_at else "applied"
            raise CommandRefusedException(
                message=f"command {command_id} ({command.name}) was already {end}."
            )
        return command

    @contextmanager
    def _writing(self) -> Generator[Driver]:
        """Open a short transaction of its own; rolled back by closing unless it commits."""
        with closing(open_light(self._path, write=True)) as connection:
            driver = self._driver(connection)
            driver.execute(_SYNCHRONOUS)
            driver.execute(_FOREIGN_KEYS)
            driver.execute(_BEGIN)
            yield driver
            driver.execute(_COMMIT)

    def _driver(self, connection: sqlite3.Connection) -> Driver:
        connection.row_factory = sqlite3.Row
        return Driver(connection, self._path)


def _refuse_another(earlier: Command, row: Row) -> None:
    """Refuse a wish with the key of another one: its answer would pass for this one's."""
    before = to_row(earlier)
    problem = "was taken back" if earlier.withdrawn_at else ""
    if any(before[part] != row[part] for part in ("name", "arguments")):
        problem = f"wished something else ({earlier.name})"
    if problem:
        raise CommandRefusedException(
            message=f"the request {earlier.key!r} was sent before, and {problem}.",
            hint="Choose another name for this one.",
        )


def _found(driver: Driver, command_id: int) -> Command:
    command = _first(driver, _BY_ID, {"id": command_id})
    if command is None:
        raise RecordNotFoundException(record="command", name=str(command_id))
    return command


def _first(driver: Driver, sql: str, values: dict[str, object]) -> Command | None:
    row = driver.execute(sql, values).fetchone()
    return None if row is None else from_row(Command, (row[n] for n in columns_of(Command)))
