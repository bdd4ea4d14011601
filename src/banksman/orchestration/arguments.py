"""What a command says, read with care: anyone who can write the inbox may have said anything.

Each reader returns a value that the engine and its store can take, or refuses with a sentence.
Whatever else a reader let through would stop the engine now, and each one after it: a command
stays in the inbox until it is answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

from banksman.core.breakpoints import Resolution
from banksman.core.prompt import clean, shortened
from banksman.core.records import Command
from banksman.core.task import PRIORITY_MAX, PRIORITY_MIN, TaskSpec
from banksman.exceptions import CommandRefusedException, StoreException
from banksman.state.codec import changes_from_plain, fields_of

TEXT_CHARS_MAX: Final = 65_536
ITEMS_MAX: Final = 10_000
TRIES_MAX: Final = 100
MINUTES_MAX: Final = 525_600
TITLE_CHARS_MAX: Final = 200
NUMBER_MAX: Final = 2**53
"""The largest whole number that JSON, databases and clocks agree on."""

_SHOWN_CHARS_MAX: Final = 80
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RANGES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "priority": (PRIORITY_MIN, PRIORITY_MAX),
        "estimate_min": (1e-6, MINUTES_MAX),
        "retries_max": (0, TRIES_MAX),
        "turns_max": (1, TRIES_MAX),
        "deadline": (0, NUMBER_MAX),
    }
)


def text(command: Command, name: str) -> str:
    """Return an argument in words, cleaned; empty if it is missing.

    Raises:
        CommandRefusedException: It is something else, or too long.
    """
    value = command.arguments.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CommandRefusedException(message=f"{name} must be a text, not {_shown(value)}.")
    if len(value) > TEXT_CHARS_MAX:
        raise CommandRefusedException(
            message=f"{name} has {len(value):,} characters, and may have {TEXT_CHARS_MAX:,}."
        )
    return clean(value).strip()


def number(command: Command, name: str) -> int:
    """Return an argument that is a whole number above 0.

    Raises:
        CommandRefusedException: It is something else, or missing.
    """
    value = command.arguments.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= NUMBER_MAX:
        raise CommandRefusedException(
            message=f"{name} must be a number, 1 or more, not {_shown(value)}."
        )
    return value


def flag(command: Command, name: str) -> bool:
    """Return an argument that is true or false; false if it is missing.

    Raises:
        CommandRefusedException: It is something else.
    """
    value = command.arguments.get(name, False)
    if not isinstance(value, bool):
        raise CommandRefusedException(
            message=f"{name} must be true or false, not {_shown(value)}."
        )
    return value


def resolution(command: Command) -> Resolution:
    """Return how a breakpoint is to be resolved (`CommandRefusedException`)."""
    said = text(command, "resolution")
    if said not in frozenset(Resolution):
        choices = ", ".join(Resolution)
        raise CommandRefusedException(
            message=f"resolution must be one of {choices}, not {_shown(said)}."
        )
    return Resolution(said)


def names(command: Command, name: str) -> tuple[str, ...]:
    """Return an argument that is a list of keys or numbers; empty if it is missing.

    Raises:
        CommandRefusedException: It is something else; half a list must not pass for a short
            one.
    """
    value = command.arguments.get(name)
    if value is None:
        return ()
    items = _items(name, value)
    if not all(isinstance(item, str | int) and not isinstance(item, bool) for item in items):
        raise CommandRefusedException(
            message=f"{name} must be a list of keys, not {_shown(value)}."
        )
    return tuple(shortened(str(item), TEXT_CHARS_MAX) for item in items)


def new_task(command: Command) -> TaskSpec:
    """Return the specification of a task that is to be added.

    Raises:
        CommandRefusedException: It is not one, or one of its values is out of range.
    """
    said = command.arguments.get("spec")
    if not isinstance(said, Mapping):
        raise CommandRefusedException(message="a new task needs a spec.")
    row = cast("Mapping[str, object]", said)
    for field in fields_of(TaskSpec):
        if field.required and field.name not in row:
            raise CommandRefusedException(message=f"a new task needs a {field.name}.")
        if field.nested and field.name in row:
            read = _limits if field.name == "limits" else _items
            read(field.name, row[field.name])
    try:
        values = changes_from_plain(TaskSpec, row)
    except (StoreException, OverflowError) as error:
        raise CommandRefusedException(
            message=f"the new task cannot be read: {shortened(str(error), 400)}."
        ) from error
    _refuse_out_of_range(values)
    return TaskSpec(**values)


def _refuse_out_of_range(values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if isinstance(value, int | float) and name in _RANGES:
            low, high = _RANGES[name]
            if not low <= value <= high:
                raise CommandRefusedException(
                    message=f"{name} must be {low:g} to {high:g}, not {_shown(value)}."
                )
        if isinstance(value, str) and len(value) > TEXT_CHARS_MAX:
            raise CommandRefusedException(
                message=f"{name} may have {TEXT_CHARS_MAX:,} characters."
            )
    key, title = str(values["key"]), str(values["title"])
    if not _KEY.fullmatch(key):
        raise CommandRefusedException(
            message=f"a key is made of a-z, 0-9, '.', '_' and '-', not {_shown(key)}."
        )
    one_line = clean(title) == title and len(title.strip().splitlines()) == 1
    if not one_line or len(title) > TITLE_CHARS_MAX:
        raise CommandRefusedException(
            message=f"a title is one line of at most {TITLE_CHARS_MAX} characters."
        )


def _items(name: str, value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise CommandRefusedException(message=f"{name} must be a list, not {_shown(value)}.")
    items = cast("Sequence[object]", value)
    if len(items) > ITEMS_MAX:
        raise CommandRefusedException(
            message=f"{name} has {len(items):,} items, and may have {ITEMS_MAX:,}."
        )
    return items


def _limits(name: str, value: object) -> None:
    """Refuse what is not limits: whole numbers above 0 by what they limit, or none."""
    if not isinstance(value, Mapping):
        raise CommandRefusedException(
            message=f"{name} must be numbers by name, not {_shown(value)}."
        )
    for kind, limit in cast("Mapping[object, object]", value).items():
        if limit is None:
            continue
        if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= NUMBER_MAX:
            raise CommandRefusedException(
                message=f"{name}.{shortened(clean(str(kind)), _SHOWN_CHARS_MAX)} must be a "
                f"whole number, 1 or more, not {_shown(limit)}."
            )


def _shown(value: object) -> str:
    return shortened(clean(repr(value)), _SHOWN_CHARS_MAX)
