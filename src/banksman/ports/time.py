"""Time and chance, as the engine asks for them."""

from __future__ import annotations

from typing import Protocol

from banksman.core.task import Instant


class Clock(Protocol):
    """Two clocks: one for what is stored, one for durations."""

    def now(self) -> Instant:
        """Return the time of day, ms UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds from some point; never goes back."""
        ...


class Chance(Protocol):
    """The random source: `random.Random` is one."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...
