"""Run a plan until the engine comes past a point for the n-th time, and die there.

    python -m banksman.testing.kill_at POINT NTH [FOLDER]

The process ends itself with SIGKILL: nothing is tidied up. If the plan ends before, the exit
code is 0.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from banksman.app.running import RunRequest, plan_run
from banksman.config.environment import environment
from banksman.orchestration.protocol import Point


class Killer:
    """Counts how often a point is reached, and kills this process at the n-th."""

    def __init__(self, point: Point, nth: int) -> None:
        self._point = point
        self._left = nth

    def __call__(self, point: Point) -> None:
        """Pass the point, or die at it."""
        if point is self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def _run(point: Point, nth: int, folder: Path) -> None:
    request = RunRequest(
        start=folder, environ=environment(), wait=False, reach=Killer(point, nth)
    )
    async with plan_run(request) as run:
        await run.run()


def main() -> None:
    """Read the arguments and run."""
    point, nth, *rest = sys.argv[1:]
    asyncio.run(_run(Point(point), int(nth), Path(rest[0] if rest else ".")))


if __name__ == "__main__":
    main()
