"""The clock of the machine: the one place where it is read."""

from __future__ import annotations

import time
from typing import Final

from banksman.core.task import Instant

# Linux and macOS have one that goes on through sleep, under different names.
_SINCE_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """Implements `banksman.ports.Clock`."""

    def now(self) -> Instant:
        """Return the time of day, ms UTC; it may jump."""
        return Instant(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Return seconds from some point; never goes back, and rests when the machine does."""
        return time.monotonic()

    def since_boot(self) -> float:
        """Return seconds from some point; goes on while the machine sleeps."""
        return time.clock_gettime(_SINCE_BOOT)
