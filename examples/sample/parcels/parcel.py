"""What is sent: a parcel with its weight and its size."""

from typing import Optional, Tuple
from dataclasses import dataclass

GIRTH_MAX_CM = 300
WEIGHT_MAX_G = 31500


@dataclass(frozen=True)
class Parcel(object):
    """A parcel; weight in grams, sides in centimetres."""

    weight_g: int
    size_cm: Tuple[int, int, int]
    insured_for: Optional[int] = None

    def __post_init__(self):
        if self.weight_g <= 0:
            raise ValueError("a parcel weighs something, not %d g" % self.weight_g)
        if self.weight_g > WEIGHT_MAX_G:
            raise ValueError("%d g is more than the %d g we carry" % (self.weight_g, WEIGHT_MAX_G))
        if min(self.size_cm) <= 0:
            raise ValueError("a parcel has three sides")
        if self.girth_cm > GIRTH_MAX_CM:
            raise ValueError("a girth of %d cm is more than %d cm" % (self.girth_cm, GIRTH_MAX_CM))

    @property
    def girth_cm(self):
        """The longest side and once around the others."""
        longest, middle, shortest = sorted(self.size_cm, reverse=True)
        return longest + 2 * (middle + shortest)

    @property
    def volume_g(self):
        """What the parcel counts as by its volume: 5000 cubic centimetres are a kilogram."""
        length, width, height = self.size_cm
        return length * width * height // 5


def parse_size(text):
    """Return the sides of a size such as "60x40x30"."""
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.strip().isdigit() for part in parts):
        raise ValueError("a size looks like 60x40x30, not %r" % text)
    return tuple(int(part) for part in parts)
