"""Whether an engine watches, and what it asks for, is read from a FIFO."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from banksman.executors.runner import Watch
from banksman.executors.spool import Spool

LONG_S = 1000.0


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Spool]:
    os.mkfifo(tmp_path / "control")
    folder = Spool(str(tmp_path))
    yield folder
    folder.close()


def claim(folder: Spool) -> int:
    return folder.open("control", os.O_RDWR | os.O_NONBLOCK)


def test_an_engine_that_holds_the_fifo_asks_for_nothing(folder: Spool) -> None:
    engine = claim(folder)
    watch = Watch(folder, 0.0)
    assert watch.ask() is None
    assert not watch.is_alone()
    os.close(engine)


def test_without_a_time_to_live_the_end_of_the_engine_is_the_end(folder: Spool) -> None:
    engine = claim(folder)
    watch = Watch(folder, 0.0)
    os.close(engine)
    assert watch.ask() == "no engine has watched it for 0 s"


def test_an_engine_that_was_gone_before_the_runner_came_counts_as_gone(folder: Spool) -> None:
    assert Watch(folder, 0.0).ask() == "no engine has watched it for 0 s"


def test_within_the_time_to_live_an_engine_may_come_back(folder: Spool) -> None:
    watch = Watch(folder, LONG_S)
    assert watch.ask() is None
    assert watch.is_alone()
    engine = claim(folder)
    assert watch.ask() is None
    assert not watch.is_alone()
    os.close(engine)


def test_a_line_asks_for_the_end_even_if_its_writer_is_gone(folder: Spool) -> None:
    engine = claim(folder)
    watch = Watch(folder, LONG_S)
    os.write(engine, "enough ü\n".encode())
    os.close(engine)
    assert watch.ask() == "enough ü"


def test_of_two_requests_the_first_counts(folder: Spool) -> None:
    engine = claim(folder)
    os.write(engine, b"one\ntwo\n")
    assert Watch(folder, LONG_S).ask() == "one"
    os.close(engine)


def test_what_is_no_line_is_no_request(folder: Spool) -> None:
    engine = claim(folder)
    watch = Watch(folder, LONG_S)
    os.write(engine, b"\xff" * 4096)
    assert watch.ask() is None
    os.write(engine, b"x\n")
    assert watch.ask() == "x"
    os.close(engine)
