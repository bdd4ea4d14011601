"""Zones: which part of the country a postcode belongs to."""

from typing import Dict, List

ZONES: Dict[str, List[str]] = {
    "north": ["1", "2"],
    "east": ["0"],
    "west": ["3", "4", "5"],
    "south": ["6", "7", "8", "9"],
}

REMOTE: List[str] = ["18565", "25849", "25980", "26465", "27498"]


def zone_of(postcode):
    """Return the zone of a postcode of five digits."""
    if len(postcode) != 5 or not postcode.isdigit():
        raise ValueError("a postcode has five digits, not %r" % postcode)
    for zone, leading in ZONES.items():
        if postcode[0] in leading:
            return zone
    raise ValueError("no zone begins with %s" % postcode[0])


def is_remote(postcode):
    """Return whether a postcode is on an island, where the boat costs extra."""
    return postcode in REMOTE
