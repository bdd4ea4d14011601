"""The folder of one execution, as the runner and the engine see it.

    lock            held by flock from before the program is executed until its end is written
    control         FIFO: who holds it open for writing watches; a line in it asks for the end
    runner.json     runner and program by pid, start time and boot; there before the program is
    output.OFFSET   what was printed, in pieces: the head, and as many of the last as are kept
    result.json     how it ended, written when nobody of the tree is left; while the lock is
                    held it is nobody's word, for the program can write here too
    runner.log      what went wrong with the runner itself

This module is part of the runner's program: standard library only, and only what starts fast.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Mapping

LOCK = "lock"
CONTROL = "control"
RUNNER = "runner.json"
RESULT = "result.json"
LOG = "runner.log"
PIECE = "output."
LAST_PIECES = 2
"""Pieces kept of the end of the output; at least one of them is whole."""
FACTS_BYTES_MAX = 1 << 20
"""Most that is read of a file of facts."""


class Spool:
    """A spool folder by its descriptor, so that a folder that was removed stays removed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._lock = -1

    def close(self) -> None:
        """Let go of the folder, and of the lock if it is held."""
        for fd in {self._folder, self._lock} - {-1}:
            os.close(fd)
        self._folder = self._lock = -1

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor of a file in the folder; what is made is private."""
        return os.open(name, flags, 0o600, dir_fd=self._folder)

    def lock(self) -> bool:
        """Return whether this object has the lock: it has from now on, if it was free."""
        if self._lock != -1:
            return True
        lock = self.open(LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        try:
            os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str, *, last_bytes: int | None = None) -> bytes:
        """Return the content of a file, or the end of it; nothing if there is no such file.

        A program may have put something else there, which could lead out or never end.
        """
        try:
            mode = os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_mode
            if not stat.S_ISREG(mode):
                return b""
            fd = self.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return b""
        with os.fdopen(fd, "rb") as file:
            if last_bytes is not None:
                file.seek(max(0, os.fstat(fd).st_size - last_bytes))
            return file.read(last_bytes)

    def facts(self, name: str) -> Mapping[str, object]:
        """Return the facts in a JSON file; none if it is missing or damaged."""
        try:
            return dict(json.loads(self.read(name, last_bytes=FACTS_BYTES_MAX) or b"{}"))
        except (ValueError, TypeError, RecursionError):
            return {}

    def write(self, name: str, facts: Mapping[str, object]) -> None:
        """Write facts at once or not at all, onto the disk."""
        text = json.dumps(facts).encode()
        fd = self.open(f"{name}.new", os.O_WRONLY | os.O_CREAT)
        try:
            os.pwrite(fd, text, 0)
            # What is behind it was reserved.
            os.ftruncate(fd, len(text))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(f"{name}.new", name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)

    def reserve(self, name: str) -> None:
        """Take the room on the disk that a later `write` needs: it may be full by then."""
        fd = self.open(f"{name}.new", os.O_WRONLY | os.O_CREAT)
        os.write(fd, b" " * 4096)
        os.close(fd)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.has(name):
            os.unlink(name, dir_fd=self._folder)

    def nameless(self, content: bytes) -> int:
        """Return a descriptor of a file with this content, at its start, that has no name.

        It may hold secrets, so it lies in memory where the system can do that.
        """
        if hasattr(os, "memfd_create"):
            fd = os.memfd_create("banksman")
        else:
            fd = self.open("nameless", os.O_RDWR | os.O_CREAT | os.O_EXCL)
            self.remove("nameless")
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def pieces(self) -> list[tuple[int, str]]:
        """Return the pieces of output that are kept: offset of the first byte and file."""
        with os.scandir(self._folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(PIECE)]
        offsets = ((name.removeprefix(PIECE), name) for name in names)
        return sorted((int(offset), name) for offset, name in offsets if offset.isdecimal())


class Output:
    """What a program prints, within a bound: its head, and the last of it.

    A piece is named by the offset of its first byte, and when a new one begins, all between
    the head and the piece before it are removed. So names and sizes alone tell what is missing,
    even if the runner dies. A disk that is full costs output, and never stops the program.

    Attributes:
        size: How many bytes were printed so far.
    """

    def __init__(self, spool: Spool, size_bytes_max: int) -> None:
        self._spool = spool
        self._piece_bytes = max(1, (size_bytes_max - size_bytes_max // 2) // LAST_PIECES)
        self._last: list[str] = []
        self.size = 0
        self._fd = -1
        self._begin(size_bytes_max // 2)

    def write(self, text: bytes) -> None:
        """Keep of it what is to be kept."""
        view = memoryview(text)
        while view:
            if self.size >= self._end:
                view = view[self._turn(len(view)) :]
            part = view[: self._end - self.size]
            self._keep(part)
            self.size += len(part)
            view = view[len(part) :]

    def close(self) -> None:
        """Bring the end of what is kept onto the disk."""
        if self._fd != -1:
            os.fsync(self._fd)
        self._let_go()

    def _keep(self, part: memoryview) -> None:
        try:
            written = os.write(self._fd, part) if self._fd != -1 else 0
        except OSError:
            written = 0
        if written < len(part):
            # The piece ends here: the gap to the next one says how much is missing.
            self._let_go()

    def _let_go(self) -> None:
        if self._fd != -1:
            os.close(self._fd)
        self._fd = -1

    def _turn(self, coming: int) -> int:
        """Begin a new piece; return how many of the coming bytes no piece will keep."""
        self._let_go()
        lost = max(0, coming // self._piece_bytes - LAST_PIECES) * self._piece_bytes
        self.size += lost
        self._last.append(f"{PIECE}{self.size}")
        if len(self._last) > LAST_PIECES:
            self._spool.remove(self._last.pop(0))
        self._begin(self._piece_bytes)
        return lost

    def _begin(self, size_bytes: int) -> None:
        self._end = self.size + size_bytes
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        try:
            self._fd = self._spool.open(f"{PIECE}{self.size}", flags)
        except OSError:
            self._fd = -1
