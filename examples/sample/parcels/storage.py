"""A file of parcels, as JSON, written whole or not at all."""

import json
import os
from typing import List

from parcels.parcel import Parcel


def load(path: str) -> List[Parcel]:
    """Return the parcels of a file; none if there is no file."""
    if not os.path.exists(path):
        return []
    with open(path, "r", encoding="utf-8") as file:
        rows = json.load(file)
    return [
        Parcel(weight_g=row["weight_g"], size_cm=tuple(row["size_cm"]), insured_for=row["insured_for"])
        for row in rows
    ]


def save(path: str, parcels: List[Parcel]):
    """Write the parcels to a file, over what was there."""
    rows = [
        {"weight_g": one.weight_g, "size_cm": list(one.size_cm), "insured_for": one.insured_for}
        for one in parcels
    ]
    new = os.path.join(os.path.dirname(path), ".%s.new" % os.path.basename(path))
    with open(new, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=2)
    os.replace(new, path)
