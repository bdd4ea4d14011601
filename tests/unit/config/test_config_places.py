"""Where the parts of a file stand."""

from __future__ import annotations

import pytest
import yaml

from banksman.config.problems import KeyPath, Mark, Problems
from banksman.config.shapes import as_group
from banksman.config.toml_reading import read_toml
from banksman.config.yaml_reading import read_yaml
from banksman.exceptions import PlanException

TOML = """\
# a comment with [brackets]
top = 1
[project]
name = "a"   # "x" = 1
"quoted \\u006bey" = '''
[not.a.table]
'''
[run]
parallel = [
  1, # ]
  "]", \"\"\"
]\"\"\",
]
a . b.'c' = 3
[[list]]
q = {a = 1, b = [1,
2]}
[[list]]
q = \"\"\"\"quoted\"\"\"\"
last = ""
[list.sub]
z = 1
"""


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        (("top",), Mark(2, 1)),
        (("project",), Mark(3, 1)),
        (("project", "name"), Mark(4, 1)),
        (("project", "quoted key"), Mark(5, 1)),
        (("run",), Mark(8, 1)),
        (("run", "parallel"), Mark(9, 1)),
        (("run", "parallel", 1), Mark(9, 1)),
        (("run", "a", "b", "c"), Mark(14, 1)),
        (("list", 0, "q", "b"), Mark(16, 1)),
        (("list", 1), Mark(18, 1)),
        (("list", 1, "last"), Mark(20, 1)),
        (("list", 1, "sub", "z"), Mark(22, 1)),
        (("project", "missing"), Mark(3, 1)),
        (("nowhere", "at all"), Mark(1)),
    ],
)
def test_a_key_of_toml_is_found_on_its_line(path: KeyPath, mark: Mark) -> None:
    assert read_toml(TOML, Problems("x")).mark(path) == mark


@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
def test_a_part_of_yaml_is_found_at_its_place(
    parser: str,
) -> None:
    text = "a: 1\nb:\n  - x\n  - {c: [1,\n     é2]}\n"
    document = read_yaml(text, Problems("x"), make_parser=getattr(yaml, parser))
    assert document.value == {"a": 1, "b": ["x", {"c": [1, "é2"]}]}
    assert document.mark(("b",)) == Mark(2, 1)
    assert document.mark(("b", 1)) == Mark(4, 5)
    assert document.mark(("b", 1, "c", 1)) == Mark(5, 6)
    assert document.mark(("b", 1, "d")) == Mark(4, 5)
    assert document.mark(("b", 7)) == Mark(2, 1)


@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:\n\t- b\n", "x:2:1: a tab cannot indent here; use spaces."),
        ("a: @b\n", 'x:1:4: a value cannot begin with "@"; put it in quotes.'),
        ("a: b: c\n", 'x:1:5: a ":" stands where none can; quote text that holds one.'),
        ("a: [1, 2\nb: 3\n", "a list or group in brackets is not closed, or lacks a comma."),
        ('a: "b\n', "a quotation mark is opened and never closed."),
        ("a: &x 1\n", "x:1:4: anchors (&x) are not taken; write it out."),
    ],
)
def test_both_parsers_of_yaml_are_understood(parser: str, text: str, words: str) -> None:
    with pytest.raises(PlanException) as caught:
        read_yaml(text, Problems("x"), make_parser=getattr(yaml, parser))
    assert str(caught.value).endswith(words)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("~", None),
        ("null", None),
        ("", None),
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1.0e+3", 1000.0),
        ("yes", "yes"),
        ("on", "on"),
        ("012", "012"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        ("2030-01-31", "2030-01-31"),
        ('"12"', "12"),
        ("'true'", "true"),
    ],
)
def test_a_word_is_a_number_only_where_all_readers_agree(word: str, value: object) -> None:
    read = read_yaml(f"a: {word}\n", Problems("x")).value
    assert read == {"a": value}
    assert type((as_group(read) or {})["a"]) is type(value)


def test_a_value_given_twice_does_not_lend_its_place_to_another() -> None:
    problems = Problems("x")
    document = read_yaml("a: [1]\na: [2]\nb: [3]\n", problems)
    assert document.value == {"a": [1], "b": [3]}
    assert document.mark(("b", 0)) == Mark(3, 5)
    assert [sentence for _, sentence in problems.found] == [
        'x:2:1: "a" is given twice, first on line 1.'
    ]


def test_more_values_than_the_limit_are_refused_where_they_begin() -> None:
    assert read_yaml("a: [1, 2]\n", Problems("x"), values_max=5).value == {"a": [1, 2]}
    with pytest.raises(PlanException) as caught:
        read_yaml("a: [1, 2]\n", Problems("x"), values_max=4)
    message = "x:1:8: holds more than 4 values, which is the limit."
    assert caught.value.problems == (message,)
