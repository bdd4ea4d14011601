"""Malformed files and what is said of them, read from the tables beside this module.

A sample is the text between a line `== file: what is wrong` and lines `-- message`. Messages
stand there without the file's name, the colon and the blank before them. `[schema]` at the end
of the first line says that a JSON Schema can know the problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_SCHEMA: Final = " [schema]"


@dataclass(frozen=True)
class Sample:
    """A file that is wrong.

    Attributes:
        name: What is wrong, in a few words.
        content: The file.
        messages: Every problem, in order.
        file: Its name.
        schema: Whether a JSON Schema can know it.
    """

    name: str
    content: bytes
    messages: tuple[str, ...]
    file: str = "plan.yaml"
    schema: bool = False

    @property
    def told(self) -> tuple[str, ...]:
        """The messages as they are printed."""
        places = (message[:1].isdigit() for message in self.messages)
        pairs = zip(places, self.messages, strict=True)
        return tuple(f"{self.file}:{'' if place else ' '}{text}" for place, text in pairs)


def table(name: str) -> tuple[Sample, ...]:
    """Return the samples of a table."""
    text = (_HERE / name).read_text("utf-8")
    return tuple(_samples(text.split("\n== ")[1:]))


def _samples(parts: list[str]) -> Iterator[Sample]:
    for part in parts:
        title, _, rest = part.partition("\n")
        file, _, name = title.partition(": ")
        content, *messages = rest.rstrip("\n").split("\n-- ")
        yield Sample(
            name=name.removesuffix(_SCHEMA),
            content=f"{content}\n".encode(),
            messages=tuple(messages),
            file=file,
            schema=name.endswith(_SCHEMA),
        )


NAME_WORDS: Final = (
    'a name of a-z, 0-9, ".", "_" and "-", at most 64 characters, that begins with a-z or 0-9'
)

STRANGE: Final = (
    Sample(
        "a key too long",
        b"version: 1\ntasks:\n  - {title: B, key: " + b"a" * 65 + b"}\n",
        (
            (
                f'3:16: task "{"a" * 59}…" (tasks[0]): key must be {NAME_WORDS}, '
                "not a text of 65 characters."
            ),
        ),
        schema=True,
    ),
    Sample(
        "instructions too long",
        b"version: 1\ntasks:\n  - {key: a, title: A, instructions: " + b"x" * 65537 + b"}\n",
        (
            (
                '3:24: task "a" (tasks[0]): instructions must be text without control '
                "characters, at most 65,536 characters, not a text of 65,537 characters."
            ),
        ),
        schema=True,
    ),
    Sample(
        "a name longer than anyone compares",
        b"version: 1\ntasks:\n  - {key: a, title: A, " + b"need" * 100 + b": []}\n",
        (
            (
                f'3:24: task "a" (tasks[0]): unknown key "{"need" * 14}nee…"; the keys here '
                "are key, title, instructions, needs, priority, deadline, estimate, agent, "
                "checks, acceptance, retries, turns, on_dependency_failure, touches, "
                "may_change, kind, gate and limits."
            ),
        ),
        schema=True,
    ),
    Sample(
        "a NUL",
        b"version: 1\ntasks:\n  - key: a\0\n",
        ("3:11: holds a NUL character; is it really a text file?",),
    ),
    Sample(
        "a control character",
        b"version: 1\ntasks:\n  - key: a\x1b[0m\n",
        ("3:11: the character U+001B is not allowed.",),
    ),
    Sample(
        "bytes that are not UTF-8",
        b"version: 1\ntasks:\n  - key: caf\xe9\n",
        ("3:13: byte 0xe9 is not UTF-8; save the file as UTF-8.",),
    ),
    Sample(
        "UTF-16",
        "version: 1\n".encode("utf-16"),
        ("is UTF-16 or UTF-32; save it as UTF-8.",),
    ),
    Sample(
        "more levels than anyone needs",
        b"version: 1\ntasks: " + b"[" * 300_000,
        ("2:27: is nested deeper than 20 levels.",),
    ),
    Sample(
        "a line nested too deeply",
        b"[" * 100_000,
        ("1: is nested deeper than 20 levels.",),
        file="plan.jsonl",
    ),
    Sample(
        "a number without end on a line",
        b'{"key": "a", "title": "A", "priority": ' + b"9" * 5000 + b"}",
        ("1: holds a number of too many digits.",),
        file="plan.jsonl",
    ),
    Sample(
        "bytes on a line that are not UTF-8",
        b'{"key": "a", "title": "A"}\n{"key": "b", "title": "\xff"}\n',
        ("2:24: byte 0xff is not UTF-8; save the file as UTF-8.",),
        file="plan.jsonl",
    ),
    Sample(
        "a line without end",
        b'{"key": "a", "title": "A"}\n"' + b"x" * (1 << 20),
        ("2: is a line longer than 1 MiB, which is the limit.",),
        file="plan.jsonl",
    ),
    Sample(
        "a list nested beyond measure",
        b"x = " + b"[" * 100_000,
        ("1: is nested deeper than 20 levels.",),
        file="banksman.toml",
    ),
    Sample(
        "a key of too many parts",
        b"a" + b".a" * 200_000 + b" = 1\n",
        ("1:1: is nested deeper than 20 levels.",),
        file="banksman.toml",
    ),
    Sample(
        "a table of too many parts",
        b"[run]\n[a" + b" . 'b'" * 100_000 + b"]\n",
        ("2:2: is nested deeper than 20 levels.",),
        file="banksman.toml",
    ),
    Sample(
        "a number without end",
        b"[run]\nparallel = " + b"9" * 5000 + b"\n",
        ("1: holds a number of too many digits.",),
        file="banksman.toml",
    ),
    Sample(
        "a NUL in a table",
        b"[run]\0\n",
        ("1:6: holds a NUL character; is it really a text file?",),
        file="banksman.toml",
    ),
    Sample(
        "a control character in a text",
        b'[run]\nagent = "a\x1bb"\n',
        ("2:11: is not valid TOML (Illegal character '\\x1b').",),
        file="banksman.toml",
    ),
    Sample(
        "a text that is not UTF-8",
        b'[run]\nagent = "caf\xe9"\n',
        ("2:13: byte 0xe9 is not UTF-8; save the file as UTF-8.",),
        file="banksman.toml",
    ),
    Sample(
        "a configuration larger than the limit",
        b"# comment\n" * 110_000,
        ("is larger than 1 MiB, which is the limit.",),
        file="banksman.toml",
    ),
)
"""Those that are no text, or too long to be shown."""

SAMPLES: Final = (*table("plans.txt"), *table("syntax.txt"), *table("settings.txt"), *STRANGE)
