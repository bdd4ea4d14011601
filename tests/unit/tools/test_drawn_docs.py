"""The docs say what the code does: tables are drawn from it, names in prose exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from banksman.core.task import TaskStatus
from banksman.core.transitions import TRANSITIONS
from tools.drawn_docs import ARCHITECTURE, BREAKPOINTS, ROOT, STATES, drawn, states_page

MAP = (ROOT / ARCHITECTURE).read_text()
PACKAGE = ROOT / "src" / "banksman"


@pytest.mark.parametrize("page", [STATES, BREAKPOINTS, ARCHITECTURE], ids=str)
def test_what_is_drawn_from_the_code_is_fresh(page: Path) -> None:
    text = (ROOT / page).read_text()
    assert text == drawn(page, text), "run: python -m tools.drawn_docs"


def test_the_diagram_has_every_transition_and_no_other() -> None:
    arrows = re.findall(r"^    (\w+) --> (\w+): (.*)$", states_page(), re.MULTILINE)
    shown = {
        (source, event): target
        for source, target, events in arrows
        for event in events.split(", ")
    }
    expected = {
        (str(source), event.__name__): str(target)
        for (source, event), target in TRANSITIONS.items()
    }
    assert shown == expected
    assert {name for arrow in arrows for name in arrow[:2]} == set(TaskStatus)


def test_a_page_that_lost_its_place_is_named() -> None:
    with pytest.raises(ValueError, match=r"ARCHITECTURE\.md has no place for the protocol"):
        drawn(ARCHITECTURE, "# Architecture\n")


def test_the_map_is_short() -> None:
    assert len(MAP.splitlines()) < 250


def test_every_module_that_the_map_names_exists() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", MAP)
    assert len(set(named)) > 10
    assert [name for name in named if not (PACKAGE / name).exists()] == []


def test_the_map_has_a_line_for_every_package() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages == set(re.findall(r"^\| `([a-z_]+)/` \|", MAP, re.MULTILINE))


def test_the_glossary_has_a_word_once() -> None:
    words = re.findall(
        r"^\| ([a-z, /]+) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE
    )
    assert words[0] == "word"
    assert len(words) == len(set(words)) == 38
