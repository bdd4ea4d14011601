"""The right to drive a project, as a lock that the operating system releases at death.

The lock is on the file, so the file stays when the lock is given back: removing it would let
two engines lock two files of one name.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from banksman.exceptions import OwnershipException, StoreException, StoreUnusableException


class FileOwnership:
    """A lock on a file; see `banksman.ports.Ownership`.

    Args:
        path: The file, `engine.lock` in the state folder; made if need be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._pid = 0

    def acquire(self) -> None:
        """Take it; taking it again while it is held does nothing.

        Raises:
            OwnershipException: Another engine lives; its process is named.
            StoreUnusableException: The file cannot be made.
            StoreException: It was removed just now.
        """
        if self.held():
            return
        self.release()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not inherited by programs that are started: they may outlive us.
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnusableException(
                message=f"the lock {self._path} cannot be made ({error.strerror}); "
                "mend its folder, or set BANKSMAN_STATE_DIR to a folder that you can write."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = _owner(descriptor)
            os.close(descriptor)
            raise OwnershipException(owner=owner) from error
        self._descriptor, self._pid = descriptor, os.getpid()
        if not self.held():
            # Somebody removed it between two of our steps: others would lock another file.
            self.release()
            message = f"the lock {self._path} was removed while it was taken; try again"
            raise StoreException(message=message)
        _sign(descriptor)

    def held(self) -> bool:
        """Return whether this process still has it.

        It does not in a child that was forked, nor when the file was removed or replaced.
        """
        if self._descriptor is None or self._pid != os.getpid():
            return False
        ours = os.fstat(self._descriptor)
        with suppress(OSError):
            return os.path.samestat(ours, self._path.stat())
        return False

    def release(self) -> None:
        """Give it back; safe to call twice."""
        if self._descriptor is None:
            return
        if self._pid == os.getpid():
            # Closing alone would leave it to a program that is just being started, until that
            # closes its copy; but a child that was forked has no right to unlock it for us.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = None


def _sign(descriptor: int) -> None:
    """Write who has the lock, for the message that the next one gets."""
    os.ftruncate(descriptor, 0)
    # The file system's own time of this change: when the owner took it.
    since = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
    owner = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": since.isoformat(timespec="seconds"),
    }
    os.pwrite(descriptor, json.dumps(owner).encode(), 0)


def _owner(descriptor: int) -> str:
    """Return what the owner wrote, as words."""
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        return (
            f"process {owner['pid']:d} on {owner['host']!s:.100}, since {owner['since']!s:.40}"
        )
    except (ValueError, KeyError, TypeError):
        # It has the lock and is about to sign.
        return "a process that has just started"
