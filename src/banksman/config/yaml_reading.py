"""YAML as plain data with the place of each value, and none of YAML's surprises.

It is built from the parser's events, so that every limit holds while the text is read: depth,
number of values, anchors, tags and repeated keys. A plain word is a number, true, false or
nothing only where all readers of YAML agree on it; `yes`, `012` and `2026-12-01` are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

import yaml

from banksman.config.problems import NOWHERE, KeyPath, Mark, Problems
from banksman.config.shapes import as_group, as_list
from banksman.config.words import escaped, quoted

DEPTH_MAX: Final = 20
VALUES_MAX: Final = 2_000_000
ITEMS_MAX: Final = 100_000
KEYS_MAX: Final = 10_000

Scalar = str | int | float | bool | None
Marks = dict[str | int, Mark]
_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{0,18}(?:[eE][-+][0-9]{1,3})?")


_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
# What libyaml says, or a part of it, and what a person can do about it.
_UNFIT: Final = "this line does not fit the indentation of the lines above"
_UNCLOSED: Final = "a list or group in brackets is not closed, or lacks a comma"
_ADVICE: Final = {
    "mapping values are not allowed": 'a ":" stands where none can; quote text that holds one',
    "could not find expected ':'": 'a key has no ":" behind it, or a line is not indented',
    "did not find expected key": _UNFIT,
    "expected <block end>": _UNFIT,
    "did not find expected '-' indicator": "this line does not fit the list above; indent it",
    "did not find expected ',' or": _UNCLOSED,
    "expected ',' or": _UNCLOSED,
    "unexpected end of stream": "a quotation mark is opened and never closed",
    "unknown escape character": "an unknown escape; in double quotes, write a backslash twice",
    "block sequence entries are not allowed": "a list item cannot stand on the line of its key",
}


@dataclass
class YamlDocument:
    """A document of YAML: its data, and marks by the identity of the container.

    Attributes:
        dropped: Values of repeated keys; they live on so that no identity is used twice.
    """

    value: object = None
    start: Mark = NOWHERE
    marks: dict[int, Marks] = field(default_factory=dict[int, Marks])
    dropped: list[object] = field(default_factory=list[object])

    def mark(self, path: KeyPath) -> Mark:
        """Return where this part stands; if that is not known, where its parent stands."""
        node, mark = self.value, self.start
        for step in path:
            marks = self.marks.get(id(node), {})
            if step not in marks:
                break
            mark = marks[step]
            group, items = as_group(node), as_list(node)
            if group is not None and isinstance(step, str):
                node = group[step]
            elif items is not None and isinstance(step, int):
                node = items[step]
        return mark


class Parser(Protocol):
    """What is used of a loader; the library's own types leave it open."""

    def check_event(self) -> bool:
        """Return whether there is another event."""
        ...

    def get_event(self) -> yaml.Event:
        """Return the next event."""
        ...

    def dispose(self) -> None:
        """Release what it holds."""
        ...


# The one in C is ten times as fast; a build without it works, too.
PARSER: Final = cast("Callable[[str], Parser]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_yaml(
    text: str,
    problems: Problems,
    *,
    make_parser: Callable[[str], Parser] = PARSER,
    values_max: int = VALUES_MAX,
) -> YamlDocument:
    """Return the one document of the text; an empty text is nothing.

    Repeated keys are told and the first one holds.

    Raises:
        PlanException: The text is no YAML, breaks a limit, or uses anchors, tags or merge keys.
    """
    strange = _UNPRINTABLE.search(text)
    if strange:
        mark = _mark_at(text, strange.start())
        problems.refuse(mark, f"the character {described_character(strange[0])} is not allowed")
    builder = _Builder(problems, values_max)
    parser = make_parser(text)
    try:
        while parser.check_event():
            builder.take(parser.get_event())
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        problems.refuse(_mark(at), _unparsed(error, at, text))
    except yaml.YAMLError:
        problems.refuse(NOWHERE, "is not valid YAML; save it again as plain UTF-8 text")
    finally:
        parser.dispose()
    return builder.document


@dataclass
class _Open:
    """A container that is being filled; `key` waits for its value."""

    node: dict[str, object] | list[object]
    marks: Marks
    key: str | None = None
    repeated: bool = False


@dataclass
class _Builder:
    problems: Problems
    values_max: int
    document: YamlDocument = field(default_factory=YamlDocument)
    stack: list[_Open] = field(default_factory=list[_Open])
    values: int = 0
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event into the document."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._start(event, {})
            case yaml.SequenceStartEvent():
                self._start(event, [])
            case yaml.CollectionEndEvent():
                self.stack.pop()
            case yaml.AliasEvent():
                self._refuse(event, f"aliases (*{_name(event)}) are not taken; write it out")
            case yaml.DocumentStartEvent():
                self._document(event)
            case _:
                return

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(event, 'a second document begins here; keep one and drop the "---"')

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._guard(event)
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.node, dict) and top.key is None:
            self._key(top, top.node, event)
            return
        plain: bool = event.implicit[0]
        self._place(_resolved(event.value) if plain else event.value, event)

    def _key(self, top: _Open, node: dict[str, object], event: yaml.ScalarEvent) -> None:
        key: str = event.value
        mark = _mark(event.start_mark)
        if key == "<<" and event.implicit[0]:
            self._refuse(event, "merge keys (<<) are not taken; write the keys out")
        if len(node) >= KEYS_MAX:
            self._refuse(event, f"more than {KEYS_MAX:,} keys stand in one place")
        top.key, top.repeated = key, key in node
        if top.repeated:
            first = top.marks[key].line
            self.problems.add(mark, f"{quoted(key)} is given twice, first on line {first}")
        else:
            top.marks[key] = mark

    def _start(
        self,
        event: yaml.MappingStartEvent | yaml.SequenceStartEvent,
        node: dict[str, object] | list[object],
    ) -> None:
        self._guard(event)
        if len(self.stack) >= DEPTH_MAX:
            self._refuse(event, f"is nested deeper than {DEPTH_MAX} levels")
        marks: Marks = {}
        self._place(node, event)
        self.document.marks[id(node)] = marks
        self.stack.append(_Open(node, marks))

    def _place(self, value: object, event: yaml.NodeEvent) -> None:
        if not self.stack:
            self.document.value = value
            self.document.start = _mark(event.start_mark)
            return
        top = self.stack[-1]
        if isinstance(top.node, list):
            if len(top.node) >= ITEMS_MAX:
                self._refuse(event, f"more than {ITEMS_MAX:,} items stand in one list")
            top.marks[len(top.node)] = _mark(event.start_mark)
            top.node.append(value)
        elif top.key is None:
            self._refuse(event, "a key must be text, not a list or a group of keys")
        else:
            if top.repeated:
                self.document.dropped.append(value)
            else:
                top.node[top.key] = value
            top.key = None

    def _guard(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        self.values += 1
        if self.values > self.values_max:
            limit = f"{self.values_max:,} values"
            self._refuse(event, f"holds more than {limit}, which is the limit")
        if event.anchor is not None:
            self._refuse(event, f"anchors (&{_name(event)}) are not taken; write it out")
        if event.tag is not None:
            self._refuse(event, f"tags ({quoted(event.tag)}) are not taken; drop it")

    def _refuse(self, event: yaml.Event, sentence: str) -> None:
        self.problems.refuse(_mark(event.start_mark), sentence)


def described_character(char: str) -> str:
    """Return a character as its code point, such as U+001B."""
    return f"U+{ord(char):04X}"


def _resolved(word: str) -> Scalar:
    if word in _WORDS:
        return _WORDS[word]
    if _INTEGER.fullmatch(word):
        return int(word)
    return float(word) if _FLOAT.fullmatch(word) else word


class _Spot(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def _mark(spot: _Spot | None) -> Mark:
    return Mark(spot.line + 1, spot.column + 1) if spot else NOWHERE


def _mark_at(text: str, index: int) -> Mark:
    return Mark(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _name(event: yaml.NodeEvent) -> str:
    return escaped(str(event.anchor))[:40]


def _unparsed(error: yaml.MarkedYAMLError, at: _Spot | None, text: str) -> str:
    said = error.problem or ""
    if "cannot start any token" in said and at is not None:
        char = _character(text, at)
        if char == "\t":
            return "a tab cannot indent here; use spaces"
        return f"a value cannot begin with {quoted(char)}; put it in quotes"
    advice = next((words for part, words in _ADVICE.items() if part in said), "")
    return advice or f"is not valid YAML ({escaped(said)})"


def _character(text: str, at: _Spot) -> str:
    lines = text.splitlines()
    line = lines[at.line] if at.line < len(lines) else ""
    return line[at.column : at.column + 1]
