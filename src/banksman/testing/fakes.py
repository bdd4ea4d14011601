"""Fakes for the ports that nothing but a test needs."""

from __future__ import annotations

import sys

from banksman.core.task import Instant
from banksman.ports import Room


class FakeClock:
    """A clock that is moved by hand; it stands still otherwise.

    Args:
        now: The time of day to start from, ms UTC.
    """

    def __init__(self, now: int = 1_000_000) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> Instant:
        """Return the time of day, ms UTC."""
        return Instant(self._now)

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._monotonic

    def since_boot(self) -> float:
        """Return the seconds that have passed: this machine never sleeps."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        assert seconds >= 0, "time does not go back; the time of day may `jump`"
        self._now += round(seconds * 1000)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the time of day forward or back, as a person or a time server does."""
        self._now += round(seconds * 1000)


class FakeDisk:
    """A disk that has as much room as it is told.

    Attributes:
        free_bytes: The room; more than anybody wants, at first.
    """

    def __init__(self) -> None:
        self.free_bytes = sys.maxsize

    def room(self) -> Room:
        """Return it."""
        return Room(place="the disk", free_bytes=self.free_bytes)
