"""Pages of the documentation as tests read them: what they show is run as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.cli_reference import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"# (?P<path>[\w./-]+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        language: As it stands behind the fence.
        path: The file that it is, if its first line is a comment that says so.
    """

    language: str
    text: str

    @property
    def path(self) -> str:
        found = _PATH.match(self.text)
        return found["path"] if found else ""


@dataclass(frozen=True)
class Section:
    """A page, or what stands below one of its headings."""

    text: str

    def blocks(self, language: str = "") -> list[Block]:
        """Return the blocks of code, of one language or of all."""
        found = (
            Block(match["language"], match["text"]) for match in _BLOCK.finditer(self.text)
        )
        return [block for block in found if language in {"", block.language}]

    def commands(self) -> list[str]:
        """Return the lines that a person types, in their order."""
        return [line for block in self.blocks("sh") for line in block.text.splitlines()]


def page(path: Path) -> Section:
    """Return a whole page."""
    return Section(path.read_text("utf-8"))


def sections(path: Path) -> dict[str, Section]:
    """Return what stands below each heading of the second level."""
    _, *parts = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
    titled = (part.partition("\n") for part in parts)
    return {title: Section(text) for title, _, text in titled}


def links(path: Path) -> Iterator[str]:
    """Yield where a page points to within this repository, without what stands behind `#`."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if not re.match(r"\w+:", target):
            yield target.partition("#")[0]


def all_pages() -> list[Path]:
    """Return every page of the documentation."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
