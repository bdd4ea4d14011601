"""What an engine does while disks are nearly full, or full.

Nearly full: nothing more is claimed, and that is said once; when there is room again, it goes
on by itself. Full: the store refuses to commit. Nothing of the round is lost by that, so the
engine tries again until it can, unless somebody wishes it to end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from banksman.core.clocks import span
from banksman.core.task import ProjectId
from banksman.exceptions import StoreFullException
from banksman.ports import Clock, Disk
from banksman.ports.disk import Room
from banksman.state.state_manager import StateManager

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S: Final = 1.0
"""How often the disk is looked at, and a full store tried again."""

_AGAIN: Final = 1.05
_MB: Final = 1_000_000


class Headroom:
    """Watches the room on the disk for one engine.

    Args:
        state: Journals what it finds.
        disk: The disk.
        clock: Its monotonic side.
        free_bytes_min: Below this, nothing is claimed; 0 never looks.
    """

    def __init__(
        self, state: StateManager, disk: Disk, clock: Clock, *, free_bytes_min: int
    ) -> None:
        self._state = state
        self._disk = disk
        self._clock = clock
        self._free_bytes_min = free_bytes_min
        self._held = False
        self._looked_s: float | None = None
        self._untold_s = 0.0

    def tick(self, project_id: ProjectId) -> bool:
        """Return whether nothing may be claimed for want of room; journal when that changes."""
        now_s = self._clock.monotonic()
        rested = self._looked_s is not None and now_s - self._looked_s < LOOK_S
        if rested or not self._free_bytes_min:
            return self._held
        room = self._disk.room()
        # A little more than the least, or it would come and go with each file.
        wanted = self._free_bytes_min * (_AGAIN if self._held else 1.0)
        held = room.free_bytes < wanted
        if held != self._held:
            self._note(project_id, room, held=held)
        self._held, self._looked_s = held, now_s
        return held

    async def outlast(
        self, project_id: ProjectId, work: Callable[[], T], given_up: Callable[[], bool]
    ) -> T:
        """Return what `work` returns, tried again as long as the store has no room.

        Raises:
            StoreFullException: It has none, and somebody wishes the engine to end.
        """
        full_since: float | None = None
        while True:
            try:
                done = work()
            except StoreFullException as error:
                if given_up():
                    raise
                if full_since is None:
                    full_since = self._clock.monotonic()
                    log.warning("store.full: %s", error)
                await asyncio.sleep(LOOK_S)
            else:
                if full_since is not None:
                    self._untold_s += self._clock.monotonic() - full_since
                self._tell_wait(project_id)
                return done

    def _note(self, project_id: ProjectId, room: Room, *, held: bool) -> None:
        least = f"{self._free_bytes_min / _MB:,.0f} MB"
        there = f"{room.free_bytes / _MB:,.0f} MB free at {room.place}"
        kind = "claims.held" if held else "claims.freed"
        reason = f"{there}, {'less' if held else 'more'} than {least}"
        self._journal(project_id, kind, reason)

    def _tell_wait(self, project_id: ProjectId) -> None:
        """Journal how long nothing could be; what there is no room for waits for a round."""
        if not self._untold_s:
            return
        waited = span(round(self._untold_s))
        reason = f"nothing could be recorded for {waited}; nothing is lost"
        # The round is written: it must not be done again because of this sentence.
        with suppress(StoreFullException):
            self._journal(project_id, "store.waited", reason)
            self._untold_s = 0.0

    def _journal(self, project_id: ProjectId, kind: str, reason: str) -> None:
        with self._state.transaction() as tx:
            self._state.record(tx, kind, tx.project(project_id), reason=reason)
