"""Where coroutines of the engine hand in what is to be written.

All that one round of the engine hands in is written in one transaction (group commit); whoever
handed it in goes on when that is durable, so nothing is acted on before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from banksman.ports import Transaction

T = TypeVar("T")


class Ledger(Protocol):
    """The engine's side of the store, for coroutines."""

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returned, once its transaction is committed.

        `work` may be called again if the transaction it was in did not commit: it reads what it
        needs from the transaction and has no other effect. What it raises is raised here, and
        nothing of it is written.
        """
        ...
