"""What every command is told: where it is called, and how it shall answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import click

from banksman.app.reads import Place, find_place

PROGRAM: Final = "banksman"
COMPLETION_VARIABLE: Final = "_BANKSMAN_COMPLETE"
"""Set by the completion scripts: then a command answers how its line could go on."""

NOTHING_ELSE: Final[Mapping[str, type]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Here:
    """Where a command is called.

    Attributes:
        start: The folder that it is about, or one below it.
        environ: The environment.
        config: The configuration file that was named, if one was.
        debug: Show the traceback of an error.
        behind: The command runs in the background: the one that a person called started it.
    """

    start: Path
    environ: Mapping[str, str]
    config: Path | None = None
    debug: bool = False
    behind: bool = False

    def path(self, path: Path) -> Path:
        """Return a path that a person gave, as seen from where the command is called."""
        return self.start / path

    def place(self) -> Place:
        """Return where the repository is (`RepositoryException`)."""
        return find_place(self.start, self.environ)


class JsonOption(click.Option):
    """The option `--json`; it knows the shape of what it makes a command print.

    Attributes:
        shape: The dataclass, documented, that is printed.
        many: Whether a list of them is printed.
        lines: Whether they are printed one on each line, as they come.
        last: The dataclass that the last line holds, if it is another.
        instead: The dataclass that is printed alone with another option, by that option.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - handed on to click as they are
        shape: type,
        many: bool = False,
        lines: bool = False,
        last: type | None = None,
        instead: Mapping[str, type] = NOTHING_ELSE,
        **kwargs: Any,  # noqa: ANN401 - handed on to click as they are
    ) -> None:
        super().__init__(*args, **kwargs)
        self.shape = shape
        self.many = many
        self.lines = lines
        self.last = last
        self.instead = instead


class Number(click.IntRange):
    """A whole number; click itself would call it a valid or invalid `integer range`."""

    name = "number"


F = TypeVar("F", bound=Callable[..., Any])


def examples(*lines: str) -> str:
    """Return the end of a help text: example commands, each on its line as it stands."""
    return listed("Examples:", *lines)


def listed(head: str, *lines: str) -> str:
    """Return a part of a help text: a list below a head, each line as it stands."""
    # Click wraps what does not begin so.
    return "\n  ".join((f"\b\n{head}", *lines))


def json_option(
    shape: type,
    *,
    many: bool = False,
    lines: bool = False,
    last: type | None = None,
    instead: Mapping[str, type] = NOTHING_ELSE,
) -> Callable[[F], F]:
    """Return the decorator that gives a command `--json`, as the argument `as_json`."""
    said = "Print one JSON object on each line." if lines else "Print JSON."
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        cls=JsonOption,
        shape=shape,
        many=many,
        lines=lines,
        last=last,
        instead=instead,
        help=said,
    )
