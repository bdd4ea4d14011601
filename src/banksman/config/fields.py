"""The kinds of values that plans and configurations hold, each with its words.

Every kind is a pydantic type that also gives the JSON Schema, wrapped so that whatever is wrong
with a value is told as one phrase: `must be 1 to 10, not 11`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, core_schema

from banksman.config.shapes import as_list
from banksman.config.words import described, either, quoted, suggestion
from banksman.core.task import Instant

T = TypeVar("T")

LINE_MAX: Final = 200
TEXT_MAX: Final = 65_536
ITEM_MAX: Final = 4_096
LIST_MAX: Final = 10_000
MINUTES_MAX: Final = 525_600

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
SPAN_PATTERN: Final = r"^(?=.)([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
MOMENT_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
PATH_PATTERN: Final = r"^(?!/)(?!.*(^|/)\.\.(/|$)).*[^/]/?$"
VARIABLE_PATTERN: Final = r"^[A-Z_][A-Z0-9_]{0,63}$"

NAME_WORDS: Final = (
    'a name of a-z, 0-9, ".", "_" and "-", at most 64 characters, that begins with a-z or 0-9'
)
SPAN_WORDS: Final = 'minutes, or a text such as "2h", "30m" or "1h30m"'
MOMENT_WORDS: Final = "a time with its offset, such as 2030-01-31T17:00:00Z"


_NOT_IN_A_LINE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_STRANGE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NAME: Final = re.compile(NAME_PATTERN)
_PATH: Final = re.compile(PATH_PATTERN)
_SPAN: Final = re.compile(SPAN_PATTERN)
_MOMENT: Final = re.compile(MOMENT_PATTERN)


def fault(words: str) -> PydanticCustomError:
    """Return an error with these words, which are shown as they are."""
    return PydanticCustomError("said", "{words}", {"words": words})


@dataclass(frozen=True)
class Said:
    """Words for a value: `must be <expected>, not <value>`, whatever is wrong with it.

    Attributes:
        expected: What the value must be; the reference pages show it, too.
        fix: Gives more words for a wrong value: the way out, or the nearest known one.
    """

    expected: str
    fix: Callable[[object], str] | None = None

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        inner = handler(source)
        return core_schema.no_info_wrap_validator_function(self._check, inner)

    def _check(self, value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            more = self.fix(value) if self.fix else ""
            raise fault(f"must be {self.expected}, not {described(value)}{more}") from None


@dataclass(frozen=True)
class Listed:
    """Words for a list; the problems of its items are left to the items.

    Attributes:
        expected: What the items are.
        wrap: Writes a text, where a list should be, as the item that was probably meant.
        items_max: How many there may be.
        items_min: How many there must be.
    """

    expected: str
    wrap: Callable[[str], str] = quoted
    items_max: int = LIST_MAX
    items_min: int = 0

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        inner = handler(source)
        return core_schema.no_info_before_validator_function(self._check, inner)

    def _check(self, value: object) -> object:
        items = as_list(value)
        if items is None:
            more = f"; write [{self.wrap(value)}]" if isinstance(value, str) else ""
            raise fault(f"must be a list of {self.expected}, not {described(value)}{more}")
        if len(items) > self.items_max:
            raise fault(f"has {len(items):,} items, and may have {self.items_max:,}")
        if len(items) < self.items_min:
            raise fault("is an empty list; leave the key out to use all that are configured")
        return items


def choice(kind: type[StrEnum]) -> Said:
    """Return the words for a value that must be one of a few."""
    names = [member.value for member in kind]

    def near(value: object) -> str:
        return suggestion(value, names) if isinstance(value, str) else ""

    return Said(either(names), near)


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return the values; refuse the first that stands there twice."""
    seen: set[T] = set()
    for value in values:
        if value in seen:
            raise fault(f"names {quoted(str(value))} twice; once is enough")
        seen.add(value)
    return values


def one_line(text: str) -> str:
    """Return the text without blanks around it; refuse line breaks and control characters."""
    stripped = text.strip()
    if not stripped or any(unicodedata.category(char) in _NOT_IN_A_LINE for char in stripped):
        raise fault("not one line")
    return stripped


def many_lines(text: str) -> str:
    """Return the text with plain line feeds; refuse other control characters."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if _STRANGE.search(plain):
        raise fault("not plain text")
    return plain


def minutes(value: object) -> float:
    """Return minutes from a number or from a text such as "2h", "30m", "1h30m" or "90s".

    Examples:
        >>> minutes("1h30m"), minutes(15), minutes("90s")
        (90.0, 15.0, 1.5)
    """
    if isinstance(value, str):
        match = _SPAN.fullmatch(value)
        if match is None:
            raise fault("no span of time")
        hours, whole, seconds = (float(part[:-1]) if part else 0.0 for part in match.groups())
        return hours * 60 + whole + seconds / 60
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
    ):
        raise fault("no span of time")
    return float(value)


def moment(value: object) -> Instant:
    """Return ms UTC from RFC 3339 with an offset.

    Examples:
        >>> moment("1970-01-01T01:00:01.5+01:00")
        1500
    """
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise fault("no time with an offset")
    try:
        at = datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError):
        raise fault("no day or hour that exists") from None
    if at < 0:
        raise fault("before 1970")
    return Instant(round(at * 1000))


def _inside(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise fault("no path inside the repository")
    return path


def _over_zero(value: float) -> float:
    return _between(value, low=math.nextafter(0, 1))


def _zero_or_over(value: float) -> float:
    return _between(value, low=0)


def _between(value: float, *, low: float) -> float:
    if not low <= value <= MINUTES_MAX:
        raise fault("out of range")
    return value


def _why_no_moment(value: object) -> str:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return ""
    return "; it must be a day and hour that exist, in 1970 or later"


def _quote_it(value: object) -> str:
    scalar = isinstance(value, bool | int | float)
    return "; put it in quotes" if scalar else ""


def _lower(value: object) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value.strip().lower()):
        return f"; write {quoted(value.strip().lower())}"
    return _quote_it(value)


def _span_schema(bound: str) -> WithJsonSchema:
    number = {"type": "number", bound: 0, "maximum": MINUTES_MAX}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": SPAN_PATTERN}]})


Name = Annotated[str, Field(strict=True, pattern=NAME_PATTERN), Said(NAME_WORDS, _lower)]
"""A name that is safe in branch names and file names, whatever the file system."""

SchemaPlace = Annotated[
    str, Field(strict=True), Said("the place of a JSON Schema, for editors")
]

Title = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=LINE_MAX),
    AfterValidator(one_line),
    Said(f"one line of text, at most {LINE_MAX} characters", _quote_it),
]

Text = Annotated[
    str,
    Field(strict=True, max_length=TEXT_MAX),
    AfterValidator(many_lines),
    Said(f"text without control characters, at most {TEXT_MAX:,} characters", _quote_it),
]

Sentence = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=ITEM_MAX),
    AfterValidator(many_lines),
    Said(f"text without control characters, 1 to {ITEM_MAX:,} characters", _quote_it),
]

InnerPath = Annotated[
    str,
    Field(strict=True, max_length=ITEM_MAX, json_schema_extra={"pattern": PATH_PATTERN}),
    AfterValidator(one_line),
    AfterValidator(_inside),
    Said('a path inside the repository, without "/" at its start and without ".."', _quote_it),
]

Span = Annotated[
    float,
    PlainValidator(minutes),
    AfterValidator(_over_zero),
    Said(f"{SPAN_WORDS}, above 0 and at most a year"),
    _span_schema("exclusiveMinimum"),
]

SpanOrNone = Annotated[
    float,
    PlainValidator(minutes),
    AfterValidator(_zero_or_over),
    Said(f"{SPAN_WORDS}, at most a year, or 0 for no limit"),
    _span_schema("minimum"),
]

Deadline = Annotated[
    Instant | None,
    PlainValidator(moment),
    Said(MOMENT_WORDS, _why_no_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN}),
]

_UNIQUE: Final = Field(max_length=LIST_MAX, json_schema_extra={"uniqueItems": True})

Paths = Annotated[
    tuple[InnerPath, ...],
    _UNIQUE,
    AfterValidator(distinct),
    Listed('paths such as ["src/**"]'),
]

Needs = Annotated[
    tuple[Name, ...],
    _UNIQUE,
    AfterValidator(distinct),
    Listed('task keys such as ["build"]'),
]

Checks = Annotated[
    tuple[Name, ...],
    Field(min_length=1),
    _UNIQUE,
    AfterValidator(distinct),
    Listed('names of checks such as ["tests"]', items_min=1),
]

Sentences = Annotated[
    tuple[Sentence, ...],
    Field(max_length=LIST_MAX),
    Listed("sentences, one for each criterion"),
]
