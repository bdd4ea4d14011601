"""What befalls the clock of a simulated machine."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from banksman.testing.virtual_time import LoopClock
from banksman.testing.world import Faults

HOUR_MS: Final = 3_600_000
JUMPS_MS: Final = (0, HOUR_MS, 48 * HOUR_MS)
"""How far the time of day may be set from the truth; at 0 it is set right."""
SLEEP_S_MAX: Final = 12 * 3600.0


async def disturb(clock: LoopClock, faults: Faults, random: Random) -> None:
    """Set the clock and send the machine to sleep, now and then, until cancelled."""
    while True:
        await asyncio.sleep(60 + random.random() * 600)
        if random.random() < faults.jump:
            asleep_ms = round(clock.asleep_s * 1000)
            clock.skew_ms = asleep_ms + round(random.uniform(-1, 1) * random.choice(JUMPS_MS))
        if random.random() < faults.sleep:
            clock.sleep(random.random() * SLEEP_S_MAX)
