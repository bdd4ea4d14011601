"""What the clocks of a machine say against each other: whether one was set, or all stood still.

There are three: the time of day, which somebody or something may set; one that counts from the
start of the machine; and one that counts only while the machine is awake. Durations go by the
last, so that neither can make them end early or late; what is stored is a time of day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from banksman.core.task import Instant

NOTED_MS: Final = 3_000
"""Less than this is what time servers correct, and what looking at three clocks takes."""

_SPAN: Final = re.compile(r"(?P<number>[0-9]{1,6})\s*(?P<unit>[mhdw])")
_UNITS_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the clocks say at one moment.

    Attributes:
        now: The time of day.
        since_boot_s: Seconds since some point, those asleep included.
        awake_s: Seconds since some point, those asleep not included.
    """

    now: Instant
    since_boot_s: float
    awake_s: float


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What came between two readings, as far as it is worth a word.

    Attributes:
        set_ms: By how much the time of day was set; below 0 if it was set back.
        slept_ms: How long the machine slept.
    """

    set_ms: int = 0
    slept_ms: int = 0


def drift(before: Reading, after: Reading) -> Drift:
    """Return what came between two readings.

    Examples:
        >>> early = Reading(now=Instant(0), since_boot_s=0.0, awake_s=0.0)
        >>> drift(early, Reading(now=Instant(-7_190_000), since_boot_s=10.0, awake_s=10.0))
        Drift(set_ms=-7200000, slept_ms=0)
        >>> drift(early, Reading(now=Instant(3_610_000), since_boot_s=3610.0, awake_s=10.0))
        Drift(set_ms=0, slept_ms=3600000)
    """
    passed_ms = round((after.since_boot_s - before.since_boot_s) * 1000)
    awake_ms = round((after.awake_s - before.awake_s) * 1000)
    return Drift(
        set_ms=_noted(after.now - before.now - passed_ms),
        slept_ms=max(0, _noted(passed_ms - awake_ms)),
    )


def span(seconds: int) -> str:
    """Return a span of time as people write it.

    Examples:
        >>> span(7), span(130), span(7260), span(200_000)
        ('7s', '2m10s', '2h01m', '2d07h')
    """
    if seconds < _MINUTE_S:
        return f"{seconds}s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S}m{seconds % _MINUTE_S:02}s"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S}h{seconds % _HOUR_S // _MINUTE_S:02}m"
    return f"{seconds // _DAY_S}d{seconds % _DAY_S // _HOUR_S:02}h"


def span_ms(text: str) -> int | None:
    """Return a span of time such as "8h", in ms; none if it is no span.

    Examples:
        >>> span_ms("30m"), span_ms("2 d"), span_ms("soon")
        (1800000, 172800000, None)
    """
    match = _SPAN.fullmatch(text.strip())
    return int(match["number"]) * _UNITS_MS[match["unit"]] if match else None


def _noted(span_ms: int) -> int:
    return span_ms if abs(span_ms) >= NOTED_MS else 0
