"""Seats for attempts: how many may work at once.

An attempt that waits for its turn to be integrated gives its seat up, and takes one again if
it is sent back to its agent. Attempts that were running before a restart are seated whatever
the limit is: their agents are at work already.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress


class Seat:
    """One attempt's seat, taken or not."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.taken = True

    async def sit(self) -> None:
        """Take a seat again, waiting for a free one."""
        if not self.taken:
            await self._slots.wait_for_one()
            self.taken = True

    def leave(self) -> None:
        """Give the seat up; safe to repeat."""
        if self.taken:
            self.taken = False
            self._slots.give_back()


class Slots:
    """The seats of one engine; `limit` is 1 or more."""

    def __init__(self, limit: int) -> None:
        assert limit >= 1, "an engine seats at least one attempt"
        self.limit = limit
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def free(self) -> int:
        """Seats that new attempts may take; whoever waits to sit down again goes first."""
        return max(0, self.limit - self._taken - len(self._queue))

    def grab(self) -> Seat:
        """Return a seat that is taken now, even beyond the limit."""
        self._taken += 1
        return Seat(self)

    async def wait_for_one(self) -> None:
        """Wait for a free seat and take it."""
        if self._taken < self.limit and not self._queue:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                # Who gave a seat back in the same instant has passed over this turn already.
                with suppress(ValueError):
                    self._queue.remove(turn)
            else:  # The seat was given in the same instant: pass it on.
                self.give_back()
            raise

    def give_back(self) -> None:
        """Free one seat, or hand it to whoever has waited longest."""
        self._taken -= 1
        while self._queue and self._taken < self.limit:
            turn = self._queue.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
