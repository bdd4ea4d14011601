"""TOML as plain data, with the line of each key.

The standard parser keeps no places, so a second, small reader walks over the same text, once
that has been found valid, and notes where each key stands. Inside an inline table or a list it
knows the line of the key only.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Final, NoReturn

from banksman.config.problems import KeyPath, Mark, Problems
from banksman.config.shapes import as_group, as_list
from banksman.config.words import escaped

DEPTH_MAX: Final = 20
VALUES_MAX: Final = 100_000

_BARE: Final = r"(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')"
# The standard parser needs memory by the square of the number of parts of one dotted key.
_DEEP_KEY: Final = re.compile(rf"(?<![\w-]){_BARE}(?:[ \t]*+\.[ \t]*+{_BARE}){{{DEPTH_MAX}}}")
# Groups are atomic, `(?>(?:…)*)`: before Python 3.11.5 a possessive group forgot alternatives.
_BLANK: Final = re.compile(r"(?>(?:[ \t\r\n]++|#[^\n]*+)*)")
_PART: Final = re.compile(
    r"[ \t]*+(?:(?P<bare>[A-Za-z0-9_-]++)"
    r"|\"(?P<basic>(?>(?:[^\"\\\n]|\\.)*))\"|'(?P<literal>[^'\n]*+)')[ \t]*+(?P<dot>\.?)"
)
_PIECE: Final = re.compile(
    r'"""(?>(?:[^"\\]|\\.|"(?!""))*)"{3,5}'
    r"|'''(?>(?:[^']|'(?!''))*)'{3,5}"
    r'|"(?>(?:[^"\\\n]|\\.)*)"'
    r"|'[^'\n]*+'"
    r"|#[^\n]*+|[\[\]{}\n]|[^\"'#\[\]{}\n]++",
    re.DOTALL,
)
# What the parser says, or its beginning, and what a person can do about it.
_ADVICE: Final = {
    "Invalid value": "a value is missing here, or it is text without quotation marks",
    "Cannot overwrite a value": "this key is given twice",
    "Cannot declare": "this table is given twice",
    "Illegal character '\\n'": "a quotation mark is opened and never closed",
    "Unclosed array": "a list is opened and never closed",
    "Expected '=' after a key": 'a key needs "=" and a value behind it',
    "Expected ']' at the end of a table": 'the name of a table needs "]" at its end',
}
_AT: Final = re.compile(
    r"^(?P<said>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$",
    re.DOTALL,
)


@dataclass
class TomlDocument:
    """A document of TOML: its data, and the place of each key that stands on a line."""

    value: dict[str, object]
    marks: dict[KeyPath, Mark] = field(default_factory=dict[KeyPath, Mark])

    def mark(self, path: KeyPath) -> Mark:
        """Return where this part stands; if that is not known, where its parent stands."""
        for length in range(len(path), 0, -1):
            mark = self.marks.get(path[:length])
            if mark is not None:
                return mark
        return Mark(1)


def read_toml(text: str, problems: Problems) -> TomlDocument:
    """Return the document.

    Raises:
        PlanException: The text is no TOML or breaks a limit.
    """
    deep = _DEEP_KEY.search(text)
    if deep:
        problems.refuse(_mark_at(text, deep.start()), _too_deep())
    try:
        value: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _refuse(error, text, problems)
    except RecursionError:
        problems.refuse(Mark(1), _too_deep())
    except ValueError:
        # The parser lets through what `int` says of a number with thousands of digits.
        problems.refuse(Mark(1), "holds a number of too many digits")
    _limit(value, problems)
    return TomlDocument(value, _Walker(text).walk())


def _too_deep() -> str:
    return f"is nested deeper than {DEPTH_MAX} levels"


def _refuse(error: tomllib.TOMLDecodeError, text: str, problems: Problems) -> NoReturn:
    match = _AT.match(str(error))
    said = match["said"] if match else str(error)
    if match and match["line"]:
        mark = Mark(int(match["line"]), int(match["column"]))
    else:
        mark = _mark_at(text, len(text.rstrip()))
    advice = next((words for part, words in _ADVICE.items() if said.startswith(part)), "")
    problems.refuse(mark, advice or f"is not valid TOML ({escaped(said)})")


def _limit(value: dict[str, object], problems: Problems) -> None:
    waiting: list[tuple[object, int]] = [(value, 1)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        children = _children(node)
        count += len(children)
        if children and depth > DEPTH_MAX:
            problems.refuse(Mark(1), _too_deep())
        if count > VALUES_MAX:
            problems.refuse(
                Mark(1), f"holds more than {VALUES_MAX:,} values, which is the limit"
            )
        waiting.extend((child, depth + 1) for child in children)


def _children(node: object) -> list[object]:
    group = as_group(node)
    return list(group.values()) if group else as_list(node) or []


def _mark_at(text: str, index: int) -> Mark:
    return Mark(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


class _Walker:
    """Walks over valid TOML, statement by statement."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.line_start = 0
        self.marks: dict[KeyPath, Mark] = {}
        self.repeats: dict[KeyPath, int] = {}

    def walk(self) -> dict[KeyPath, Mark]:
        """Return the place of each key."""
        table: KeyPath = ()
        before = -1
        self._skip(_BLANK)
        # Should the two readers ever disagree, places are lost, and nothing else.
        while before < self.at < len(self.text):
            before = self.at
            table = self._statement(table)
            self._skip(_BLANK)
        return self.marks

    def _statement(self, table: KeyPath) -> KeyPath:
        mark = Mark(self.line, self.at - self.line_start + 1)
        brackets = re.match(r"\[{0,2}", self.text[self.at : self.at + 2])
        opening = brackets.end() if brackets else 0
        self.at += opening
        parts = self._key()
        if opening:
            table = self._table(parts, mark, repeated=opening > 1)
            self.at += opening
        else:
            self._note(table, parts, mark)
        self._value()
        return table

    def _table(self, parts: list[str], mark: Mark, *, repeated: bool) -> KeyPath:
        path: KeyPath = ()
        for number, part in enumerate(parts, 1):
            path = (*path, part)
            self.marks.setdefault(path, mark)
            if repeated and number == len(parts):
                self.repeats[path] = self.repeats.get(path, 0) + 1
            if path in self.repeats:
                path = (*path, self.repeats[path] - 1)
                self.marks.setdefault(path, mark)
        return path

    def _note(self, table: KeyPath, parts: list[str], mark: Mark) -> None:
        path = table
        for part in parts:
            path = (*path, part)
            self.marks.setdefault(path, mark)

    def _key(self) -> list[str]:
        parts: list[str] = []
        dotted = True
        while dotted:
            match = _PART.match(self.text, self.at)
            if match is None:
                break
            self.at = match.end()
            parts.append(_part(match))
            dotted = bool(match["dot"])
        return parts

    def _value(self) -> None:
        depth = 0
        while self.at < len(self.text):
            if depth <= 0 and self.text[self.at] == "\n":
                return
            char = self.text[self.at]
            depth += (char in "[{") - (char in "]}")
            if not self._skip(_PIECE):
                return

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        if match is None:
            return False
        lines = match[0].count("\n")
        if lines:
            self.line += lines
            self.line_start = match.start() + match[0].rfind("\n") + 1
        self.at = match.end()
        return True


def _part(match: re.Match[str]) -> str:
    if match["basic"] is not None:
        return str(tomllib.loads(f'key = "{match["basic"]}"')["key"])
    return match["bare"] or match["literal"] or ""
