"""The command check: an exit code, and nothing else, is the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from banksman.checks.artefacts import Artefacts
from banksman.checks.command import CommandCheck
from banksman.checks.process import Tool
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from banksman.ports import ProcessEnd
from tests.unit.checks.check_bench import PROJECT, FakeExecutor, subject

OUTPUT = b"\x1b[1mone\x1b[0m\r\ntwo\n"


def check(tmp_path: Path, end: ProcessEnd) -> tuple[CommandCheck, CheckResult]:
    lint = CommandCheck(
        name="lint",
        runner=Tool(command=("ruff", "check")),
        executor=FakeExecutor(lambda _: end),
        artefacts=Artefacts(tmp_path / "artefacts"),
        environment={},
    )
    return lint, asyncio.run(lint.run(PROJECT, subject(tmp_path)))


@pytest.mark.parametrize(
    ("end", "status", "counts", "message", "details"),
    [
        (
            ProcessEnd(how="exited", code=0, output=OUTPUT),
            CheckStatus.PASS,
            (1, 0, 0),
            "ended with exit code 0",
            (),
        ),
        (
            ProcessEnd(how="exited", code=2, output=OUTPUT),
            CheckStatus.FAIL,
            (0, 1, 0),
            "ended with exit code 2",
            ("one", "two"),
        ),
        (
            ProcessEnd(how="exited", code=-11, output=OUTPUT),
            CheckStatus.ERROR,
            (0, 0, 1),
            "the program was killed by signal 11",
            ("one", "two"),
        ),
        (
            ProcessEnd(how="timeout", output=OUTPUT),
            CheckStatus.ERROR,
            (0, 0, 1),
            "the program took longer than 30 min and was ended",
            ("one", "two"),
        ),
        (
            ProcessEnd(how="exited", code=127, why="no such file"),
            CheckStatus.ERROR,
            (0, 0, 1),
            "the program 'ruff' could not be started: no such file",
            (),
        ),
    ],
)
def test_each_end_of_the_tool_is_one_answer(
    tmp_path: Path,
    end: ProcessEnd,
    status: CheckStatus,
    counts: tuple[int, int, int],
    message: str,
    details: tuple[str, ...],
) -> None:
    _, result = check(tmp_path, end)
    assert (result.status, result.message, result.details) == (status, message, details)
    assert (result.passed, result.failed, result.errors) == counts
    assert (tmp_path / "artefacts" / result.artefact).read_bytes() == end.output


def test_a_tool_that_itself_answers_127_has_answered(tmp_path: Path) -> None:
    assert check(tmp_path, ProcessEnd(how="exited", code=127))[1].status is CheckStatus.FAIL


def test_an_exit_code_is_no_list_of_tests(tmp_path: Path) -> None:
    lint, result = check(tmp_path, ProcessEnd(how="exited", code=0))
    assert not lint.compares
    assert lint.cases(result) == {}
    assert (result.check, result.tool, result.stage) == ("lint", lint.tool, Stage.QUALITY)
