"""Files in a checkout, read as what they are: untrusted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

FILES_MAX: Final = 2000

Stamps: TypeAlias = Mapping[Path, tuple[int, int, int]]
"""Inode, time of change in ns, and size of each file."""


def read_regular(root: Path, path: Path, size_bytes_max: int) -> bytes | None:
    """Return the content of a file below a folder, or None if it is larger.

    Raises:
        OSError: It is missing or unreadable, not a regular file, or not there without
            following a link.
    """
    folder = root.resolve()
    where = folder / path
    if "\0" in str(path):
        raise OSError(0, "no file can have that name")
    parent = where.parent.resolve()
    if parent != where.parent or not parent.is_relative_to(folder):
        raise OSError(0, "it lies behind a symbolic link")
    # Without O_NONBLOCK a named pipe would wait for its other end for ever.
    descriptor = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no regular file")
        if status.st_size > size_bytes_max:
            return None
        content = file.read(size_bytes_max + 1)
        return content if len(content) <= size_bytes_max else None


def stamps(root: Path, glob: str) -> Stamps:
    """Return the regular files that a glob names below a folder, with what tells a rewrite."""
    return dict(islice(_stamps(root.resolve(), glob), FILES_MAX))


def _stamps(root: Path, glob: str) -> Iterator[tuple[Path, tuple[int, int, int]]]:
    for path in root.glob(glob):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            yield path, (status.st_ino, status.st_mtime_ns, status.st_size)
