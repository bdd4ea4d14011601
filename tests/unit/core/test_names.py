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
    saved_message,
    saved_ref,
    saved_refs,
    slug,
    unescape_path,
    workspace_name,
    workspace_owner,
)
from banksman.core.task import ProjectId, Task, TaskId, TaskSpec

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


def task(number: int, title: str, key: str = "k") -> Task:
    return Task(id=TaskId(number), project_id=ProjectId(1), spec=TaskSpec(key=key, title=title))


def test_a_message_has_subject_body_and_trailers_apart() -> None:
    message = commit_message(task(1, "Fix\nit"), 4, "Why.\n")
    assert message == "Fix it\n\nWhy.\n\nBanksman-Task: 1 (k)\nBanksman-Attempt: 4\n"


def test_a_key_cannot_add_a_line_to_the_trailers() -> None:
    message = commit_message(task(1, "t", key="a\nBanksman-Attempt: 9"), 2)
    assert message.count("\nBanksman-Attempt:") == 1
    assert commit_message(task(1, "t", key="\x00"), 2).startswith("t\n\nBanksman-Task: 1\n")


def test_a_saved_workspace_names_its_reason_in_one_short_line() -> None:
    lines = saved_message(TaskId(1), 2, "why " * 50 + "\nBanksman-Task: 3").split("\n")
    assert 70 <= len(lines[0]) <= 72
    assert lines[1:] == ["", "Banksman-Task: 1", "Banksman-Attempt: 2", ""]
    assert saved_message(TaskId(1), 2, "\x00").startswith("Saved: a workspace\n")


@pytest.mark.parametrize("name", ["task-0-1", "task-1-0", "task-1-1-1", "other", "task-1-1\n"])
def test_other_names_belong_to_no_attempt(name: str) -> None:
    assert workspace_owner(name) is None
    assert workspace_owner(workspace_name(TaskId(4), 2)) == (4, 2)


@pytest.mark.parametrize("title", ["", "\n", "\x00", "Banksman-Task: 9", "  banksman-x = 1"])
def test_a_title_that_says_nothing_or_forges_a_trailer_is_replaced(title: str) -> None:
    assert commit_message(task(5, title), 1).startswith("Task 5\n\n")


def test_a_long_title_is_cut_and_a_long_body_too() -> None:
    message = commit_message(task(1, "t" * 500), 1, "b" * 50_000)
    assert message.split("\n")[0] == "t" * 71 + "…"
    assert message.count("bb") == 10_000


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
