"""Foreign text made harmless for a terminal.

Titles, paths, messages and what tools print come from plans, agents and repositories. A
terminal obeys what it is sent, so nothing of that reaches it before it went through `clean`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# CSI and the like to their final byte; strings (titles, links, images) to their terminator, or
# to the end if there is none; then all two-byte escapes.
_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_ENDS: Final = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_WIDE: Final = frozenset("WF")


def clean(text: str, *, lines: bool = False) -> str:
    r"""Return text without terminal escapes, and what else does not print written as `\x07`.

    Args:
        text: Anything.
        lines: Keep it as several lines; otherwise a line's end becomes a blank.

    Examples:
        >>> clean("red \x1b[31malert\x1b[0m\x07\nnext")
        'red alert\\x07 next'
        >>> clean("a\tb\r\nc", lines=True)
        'a b\nc'
    """
    if text.isprintable():
        return text
    rows = _LINE_ENDS.split(_SEQUENCE.sub("", text))
    return ("\n" if lines else " ").join(map(_printable, rows))


def shorten(text: str, width: int) -> str:
    """Return text that takes at most so many columns of a terminal, ending in `…` if cut.

    Examples:
        >>> shorten("integration", 6), shorten("short", 6)
        ('integ…', 'short')
    """
    if width_of(text) <= width:
        return text
    kept = ""
    for one in text:
        if width_of(kept) + width_of(one) > width - 1:
            break
        kept += one
    return f"{kept.rstrip()}…" if width > 0 else ""


def width_of(text: str) -> int:
    """Return how many columns of a terminal a printable text takes.

    Examples:
        >>> width_of("abc"), width_of("漢字"), width_of("e\u0301")
        (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _printable(row: str) -> str:
    row = row.replace("\t", " ")
    if row.isprintable():
        return row
    return "".join(one if one.isprintable() else _escaped(one) for one in row)


def _escaped(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")


def _width(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in _WIDE else 1
