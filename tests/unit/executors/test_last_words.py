"""Last words are heard wherever the output happens to be cut."""

from __future__ import annotations

import pytest

from banksman.executors.last_words import LINE_BYTES_MAX, LastWords

WORDS = b'{"a": [1], "type": "end", "b": "\\n"}\n'


def said(kind: str, *chunks: bytes) -> bool:
    listener = LastWords(kind)
    for chunk in chunks:
        listener.hear(chunk)
    return listener.said


@pytest.mark.parametrize(
    "text", [WORDS, b"a\n" + WORDS, b"\n" * 9 + WORDS + b"b", b'{"type": "en\n' + WORDS]
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_line_of_their_type_is_heard_in_chunks_of_any_size(text: bytes, size: int) -> None:
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert said("end", *chunks)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        WORDS.removesuffix(b"\n"),
        b"x" + WORDS,
        WORDS.upper(),
        b'{"type": ["end"]}\n',
        b'["type", "end"]\n',
        b'{"type": "other", "input": {"type": "end"}}\n',
        b'{"text": "{\\"type\\": \\"end\\"}"}\n',
        b'{"type": "end"\n',
        b'{"type": "end", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        b'{"type": "end", "\xff": "\xff"}\n',
        b'{"type": "end", "long": "' + b"x" * LINE_BYTES_MAX + b'"}\n',
    ],
    ids=lambda text: str(text[:50]),
)
@pytest.mark.parametrize("size", [7, 1 << 16])
def test_nothing_else_is(text: bytes, size: int) -> None:
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert not said("end", *chunks)


def test_a_long_line_before_does_not_hide_them() -> None:
    assert said("end", b"x" * (LINE_BYTES_MAX + 1), b"\n", WORDS)


def test_a_program_without_last_words_never_says_them() -> None:
    assert not said("", b'{"type": ""}\n')


def test_they_are_said_once() -> None:
    listener = LastWords("end")
    assert [listener.hear(WORDS), listener.hear(WORDS)] == [True, False]
