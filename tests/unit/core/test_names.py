"""Names for git: hostile titles, messages and paths become harmless ones."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.core.names import (
    attempt_ref,
    branch_name,
    clean_message,
    commit_message,
    escape_path,
    one_line,
    saved_ref,
    saved_refs,
    slug,
    unescape_path,
    workspace_name,
)
from banksman.core.task import TaskId

HOSTILE = [
    "",
    " ",
    "..",
    "../../etc/passwd",
    "a..b",
    "x.lock",
    "-rf",
    "@{-1}",
    "refs/heads/main",
    "a\nb",
    "a\0b",
    "\x1b]0;owned\x07",
    "\u202egnp.exe",
    "\ud800",
    "日本語",
    "é" * 300,
    "~^:?*[\\",
]


@pytest.mark.parametrize("title", HOSTILE)
def test_a_branch_of_any_title_is_one_that_git_accepts(title: str) -> None:
    name = branch_name(TaskId(3), title, 1)
    checked = subprocess.run(["git", "check-ref-format", "--branch", name], check=False)
    assert checked.returncode == 0
    assert len(name) < 80


def test_accents_are_dropped_and_long_titles_are_cut_at_forty_characters() -> None:
    assert slug("Größe ändern") == "groe-andern"
    assert slug("word " * 20) == "word-" * 7 + "word"
    assert slug("x" * 100) == "x" * 40


def test_refs_and_folders_are_named_by_task_and_attempt() -> None:
    assert attempt_ref(TaskId(12), 3) == "refs/banksman/attempts/12/3"
    assert saved_ref(TaskId(12), 3, 2) == "refs/banksman/saved/12/3/2"
    assert saved_ref(TaskId(12), 3, 2).startswith(saved_refs(TaskId(12), 3))
    assert workspace_name(TaskId(12), 3) == "task-12-3"


def test_a_message_has_subject_body_and_trailers_apart() -> None:
    message = commit_message(title="Fix\nit", body="Why.\n", task=TaskId(1), attempt=4)
    assert message == "Fix it\n\nWhy.\n\nBanksman-Task: 1\nBanksman-Attempt: 4\n"


@pytest.mark.parametrize("title", ["", "\n", "\x00", "Banksman-Task: 9", "  banksman-x = 1"])
def test_a_title_that_says_nothing_or_forges_a_trailer_is_replaced(title: str) -> None:
    assert commit_message(title=title, task=TaskId(5), attempt=1).startswith("Task 5\n\n")


def test_a_long_title_is_cut_and_a_long_body_too() -> None:
    message = commit_message(title="t" * 500, body="b" * 50_000, task=TaskId(1), attempt=1)
    assert message.split("\n")[0] == "t" * 71 + "…"
    assert message.count("b") == 20_000


@pytest.mark.parametrize(
    "forged",
    [
        "Banksman-Task: 9",
        "BANKSMAN-ATTEMPT: 9",
        "  Banksman-Task: 9",
        "\tBanksman-Task : 9",
        "> Banksman-Task: 9",
        "Ban\u200bksman-Task: 9",
        "Banksman\x00-Task: 9",
        "Banksman-Task: 9\n folded on",
        "harmless\u2028Banksman-Task: 9",
        "harmless\x85Banksman-Task: 9",
        "harmless\rBanksman-Task: 9",
        "Banksman-Task=9",
    ],
)
def test_no_forged_trailer_survives(forged: str) -> None:
    cleaned = clean_message(f"said\n\n{forged}\nSigned-off-by: A <a@b>")
    assert "9" not in cleaned
    assert "folded" not in cleaned
    assert cleaned.endswith("Signed-off-by: A <a@b>")


def test_indented_text_that_belongs_to_no_trailer_stays() -> None:
    assert clean_message("list:\n  one\n\ttwo") == "list:\n  one\n\ttwo"


@given(st.text())
def test_a_cleaned_message_shows_no_control_character_and_no_trailer(text: str) -> None:
    cleaned = clean_message(text)
    assert all(one in "\n\t" or one.isprintable() for one in cleaned)
    assert not re.search(r"(?im)^banksman-[\w-]*:", cleaned)
    assert clean_message(cleaned) == cleaned


@given(st.text(), st.integers(2, 50))
def test_one_line_is_one_printable_line_of_at_most_its_length(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert line.isprintable()


@given(st.binary())
def test_any_path_is_shown_printable_and_comes_back(path: bytes) -> None:
    shown = escape_path(path)
    assert shown.isprintable()
    assert unescape_path(shown) == path
