"""Where the details of an error are kept that nobody should have to read on the terminal."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from banksman.app.reads import now
from banksman.cli.here import Here
from banksman.exceptions import BanksmanException

AGAIN = "Run it again with `banksman --debug …` for the details."


def keep_traceback(error: Exception, here: Here) -> str:
    """Append an error with its traceback to the project's log; return a line that says where.

    Without a project there is no log: then the line says how to see the traceback.
    """
    try:
        folder = here.place().log
        if not folder.parent.is_dir():
            return AGAIN
        folder.mkdir(mode=0o700, exist_ok=True)
        _append(folder / "errors.log", error)
    except (OSError, BanksmanException):
        return AGAIN
    return f"The details are in {folder / 'errors.log'}."


def _append(path: Path, error: Exception) -> None:
    at = datetime.fromtimestamp(now() / 1000, UTC).isoformat(timespec="seconds")
    text = f"{at}\n{''.join(traceback.format_exception(error))}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
