"""Rows for people on a terminal, tab-separated for programs, JSON for whoever asks.

Cells are cleaned here, so that no command can forget it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import click

from banksman.cli.text import clean, shorten, width_of
from banksman.state.codec import plain

STATE_COLOURS: Final = {
    "pending": "bright_black",
    "ready": "blue",
    "running": "cyan",
    "retrying": "yellow",
    "blocked": "magenta",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
}
"""How a task's state is shown; the names are known to click and to rich alike."""

_GAP: Final = "  "
_WIDTH: Final = 100
_CELL_MIN: Final = 12

Colour = Callable[[Sequence[str], int], str | None]
"""Gives the colour of a cell: its row, cleaned, and its column."""


def on_terminal() -> bool:
    """Return whether a person reads the output as it comes."""
    return sys.stdout.isatty()


def print_rows(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, colour: Colour | None = None
) -> None:
    """Print rows: aligned below a header on a terminal, else tab-separated and bare."""
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    if not on_terminal():
        for row in cells:
            click.echo("\t".join(row))
        return
    width = shutil.get_terminal_size((_WIDTH, 24)).columns
    for line in aligned(header, cells, width=width, colour=colour):
        click.echo(line)


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Print names with their values; those without a value are left out."""
    shown = {
        name: clean(str(value)) for name, value in pairs.items() if value not in {"", None}
    }
    if not on_terminal():
        for name, value in shown.items():
            click.echo(f"{name}\t{value}")
        return
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{click.style(name.ljust(width), dim=True)}{_GAP}{value}")


def aligned(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    colour: Colour | None = None,
) -> list[str]:
    """Return header and rows as lines of at most `width` columns where that is possible.

    The last column takes what the others leave it.
    """
    columns = zip(header, *rows, strict=True)
    widths = [max(map(width_of, column)) for column in columns]
    left = width - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    widths[-1] = min(widths[-1], max(left, _CELL_MIN))
    head = click.style(_line(header, widths), dim=True)
    return [head, *(_line(row, widths, colour) for row in rows)]


def print_json(value: object) -> None:
    """Print a value as one JSON document; dataclasses become objects."""
    click.echo(json_text(value, indent=2))


def print_json_line(value: object) -> None:
    """Print a value as one line of JSON, at once."""
    click.echo(json_text(value))


def json_text(value: object, *, indent: int | None = None) -> str:
    r"""Return a value as JSON in ASCII: no terminal can be led astray by it.

    Examples:
        >>> json_text({"title": "a\x1b[2J\x7f"})
        '{"title": "a\\u001b[2J\\u007f"}'
    """
    return json.dumps(plain(value), indent=indent).replace("\x7f", "\\u007f")


def state_colour(column: int) -> Colour:
    """Return a colouring of one column by the state of the task that stands in it."""
    return lambda row, place: STATE_COLOURS.get(row[column]) if place == column else None


def _line(row: Sequence[str], widths: Sequence[int], colour: Colour | None = None) -> str:
    cells: list[str] = []
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        text = shorten(cell, width)
        padding = "" if column == len(widths) - 1 else " " * (width - width_of(text))
        name = colour(row, column) if colour else None
        cells.append((click.style(text, fg=name) if name and text else text) + padding)
    return _GAP.join(cells).rstrip()
