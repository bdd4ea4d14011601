"""Sizes of files and disks, as people write them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import PlainValidator, WithJsonSchema

from banksman.config.fields import Said, fault

SIZE_BYTES_MAX: Final = 2**50
SIZE_PATTERN: Final = r"^[0-9]{1,9}(\.[0-9]{1,3})? ?([kKMGT]i?)?B$"

_SIZE: Final = re.compile(r"(?P<number>[0-9.]+) ?(?P<unit>[kKMGT]?)(?P<binary>i?)B")
_POWERS: Final = " kMGT"


def size_bytes(value: object) -> int:
    """Return bytes from a number of them, or from a text such as "500MB" or "1.5GiB".

    Examples:
        >>> size_bytes("500MB"), size_bytes("1.5 GiB"), size_bytes(0)
        (500000000, 1610612736, 0)
    """
    if isinstance(value, str) and re.fullmatch(SIZE_PATTERN, value):
        match = _SIZE.fullmatch(value)
        assert match is not None, "the one pattern is in the other"
        power = _POWERS.index(match["unit"].replace("K", "k") or " ")
        base = 1024 if match["binary"] else 1000
        found = round(float(match["number"]) * float(base**power))
    elif isinstance(value, int) and not isinstance(value, bool):
        found = value
    else:
        raise fault("no size")
    if not 0 <= found <= SIZE_BYTES_MAX:
        raise fault("no such disk")
    return found


Size = Annotated[
    int,
    PlainValidator(size_bytes),
    Said('bytes, or a text such as "500MB" or "2GiB", at most 1024TiB; 0 for no limit'),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": SIZE_BYTES_MAX},
                {"type": "string", "pattern": SIZE_PATTERN},
            ]
        }
    ),
]
