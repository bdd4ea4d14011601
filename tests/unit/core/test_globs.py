"""Globs over paths in a repository."""

from __future__ import annotations

import pytest

from banksman.core.globs import matches_any


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("a.py", "a.py", True),
        ("a.py", "b/a.py", False),
        ("a.py", "a.pyc", False),
        ("a.py", "axpy", False),
        ("*.py", "a.py", True),
        ("*.py", "b/a.py", False),
        ("*", "a", True),
        ("*", "a/b", False),
        ("src/*", "src/a.py", True),
        ("src/*", "src/a/b.py", False),
        ("src/*/b.py", "src/a/b.py", True),
        ("src/*/b.py", "src/b.py", False),
        ("src/**", "src/a.py", True),
        ("src/**", "src/a/b/c.py", True),
        ("src/**", "srcs/a.py", False),
        ("src/**/*.py", "src/a.py", True),
        ("src/**/*.py", "src/a/b/c.py", True),
        ("src/**/*.py", "src/a/b/c.txt", False),
        ("**/a.py", "a.py", True),
        ("**/a.py", "x/y/a.py", True),
        ("**/a.py", "x/y/ba.py", False),
        ("**", "a/b", True),
        ("?.py", "a.py", True),
        ("?.py", "ab.py", False),
        ("?", "/", False),
        ("a+b(1).py", "a+b(1).py", True),
        ("a+b(1).py", "aab1.py", False),
        ("[ab].py", "[ab].py", True),
        ("[ab].py", "a.py", False),
        ("a*", "a\nb", True),
        ("**", "a\n/b", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_a_glob_names_whole_paths(glob: str, path: str, *, matches: bool) -> None:
    assert matches_any(path, [glob]) is matches


def test_one_of_several_globs_is_enough_and_none_names_nothing() -> None:
    assert matches_any("b", ["a", "b"])
    assert not matches_any("c", ["a", "b"])
    assert not matches_any("a", [])
