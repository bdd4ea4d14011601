"""The reference page of the command line, made from the commands themselves.

`python -m tools.cli_reference` writes it again; a test compares it with the commands. What
`--json` prints is described by the dataclass that the command prints, its docstring included;
a test holds the output of each command against `schema`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Final,
    NewType,
    NotRequired,
    TypedDict,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import click

from banksman.cli.here import PROGRAM, JsonOption
from banksman.cli.main import banksman
from banksman.core.task import Instant

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = Path("docs/reference/cli.md")
_WIDTH: Final = 88

_HEAD: Final = """\
# The command line

<!-- Made by `python -m tools.cli_reference`; change the commands instead. -->

What is printed is aligned and coloured on a terminal, and tab-separated without a head when it
is piped. `--json` prints what is described [below](#what---json-prints). Errors go to the
standard error, as sentences.

## Exit codes

| code | when |
| --: | --- |
| 0 | done; for `run`: all tasks are completed |
| 1 | Banksman or its surroundings broke; the message says where the details are |
| 2 | what was asked for cannot be done: bad input, or not in this state; nothing was done |
| 3 | `run --no-wait`: a person is waited for |
| 4 | `run`: failed or cancelled work remains |
| 130 | interrupted |
| 141 | whoever read the output has gone |
"""

_JSON: Final = """\
## What `--json` prints

Names stay as they are; new ones may come. Times are milliseconds since 1970-01-01 UTC. All text
that came from agents, tools and repositories is as they gave it, escaped as JSON: make it
harmless before you show it.
"""


class Schema(TypedDict):
    """The part of JSON Schema that describes dataclasses."""

    type: NotRequired[str | list[str]]
    enum: NotRequired[list[str | None]]
    anyOf: NotRequired[list[Schema]]
    items: NotRequired[Schema]
    properties: NotRequired[dict[str, Schema]]
    required: NotRequired[list[str]]
    additionalProperties: NotRequired[Schema | bool]


def page() -> str:
    """Return the whole page."""
    commands = list(walk())
    shapes: dict[str, type] = {}
    for _, context in commands:
        for option in _json_options(context.command):
            _collect_all((option.shape, option.last, *option.instead.values()), shapes)
    parts = [
        _HEAD,
        *(_section(path, context) for path, context in commands),
        _JSON,
        *(_shape(shapes[name]) for name in sorted(shapes)),
    ]
    return "\n".join(parts)


def walk() -> Iterator[tuple[str, click.Context]]:
    """Yield each command as it is called, with a context, groups before what they hold."""
    yield from _walk(banksman, PROGRAM, None)


def schema(shape: type) -> Schema:
    """Return the JSON Schema of what a dataclass becomes."""
    hints = get_type_hints(shape)
    names = [field.name for field in fields(shape)]
    return {
        "type": "object",
        "properties": {name: _schema(hints[name]) for name in names},
        "required": names,
        "additionalProperties": False,
    }


def _walk(
    command: click.Command, path: str, parent: click.Context | None
) -> Iterator[tuple[str, click.Context]]:
    context = click.Context(
        command,
        info_name=path.rpartition(" ")[2],
        parent=parent,
        terminal_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield path, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, "it is in the list"
            yield from _walk(below, f"{path} {name}", context)


def _section(path: str, context: click.Context) -> str:
    text = f"## {path}\n\n```text\n{context.get_help().rstrip()}\n```\n"
    for option in _json_options(context.command):
        link = _link(option.shape)
        what = f"a list of {link}" if option.many else link
        what = f"{link} on each line" if option.lines else what
        last = f", and {_link(option.last)} on the last" if option.last else ""
        others = "".join(
            f"; with `{name}`, {_link(shape)} alone" for name, shape in option.instead.items()
        )
        text += f"\n`--json` prints {what}{last}{others}.\n"
    return text


def _json_options(command: click.Command) -> Iterator[JsonOption]:
    for parameter in command.params:
        if isinstance(parameter, JsonOption):
            yield parameter


def _collect_all(shapes: Iterable[type | None], found: dict[str, type]) -> None:
    for shape in shapes:
        if shape is not None:
            _collect(shape, found)


def _collect(shape: type, found: dict[str, type]) -> None:
    """Add a dataclass and all that it holds."""
    if shape.__name__ in found:
        assert found[shape.__name__] is shape, "two shapes have one name"
        return
    found[shape.__name__] = shape
    for hint in get_type_hints(shape).values():
        for part in _parts(hint):
            if is_dataclass(part):
                _collect(part, found)


def _parts(hint: object) -> Iterator[type]:
    if isinstance(hint, type):
        yield hint
    for argument in get_args(hint):
        yield from _parts(argument)


def _shape(shape: type) -> str:
    described = _described(shape)
    hints = get_type_hints(shape)
    rows = "\n".join(
        f"| `{field.name}` | {_words(hints[field.name])} | {described.get(field.name, '')} |"
        for field in fields(shape)
    )
    first = (inspect.getdoc(shape) or "").partition("\n\n")[0].replace("\n", " ")
    head = "| key | value | meaning |\n| --- | --- | --- |"
    return f"### {shape.__name__}\n\n{first}\n\n{head}\n{rows}\n"


def _described(shape: type) -> Mapping[str, str]:
    """Return what a docstring says of each attribute."""
    text = (inspect.getdoc(shape) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.+(?:\n {6,}.+)*)", text, re.MULTILINE)
    return {name: " ".join(words.split()).replace("|", "\\|") for name, words in found}


def _words(hint: object) -> str:
    inner, optional = _without_none(hint)
    return f"{_plain_words(inner)}{' or null' if optional else ''}"


def _plain_words(hint: object) -> str:
    if hint is Instant:
        return "time"
    if isinstance(hint, NewType):
        return _plain_words(hint.__supertype__)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return f"list of {_words(arguments[0])}"
    if origin is not None:
        return f"object of {_words(arguments[1])}"
    kind = cast("type[object]", hint)
    if issubclass(kind, StrEnum):
        return ", ".join(f"`{member}`" for member in kind)
    return _SCALARS.get(kind) or _link(kind)


def _link(shape: type) -> str:
    return f"[{shape.__name__}](#{shape.__name__.lower()})"


_SCALARS: Final[Mapping[object, str]] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    object: "anything",
}
_TYPES: Final[Mapping[object, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
}


def _schema(hint: object) -> Schema:
    inner, optional = _without_none(hint)
    made = _plain_schema(inner)
    return {"anyOf": [made, {"type": "null"}]} if optional else made


def _plain_schema(hint: object) -> Schema:
    if isinstance(hint, NewType):
        return _plain_schema(hint.__supertype__)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    if hint is object:
        return {}
    kind = cast("type[object]", hint)
    if issubclass(kind, StrEnum):
        return {"enum": [str(member) for member in kind]}
    return {"type": _TYPES[kind]} if kind in _TYPES else schema(kind)


def _without_none(hint: object) -> tuple[object, bool]:
    # With a new type in it, `|` makes the older kind of union.
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (part for part in get_args(hint) if part is not NoneType)
        return inner, True
    return hint, False


def main() -> None:
    """Write the page."""
    (ROOT / PAGE).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
