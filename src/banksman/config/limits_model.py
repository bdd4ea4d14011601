"""What may be spent, as plans and configurations say it.

Every limit is above 0: who wants none leaves it out, and who wants nothing done does not run.
"""

from __future__ import annotations

import math
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from banksman.config.fields import (
    MINUTES_MAX,
    SPAN_PATTERN,
    SPAN_WORDS,
    Said,
    fault,
    minutes,
)
from banksman.core.budget import MICROUSD, MINUTE_MS, Limits

TURNS_MAX: Final = 1_000_000
TOKENS_MAX: Final = 1_000_000_000_000
DOLLARS_MIN: Final = 0.0001
DOLLARS_MAX: Final = 1_000_000


def _turns(value: object) -> int:
    return _whole(value, most=TURNS_MAX)


def _tokens(value: object) -> int:
    return _whole(value, most=TOKENS_MAX)


def _whole(value: object, *, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise fault("no number of this kind")
    return value


def _minutes(value: object) -> float:
    span = minutes(value)
    if not 0 < span <= MINUTES_MAX:
        raise fault("out of range")
    return span


def _dollars(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault("no number")
    if not math.isfinite(value) or not DOLLARS_MIN <= value <= DOLLARS_MAX:
        raise fault("out of range")
    return float(value)


def _numbers(least: float, most: float, kind: str) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, "minimum": least, "maximum": most})


class LimitsTable(BaseModel):
    """What may be spent; what is left out has no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Limits")

    turns: Annotated[
        int | None,
        PlainValidator(_turns),
        Said(f"a whole number, 1 to {TURNS_MAX:,}"),
        _numbers(1, TURNS_MAX, "integer"),
    ] = Field(default=None, description="Prompts to agents, those of further attempts, too.")
    minutes: Annotated[
        float | None,
        PlainValidator(_minutes),
        Said(f"{SPAN_WORDS}, above 0 and at most a year"),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0, "maximum": MINUTES_MAX},
                    {"type": "string", "pattern": SPAN_PATTERN},
                ]
            }
        ),
    ] = Field(
        default=None,
        description="How long agents work, waiting and checks left out; of a run, how long it "
        "goes on.",
    )
    tokens: Annotated[
        int | None,
        PlainValidator(_tokens),
        Said(f"a whole number, 1 to {TOKENS_MAX:,}"),
        _numbers(1, TOKENS_MAX, "integer"),
    ] = Field(default=None, description="Tokens read and written, as far as agents tell.")
    cost: Annotated[
        float | None,
        PlainValidator(_dollars),
        Said(f"US dollars, a number such as 20 or 2.50, {DOLLARS_MIN:g} to {DOLLARS_MAX:,}"),
        _numbers(DOLLARS_MIN, DOLLARS_MAX, "number"),
    ] = Field(default=None, description="US dollars, as far as agents tell.")

    @property
    def limits(self) -> Limits:
        """The limits as the engine knows them."""
        return Limits(
            turns=self.turns,
            # What is above 0 stays above 0.
            time_ms=None if self.minutes is None else math.ceil(self.minutes * MINUTE_MS),
            tokens=self.tokens,
            cost_microusd=None if self.cost is None else round(self.cost * MICROUSD),
        )


class LimitsSection(BaseModel):
    """What may be spent before a person is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: LimitsTable = Field(
        default_factory=LimitsTable,
        description="By each task, where the plan does not limit it otherwise.",
    )
    run: LimitsTable = Field(
        default_factory=LimitsTable,
        description="By one `banksman run`, from its beginning to its end.",
    )
    project: LimitsTable = Field(
        default_factory=LimitsTable, description="By all runs of the project together."
    )
