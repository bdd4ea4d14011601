"""An asyncio event loop on which time passes only when nothing else can happen.

`VirtualTimeLoop` jumps to the next timer instead of waiting for it, so an hour of the engine's
life takes milliseconds, and the same seed gives the same order of everything. Waiting for
something that no timer can bring about is an error, not a hang.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import TypeVar

from banksman.core.task import Instant

T = TypeVar("T")

EPOCH_MS = 1_700_000_000_000


class StuckException(Exception):
    """Everything waits, and no timer will ever wake anything."""


class _TimeJumper(selectors.BaseSelector):
    """A selector without file descriptors: its waiting moves the clock."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckException
        self.now_s += max(0.0, timeout)
        return []

    def register(
        self, fileobj: object, events: int, data: object = None
    ) -> selectors.SelectorKey:
        # The loop registers its own wake-up pipe, which nobody writes to here.
        return selectors.SelectorKey(fileobj, 0, events, data)  # type: ignore[arg-type]  # never selected

    def unregister(self, fileobj: object) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)  # type: ignore[arg-type]  # never selected

    # Nothing is ever registered, so there is nothing of the narrower type.
    def get_map(self) -> Mapping[object, selectors.SelectorKey]:  # type: ignore[override]
        return {}


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self) -> None:
        self._jumper = _TimeJumper()
        super().__init__(self._jumper)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._jumper.now_s


class LoopClock:
    """A `Clock` that reads a loop's time.

    Attributes:
        skew_ms: Makes the time of day jump.
        asleep_s: How long the machine has slept so far.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.skew_ms = 0
        self.asleep_s = 0.0

    def now(self) -> Instant:
        """Return the virtual time of day."""
        return Instant(EPOCH_MS + round(self._loop.time() * 1000) + self.skew_ms)

    def monotonic(self) -> float:
        """Return virtual seconds."""
        return self._loop.time()

    def since_boot(self) -> float:
        """Return virtual seconds, those asleep included."""
        return self._loop.time() + self.asleep_s

    def sleep(self, seconds: float) -> None:
        """Let the machine have slept for so long."""
        self.skew_ms += round(seconds * 1000)
        self.asleep_s += seconds


def run_virtual(main: Coroutine[object, object, T], loop: VirtualTimeLoop) -> T:
    """Run a coroutine to its end on virtual time; the loop stays open for another run."""
    return loop.run_until_complete(main)
