"""Whether a store's journal tells all that its tables hold: for tests of whole histories."""

from __future__ import annotations

from pathlib import Path

from banksman.state.recovery import differences, entries, rebuild
from banksman.stores.sqlite import SqliteStore


def audit(store: SqliteStore, folder: Path) -> tuple[str, ...]:
    """Return a sentence for each table that the journal does not rebuild; none if all is well.

    Args:
        store: Left as it is.
        folder: Where the rebuilt store is made, and removed again.
    """
    path = folder / "rebuilt.db"
    copy = SqliteStore.open(path, synchronous="OFF")
    try:
        rebuild(entries(store), copy)
        return differences(store.tables(), copy.tables())
    finally:
        copy.close()
        # The log beside it is gone since it was closed.
        path.unlink()
