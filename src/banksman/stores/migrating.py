"""Brings a database to the schema of today, forward only.

All of it is one transaction, with the version in it: a process that dies in between leaves the
database as it was. Two processes that open the same new database follow one another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from banksman.stores.driver import in_our_words

SCRIPTS = ScriptDirectory(str(Path(__file__).with_name("migrations")))


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run the migrations that the database lacks.

    Args:
        connection: Open, in no transaction; left open.
        path: The database, for messages.

    Raises:
        StoreException: The database refuses.
    """
    engine = create_engine(
        "sqlite://", creator=lambda: connection, poolclass=StaticPool, pool_reset_on_return=None
    )
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as opened:
            _upgrade(opened)
    except DBAPIError as error:
        raise in_our_words(error.orig or error, path) from error


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: Connection) -> None:
    def missing(revision: Any, _context: MigrationContext) -> Iterable[Any]:  # noqa: ANN401
        return SCRIPTS._upgrade_revs("head", revision)

    context = MigrationContext.configure(connection, opts={"fn": missing})
    with Operations.context(context):
        context.run_migrations()
