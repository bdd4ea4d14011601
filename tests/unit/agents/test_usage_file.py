"""What programs say that a turn cost, and what else may lie in that place."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from banksman.agents.usage_file import BYTES_MAX, UsageFile
from banksman.core.outcome import Usage

TOOK = Usage(duration_ms=7)


@pytest.fixture
def file(tmp_path: Path) -> UsageFile:
    """Return the file of a turn that has begun."""
    file = UsageFile(tmp_path / "scratch" / "p1-t1-a1-n1.usage")
    file.prepare()
    return file


def test_the_folder_is_private_and_keeps_what_is_in_it(file: UsageFile) -> None:
    assert file.folder.stat().st_mode & 0o777 == 0o700
    file.path.write_text('{"input_tokens": 3}')
    file.prepare()
    assert file.added_to(TOOK) == Usage(duration_ms=7, input_tokens=3)


def test_all_that_is_said_is_taken_and_the_time_is_our_own(file: UsageFile) -> None:
    file.path.write_text(
        '{"model": "m-1", "input_tokens": 10, "output_tokens": 5, "cost_usd": 0.0123456,'
        ' "duration_ms": 1, "seed": [1]}'
    )
    assert file.added_to(TOOK) == Usage(
        model="m-1", input_tokens=10, output_tokens=5, cost_microusd=12_346, duration_ms=7
    )


@pytest.mark.parametrize(
    ("cost", "microusd"),
    [("0", 0), ("0.1", 100_000), ("2.675", 2_675_000), ("1e-9", 1), ("1000000", 10**12)],
)
def test_money_is_never_less_than_was_said(file: UsageFile, cost: str, microusd: int) -> None:
    file.path.write_text(f'{{"cost_usd": {cost}}}')
    assert file.added_to(TOOK).cost_microusd == microusd


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"free"',
        b"\xff\xfe{}",
        b'{"input_tokens": -1}',
        b'{"input_tokens": 1.5}',
        b'{"input_tokens": "1"}',
        b'{"input_tokens": true}',
        b'{"input_tokens": null}',
        b'{"output_tokens": 1000000000001}',
        b'{"output_tokens": ' + b"9" * 5000 + b"}",
        b'{"cost_usd": -0.01}',
        b'{"cost_usd": NaN}',
        b'{"cost_usd": Infinity}',
        b'{"cost_usd": 1e400}',
        b'{"cost_usd": 1000001}',
        b'{"cost_usd": "1"}',
        b'{"model": 3}',
        b'{"model": "' + b"x" * 201 + b'"}',
        b'{"cost_usd": 1, "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"cost_usd": 1, "x": "' + b"x" * BYTES_MAX + b'"}',
        b'{"cost_usd": 1}\n{"cost_usd": 2}',
    ],
    ids=lambda content: ascii(content[:40]),
)
def test_what_is_not_said_properly_is_not_said_at_all(
    file: UsageFile, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert file.added_to(TOOK) == TOOK
    (line,) = caplog.messages
    assert line.startswith(f"usage.not_readable: {file.path}: ")
    assert len(line) < len(str(file.path)) + 400
    assert line.isprintable()


def test_a_program_that_says_nothing_is_nothing_to_warn_of(
    file: UsageFile, caplog: pytest.LogCaptureFixture
) -> None:
    assert file.added_to(TOOK) == TOOK
    file.forget()
    assert file.added_to(TOOK) == TOOK, "nor one whose folder is gone"
    assert caplog.messages == []


def test_links_are_not_followed(file: UsageFile, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "usage.json").write_text('{"cost_usd": 1}')
    file.path.symlink_to(elsewhere / "usage.json")
    assert file.added_to(TOOK) == TOOK
    file.forget()
    file.folder.symlink_to(elsewhere)
    assert file.added_to(TOOK) == TOOK
    assert (elsewhere / "usage.json").exists()


def test_nobody_waits_for_a_pipe_or_reads_a_folder(file: UsageFile) -> None:
    os.mkfifo(file.path)
    assert file.added_to(TOOK) == TOOK
    file.path.unlink()
    file.path.mkdir()
    assert file.added_to(TOOK) == TOOK


def test_what_is_forgotten_is_gone(file: UsageFile) -> None:
    file.path.mkdir()
    (file.path / "more").write_text("x")
    file.forget()
    assert not file.folder.exists()
    file.forget()
