"""What each language takes and refuses; hostile text ends in a line, not in a traceback."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from banksman.checks.parsing import (
    DEPTH_MAX,
    DOTS_MAX,
    JSON,
    PYTHON,
    TOML,
    YAML,
    Language,
    conflict_in,
    language_of,
    problem_in,
)

GOOD = [
    (PYTHON, b"x = 1\n"),
    (PYTHON, b""),
    (PYTHON, b"\xef\xbb\xbfx = 1\n"),
    (PYTHON, b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"),
    (PYTHON, b"x = '\\d'\n"),
    (PYTHON, b"async def f():\n    return [x async for x in y]\n"),
    (JSON, b'{"a": [1, 2.5e3, null]}'),
    (JSON, b'\xef\xbb\xbf{"a": 1}'),
    (JSON, b"9" * 5000),
    (JSON, "{}".encode("utf-16")),
    (TOML, b"[a]\nb = 1\r\nc = ['x']\n"),
    (TOML, b""),
    (YAML, b"a: &x [1]\nb: *x\n---\nc: !Ref d\n"),
    (YAML, b"plain: &p x\nagain: *p\nmap: &m {a: 1}\nonce: *m\n"),
    (YAML, b""),
]
BAD = [
    (PYTHON, b"x = 1\ndef f(:\n", 2, "invalid syntax"),
    (PYTHON, b"x = (\n", 1, "'(' was never closed"),
    (PYTHON, b"a\n\nx = 1\0\n", 3, "has a null byte"),
    (PYTHON, b"x = 1\ny = '\xff'\n", 2, "utf-8"),
    (PYTHON, b"# coding: no-such\n", 1, "unknown encoding"),
    (PYTHON, b"-" * 100_000 + b"1", 1, "is nested too deeply"),
    (PYTHON, b"a" + b".b" * 100_000, 1, "is nested too deeply"),
    (PYTHON, b"(" * 1000, 1, "too many nested parentheses"),
    (PYTHON, b"if x:\npass\n", 2, "expected an indented block"),
    (JSON, b'{"a": 1,\n "b" 2}', 2, "Expecting ':' delimiter"),
    (JSON, b"", 1, "Expecting value"),
    (JSON, b'{"a": NaN}', 1, "has NaN, which JSON does not know"),
    (JSON, b"[\n1\xff]", 2, "is not utf-8 text"),
    (JSON, b"[" * 100_000, 1, "is nested too deeply"),
    (TOML, b"a = 1\nb = \n", 2, "Invalid value"),
    (TOML, b"a = 1\na = 2\n", 2, "Cannot overwrite a value"),
    (TOML, b"a = '", 1, 'Expected "\'"'),
    (TOML, b"a = 1\nb = '\xff'", 2, "is not utf-8 text"),
    (TOML, b"a = " + b"[" * 100_000, 1, "is nested too deeply"),
    (TOML, b"x = 1\n" + b"a." * 100_000 + b"a = 1", 2, f"has more than {DOTS_MAX} dots"),
    (TOML, b"a = " + b"9" * 5000, 1, "Exceeds the limit"),
    (YAML, b"a: 1\nb: [1\n", 3, "did not find expected ',' or ']'"),
    (YAML, b"a: 1\n\tb: 2\n", 2, "found a tab character"),
    (YAML, b"a: b: c\n", 1, "mapping values are not allowed"),
    (YAML, b"a: 1\nb: *nowhere\n", 2, "names the unknown anchor 'nowhere'"),
    (YAML, b"a: &x 1\n---\nb: *x\n", 3, "names the unknown anchor 'x'"),
    (YAML, b"[" * 100_000, 1, "is nested too deeply"),
    (YAML, b"{a: " * 100_000, 1, "is nested too deeply"),
    (YAML, b"a: \xff\n", 1, "has what YAML does not allow"),
    (YAML, b"a: \0\n", 1, "has what YAML does not allow"),
]


@pytest.mark.parametrize(("language", "content"), GOOD)
def test_what_is_in_order_has_no_problem(language: Language, content: bytes) -> None:
    assert problem_in(language, content) is None


@pytest.mark.parametrize(("language", "content", "line", "what"), BAD)
def test_what_is_not_in_order_is_told_with_its_line(
    language: Language, content: bytes, line: int, what: str
) -> None:
    problem = problem_in(language, content)
    assert problem is not None
    assert (problem.line, what in problem.what) == (line, True), problem


def test_aliases_cost_nothing_however_often_they_are_used() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    bomb = "\n".join(["l0: &l0 [lol]", *levels])
    assert problem_in(YAML, bomb.encode()) is None


def test_a_depth_that_is_just_allowed_is_allowed() -> None:
    assert problem_in(YAML, b"[" * DEPTH_MAX + b"]" * DEPTH_MAX) is None
    assert problem_in(YAML, b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1)) is not None


@pytest.mark.parametrize("language", [PYTHON, JSON, TOML, YAML])
def test_a_file_above_the_limit_is_refused_unread(language: Language) -> None:
    problem = problem_in(language, b"\0" * (language.size_bytes_max + 1))
    assert problem is not None
    assert problem.what == f"is larger than {language.size_bytes_max >> 20} MiB"


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", PYTHON),
        ("a.pyi", PYTHON),
        ("a/b.PYW", PYTHON),
        ("package.json", JSON),
        ("pyproject.toml", TOML),
        (".github/ci.yml", YAML),
        ("a.yaml", YAML),
        ("a.rs", None),
        ("py", None),
        (".py", None),
    ],
)
def test_a_language_is_told_by_the_name(name: str, language: Language | None) -> None:
    assert language_of(PurePosixPath(name)) is language


CONFLICT = b"<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (CONFLICT, 1),
        (b"a\nb\n" + CONFLICT, 3),
        (CONFLICT.replace(b"\n", b"\r\n"), 1),
        (b"<<<<<<<\n=======\n>>>>>>>", 1),
        (b"<<<<<<< a\n" + CONFLICT, 2),
        (b"<<<<<<< a\n||||||| base\nx\n=======\n>>>>>>> b\n", 1),
        (b"Title\n=======\n" + CONFLICT, 3),
    ],
)
def test_a_set_of_conflict_markers_is_found_at_its_first_line(
    content: bytes, line: int
) -> None:
    problem = conflict_in(content)
    assert problem is not None
    assert (problem.line, problem.what) == (
        line,
        "begins a merge conflict that is not resolved",
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Title\n=======\ntext\n",
        b"<<<<<<< a\n>>>>>>> b\n",
        b"=======\n<<<<<<< a\n>>>>>>> b\n",
        b">>>>>>> b\n=======\n<<<<<<< a\n",
        CONFLICT.replace(b"<<<<<<<", b" <<<<<<<"),
        CONFLICT.replace(b"<<<<<<<", b"<<<<<<<<"),
        CONFLICT.replace(b"=======", b"========"),
        b"<<<<<<< a\n=======\n",
    ],
)
def test_markers_without_their_siblings_are_no_conflict(content: bytes) -> None:
    assert conflict_in(content) is None


def test_a_million_opening_markers_are_scanned_once() -> None:
    # Were each searched to the end, this would take days.
    assert conflict_in(b"<<<<<<<\n" * 1_000_000) is None
