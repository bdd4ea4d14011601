"""What tools print, made fit for terminals, prompts and one line each."""

from __future__ import annotations

import re
from typing import Final

from banksman.core.names import one_line

LINE_CHARACTERS_MAX: Final = 400

_ANSI: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
)


def plain_line(text: str, characters_max: int = LINE_CHARACTERS_MAX) -> str:
    r"""Return text as one printable line without colours, cut with `…` if it is longer.

    Examples:
        >>> plain_line("\x1b[31mred\x1b[0m\n  and\x07 more")
        'red and more'
    """
    # Only what can be shown is searched: a message may be as long as a report.
    return one_line(_ANSI.sub("", text[: characters_max * 8]), characters_max)


def tail_lines(output: bytes, lines_max: int = 30) -> tuple[str, ...]:
    r"""Return the last lines of a tool's output that say something.

    Examples:
        >>> tail_lines(b"one\r\n\ntwo\x1b[K\xff\n", 2)
        ('one', 'two�')
    """
    # A line is cut, so what lies further back than this cannot be shown.
    end = output[-lines_max * LINE_CHARACTERS_MAX * 8 :].decode("utf-8", "replace")
    lines = (plain_line(line) for line in re.split(r"[\r\n]+", end))
    return tuple(line for line in lines if line)[-lines_max:]
