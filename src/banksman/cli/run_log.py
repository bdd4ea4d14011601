"""Where a run in the background writes what it would show: a private log of bounded size."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from banksman.app.reads import Place

NAME: Final = "run.log"
SIZE_BYTES_MAX: Final = 4 << 20
OLD_MAX: Final = 3
"""Full logs that are kept: `run.log.1` is the youngest."""


class RunLog:
    """The standard output and error of this process, once it has taken them over.

    Args:
        place: The repository; the folder of logs is made if need be.
        size_bytes_max: Size from which on a new file is begun.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, place: Place, *, size_bytes_max: int = SIZE_BYTES_MAX) -> None:
        place.log.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = place.log / NAME
        self._size_bytes_max = size_bytes_max
        self._next = self._opened()

    def take_over(self) -> None:
        """Let all that this process prints go to the log; whoever read it sees the end."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for descriptor in (1, 2):
            os.dup2(self._next, descriptor)
        os.close(self._next)

    def turn_over(self) -> None:
        """Begin a new file if the present one is full; on a disk without room it grows on."""
        if os.fstat(1).st_size < self._size_bytes_max:
            return
        with suppress(OSError):
            for number in range(OLD_MAX, 0, -1):
                younger = self._old(number - 1)
                if younger.exists():
                    younger.replace(self._old(number))
            self._next = self._opened()
            self.take_over()

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{NAME}.{number}") if number else self.path

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self.path, flags, 0o600)
