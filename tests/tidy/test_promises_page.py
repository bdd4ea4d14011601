"""Every promise of the page names tests, and they are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.pages import DOCS, Section, sections

PAGE = DOCS / "explanation" / "promises.md"
NAMED = re.findall(r"^- \[(test_\w+)\]\((\S+)\)$", PAGE.read_text("utf-8"), re.MULTILINE)
PROMISING = {
    title: section
    for title, section in sections(PAGE).items()
    if not title.endswith("not promised")
}


@pytest.mark.parametrize(("test", "place"), NAMED, ids=[test for test, _ in NAMED])
def test_a_test_that_a_promise_names_is_there(test: str, place: str) -> None:
    module = (PAGE.parent / place).resolve()
    assert test in _tests(module)


@pytest.mark.parametrize("section", PROMISING.values(), ids=PROMISING)
def test_every_promise_names_at_least_one_test(section: Section) -> None:
    paragraphs = section.text.strip().split("\n\n")
    promises, tests = paragraphs[::2], paragraphs[1::2]
    assert len(promises) == len(tests)
    assert [one for one in promises if one.startswith("- ")] == []
    assert [one for one in tests if not one.startswith("- [test_")] == []


def _tests(module: Path) -> set[str]:
    tree = ast.parse(module.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}
