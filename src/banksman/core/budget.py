"""Budgets: what may be spent, what was spent, and whether more may be.

Four kinds of things are counted: turns, the time that agents took, tokens, and money. All are
whole numbers, so that sums are exact. A limit is reached when all of it is spent; it is asked
before something is spent, and what is under way is let come to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

MICROUSD: Final = 1_000_000
"""Millionths of a US dollar in one dollar."""
MINUTE_MS: Final = 60_000

T = TypeVar("T")
Amounts = tuple[int, int, int, int]
Bounds = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What was spent, all of it 0 or more.

    Attributes:
        turns: Turns begun.
        time_ms: How long agents worked; of a run, how long it has been going on.
        tokens: Tokens read and written.
        cost_microusd: Millionths of a US dollar.
    """

    turns: int = 0
    time_ms: int = 0
    tokens: int = 0
    cost_microusd: int = 0

    def __post_init__(self) -> None:
        assert min(self.amounts) >= 0, "nothing is spent backwards"

    @property
    def amounts(self) -> Amounts:
        """All of it, kind by kind, in the order in which people are told."""
        return self.turns, self.time_ms, self.tokens, self.cost_microusd

    def plus(self, more: Spent) -> Spent:
        """Return what was spent together."""
        pairs = zip(self.amounts, more.amounts, strict=True)
        return Spent(**_by_kind(one + other for one, other in pairs))

    def since(self, before: Spent) -> Spent:
        """Return what was spent on top of what had been spent before."""
        pairs = zip(self.amounts, before.amounts, strict=True)
        return Spent(**_by_kind(max(0, now - then) for now, then in pairs))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What may be spent, in the units of `Spent`; 0 or more, or none for no limit."""

    turns: int | None = None
    time_ms: int | None = None
    tokens: int | None = None
    cost_microusd: int | None = None

    def __post_init__(self) -> None:
        assert all(bound is None or bound >= 0 for bound in self.bounds), "not below 0"

    @property
    def bounds(self) -> Bounds:
        """All of them, kind by kind, in the order in which people are told."""
        return self.turns, self.time_ms, self.tokens, self.cost_microusd

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return any(bound is not None for bound in self.bounds)


def exceeded(limits: Limits, spent: Spent) -> str | None:
    """Return the first limit that is reached, in words, or None if more may be spent.

    Examples:
        >>> exceeded(Limits(turns=3, cost_microusd=2_500_000), Spent(turns=2))
        >>> exceeded(Limits(cost_microusd=2_500_000), Spent(cost_microusd=2_600_000))
        '$2.60 of $2.50'
    """
    for kind, (bound, amount) in _each(limits, spent):
        if bound is not None and amount >= bound:
            return _told(kind, amount, bound)
    return None


def left(limits: Limits, spent: Spent) -> Limits:
    """Return what of the limits is left: 0 where one is reached, none where there is none."""
    return Limits(
        **{
            kind: None if bound is None else max(0, bound - amount)
            for kind, (bound, amount) in _each(limits, spent)
        }
    )


def least(first: Limits, second: Limits) -> Limits:
    """Return the limits that keep both: of each kind the lower one."""
    pairs = zip(first.bounds, second.bounds, strict=True)
    lower = (
        min((bound for bound in pair if bound is not None), default=None) for pair in pairs
    )
    return Limits(**_by_kind(lower))


def filled(limits: Limits, defaults: Limits) -> Limits:
    """Return the limits, with the default of each kind that they do not limit themselves."""
    pairs = zip(limits.bounds, defaults.bounds, strict=True)
    return Limits(**_by_kind(other if own is None else own for own, other in pairs))


def told(spent: Spent, limits: Limits) -> tuple[str, ...]:
    """Return what was spent of what may be, in words; kinds without both are left out.

    Examples:
        >>> told(Spent(turns=2, time_ms=90_000), Limits(turns=3, tokens=5000))
        ('2 of 3 turns', '1.5 minutes', '0 of 5,000 tokens')
    """
    return tuple(
        _told(kind, amount, bound)
        for kind, (bound, amount) in _each(limits, spent)
        if amount or bound is not None
    )


def allowed(limits: Limits) -> tuple[str, ...]:
    """Return what may be spent, in words; kinds without a limit are left out.

    Examples:
        >>> allowed(Limits(turns=1, cost_microusd=2_500_000))
        ('1 turn', '$2.50')
    """
    bounds = zip(_WORDS, limits.bounds, strict=True)
    return tuple(_told(kind, bound, None) for kind, bound in bounds if bound is not None)


def dollars(microusd: int) -> str:
    """Return an amount of money, exactly: with two decimals, or as many as it takes.

    Examples:
        >>> dollars(20_000_000), dollars(1_230), dollars(1_250_000_000)
        ('$20.00', '$0.00123', '$1,250.00')
    """
    whole, part = divmod(microusd, MICROUSD)
    return f"${whole:,}.{f'{part:06}'.rstrip('0').ljust(2, '0')}"


def _minutes(time_ms: int) -> str:
    # Cut, not rounded: what is not reached must not look as if it were.
    return f"{time_ms * 100 // MINUTE_MS / 100:,.2f}".rstrip("0").rstrip(".")


def _count(amount: int) -> str:
    return f"{amount:,}"


_WORDS: Final[Mapping[str, tuple[Callable[[int], str], str]]] = {
    "turns": (_count, " turns"),
    "time_ms": (_minutes, " minutes"),
    "tokens": (_count, " tokens"),
    "cost_microusd": (dollars, ""),
}
"""By kind, in the order of all amounts: how a number is written, and its unit."""


def _told(kind: str, amount: int, bound: int | None) -> str:
    write, unit = _WORDS[kind]
    shown = write(amount) if bound is None else f"{write(amount)} of {write(bound)}"
    one = write(amount if bound is None else bound) == "1"
    return f"{shown}{unit[:-1] if one else unit}"


def _each(limits: Limits, spent: Spent) -> Iterable[tuple[str, tuple[int | None, int]]]:
    """Return by kind what may be spent, and what was."""
    return zip(_WORDS, zip(limits.bounds, spent.amounts, strict=True), strict=True)


def _by_kind(values: Iterable[T]) -> dict[str, T]:
    return dict(zip(_WORDS, values, strict=True))
