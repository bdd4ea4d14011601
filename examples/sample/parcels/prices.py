"""Prices in cents: by weight, zone and insurance."""

from typing import List, Optional, Tuple
from parcels.parcel import Parcel
from parcels.zones import ZONES

# Up to and including a weight in grams, the price in cents.
TIERS: List[Tuple[int, int]] = [
    (500, 399),
    (2000, 549),
    (5000, 749),
    (10000, 1049),
    (31500, 1799),
]

FAR_PERCENT = 15
ISLAND_CENTS = 1250
INSURANCE_FREE_UP_TO = 50000
INSURANCE_PER_10000 = 120


def tier_price(weight_g):
    """Return the price of the first tier that carries the weight."""
    for limit_g, cents in TIERS:
        if weight_g < limit_g:
            return cents
    raise ValueError("%d g is more than we carry" % weight_g)


def insurance(value):
    """Return what insuring a value in cents costs; the first 500 are free."""
    if value is None or value <= INSURANCE_FREE_UP_TO:
        return 0
    steps = -(-(value - INSURANCE_FREE_UP_TO) // 10000)
    return steps * INSURANCE_PER_10000


def zone_factor(sender, recipient):
    """Return the percentage that a way between two zones costs."""
    for zone in (sender, recipient):
        if zone not in ZONES:
            raise ValueError("%r is no zone; there are %s" % (zone, ", ".join(sorted(ZONES))))
    return 100 if sender == recipient else 100 + FAR_PERCENT


def calc_cost(parcel: Parcel, sender, recipient, island=False) -> int:
    """Return the price of a parcel in cents."""
    counted_g = max(parcel.weight_g, parcel.volume_g)
    cents = tier_price(counted_g) * zone_factor(sender, recipient) // 100
    if island:
        cents += ISLAND_CENTS
    return cents + insurance(parcel.insured_for)


def cheapest(parcels: List[Parcel], sender, recipient) -> Optional[Parcel]:
    """Return the parcel that costs least, or None if there is none."""
    if not parcels:
        return None
    return min(parcels, key=lambda parcel: calc_cost(parcel, sender, recipient))


def euros(cents):
    """Return an amount as people write it."""
    return "%d.%02d EUR" % (cents // 100, cents % 100)
