"""Files beside the code keep the promises that nobody else would check."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.tidy.sources import ROOT
from tools.budgets import read_budgets

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-dev.lock")


def test_every_folder_of_tests_has_a_budget() -> None:
    folders = {
        path.relative_to(ROOT / "tests").parts[0] for path in ROOT.glob("tests/*/**/test_*.py")
    }
    assert folders <= read_budgets(ROOT / "tests" / "budgets.toml").keys()


def test_the_menu_is_short_and_says_what_each_entry_does() -> None:
    menu = (ROOT / "Makefile").read_text()
    entries = re.findall(r"^([a-z]+):(.*)$", menu, re.MULTILINE)
    assert len(entries) <= 12
    assert [name for name, rest in entries if "## " not in rest] == []


def test_every_change_fragment_has_a_number_a_known_kind_and_a_sentence() -> None:
    kinds = "|".join(kind["directory"] for kind in PYPROJECT["tool"]["towncrier"]["type"])
    for path in (ROOT / "changes").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"\d+(\.\d+)?\.({kinds})\.md", path.name)
            assert re.fullmatch(r"[A-Z`].+\.\n", path.read_text(), re.DOTALL)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=[a-z])", text.partition("\n")[2])[1:]
    assert blocks
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_every_dependency_of_the_product(lock: str) -> None:
    assert _names(PYPROJECT["project"]["dependencies"]) <= _pinned(lock)


def test_the_lock_for_development_has_every_tool() -> None:
    groups = PYPROJECT["dependency-groups"]
    tools = [tool for group in groups.values() for tool in group if isinstance(tool, str)]
    extras = PYPROJECT["project"]["optional-dependencies"]["testing"]
    assert _names(tools) | _names(extras) <= _pinned("requirements-dev.lock")


def test_both_locks_agree() -> None:
    assert _pins("requirements.lock") <= _pins("requirements-dev.lock")


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=~!;\[ ]", requirement)[0].lower() for requirement in requirements}


def _pins(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z][^ ]+==[^ ]+)", (ROOT / lock).read_text(), re.MULTILINE))


def _pinned(lock: str) -> set[str]:
    return {pin.partition("==")[0] for pin in _pins(lock)}
