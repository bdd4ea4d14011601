"""The tests check over a runner that is a function: what it believes, and what it does not."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from banksman.checks.artefacts import Artefacts
from banksman.checks.junit import REPORT_BYTES_MAX
from banksman.checks.process import Tool
from banksman.checks.tests import DETAILS_MAX, JUnitCheck
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from banksman.ports import ProcessEnd, ProcessSpec
from tests.unit.checks.check_bench import PROJECT, TREE, FakeExecutor, subject

OK = '<testcase classname="t" name="ok"/>'
BAD = '<testcase classname="t" name="bad"><failure message="assert 1 == 2"/></testcase>'
BROKEN = '<testcase classname="t" name="broken"><error message="boom"/></testcase>'
SKIP = '<testcase classname="t" name="skip"><skipped/></testcase>'

Program = Callable[[ProcessSpec], ProcessEnd]


class Scene:
    """A checkout, an artefact folder, and a check over a given program."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "checkout"
        self.root.mkdir()
        self.artefacts = tmp_path / "artefacts"

    def check(
        self, program: Program, *, junit: str = "", timeout_min: float = 30
    ) -> JUnitCheck:
        self.executor = FakeExecutor(program)
        return JUnitCheck(
            name="tests",
            runner=Tool(
                command=("runner", "--report={junit}"), timeout_min=timeout_min, env={"A": "3"}
            ),
            junit=junit,
            executor=self.executor,
            artefacts=Artefacts(self.artefacts),
            environment={"PATH": "/usr/bin", "A": "1", "PORT": "1"},
        )

    def run(self, program: Program, *, junit: str = "") -> CheckResult:
        return asyncio.run(self.check(program, junit=junit).run(PROJECT, subject(self.root)))

    def report(self, *cases: str, code: int = 0, output: bytes = b"") -> CheckResult:
        def program(spec: ProcessSpec) -> ProcessEnd:
            report_path(spec).write_text(f"<testsuite>{''.join(cases)}</testsuite>")
            return ProcessEnd(how="exited", code=code, output=output, duration_ms=12)

        return self.run(program)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def report_path(spec: ProcessSpec) -> Path:
    return Path(spec.argv[1].removeprefix("--report="))


def counts(result: CheckResult) -> tuple[int, int, int, int]:
    return result.passed, result.failed, result.skipped, result.errors


def test_tests_that_pass_pass_and_are_counted(scene: Scene) -> None:
    result = scene.report(OK, OK, SKIP)
    assert (result.status, counts(result)) == (CheckStatus.PASS, (2, 0, 1, 0))
    assert (result.message, result.details) == ("2 passed, 1 skipped", ())
    assert (result.project_id, result.tree, result.check) == (PROJECT, TREE, "tests")
    assert (result.stage, result.duration_ms) == (Stage.TESTS, 12)


def test_tests_that_fail_fail_with_name_and_message(scene: Scene) -> None:
    result = scene.report(OK, BAD, BROKEN, code=1)
    assert (result.status, counts(result)) == (CheckStatus.FAIL, (1, 1, 0, 1))
    assert result.message == "1 passed, 1 failed, 1 broke"
    assert result.details == ("t::bad: assert 1 == 2", "t::broken: boom")


def test_a_failure_fails_though_the_exit_code_says_all_is_well(scene: Scene) -> None:
    result = scene.report(OK, BAD, code=0)
    assert result.status is CheckStatus.FAIL
    assert result.message == "1 passed, 1 failed, although the exit code is 0"


def test_tests_that_were_all_skipped_are_no_pass(scene: Scene) -> None:
    assert scene.report(SKIP, SKIP).status is CheckStatus.SKIPPED


def test_an_exit_code_that_the_report_does_not_explain_is_an_error(scene: Scene) -> None:
    result = scene.report(OK, code=3, output=b"\x1b[31mcoverage too low\x1b[0m\n")
    assert (result.status, counts(result)) == (CheckStatus.ERROR, (1, 0, 0, 0))
    assert result.message == (
        "the program ended with exit code 3, but no test in its report failed"
    )
    assert result.details == ("coverage too low",)


def test_a_report_without_tests_is_an_error(scene: Scene) -> None:
    result = scene.report(code=5)
    assert result.status is CheckStatus.ERROR
    assert result.message == (
        "the report has no tests in it, and the program ended with exit code 5"
    )


@pytest.mark.parametrize("code", [0, 2])
def test_a_run_that_writes_no_report_is_an_error(scene: Scene, code: int) -> None:
    result = scene.run(lambda _: ProcessEnd(how="exited", code=code, output=b"usage: runner"))
    assert result.status is CheckStatus.ERROR
    assert result.message == f"the program wrote no report and ended with exit code {code}"
    assert result.details == ("usage: runner",)


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (
            ProcessEnd(how="exited", code=127, why="no such program"),
            "the program 'runner' could not be started: no such program",
        ),
        (
            ProcessEnd(how="exited", code=126, why="not executable"),
            "the program 'runner' could not be started: not executable",
        ),
        (
            ProcessEnd(how="exited", code=-9),
            "the program was killed by signal 9",
        ),
        (
            ProcessEnd(how="timeout", code=-15),
            "the program took longer than 30 min and was ended",
        ),
        (
            ProcessEnd(how="stopped", why="shutdown"),
            "the program was ended: shutdown",
        ),
        (ProcessEnd(how="silence"), "the program was ended: silence"),
        (ProcessEnd(how="lost"), "the program was lost: its runner died"),
    ],
)
def test_a_run_that_did_not_end_by_itself_is_an_error_whatever_it_reported(
    scene: Scene, end: ProcessEnd, message: str
) -> None:
    def program(spec: ProcessSpec) -> ProcessEnd:
        report_path(spec).write_text(f"<testsuite>{OK}</testsuite>")
        return end

    result = scene.run(program)
    assert (result.status, result.message) == (CheckStatus.ERROR, message)
    assert counts(result) == (0, 0, 0, 0)


def test_an_executor_that_refuses_is_an_error(scene: Scene) -> None:
    class Refusing(FakeExecutor):
        async def run(self, spool: str, spec: ProcessSpec) -> ProcessEnd:
            return await self.wait(spool)

    check = scene.check(lambda _: ProcessEnd(how="exited", code=0))
    refusing = JUnitCheck(
        name="tests",
        runner=check.runner,
        executor=Refusing(lambda _: ProcessEnd(how="exited", code=0)),
        artefacts=check.artefacts,
        environment={},
    )
    result = asyncio.run(refusing.run(PROJECT, subject(scene.root)))
    assert result.status is CheckStatus.ERROR
    assert result.message == "the program was lost: nothing runs in check-1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<testsuite>", "the report is no XML"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite/>", "the report is refused"),
        (b" " * (REPORT_BYTES_MAX + 1), "the report is larger than 32 MiB"),
    ],
    ids=["malformed", "entities", "huge"],
)
def test_a_report_that_cannot_be_read_is_an_error(
    scene: Scene, content: bytes, message: str
) -> None:
    def program(spec: ProcessSpec) -> ProcessEnd:
        report_path(spec).write_bytes(content)
        return ProcessEnd(how="exited", code=0)

    result = scene.run(program)
    assert result.status is CheckStatus.ERROR
    assert result.message.startswith(message)


def test_a_report_that_is_a_link_is_not_followed(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "forged.xml").write_text(f"<testsuite>{OK}</testsuite>")

    def program(spec: ProcessSpec) -> ProcessEnd:
        report_path(spec).symlink_to(tmp_path / "forged.xml")
        return ProcessEnd(how="exited", code=0)

    result = scene.run(program)
    assert result.status is CheckStatus.ERROR
    assert result.message.startswith("the report cannot be read")


def test_details_are_bounded_and_say_how_much_is_left_out(scene: Scene) -> None:
    result = scene.report(*[BAD] * (DETAILS_MAX + 2), code=1)
    assert result.failed == DETAILS_MAX + 2
    assert len(result.details) == DETAILS_MAX + 1
    assert result.details[-1] == "and 2 more"


# --- how the runner is started -------------------------------------------------------------


def test_the_runner_gets_a_private_place_for_its_report_outside_the_checkout(
    scene: Scene,
) -> None:
    places: list[Path] = []

    def program(spec: ProcessSpec) -> ProcessEnd:
        folder = report_path(spec).parent
        places.append(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not folder.is_relative_to(spec.cwd)
        return ProcessEnd(how="exited", code=0)

    scene.run(program)
    scene.run(program)
    assert places[0] != places[1]
    assert not any(place.exists() for place in places)


def test_the_runner_gets_the_environment_it_is_allowed_and_ends_with_the_engine(
    scene: Scene,
) -> None:
    scene.run(lambda _: ProcessEnd(how="exited", code=0))
    (spec,) = scene.executor.ran
    assert spec.cwd == scene.root
    assert spec.env == {"PATH": "/usr/bin", "A": "3", "PORT": "4001"}
    assert (spec.ttl_s, spec.timeout_s, spec.stdin) == (0, 1800, b"")
    assert spec.marker == "check-1"


def test_a_spool_is_dropped_once_it_is_read(scene: Scene) -> None:
    scene.run(lambda _: ProcessEnd(how="exited", code=0))
    assert scene.executor.kept == set()


# --- reports that the runner places itself -------------------------------------------------


def test_reports_below_the_checkout_are_read_in_order_of_their_names(scene: Scene) -> None:
    def program(spec: ProcessSpec) -> ProcessEnd:
        for name, case in (("b", BAD), ("a", OK)):
            (spec.cwd / "out" / name).mkdir(parents=True)
            (spec.cwd / "out" / name / "TEST.xml").write_text(f"<testsuite>{case}</testsuite>")
        return ProcessEnd(how="exited", code=1)

    check = scene.check(program, junit="out/**/*.xml")
    result = asyncio.run(check.run(PROJECT, subject(scene.root)))
    assert counts(result) == (1, 1, 0, 0)
    assert list(check.cases(result) or ()) == ["t::ok", "t::bad"]


def test_a_report_that_lay_there_before_does_not_count_unless_it_is_written_again(
    scene: Scene,
) -> None:
    (scene.root / "report.xml").write_text(f"<testsuite>{OK}</testsuite>")
    silent = scene.run(lambda _: ProcessEnd(how="exited", code=0), junit="*.xml")
    assert silent.message == "the program wrote no report and ended with exit code 0"

    def program(spec: ProcessSpec) -> ProcessEnd:
        (spec.cwd / "report.xml").write_text(f"<testsuite>{OK}{OK}</testsuite>")
        return ProcessEnd(how="exited", code=0)

    assert counts(scene.run(program, junit="*.xml")) == (2, 0, 0, 0)


def test_links_and_pipes_below_the_checkout_are_no_reports(
    scene: Scene, tmp_path: Path
) -> None:
    (tmp_path / "forged").mkdir()
    (tmp_path / "forged" / "a.xml").write_text(f"<testsuite>{OK}</testsuite>")

    def program(spec: ProcessSpec) -> ProcessEnd:
        (spec.cwd / "a.xml").symlink_to(tmp_path / "forged" / "a.xml")
        os.mkfifo(spec.cwd / "b.xml")
        return ProcessEnd(how="exited", code=0)

    assert scene.run(program, junit="*.xml").status is CheckStatus.ERROR

    def deeper(spec: ProcessSpec) -> ProcessEnd:
        (spec.cwd / "way").symlink_to(tmp_path / "forged")
        return ProcessEnd(how="exited", code=0)

    result = scene.run(deeper, junit="*/*.xml")
    assert result.message == "the report cannot be read: it lies behind a symbolic link"


def test_the_bound_on_size_holds_for_all_reports_together(scene: Scene) -> None:
    def program(spec: ProcessSpec) -> ProcessEnd:
        for name in ("a.xml", "b.xml"):
            with (spec.cwd / name).open("wb") as file:
                file.truncate(REPORT_BYTES_MAX // 2 + 1)
        return ProcessEnd(how="exited", code=0)

    assert scene.run(program, junit="*.xml").message == "the report is larger than 32 MiB"


# --- what is kept --------------------------------------------------------------------------


def test_output_and_reports_are_kept_in_private_and_found_by_their_digest(scene: Scene) -> None:
    result = scene.report(OK, BAD, code=1, output=b"printed \xff")
    kept = scene.artefacts / result.artefact
    assert kept.name == result.digest
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(scene.artefacts.stat().st_mode) == 0o700
    content = json.loads(kept.read_text())
    assert content["output"] == "printed �"
    assert content["reports"] == [f"<testsuite>{OK}{BAD}</testsuite>"]
    assert content["code"] == 1
    assert content["messages"] == {"t::bad": "assert 1 == 2"}


def test_the_tests_are_read_from_what_is_kept_as_long_as_nobody_altered_it(
    scene: Scene,
) -> None:
    result = scene.report(OK, BAD, BROKEN, SKIP, code=1)
    check = scene.check(lambda _: ProcessEnd(how="lost"))
    assert check.cases(result) == {
        "t::ok": "passed",
        "t::bad": "failed",
        "t::broken": "error",
        "t::skip": "skipped",
    }
    kept = scene.artefacts / result.artefact
    kept.write_text(kept.read_text().replace('"failed"', '"passed"'))
    assert check.cases(result) is None
    kept.unlink()
    assert check.cases(result) is None


def test_what_a_broken_run_printed_is_kept_too(scene: Scene) -> None:
    result = scene.run(lambda _: ProcessEnd(how="timeout", output=b"waiting\n"))
    content = json.loads((scene.artefacts / result.artefact).read_text())
    assert (content["how"], content["output"]) == ("timeout", "waiting\n")
    assert content["why"] == result.message


# --- the digest ----------------------------------------------------------------------------


def test_the_digest_changes_with_each_setting_and_with_the_place_of_the_program(
    tmp_path: Path,
) -> None:
    def digest(
        *command: str, junit: str = "", timeout_min: float = 30, path: Path = tmp_path
    ) -> str:
        return JUnitCheck(
            name="tests",
            runner=Tool(command=command, timeout_min=timeout_min),
            junit=junit,
            executor=FakeExecutor(lambda _: ProcessEnd(how="lost")),
            artefacts=Artefacts(tmp_path),
            environment={"PATH": str(path)},
        ).tool

    program = tmp_path / "bin" / "runner"
    program.parent.mkdir()
    program.touch(mode=0o755)
    digests = [
        digest("runner"),
        digest("runner", "-x"),
        digest("runner", junit="*.xml"),
        digest("runner", timeout_min=1),
        digest("runner", path=program.parent),
        digest("./runner"),
    ]
    assert len(set(digests)) == len(digests)
    assert digest("runner") == digests[0]
