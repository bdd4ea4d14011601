"""How messages name things: escaped for terminals, cut to a length, with the nearest name.

Everything shown here came from a file, so none of it is trusted: control characters, terminal
escapes and invisible marks are written as escapes.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

_SHOWN_MAX: Final = 60
_COMPARED_MAX: Final = 2_000
_ALIKE: Final = 0.6


def escaped(text: str) -> str:
    r"""Return the text with everything that does not print as an escape.

    Examples:
        >>> escaped("red \x1b[31m")
        'red \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def quoted(text: str) -> str:
    """Return the text escaped, in quotes, and cut if it is long.

    Examples:
        >>> quoted("build")
        '"build"'
    """
    cut = text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"
    return f'"{escaped(cut)}"'


def described(value: object) -> str:
    """Return what a value is, for the end of "must be …, not …".

    Examples:
        >>> described(11), described("high"), described([1]), described(None)
        ('11', 'the text "high"', 'a list', 'empty')
    """
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case int() | float():
            number = repr(value)
            return number if len(number) <= _SHOWN_MAX else "a number of that length"
        case str():
            long = len(value) > _SHOWN_MAX
            return (
                f"a text of {len(value):,} characters" if long else f"the text {quoted(value)}"
            )
        case Mapping():
            return "a group of keys"
        case Sequence():
            return "a list"
        case _:
            return "a date or time"


def either(names: Iterable[str], last: str = "or") -> str:
    """Return the names as a person lists them.

    Examples:
        >>> either(["block", "cancel", "run"])
        'block, cancel or run'
    """
    *most, end = names
    return f"{', '.join(most)} {last} {end}" if most else end


def nearest(name: str, known: Collection[str]) -> str:
    """Return the known name that `name` was probably meant to be, or an empty text.

    The work is bounded: of many names, only those that begin alike are compared.

    Examples:
        >>> nearest("need", ["key", "needs", "title"])
        'needs'
        >>> nearest("zzz", ["key", "needs", "title"])
        ''
    """
    if not name or len(name) > 2 * _SHOWN_MAX:
        return ""
    by_folded = {other.casefold(): other for other in known}
    plain = name.strip().casefold()
    if plain in by_folded:
        return by_folded[plain]
    names = list(by_folded)
    if len(names) > _COMPARED_MAX:
        names = [other for other in names if other[:2] == plain[:2]][:_COMPARED_MAX]
    found = difflib.get_close_matches(plain, names, n=1, cutoff=_ALIKE)
    return by_folded[found[0]] if found else ""


def suggestion(name: str, known: Collection[str]) -> str:
    """Return `; did you mean "…"?`, or nothing when no known name is near."""
    near = nearest(name, known)
    return f"; did you mean {quoted(near)}?" if near else ""


def ended(sentence: str) -> str:
    """Return the sentence with a full stop unless it has its own end."""
    return sentence if sentence.endswith(("?", ".", "!")) else f"{sentence}."
