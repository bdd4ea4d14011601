"""Opens a file that a person named: a regular file of bounded size, and nothing else.

A folder, a pipe, a device or a symbolic link gets one sentence; nothing here can wait for
another process.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from banksman.config.problems import NOWHERE, Mark, Problems

_KINDS: Final = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)
_WIDE: Final = (
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
)


@contextmanager
def opened(path: Path, problems: Problems, *, missing: str) -> Generator[BinaryIO]:
    """Open a regular file for reading.

    Args:
        path: The file; followed if one of its folders is a link, not if it is one itself.
        problems: Where a refusal is told.
        missing: What to do when there is no such file.

    Raises:
        PlanException: It is not there, not readable, or no regular file.
    """
    try:
        # NONBLOCK: opening a pipe that nobody writes to would wait for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        problems.refuse(NOWHERE, _unopened(error, missing))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = next((word for test, word in _KINDS if test(mode)), "is no regular file")
        problems.refuse(NOWHERE, f"{kind}; name a regular file")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def read_text(path: Path, problems: Problems, *, bytes_max: int, missing: str) -> str:
    """Return the whole text of a file.

    Raises:
        PlanException: It cannot be opened (see `opened`), is longer than `bytes_max`, or is no
            text in UTF-8.
    """
    with opened(path, problems, missing=missing) as file:
        content = _read(file, bytes_max + 1, problems)
    if len(content) > bytes_max:
        problems.refuse(NOWHERE, f"is larger than {bytes_max >> 20} MiB, which is the limit")
    return decoded(content, problems)


def decoded(content: bytes, problems: Problems, *, line: int = 1) -> str:
    """Return bytes as text, without a byte order mark; `line` is the number of the first.

    Raises:
        PlanException: They are not UTF-8, or hold a NUL.
    """
    if content.startswith(_WIDE):
        problems.refuse(NOWHERE, "is UTF-16 or UTF-32; save it as UTF-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    nul = content.find(b"\0")
    if nul >= 0:
        problems.refuse(
            _mark(content[:nul], line), "holds a NUL character; is it really a text file?"
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = content[error.start]
        mark = _mark(content[: error.start], line)
        problems.refuse(mark, f"byte 0x{wrong:02x} is not UTF-8; save the file as UTF-8")


def _mark(before: bytes, line: int) -> Mark:
    start = before.rfind(b"\n") + 1
    column = len(before[start:].decode("utf-8", "replace")) + 1
    return Mark(line + before.count(b"\n"), column)


def _read(file: BinaryIO, size: int, problems: Problems) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        problems.refuse(NOWHERE, f"cannot be read ({error.strerror})")


def _unopened(error: OSError | ValueError, missing: str) -> str:
    if not isinstance(error, OSError):
        return "is no name that a file can have"
    match error.errno:
        case errno.ENOENT:
            return f"there is no such file; {missing}"
        case errno.ELOOP:
            return "is a symbolic link; name the file that it points to"
        case errno.EACCES | errno.EPERM:
            return "may not be read; give yourself the right to read it"
        case errno.ENXIO:
            return "is a socket; name a regular file"
        case _:
            return f"cannot be opened ({error.strerror})"
