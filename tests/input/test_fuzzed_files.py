"""Whatever a file holds, reading it ends, and in nothing but values or errors with words."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from banksman.config.plan import load_plan
from banksman.config.settings import Flags, load_settings
from banksman.config.shapes import as_group, as_list
from banksman.exceptions import PlanException

ROOT = Path(__file__).parents[2]


def example_of(page: str, language: str) -> bytes:
    """Return the example of a reference page."""
    text = (ROOT / "docs" / "reference" / page).read_text("utf-8")
    return text.split(f"```{language}\n")[1].split("```")[0].encode()


FILES = {
    "plan.yaml": example_of("plan.md", "yaml"),
    "plan.jsonl": example_of("plan.md", "jsonl"),
    "banksman.toml": example_of("configuration.md", "toml"),
}

WORDS = st.sampled_from([
    "version", "tasks", "key", "title", "needs", "priority", "deadline", "estimate", "agent",
    "checks", "retries", "kind", "project", "run", "workspaces", "agents", "setup", "type", "a",
    "1h", "2030-01-31T17:00:00Z", "block", "[key]", "model_config", "\0", "\ud800", "{words}",
])  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-1, 11),
    st.floats(),
    WORDS,
    st.text(max_size=20),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=25,
)
TASKS = st.fixed_dictionaries(
    {},
    optional={
        key: TREES | good
        for key, good in {
            "key": st.sampled_from("abc"),
            "title": st.just("T"),
            "needs": st.lists(st.sampled_from("abc"), max_size=3),
            "priority": st.integers(0, 11),
            "estimate": WORDS,
            "deadline": WORDS,
            "checks": st.lists(WORDS, max_size=2),
            "touches": st.lists(st.text(max_size=4), max_size=2),
        }.items()
    },
)
PLANS = TREES | st.fixed_dictionaries(
    {
        "version": st.just(1),
        "tasks": st.lists(TASKS | TREES, max_size=6),
    }
)
TABLES = st.fixed_dictionaries(
    {},
    optional={
        key: st.dictionaries(WORDS | st.text(max_size=8), TREES, max_size=4) | TREES
        for key in ("project", "run", "workspaces", "agents", "checks")
    },
)
PIECES = st.sampled_from([
    b"\n", b"\t", b" ", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"- ", b": ", b"[", b"]", b"{",
    b"}",
    b"&a ", b"*a", b"<<: ", b"!!python/name:os.system ", b"|", b">", b"'", b'"', b'"""', b"'''",
    b"\\", b"\\ud800", b"#", b"---\n", b"...", b"%", b"@", b"=", b".", b"1e999", b"\xc2\x85",
    b"\xe2\x80\xa8", b"[[", b"]]", b"? ", b"~", b"9" * 5000, b"[" * 50, b"a: " * 30,
])  # fmt: skip


def read(folder: Path, file: str, content: bytes) -> None:
    """Read a file, and let pass what was told in words."""
    (folder / file).write_bytes(content)
    sentences: tuple[str, ...] = ("It is good.",)
    try:
        if file == "banksman.toml":
            load_settings(folder, Flags(), {"HOME": "/nobody"})
        else:
            load_plan(folder / file, agents={"claude"}, checks={"tests"})
    except PlanException as refused:
        sentences = refused.problems
    assert sentences
    assert all(sentence.isprintable() for sentence in sentences)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed")


@pytest.mark.parametrize("file", FILES)
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode()))
def test_any_bytes_are_read_or_refused(folder: Path, file: str, content: bytes) -> None:
    read(folder, file, content)


@pytest.mark.parametrize("file", FILES)
@settings(max_examples=300)
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=6
    )
)
def test_a_good_file_with_damage_is_read_or_refused(
    folder: Path, file: str, edits: list[tuple[float, int, bytes]]
) -> None:
    content = FILES[file]
    for where, dropped, piece in edits:
        at = int(where * len(content))
        content = content[:at] + piece + content[at + dropped :]
    read(folder, file, content)


@given(plan=PLANS, flow=st.booleans())
@settings(max_examples=200)
@example(plan={"version": 1, "tasks": [{"{words}": 1, "[key]": 2}]}, flow=True)
def test_any_data_as_yaml_is_read_or_refused(
    folder: Path,
    plan: object,
    flow: bool,  # noqa: FBT001  # Drawn by name, never passed.
) -> None:
    text = yaml.safe_dump(plan, default_flow_style=flow)
    read(folder, "plan.yaml", text.encode("utf-8", "surrogatepass"))


@given(entries=st.lists(TASKS | TREES, max_size=6))
@settings(max_examples=200)
def test_any_data_as_lines_is_read_or_refused(folder: Path, entries: list[object]) -> None:
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    read(folder, "plan.jsonl", text.encode())


@given(tables=TABLES)
@settings(max_examples=200)
def test_any_data_as_toml_is_read_or_refused(folder: Path, tables: dict[str, object]) -> None:
    read(folder, "banksman.toml", as_toml(tables).encode("utf-8", "surrogatepass"))


def as_toml(tables: dict[str, object]) -> str:
    """Return data as TOML, each value on the line of its key; nothing becomes an empty text."""
    return "".join(f"{json.dumps(key)} = {inline(value)}\n" for key, value in tables.items())


def inline(value: object) -> str:
    """Return one value as TOML writes it on a line."""
    group, items = as_group(value), as_list(value)
    if group is not None:
        pairs = (f"{json.dumps(key)} = {inline(item)}" for key, item in group.items())
        return f"{{{', '.join(pairs)}}}"
    if items is not None:
        return f"[{', '.join(map(inline, items))}]"
    if isinstance(value, float):
        return str(value)
    return '""' if value is None else json.dumps(value)


LONG: dict[str, Callable[[random.Random], str]] = {
    "a chain of tasks": lambda _: "".join(
        f"  - {{key: t{n}, title: T, needs: [t{n + 1}]}}\n" for n in range(5000)
    ),
    "names near to one another": lambda chance: "".join(
        f"  - {{key: task{n}, title: T, needs: [tsak{chance.randrange(9**9)}]}}\n"
        for n in range(5000)
    ),
    "brackets": lambda _: "[" * 1_000_000,
    "quotation marks": lambda _: '"' * 1_000_000,
    "questions": lambda _: "? " * 200_000,
    "dashes": lambda _: "- " * 200_000,
    "colons": lambda _: "a: " * 200_000,
    "empty lists": lambda _: f"  - [{'[],' * 300_000}]",
    "one long key": lambda _: "  - " + "k" * 1_000_000 + ": 1",
    "many keys": lambda _: "  - {" + ", ".join(f"k{n}: 1" for n in range(100_000)) + "}",
    "anchors": lambda _: "  - &a [" + "*a, " * 100_000 + "]",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", LONG)
def test_long_files_made_to_be_slow_are_read_or_refused_in_time(
    folder: Path, name: str
) -> None:
    text = "version: 1\ntasks:\n" + LONG[name](random.Random(0))
    read(folder, "plan.yaml", text.encode())


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["a.", "[a.", "[", "{a=", "'", '"', '"""', "\\", "=", "a=1\n", "[[a]]\n"]
)
def test_long_configurations_made_to_be_slow_are_read_or_refused_in_time(
    folder: Path, piece: str
) -> None:
    read(folder, "banksman.toml", (piece * (1_000_000 // len(piece))).encode())
