"""What is wrong with a file: every problem at once, each one sentence with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, NoReturn, Protocol

from banksman.config.words import ended, escaped
from banksman.exceptions import PlanException

PROBLEMS_MAX: Final = 50

KeyPath = tuple[str | int, ...]
"""Where a value stands in a document: keys and list positions from the top."""


class Mark(NamedTuple):
    """A place in a file, counted from 1; line 0 is the file as a whole, column 0 unknown."""

    line: int
    column: int = 0


NOWHERE: Final = Mark(0)


class Document(Protocol):
    """What was read from a file, and where each part of it stands."""

    @property
    def value(self) -> object:
        """The plain data: dictionaries, lists, texts, numbers, true, false and nothing."""
        ...

    def mark(self, path: KeyPath) -> Mark:
        """Return where this part stands; if that is not known, where its parent stands."""
        ...


@dataclass
class Problems:
    """Collects the problems of one file, at most `PROBLEMS_MAX`.

    Attributes:
        file: The file's name as the person gave it.
        found: Places and sentences, in the order in which they were found.
        more: Whether there were more than are kept.
    """

    file: str
    found: list[tuple[Mark, str]] = field(default_factory=list[tuple[Mark, str]])
    more: bool = False

    @property
    def full(self) -> bool:
        """Whether looking for further problems is pointless."""
        return self.more

    def add(self, mark: Mark, sentence: str, *, source: str = "") -> None:
        """Keep a problem; `source` replaces the place when a flag or a variable is to blame."""
        if len(self.found) >= PROBLEMS_MAX:
            self.more = True
            return
        place = source or located(self.file, mark)
        self.found.append((mark, ended(f"{place}: {sentence}")))

    def refuse(self, mark: Mark, sentence: str) -> NoReturn:
        """Keep a problem after which nothing more can be read, and raise."""
        self.add(mark, sentence)
        raise self.exception()

    def check(self) -> None:
        """Raise if there are problems.

        Raises:
            PlanException: With one sentence for each, in the order of lines.
        """
        if self.found:
            raise self.exception()

    def exception(self) -> PlanException:
        """Return all problems as one error."""
        ordered = sorted(self.found, key=lambda problem: problem[0])
        sentences = [sentence for _, sentence in ordered]
        if self.more:
            name = escaped(self.file)
            sentences.append(
                f"{name}: there are more problems; these are the first {PROBLEMS_MAX}."
            )
        return PlanException(
            message=_summary(self.file, len(ordered)), problems=tuple(sentences)
        )


def located(file: str, mark: Mark) -> str:
    """Return `file:line:column`, as editors and terminals know it."""
    parts: Sequence[int] = [number for number in mark if number]
    return ":".join((escaped(file), *map(str, parts)))


def _summary(file: str, count: int) -> str:
    return f"{escaped(file)} has {count} problem{'s' if count > 1 else ''}."
