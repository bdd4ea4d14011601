"""A store that refuses commits and lets the engine die around them, as the seed says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from banksman.exceptions import OwnershipException, StoreException
from banksman.ports import Store, Transaction
from banksman.testing.world import Hand


class FaultyStore:
    """A real store, seen through an engine's hand."""

    def __init__(self, store: Store, hand: Hand) -> None:
        self._store = store
        self._hand = hand

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        """Open a transaction: it may fail, and the engine may die before or after its end."""
        self._hand.touch()
        with self._store.transaction() as tx:
            yield tx
            if self._hand.world.strikes(self._hand.world.faults.commit):
                raise StoreException(message="the disk is full, or so it seems")
            self._hand.touch()
        self._hand.touch()

    def close(self) -> None:
        """Leave the store open: it outlives the engine."""


class SimOwnership:
    """Ownership in the world: one hand at a time, released by death."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    def acquire(self) -> None:
        """Take it, unless another living hand has it."""
        owner = self._hand.world.owner
        if owner is not None and owner.alive and owner is not self._hand:
            raise OwnershipException(owner="another simulated engine")
        self._hand.world.owner = self._hand

    def held(self) -> bool:
        """Return whether this hand has it."""
        return self._hand.world.owner is self._hand

    def release(self) -> None:
        """Give it back."""
        if self.held():
            self._hand.world.owner = None
