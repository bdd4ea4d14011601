"""JSON Lines, read line by line, so that a plan may be far larger than memory for its text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from banksman.config.problems import KeyPath, Mark, Problems
from banksman.config.reading import decoded, opened
from banksman.config.words import quoted

FILE_BYTES_MAX: Final = 512 << 20
LINE_BYTES_MAX: Final = 1 << 20
_DEPTH_WORDS: Final = "is nested deeper than 20 levels"


@dataclass(frozen=True)
class LineDocument:
    """What stands on one line."""

    value: object
    line: int

    def mark(self, path: KeyPath) -> Mark:
        """Return the line, whatever the path."""
        return Mark(self.line)


def json_lines(
    path: Path, problems: Problems, *, missing: str, bytes_max: int = FILE_BYTES_MAX
) -> Iterator[LineDocument]:
    """Yield what stands on each line that is not blank.

    A line that is no JSON is told and left out.

    Args:
        path: The file.
        problems: Where they are told.
        missing: What to do when there is no such file.
        bytes_max: How long the whole file may be.

    Raises:
        PlanException: The file cannot be read, breaks a limit, or is no text in UTF-8.
    """
    with opened(path, problems, missing=missing) as file:
        for number, line in _lines(file, problems, bytes_max):
            text = decoded(line, problems, line=number).strip(" \t\r\n")
            if text:
                yield from _parsed(text, number, problems)


def _lines(file: BinaryIO, problems: Problems, bytes_max: int) -> Iterator[tuple[int, bytes]]:
    number = size = 0
    while line := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        size += len(line)
        if len(line) > LINE_BYTES_MAX:
            limit = f"{LINE_BYTES_MAX >> 20} MiB"
            problems.refuse(Mark(number), f"is a line longer than {limit}, which is the limit")
        if size > bytes_max:
            limit = f"{bytes_max >> 20} MiB"
            problems.refuse(
                Mark(number), f"the file is larger than {limit}, which is the limit"
            )
        yield number, line


def _parsed(text: str, number: int, problems: Problems) -> Iterator[LineDocument]:
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        known: dict[str, object] = {}
        for key, value in pairs:
            if key in known:
                repeated.append(key)
            known.setdefault(key, value)
        return known

    try:
        value: object = json.loads(text, object_pairs_hook=unique, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        said = error.msg[:1].lower() + error.msg[1:]
        problems.add(Mark(number, error.colno), f"is not valid JSON ({said})")
        return
    except RecursionError:
        problems.add(Mark(number), _DEPTH_WORDS)
        return
    except ValueError as error:
        # `_no_number`, or what `int` says of a number with thousands of digits.
        word = str(error) if str(error).endswith(("NaN", "Infinity")) else ""
        sentence = f"{word} is no number" if word else "holds a number of too many digits"
        problems.add(Mark(number), sentence)
        return
    for key in repeated:
        problems.add(Mark(number), f"{quoted(key)} is given twice")
    yield LineDocument(value, number)


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)
