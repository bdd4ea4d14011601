"""What bubblewrap tells of a program, and what the probe makes of what it saw."""

from __future__ import annotations

import os

import pytest

from banksman.executors.box import Box, complaint
from banksman.executors.probing import judged

LOOPBACK = "Inter-| Receive\nface |bytes\nlo: 0 0"


def told(*lines: bytes) -> Box:
    """Return a box whose bubblewrap has told these lines."""
    box = Box()
    os.write(int(box.options()[1]), b"".join(lines))
    box.close_other_side()
    return box


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b'{"exit-code": 0}\n', 0),
        (b'{"exit-code": 3}\n', 3),
        (b'{"exit-code": 128}\n', 128),
        (b'{"exit-code": 137}\n', -9),
        (b'{"exit-code": 159}\n', -31),
        (b'{"exit-code": 160}\n', 160),
        (b'{"exit-code": 255}\n', 255),
        (b'{"child-pid": 7}\n', None),
        (b'{"exit-code": 13', None),
        (b"", None),
    ],
)
def test_how_a_program_ended_is_told_by_bubblewrap(said: bytes, code: int | None) -> None:
    assert told(said).code(1) == code


def test_a_box_that_was_killed_says_so_itself() -> None:
    assert told(b'{"child-pid": 7}\n').code(-9) == -9


def test_a_group_that_is_not_there_yet_is_told_nothing() -> None:
    assert told().group() == 0
    assert told(b'{"child-pid": 4194305}\n').group() == 0
    assert told(b'{"child-pid": %d}\n' % os.getpgrp()).group() == os.getpgrp()


@pytest.mark.parametrize(
    ("printed", "code", "why"),
    [
        (
            b"bwrap: execvp x y: No such file or directory\n",
            127,
            "cannot run x y in the sandbox: No such file or directory",
        ),
        (
            b"bwrap: execvp x y: Permission denied\n",
            126,
            "cannot run x y in the sandbox: Permission denied",
        ),
        (
            b"bwrap: a\nbwrap: Can't mkdir /x: Read-only\n",
            126,
            "the sandbox cannot be set up: Can't mkdir /x: Read-only",
        ),
        (b"", 126, "the sandbox cannot be set up: it said nothing"),
    ],
)
def test_a_program_that_never_began_has_a_reason(printed: bytes, code: int, why: str) -> None:
    assert complaint(printed, "x y") == (code, why)


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (f"2\n{LOOPBACK}", ""),
        (f"4711\n{LOOPBACK}", "PID namespace"),
        ("", "PID namespace"),
        (f"2\nwritten\n{LOOPBACK}", "must only read"),
        (f"2\n{LOOPBACK}\neth0: 1 2", "network (eth0, lo)"),
    ],
)
def test_a_sandbox_that_does_not_hold_is_seen_through(seen: str, word: str) -> None:
    assert word in judged(seen)
    assert bool(judged(seen)) is bool(word)
