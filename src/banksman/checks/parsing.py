"""Whether the text of a file is what its name says it is.

The text is hostile: every parser is bounded in size and depth before it starts, none of them
runs or expands anything, and each ending is a `Problem` with a line, never a traceback.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, NoReturn, Protocol

import yaml

from banksman.checks.text import plain_line

SCAN_BYTES_MAX: Final = 8 << 20
"""Larger files are not looked into at all."""

DEPTH_MAX: Final = 100
DOTS_MAX: Final = 500

_MARKER: Final = re.compile(rb"^(<{7}|={7}|>{7})(?=[ \r\n]|\Z)", re.MULTILINE)
_TOML_LINE: Final = re.compile(r"(.*?) ?\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong, and on which line, from 1."""

    line: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language that can be parsed.

    Attributes:
        name: For messages.
        size_bytes_max: Larger files are refused: a parser takes a hundred times their memory.
        problem: What is wrong with a content, if anything is.
    """

    name: str
    size_bytes_max: int
    problem: Callable[[bytes], Problem | None]


def language_of(path: PurePosixPath) -> Language | None:
    """Return the language of a file by its name, or None if it is not parsed here.

    Examples:
        >>> language_of(PurePosixPath("a/B.YML")) is YAML, language_of(PurePosixPath("py"))
        (True, None)
    """
    return _LANGUAGES.get(path.suffix.lower())


def problem_in(language: Language, content: bytes) -> Problem | None:
    """Return what keeps the content from being parsed, or None."""
    if len(content) > language.size_bytes_max:
        return Problem(line=1, what=f"is larger than {language.size_bytes_max >> 20} MiB")
    try:
        return language.problem(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(line=line, what=f"is not {error.encoding} text")
    except (RecursionError, MemoryError):
        return Problem(line=1, what=_DEEP)


def conflict_in(content: bytes) -> Problem | None:
    """Return the first complete set of conflict markers at the beginnings of lines, or None.

    A line of seven equals signs alone underlines a title; it needs its siblings around it.
    """
    start: int | None = None
    parted = False
    for marker in _MARKER.finditer(content):
        kind = marker[1][:1]
        if kind == b"<":
            start, parted = marker.start(), False
        elif kind == b"=":
            parted = start is not None
        elif start is not None and parted:
            line = content.count(b"\n", 0, start) + 1
            return Problem(line=line, what="begins a merge conflict that is not resolved")
    return None


def _python(content: bytes) -> Problem | None:
    null = content.find(b"\0")
    if null >= 0:
        return Problem(line=content.count(b"\n", 0, null) + 1, what="has a null byte")
    with warnings.catch_warnings():
        # An escape such as "\d" is a matter of style, and the warning would be ours.
        warnings.simplefilter("ignore")
        try:
            ast.parse(content)
        except SyntaxError as error:
            return Problem(line=max(1, error.lineno or 1), what=plain_line(error.msg))
    return None


def _json(content: bytes) -> Problem | None:
    try:
        # Numbers stay text: turning long ones into integers is slow, and refused by Python.
        json.loads(content, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return Problem(line=error.lineno, what=plain_line(error.msg))
    except _ConstantException as error:
        return Problem(line=1, what=f"has {error}, which JSON does not know")
    return None


class _ConstantException(Exception):
    """`NaN` or `Infinity`, which Python's parser would take."""


def _no_constant(name: str) -> NoReturn:
    raise _ConstantException(name)


def _toml(content: bytes) -> Problem | None:
    text = content.decode("utf-8")
    for number, line in enumerate(text.split("\n"), start=1):
        # The time that a dotted key takes grows with the square of its parts.
        if line.count(".") > DOTS_MAX:
            return Problem(line=number, what=f"has more than {DOTS_MAX} dots")
    try:
        tomllib.loads(text)
    except ValueError as error:
        found = _TOML_LINE.fullmatch(str(error))
        end = text.count("\n") + 1
        return Problem(
            line=int((found and found[2]) or end),
            what=plain_line(found[1] if found else str(error)),
        )
    return None


def _yaml(content: bytes) -> Problem | None:
    try:
        return _yaml_events(content)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(
            line=mark.line + 1 if mark else 1, what=plain_line(error.problem or "is no YAML")
        )
    except yaml.reader.ReaderError as error:
        return Problem(line=1, what=f"has what YAML does not allow: {plain_line(error.reason)}")


def _yaml_events(content: bytes) -> Problem | None:
    """Read events only: nothing is built, so an alias costs nothing however often it stands."""
    parser = _parser(content)
    depth = 0
    anchors: set[str | None] = set()
    while parser.check_event():
        event = parser.get_event()
        mark = event.start_mark
        line = mark.line + 1 if mark else 1
        match event:
            case yaml.DocumentStartEvent():
                anchors.clear()
            case yaml.AliasEvent(anchor=anchor) if anchor not in anchors:
                return Problem(line=line, what=f"names the unknown anchor {anchor!a:.40}")
            case yaml.CollectionEndEvent():
                depth -= 1
            case yaml.CollectionStartEvent() if depth == DEPTH_MAX:
                # Deeper flows also take time that grows with the square of their depth.
                return Problem(line=line, what=_DEEP)
            case yaml.CollectionStartEvent(anchor=anchor):
                depth += 1
                anchors.add(anchor)
            case yaml.ScalarEvent(anchor=anchor):
                anchors.add(anchor)
            case _:
                pass
    return None


class _Events(Protocol):
    """What is used of a loader."""

    def check_event(self) -> bool: ...
    def get_event(self) -> yaml.Event: ...


def _parser(content: bytes) -> _Events:
    # The parser in C is fifty times faster; a few builds of the library are without it.
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)(content)


_DEEP: Final = "is nested too deeply"

PYTHON: Final = Language(name="Python", size_bytes_max=1 << 20, problem=_python)
JSON: Final = Language(name="JSON", size_bytes_max=SCAN_BYTES_MAX, problem=_json)
TOML: Final = Language(name="TOML", size_bytes_max=1 << 20, problem=_toml)
YAML: Final = Language(name="YAML", size_bytes_max=1 << 20, problem=_yaml)
_LANGUAGES: Final = {
    ".py": PYTHON,
    ".pyi": PYTHON,
    ".pyw": PYTHON,
    ".json": JSON,
    ".toml": TOML,
    ".yaml": YAML,
    ".yml": YAML,
}
