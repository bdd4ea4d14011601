"""The log for operators: a file in the state folder, and nothing of it on the terminal.

Facts are in the journal. Here is what went wrong with Banksman itself, with tracebacks; it is
bounded, and only its owner can read it.
"""

from __future__ import annotations

import io
import logging
import os
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from banksman.app.reads import Place, now
from banksman.cli.here import Here
from banksman.cli.text import clean
from banksman.exceptions import BanksmanException

NAME: Final = "banksman.log"
AGAIN: Final = "Run it again with `banksman --debug …` for the details."

_SIZE_BYTES_MAX: Final = 4 << 20
_OLD_MAX: Final = 3


def open_log(place: Place) -> None:
    """Let everything that Banksman logs in this process go to the project's log."""
    handler = _PrivateFile(_folder(place))
    handler.setFormatter(_Harmless("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("banksman")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # Otherwise warnings would come to the terminal, into the picture that is drawn there.
    logger.propagate = False


def keep_traceback(error: Exception, here: Here) -> str:
    """Append an error with its traceback to the project's log; return a line that says where.

    Without a project there is no log: then the line says how to see the traceback.
    """
    try:
        place = here.place()
        if not place.state_dir.is_dir():
            return AGAIN
        path = _folder(place) / NAME
        _append(path, error)
    except (OSError, BanksmanException):
        return AGAIN
    return f"The details are in {path}."


class _PrivateFile(RotatingFileHandler):
    """A file of bounded size that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder / NAME,
            maxBytes=_SIZE_BYTES_MAX,
            backupCount=_OLD_MAX,
            encoding="utf-8",
            errors="backslashreplace",
        )

    def _open(self) -> io.TextIOWrapper:
        return _opened(Path(self.baseFilename))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging names it
        """Say nothing: on a full disk the log is lost, and a traceback would help nobody."""


class _Harmless(logging.Formatter):
    """Somebody will read it on a terminal, and agents have a say in it."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record), lines=True)


def _folder(place: Place) -> Path:
    place.log.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place.log


def _append(path: Path, error: Exception) -> None:
    at = datetime.fromtimestamp(now() / 1000, UTC).isoformat(timespec="seconds")
    text = "".join(traceback.format_exception(error))
    with _opened(path) as file:
        file.write(clean(f"{at} ERROR banksman.cli command.failed\n{text}", lines=True) + "\n")


def _opened(path: Path) -> io.TextIOWrapper:
    # The method of paths has no opener.
    return open(path, "a", encoding="utf-8", errors="backslashreplace", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
