"""Last words are heard wherever the output happens to be cut."""

from __future__ import annotations

import pytest

from banksman.executors.last_words import LastWords

WORDS = b'{"end"'


def said(words: bytes, *chunks: bytes) -> bool:
    listener = LastWords(words)
    for chunk in chunks:
        listener.hear(chunk)
    return listener.said


@pytest.mark.parametrize(
    "text", [WORDS, WORDS + b": 1}\n", b"a\n" + WORDS, b"\n" * 9 + WORDS + b"b", b"{\n" + WORDS]
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_line_that_begins_with_them_is_heard_in_chunks_of_any_size(
    text: bytes, size: int
) -> None:
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert said(WORDS, *chunks)


@pytest.mark.parametrize(
    "text", [b"", b"\n", b" " + WORDS, b"x" * 9 + WORDS, b'{"en\nd"', WORDS.upper()]
)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_nothing_else_is(text: bytes, size: int) -> None:
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert not said(WORDS, *chunks)


def test_a_program_without_last_words_never_says_them() -> None:
    assert not said(b"", b"", b"\n")


def test_they_are_said_once() -> None:
    listener = LastWords(WORDS)
    assert [listener.hear(WORDS), listener.hear(b"\n" + WORDS)] == [True, False]
