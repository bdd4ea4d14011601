"""The standard streams of this process, whatever state its caller has left them in.

A stream that was closed is read and written as `/dev/null` is. It must be something: the next
file to be opened, such as the database, would take its number, and what is printed would land
there. An output that breaks is told once, at the end of a command; a run goes on without it.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, Final, TextIO

_IN: Final = 0
_OUT: Final = 1
_ERR: Final = 2


class Output(io.FileIO):
    """An output that is written until it breaks; what comes later goes nowhere.

    Args:
        number: Its descriptor, which stays open.

    Attributes:
        matters: Whether whoever writes learns that it broke.
        broken: Why it cannot be written any more.
    """

    def __init__(self, number: int, *, matters: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self.matters = matters
        self.broken: OSError | None = None

    # Python 3.11 has no name for what has a buffer.
    def write(self, given: Any, /) -> int:  # noqa: ANN401 - see above
        """Return how many bytes were taken.

        Raises:
            BrokenPipeError: Just now it broke: nobody is there any more, or a disk is full.
        """
        if self.broken is None:
            try:
                return super().write(given)
            except OSError as error:
                self.broken = error
                if self.matters:
                    # For all that write, it is the same.
                    raise BrokenPipeError(error.errno, error.strerror) from error
        return len(given)


def make_sound() -> Output:
    """Let all three streams be open, and no text too strange for them; return the output."""
    for number in (_IN, _OUT, _ERR):
        _open_if_closed(number)
    if sys.stdin is None:
        nothing = io.BufferedReader(io.FileIO(_IN, closefd=False))
        sys.stdin = io.TextIOWrapper(nothing, encoding="utf-8")
    out, err = Output(_OUT, matters=True), Output(_ERR, matters=False)
    sys.stdout, sys.stderr = _text(out, sys.stdout), _text(err, sys.stderr)
    return out


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        # It gets the lowest number that is free, and those below are open.
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _text(raw: Output, old: TextIO | None) -> io.TextIOWrapper:
    # Line by line where it was so, which is on terminals; else whoever prints says when.
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=old.encoding if old else "utf-8",
        # What the terminal's encoding lacks must not end a command.
        errors="backslashreplace",
        line_buffering=raw.isatty() or not raw.matters,
    )
