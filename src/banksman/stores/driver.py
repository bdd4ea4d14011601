"""The driver's connection, with its errors in our words.

After an error of the database a transaction is over: SQLite may have rolled it back by itself
(a full disk does that), and what followed would be committed statement by statement. So nothing
more is executed, and nothing is committed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from banksman.exceptions import StoreException, StoreFullException, StoreUnusableException

Values = Mapping[str, object]
NOTHING: Final[Values] = {}

_FAILED: Final = {
    sqlite3.SQLITE_BUSY: "another process kept the database {path} busy for too long; "
    "wait for it to finish, or stop it, and try again",
    sqlite3.SQLITE_LOCKED: "another thread kept the database {path} busy; try again",
    sqlite3.SQLITE_IOERR: "the disk under {path} reports an error; check it with `dmesg`",
}
_FULL: Final = (
    "the disk under {path} is full; make room and try again, what was committed is safe"
)
# The files beside the database are made larger in ways that do not say why they failed.
_NO_ROOM: Final = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE})
_UNUSABLE: Final = {
    sqlite3.SQLITE_READONLY: "the database {path} cannot be written; "
    "check its owner and permissions and those of its folder.",
    sqlite3.SQLITE_CANTOPEN: "the database {path} cannot be opened; "
    "check its owner and permissions and those of its folder.",
    sqlite3.SQLITE_NOTADB: "{path} is not a database; "
    "move it away, or choose another folder with BANKSMAN_STATE_DIR.",
    sqlite3.SQLITE_CORRUPT: "the database {path} is damaged; "
    "restore it from a copy, or move it away to start anew.",
}


def in_our_words(error: Exception, path: object) -> StoreException:
    """Return an error of the driver as one sentence that says what to do."""
    # The low byte is the kind of error; what is above tells more of its place.
    whole = getattr(error, "sqlite_errorcode", 0)
    code = whole & 0xFF
    if code == sqlite3.SQLITE_FULL or whole in _NO_ROOM:
        return StoreFullException(message=_FULL.format(path=path))
    if code in _UNUSABLE:
        return StoreUnusableException(message=_UNUSABLE[code].format(path=path))
    sentence = _FAILED.get(code, "the database {path} refused: {error}")
    return StoreException(message=sentence.format(path=path, error=error))


class Driver:
    """Executes statements of one transaction.

    Args:
        connection: Ours, kept; in a transaction already.
        path: The database, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: object) -> None:
        self._connection = connection
        self._path = path
        self._over = ""

    @property
    def over(self) -> str:
        """Why no more statements are executed; empty while they are."""
        return self._over

    def end(self, why: str) -> None:
        """Refuse all further statements."""
        self._over = self._over or why

    def execute(self, sql: str, values: Values = NOTHING) -> sqlite3.Cursor:
        """Execute one statement (`StoreException` if the database refuses)."""
        self._refuse_if_over()
        try:
            return self._connection.execute(sql, values)
        except (sqlite3.Error, OverflowError) as error:
            raise self._failed(error) from error

    def execute_many(self, sql: str, values: Iterable[Values]) -> None:
        """Execute one statement for each of these (`StoreException` if one is refused)."""
        self._refuse_if_over()
        try:
            self._connection.executemany(sql, values)
        except (sqlite3.Error, OverflowError) as error:
            raise self._failed(error) from error

    def first(self, sql: str, values: Values = NOTHING) -> tuple[object, ...] | None:
        """Return the first row, if there is one."""
        row: tuple[object, ...] | None = self.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, values: Values = NOTHING) -> list[tuple[object, ...]]:
        """Return all rows."""
        return self.execute(sql, values).fetchall()

    def _refuse_if_over(self) -> None:
        if self._over:
            raise StoreException(message=f"this transaction is over: {self._over}")

    def _failed(self, error: Exception) -> StoreException:
        named = in_our_words(error, self._path)
        self.end(named.message)
        return named
