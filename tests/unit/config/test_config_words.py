"""How messages name things."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.config.words import described, ended, escaped, nearest, quoted, suggestion


@given(st.text(st.characters()))
def test_whatever_is_shown_prints(text: str) -> None:
    assert escaped(text).isprintable()
    assert quoted(text).isprintable()
    assert described(text).isprintable()


def test_a_direction_mark_cannot_turn_a_message_around() -> None:
    assert quoted("a\u202eb") == r'"a\u202eb"'


def test_a_long_text_is_cut() -> None:
    assert quoted("x" * 61) == f'"{"x" * 59}…"'
    assert quoted("x" * 60) == f'"{"x" * 60}"'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "empty"),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        (10**100, "a number of that length"),
        ("x" * 61, "a text of 61 characters"),
        ({}, "a group of keys"),
        (dt.date(2030, 1, 1), "a date or time"),
    ],
)
def test_a_value_is_described(value: object, words: str) -> None:
    assert described(value) == words


def test_a_name_is_near_in_other_capitals_and_blanks() -> None:
    assert nearest(" BUILD ", ["build", "test"]) == "build"


def test_among_very_many_names_those_that_begin_alike_are_compared() -> None:
    names = [f"task{number}" for number in range(50_000)]
    assert nearest("tassk7", names) == "task7"
    assert nearest("sk7", names) == ""


def test_there_is_no_suggestion_where_nothing_is_near() -> None:
    assert suggestion("zzz", ["build"]) == ""
    assert suggestion("", ["build"]) == ""
    assert suggestion("build" * 100, ["build"]) == ""


def test_a_question_needs_no_full_stop() -> None:
    assert ended("did you?") == "did you?"
    assert ended("so it is") == "so it is."
