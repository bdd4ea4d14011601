"""Files as the rules see them, and what a rule is.

A rule carries samples with it: some that trip it and some that it spares. There is no rule
without them, so a rule that cannot fail is noticed.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "banksman"
CODE: Final = ("src", "tests", "tools", "examples")
"""Folders whose Python files are held to the rules."""

_TEXT: Final = frozenset({".json", ".md", ".py", ".sh", ".sql", ".toml", ".yaml", ".yml"})
_TEXT_BY_NAME: Final = frozenset({"Makefile", "NOTICE", ".editorconfig", ".gitignore", "run"})


@dataclass(frozen=True)
class Source:
    """A file: `module` is its dotted name, or its path if it is not Python."""

    module: str
    text: str
    where: str = "sample"

    @cached_property
    def tree(self) -> ast.Module:
        """The file as Python sees it."""
        return ast.parse(self.text, filename=self.where)

    @cached_property
    def lines(self) -> list[str]:
        """The file line by line; line 1 is the first item."""
        return self.text.splitlines()

    @cached_property
    def comments(self) -> dict[int, str]:
        """Comments by line number."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {
            token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT
        }

    def within(self, *packages: str) -> bool:
        """Return whether this is one of the packages or a module below one."""
        return any(is_below(self.module, package) for package in packages)


@dataclass(frozen=True)
class Finding:
    """A place that breaks a rule, and what to do about it."""

    source: Source
    line: int
    advice: str

    def __str__(self) -> str:
        return f"{self.source.where}:{self.line}: {self.advice}"


Samples: TypeAlias = Mapping[str, str]
"""Small files by module name."""

Check: TypeAlias = Callable[[Source], Iterable[Finding]]
CheckTogether: TypeAlias = Callable[[Sequence[Source]], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule, and the samples that prove it.

    Attributes:
        name: A sentence.
        applies: To which files.
        check: What is wrong with all of them together.
        trips: Sets of files that break it.
        spares: Sets of files that look alike and do not.
    """

    name: str
    applies: Callable[[], Sequence[Source]]
    check: CheckTogether
    trips: tuple[Samples, ...]
    spares: tuple[Samples, ...]


def each(check: Check) -> CheckTogether:
    """Return the check of many files that checks one after another."""

    def check_each(sources: Sequence[Source]) -> Iterator[Finding]:
        for source in sources:
            yield from check(source)

    return check_each


def is_below(name: str, package: str) -> bool:
    """Return whether a dotted name is the package or something in it.

    Examples:
        >>> is_below("banksman.core.task", "banksman.core")
        True
        >>> is_below("banksman.scores", "banksman.score")
        False
    """
    return name == package or name.startswith(f"{package}.")


def in_package() -> Sequence[Source]:
    """Return the modules of the product."""
    return [source for source in in_code() if source.within("banksman")]


def in_tests() -> Sequence[Source]:
    """Return the modules of the tests."""
    return [source for source in in_code() if source.within("tests")]


@cache
def in_code() -> Sequence[Source]:
    """Return all Python files."""
    return [
        _read(path)
        for folder in CODE
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


@cache
def in_files() -> Sequence[Source]:
    """Return all files that people write, Python or not; lock files are not."""
    here = (path for path in ROOT.iterdir() if path.is_file())
    below = (
        path
        for folder in (*CODE, "docs", "changes", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    return [
        _read(path)
        for path in sorted([*here, *below])
        if path.suffix in _TEXT or path.name in _TEXT_BY_NAME
    ]


def _read(path: Path) -> Source:
    where = path.relative_to(ROOT)
    return Source(module_name(where), path.read_text(encoding="utf-8"), str(where))


def module_name(path: Path) -> str:
    """Return the dotted name of a Python file; of another file, its path.

    Examples:
        >>> module_name(Path("src/banksman/core/__init__.py"))
        'banksman.core'
        >>> module_name(Path("tests/unit/test_graph.py"))
        'tests.unit.test_graph'
    """
    if path.suffix != ".py":
        return str(path)
    parts = path.with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
