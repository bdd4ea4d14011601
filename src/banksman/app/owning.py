"""The right to drive a project, held for as long as something is done with it."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

from banksman.app.belonging import sign
from banksman.app.reads import Place
from banksman.exceptions import OwnershipException
from banksman.ports.store import Ownership
from banksman.stores.ownership import FileOwnership

_TRIES: Final = 5
_BETWEEN_S: Final = 0.02


@contextmanager
def owned(place: Place) -> Generator[None]:
    """Own the project of a repository, and no other's.

    Raises:
        InputException: The state folder cannot be used, or is another repository's.
        OwnershipException: Another engine owns the project.
    """
    ownership = FileOwnership(place.lock)
    acquire(ownership)
    try:
        sign(place.common_dir, place.state_dir)
        yield
    finally:
        ownership.release()


def acquire(ownership: Ownership) -> None:
    """Take it, or be refused after a moment: who only looks for an engine has it so long.

    Raises:
        OwnershipException: Another engine owns the project.
    """
    for _ in range(_TRIES - 1):
        with suppress(OwnershipException):
            ownership.acquire()
            return
        time.sleep(_BETWEEN_S)
    ownership.acquire()
