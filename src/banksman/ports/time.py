"""Time and chance, as the engine asks for them."""

from __future__ import annotations

from typing import Protocol

from banksman.core.task import Instant


class Clock(Protocol):
    """Three clocks: one for what is stored, one for durations, one to hold both against."""

    def now(self) -> Instant:
        """Return the time of day, ms UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds from some point; never goes back, and rests when the machine does."""
        ...

    def since_boot(self) -> float:
        """Return seconds from some point; goes on while the machine sleeps."""
        ...


class Chance(Protocol):
    """The random source: `random.Random` is one."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...
