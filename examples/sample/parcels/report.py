"""The report of a day: how many parcels, how heavy, and what they earn."""

from collections import OrderedDict
from typing import Dict, List
from parcels.prices import calc_cost, euros
from parcels.parcel import Parcel


def totals(parcels: List[Parcel], sender, recipient) -> Dict[str, int]:
    """Return the sums over parcels that go the same way."""
    return OrderedDict(
        [
            ("count", len(parcels)),
            ("weight_g", sum(parcel.weight_g for parcel in parcels)),
            ("cents", sum(calc_cost(parcel, sender, recipient) for parcel in parcels)),
        ]
    )


def report(parcels, sender, recipient):
    """Return the report, line by line."""
    sums = totals(parcels, sender, recipient)
    return "\n".join(
        [
            "{0} to {1}".format(sender, recipient),
            "parcels: {0}".format(sums["count"]),
            "weight:  {0:.1f} kg".format(sums["weight_g"] / 1000),
            "earned:  {0}".format(euros(sums["cents"])),
        ]
    )
