"""What is printed cannot lead a terminal astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.cli.tables import aligned, json_text
from banksman.cli.text import clean, shorten, width_of

HOSTILE = {
    "colour": ("\x1b[1;31mred\x1b[0m", "red"),
    "screen cleared": ("\x1b[2J\x1b[Hgone", "gone"),
    "title set": ("\x1b]0;rm -rf\x07title", "title"),
    "link": ("\x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\", "here"),
    "string without an end": ("a\x1b]52;c;Zm9v", "a"),
    "C1 controls": ("\x9b31mred\x9d0;t\x9cx", "redx"),
    "two bytes": ("\x1bcreset\x1b(B", "reset"),
    "bell and backspace": ("a\x07b\x08", "a\\x07b\\x08"),
    "text turned round": ("txt.\u202eexe", "txt.\\u202eexe"),
    "half a surrogate": ("caf\udce9", "caf\\udce9"),
    "line ends": ("a\r\nb\u2028c\x85d", "a b c d"),
    "carriage return alone": ("safe\rrm", "safe rm"),
    "a lone escape": ("a\x1b", "a"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_terminal_obeys_is_taken_out(name: str) -> None:
    given_text, expected = HOSTILE[name]
    assert clean(given_text) == expected


@given(st.text())
def test_what_is_left_is_printable_and_stays_so(text: str) -> None:
    assert clean(text).isprintable()
    assert clean(clean(text)) == clean(text)
    assert clean(text, lines=True).replace("\n", "").isprintable()


@given(st.text(alphabet=st.characters(categories=["L", "N", "Mn"])), st.integers(0, 30))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert width_of(shorten(text, width)) <= max(width, 0)


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    lines = aligned(("A", "B"), [("漢字", "x"), ("abc", "y")], width=40)
    assert [line.rstrip() for line in lines[1:]] == ["漢字  x", "abc   y"]


def test_the_last_column_gives_way_on_a_narrow_terminal() -> None:
    *_, line = aligned(("KEY", "TITLE"), [("one", "a long title of a task")], width=20)
    assert line == "one  a long title o…"


@given(st.text())
def test_json_is_ascii_without_controls(text: str) -> None:
    shown = json_text({"text": text})
    assert shown.isascii()
    assert shown.isprintable()
