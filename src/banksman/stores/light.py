"""Opening a store without its libraries: for commands that must answer at once.

Only the standard library's driver is used; loading SQLAlchemy would take longer than all else.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from banksman.exceptions import StoreUnusableException
from banksman.stores.driver import in_our_words
from banksman.stores.versions import APPLICATION_ID, SCHEMA_VERSION

# Both numbers stand in the file's head; reading them is no more than opening it.
APPLICATION: Final = "SELECT application_id FROM pragma_application_id"
VERSION: Final = "SELECT user_version FROM pragma_user_version"

# A refusal to write that the mode of the file cannot give: the database may lie on a disk that
# is mounted for reading, with a log that is to be read too.
QUERY_ONLY: Final = "PRAGMA query_only = ON"


def open_light(
    path: Path, *, write: bool = False, timeout_s: float = 10.0
) -> sqlite3.Connection:
    """Return a connection to a store that exists and is of this version.

    Args:
        path: The file; it is never made.
        write: Whether it may write; a reader waits for nobody and holds nobody up.
        timeout_s: How long to wait for a writer.

    Raises:
        StoreUnusableException: There is none, it is another program's, or of another version.
    """
    if not path.is_file():
        raise StoreUnusableException(
            message=f"there is no store at {path} yet; `banksman run` makes it."
        )
    mode = "rw" if write else "ro"
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            timeout=timeout_s,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise in_our_words(error, path) from error
    try:
        _refuse_strangers(connection, path)
        if not write:
            connection.execute(QUERY_ONLY)
    except sqlite3.Error as error:
        connection.close()
        raise in_our_words(error, path) from error
    except StoreUnusableException:
        connection.close()
        raise
    return connection


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a store of just this version."""
    (application,) = connection.execute(APPLICATION).fetchone()
    (version,) = connection.execute(VERSION).fetchone()
    if application != APPLICATION_ID:
        raise StoreUnusableException(
            message=f"{path} is not a store of Banksman; move it away, or choose another "
            "folder with BANKSMAN_STATE_DIR."
        )
    if version > SCHEMA_VERSION:
        raise StoreUnusableException(
            message=f"a newer version of Banksman wrote {path} (schema {version}, this version "
            f"knows {SCHEMA_VERSION}); upgrade Banksman."
        )
    if version < SCHEMA_VERSION:
        raise StoreUnusableException(
            message=f"an older version of Banksman wrote {path} (schema {version}, this one "
            f"needs {SCHEMA_VERSION}); `banksman run` brings it up to date."
        )
