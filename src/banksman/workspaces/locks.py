"""Locks between processes that death releases.

A lock is an open file under `flock`. Git inherits the descriptor (`Place.held`), so that a lock
outlives an engine that was killed exactly as long as a git process that it had started: whoever
gets the lock afterwards finds nobody else at work.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from banksman.exceptions import WorkspaceException

_PAUSE_S: Final = 0.005
PATIENCE_S: Final = 600.0


@asynccontextmanager
async def hold(path: Path, *, patience_s: float = PATIENCE_S) -> AsyncGenerator[int]:
    """Hold the lock of this name; yields its descriptor.

    Args:
        path: The file; made if there is none.
        patience_s: How long to wait while somebody else holds it.

    Raises:
        WorkspaceException: Somebody else holds it for too long.
    """
    descriptor = await _acquire(path, patience_s)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def free(path: Path) -> bool:
    """Return whether nobody holds the lock at this moment."""
    if not path.exists():
        return True
    descriptor = _try(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


async def _acquire(path: Path, patience_s: float) -> int:
    try:
        async with asyncio.timeout(patience_s):
            # Another process cannot wake us up: there is nothing to wait for but time.
            while (descriptor := _try(path)) is None:  # noqa: ASYNC110 - see above
                await asyncio.sleep(_PAUSE_S)
            return descriptor
    except TimeoutError as late:
        raise WorkspaceException(
            message=f"another process has held {path} for {patience_s:g} s."
        ) from late


def _try(path: Path) -> int | None:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its holder may have removed the file in between: a lock on that one locks nothing.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None
