"""The tests check over real processes: pytest itself, and programs that hang or are missing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from banksman.app.clock import SystemClock
from banksman.checks import checks_from
from banksman.checks.syntax import SyntaxCheck
from banksman.core.quality import CheckStatus
from banksman.core.records import CheckResult, FileChange
from banksman.core.task import ProjectId, TaskId
from banksman.executors.local import LocalExecutor
from banksman.ports import Checkout, Subject
from tests.crash.real_projects import make_project

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={junit}"]
MIXED = """
import pytest

def test_passes(): pass
def test_fails(): assert 1 == 2, "a\\x1b[31m\\nb"
@pytest.mark.skip(reason="later")
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert False
@pytest.fixture
def broken(): raise ValueError("no such thing")
def test_breaks(broken): pass
@pytest.mark.parametrize("x", ["a", "a"], ids=["same", "same"])
def test_twice(x): pass
"""


class Bench:
    """A checkout with a real executor beside it."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "checkout"
        self.root.mkdir()
        self.home = tmp_path / "home"
        self.home.mkdir()
        self.spools = tmp_path / "spool"
        self.artefacts = tmp_path / "artefacts"

    def check(self, **settings: object) -> tuple[CheckResult, dict[str, str]]:
        (tests,) = checks_from(
            {"tests": {"type": "tests", "command": PYTEST, **settings}},
            executor=LocalExecutor(self.spools, SystemClock()),
            artefacts=self.artefacts,
            environment={"PATH": os.environ["PATH"]},
        )
        checkout = Checkout(path=self.root, home=self.home, commit="c" * 40, tree="a" * 40)
        subject = Subject(checkout=checkout, changes=(), spool="check-1")
        result = asyncio.run(tests.run(ProjectId(1), subject))
        assert list(self.spools.iterdir()) == []
        return result, dict(tests.cases(result) or {})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_pytest_is_read_test_by_test(bench: Bench) -> None:
    (bench.root / "test_mixed.py").write_text(MIXED)
    result, cases = bench.check()
    assert result.status is CheckStatus.FAIL
    assert (result.passed, result.failed, result.skipped, result.errors) == (3, 1, 2, 1)
    assert cases == {
        "test_mixed::test_passes": "passed",
        "test_mixed::test_fails": "failed",
        "test_mixed::test_skipped": "skipped",
        "test_mixed::test_expected": "skipped",
        "test_mixed::test_breaks": "error",
        "test_mixed::test_twice[same0]": "passed",
        "test_mixed::test_twice[same1]": "passed",
    }
    assert len(result.details) == 2
    assert all(line.isprintable() for line in result.details)
    assert result.details[1].startswith("test_mixed::test_breaks: ")
    assert "no such thing" in result.details[1]
    assert not (bench.root / "junit.xml").exists()


def test_a_module_that_cannot_be_imported_is_a_failure(bench: Bench) -> None:
    (bench.root / "test_broken.py").write_text("import no_such_module\n")
    result, cases = bench.check()
    assert (result.status, result.errors) == (CheckStatus.FAIL, 1)
    assert list(cases.values()) == ["error"]


def test_a_project_without_tests_is_an_error(bench: Bench) -> None:
    result, cases = bench.check()
    assert (result.status, cases) == (CheckStatus.ERROR, {})
    assert result.message == (
        "the report has no tests in it, and the program ended with exit code 5"
    )


def test_tests_that_end_the_runner_are_an_error(bench: Bench) -> None:
    (bench.root / "test_exits.py").write_text("import os\ndef test_a(): os._exit(0)\n")
    result, _ = bench.check()
    assert result.status is CheckStatus.ERROR
    assert result.message == "the program wrote no report and ended with exit code 0"


def test_tests_that_hang_are_an_error_and_their_output_is_kept(bench: Bench) -> None:
    program = "import time; print('so far', flush=True); time.sleep(600)"
    command = [sys.executable, "-c", program, "{junit}"]
    result, _ = bench.check(command=command, timeout_min=0.02)
    assert result.status is CheckStatus.ERROR
    assert result.message == "the program took longer than 0.02 min and was ended"
    assert result.details[0] == "so far"


@pytest.mark.parametrize("program", ["no-such-runner", "./no-such-runner", "./not-executable"])
def test_a_runner_that_cannot_be_started_is_an_error(bench: Bench, program: str) -> None:
    (bench.root / "not-executable").touch(mode=0o644)
    result, _ = bench.check(command=[program, "{junit}"])
    assert result.status is CheckStatus.ERROR
    assert result.message.startswith(f"the program {program!r} could not be started: ")


def looked_at(bench: Bench, *contents: bytes, file_s: float = 60) -> CheckResult:
    changes: list[FileChange] = []
    for number, content in enumerate(contents):
        path = f"{number}.py"
        (bench.root / path).write_bytes(content)
        changes.append(FileChange(task_id=TaskId(1), attempt=1, path=path, change="added"))
    check = SyntaxCheck(
        name="syntax",
        executor=LocalExecutor(bench.spools, SystemClock()),
        environment={"PATH": os.environ["PATH"]},
        file_s=file_s,
    )
    checkout = Checkout(path=bench.root, home=bench.home, commit="c" * 40, tree="a" * 40)
    subject = Subject(checkout=checkout, changes=tuple(changes), spool="check-1")
    result = asyncio.run(check.run(ProjectId(1), subject))
    assert list(bench.spools.iterdir()) == []
    return result


def test_changed_files_are_parsed_by_a_process_that_takes_nothing_from_them(
    bench: Bench,
) -> None:
    for name in ("yaml", "json", "sitecustomize", "banksman"):
        (bench.root / f"{name}.py").write_text("raise SystemExit(3)")
    result = looked_at(bench, b"x = 1\n", b"def f(:\n")
    assert (result.status, result.passed) == (CheckStatus.FAIL, 1)
    assert result.details == ("1.py:1: invalid syntax",)


def test_a_file_that_takes_minutes_to_parse_fails_and_is_ended(bench: Bench) -> None:
    # The time that this takes grows with the square of its length.
    slow = b"import " + b".".join([b"a"] * 400_000)
    result = looked_at(bench, b"x = 1\n", slow, b"x = 1\n", file_s=2)
    assert result.status is CheckStatus.FAIL
    assert (result.passed, result.failed, result.skipped) == (1, 1, 1)
    assert result.details == ("1.py:1: takes longer than 2 s",)


SETTINGS = """
[run]
agent = "write"

[agents.write]
type = "command"
shell = '''
if [ "$BANKSMAN_TASK_KEY" = break ]; then echo "broken = True" > state.py; fi
echo "done = True" > "$BANKSMAN_TASK_KEY.py"
'''

[checks.tests]
type = "tests"
command = ["PYTHON", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={junit}"]
"""
NEEDS_DEP = """
import pathlib, state
def test_dep():
    assert pathlib.Path("dep.txt").exists() and not state.broken
"""


def test_a_baseline_from_before_the_setup_was_configured_hides_no_regression(
    tmp_path: Path,
) -> None:
    settings = SETTINGS.replace("PYTHON", sys.executable)
    project = make_project(tmp_path, {"first": []}, settings)
    (project.root / ".gitignore").write_text("dep.txt\n__pycache__/\n")
    (project.root / "state.py").write_text("broken = False\n")
    (project.root / "test_dep.py").write_text(NEEDS_DEP)
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "need a file that git ignores")
    # Without the file the test fails on the base, so the first task may leave it failing.
    assert project.run("-m", "banksman", "run", "--no-wait").returncode == 0
    tasks = [{"key": key, "title": f"Do {key}"} for key in ("first", "break")]
    plan = {"version": 1, "tasks": tasks}
    (project.root / "plan.yaml").write_text(json.dumps(plan))
    setup = '\n[workspaces]\nsetup = [["touch", "dep.txt"]]\n'
    (project.root / "banksman.toml").write_text(settings + setup)
    run = project.run("-m", "banksman", "run", "--no-wait")
    # With it the test passes on the base: the second task waits for a person.
    assert run.returncode == 3, run.stderr
    merged = project.git("log", "--format=%s", "main..banksman/target")
    assert merged.splitlines() == ["Do first"]
