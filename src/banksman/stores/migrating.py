"""Brings a database to the schema of today, forward only.

All of it is one transaction, with the version in it: a process that dies in between leaves the
database as it was. Two processes that open the same new database follow one another.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from banksman.stores.driver import in_our_words

MIGRATIONS: Final = Path(__file__).with_name("migrations")


def migrate(connection: sqlite3.Connection, path: Path, revision: str = "head") -> None:
    """Run the migrations that the database lacks.

    Args:
        connection: Open, in no transaction; left open.
        path: The database, for messages.
        revision: How far to go.

    Raises:
        StoreException: The database refuses.
    """
    engine = create_engine(
        "sqlite://", creator=lambda: connection, poolclass=StaticPool, pool_reset_on_return=None
    )
    event.listen(engine, "begin", _begin)
    config = Config()
    # A percent sign would begin a reference to another option.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as opened:
            config.attributes["connection"] = opened
            command.upgrade(config, revision)
    except DBAPIError as error:
        raise in_our_words(error.orig or error, path) from error


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
