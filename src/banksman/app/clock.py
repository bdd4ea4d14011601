"""The clock of the machine: the one place where it is read."""

from __future__ import annotations

import time

from banksman.core.task import Instant


class SystemClock:
    """Implements `banksman.ports.Clock`."""

    def now(self) -> Instant:
        """Return the time of day, ms UTC; it may jump."""
        return Instant(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Return seconds from some point; never goes back."""
        return time.monotonic()
