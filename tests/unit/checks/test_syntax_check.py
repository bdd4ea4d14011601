"""The syntax check on real files: counts, lines, and what a repository can put in its way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from banksman.checks.looking import serve
from banksman.checks.parsing import SCAN_BYTES_MAX
from banksman.checks.syntax import DETAILS_MAX, SyntaxCheck
from banksman.core.names import escape_path
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult, FileChange
from banksman.exceptions import ExecutorException
from banksman.ports import ProcessEnd, ProcessSpec
from tests.unit.checks.check_bench import PROJECT, TREE, FakeExecutor, change, subject


def parsers(spec: ProcessSpec) -> ProcessEnd:
    """Do here what the process does: `tests/e2e` has a real one."""
    told = BytesIO()
    serve(BytesIO(spec.stdin), told)
    return ProcessEnd(how="exited", code=0, output=told.getvalue())


def syntax(
    program: Callable[[ProcessSpec], ProcessEnd] = parsers, *, exclude: tuple[str, ...] = ()
) -> SyntaxCheck:
    executor = FakeExecutor(program)
    return SyntaxCheck(name="syntax", executor=executor, environment={}, exclude=exclude)


SYNTAX = syntax()


def check(root: Path, *changes: FileChange, by: SyntaxCheck = SYNTAX) -> CheckResult:
    return asyncio.run(by.run(PROJECT, subject(root, *changes)))


def counts(result: CheckResult) -> tuple[int, int, int, int]:
    return result.passed, result.failed, result.skipped, result.errors


def write(root: Path, path: str, content: bytes = b"x = 1\n") -> FileChange:
    where = root / path
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(content)
    return change(path)


def test_every_changed_file_is_counted_exactly_once(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    result = check(
        tmp_path,
        write(tmp_path, "a.py"),
        write(tmp_path, "b/c.json", b"{}"),
        write(tmp_path, "bad.py", b"x = 1\ndef f(:\n"),
        write(tmp_path, "bad.toml", b"a = \n"),
        write(tmp_path, "README.md", b"Title\n=====\n"),
        write(tmp_path, "lib.rs", b"fn main() {}\n"),
        write(tmp_path, "logo.png", b"\x89PNG\0"),
        change("gone.py", "deleted", mode="000000"),
        change("link", "added", mode="120000"),
        change("vanished.py"),
    )
    assert result.status is CheckStatus.FAIL
    assert counts(result) == (2, 2, 5, 1)
    assert result.message == (
        "2 parsed, 2 not in order, 1 unreadable, "
        "5 skipped (1 binary, 1 deleted, 2 other language, 1 symbolic link)"
    )
    assert result.details == (
        "bad.py:2: invalid syntax",
        "bad.toml:1: Invalid value",
        "vanished.py: cannot be read (No such file or directory)",
    )
    assert (result.project_id, result.tree, result.check) == (PROJECT, TREE, "syntax")
    assert (result.stage, result.tool) == (Stage.SYNTAX, SYNTAX.tool)


def test_a_change_of_files_in_order_passes(tmp_path: Path) -> None:
    result = check(tmp_path, write(tmp_path, "a.py"), write(tmp_path, "b.yaml", b"a: 1\n"))
    assert (result.status, counts(result)) == (CheckStatus.PASS, (2, 0, 0, 0))
    assert result.message == "2 parsed"


@pytest.mark.parametrize("changes", [(), (change("a.py", "deleted", mode="000000"),)])
def test_a_change_without_a_file_to_parse_passes(
    tmp_path: Path, changes: tuple[FileChange, ...]
) -> None:
    result = check(tmp_path, *changes)
    assert result.status is CheckStatus.PASS
    assert result.message in {"no file was changed", "1 skipped (1 deleted)"}


def test_a_file_that_cannot_be_read_is_an_error_and_no_pass(tmp_path: Path) -> None:
    result = check(tmp_path, write(tmp_path, "a.py"), change("gone.py"))
    assert (result.status, counts(result)) == (CheckStatus.ERROR, (1, 0, 0, 1))


@pytest.mark.parametrize("name", ["notes.md", "main.rs", "a.py"])
def test_conflict_markers_fail_in_every_text_file(tmp_path: Path, name: str) -> None:
    conflict = b"\n<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n"
    result = check(tmp_path, write(tmp_path, name, conflict))
    assert result.status is CheckStatus.FAIL
    assert result.details == (f"{name}:2: begins a merge conflict that is not resolved",)


def test_conflict_markers_in_a_binary_file_are_its_content(tmp_path: Path) -> None:
    conflict = b"\0\n<<<<<<< ours\n=======\n>>>>>>> theirs\n"
    assert check(tmp_path, write(tmp_path, "a.bin", conflict)).status is CheckStatus.PASS


def test_a_new_gitlink_fails_and_a_moved_one_is_skipped(tmp_path: Path) -> None:
    new = check(tmp_path, change("vendor", "added", mode="160000"))
    assert new.details == ("vendor:1: is a repository within the repository",)
    swapped = check(tmp_path, change("vendor", "type", mode="160000"))
    assert swapped.status is CheckStatus.FAIL
    moved = check(tmp_path, change("vendor", "modified", mode="160000"))
    assert (moved.status, counts(moved)) == (CheckStatus.PASS, (0, 0, 1, 0))


def test_excluded_files_are_skipped_and_said_to_be(tmp_path: Path) -> None:
    lenient = syntax(exclude=("tests/broken/**",))
    result = check(tmp_path, write(tmp_path, "tests/broken/x/a.py", b"def"), by=lenient)
    assert (result.status, result.message) == (CheckStatus.PASS, "1 skipped (1 excluded)")
    assert lenient.tool != SYNTAX.tool


def test_no_link_is_followed_wherever_it_stands_in_the_path(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, "a.py", b"def secret(:\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "folder").symlink_to(outside)
    (root / "b.py").symlink_to(outside / "a.py")
    (root / "up").mkdir()
    changes = [
        change(path) for path in ("folder/a.py", "b.py", "up/../a.py", "../outside/a.py")
    ]
    result = check(root, *changes, change(str(outside / "a.py")))
    assert counts(result) == (0, 0, 0, 5)
    assert "secret" not in str(result)


def test_a_checkout_below_a_link_is_read_all_the_same(tmp_path: Path) -> None:
    write(tmp_path / "real", "a.py")
    (tmp_path / "way").symlink_to("real")
    assert counts(check(tmp_path / "way", change("a.py"))) == (1, 0, 0, 0)


def test_a_named_pipe_or_folder_does_not_hold_the_check_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.py")
    (tmp_path / "b.py").mkdir()
    result = check(tmp_path, change("a.py"), change("b.py"))
    assert counts(result) == (0, 0, 0, 2)


@pytest.mark.parametrize("name", [b"a\nb.py", b"\x1b[31m.py", b"\xff.py", b"back\\x0aslash.py"])
def test_a_strange_name_is_found_and_told_as_git_tells_it(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_bytes(b"def f(:\n")
    result = check(tmp_path, change(escape_path(name)))
    assert result.details == (f"{escape_path(name)}:1: invalid syntax",)
    assert result.details[0].isprintable()


def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path) -> None:
    assert counts(check(tmp_path, change("a\\x00/b.py"), change("c\\x00.py"))) == (0, 0, 0, 2)


def test_a_huge_file_fails_if_it_should_parse_and_is_skipped_if_not(tmp_path: Path) -> None:
    for name in ("a.json", "a.csv"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(SCAN_BYTES_MAX + 1)
    result = check(tmp_path, change("a.json"), change("a.csv"))
    assert result.details == ("a.json:1: is larger than 8 MiB",)
    assert result.message == "1 not in order, 1 skipped (1 too large)"


def test_details_are_bounded_and_say_how_much_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.py", b"def")
    result = check(tmp_path, *[change("a.py")] * (DETAILS_MAX + 3))
    assert result.failed == DETAILS_MAX + 3
    assert len(result.details) == DETAILS_MAX + 1
    assert result.details[-1] == "and 3 more"


def test_files_are_no_tests() -> None:
    assert not SYNTAX.compares
    assert SYNTAX.required
    assert SYNTAX.stage is Stage.SYNTAX
    result = CheckResult(
        project_id=PROJECT,
        tree=TREE,
        check="syntax",
        tool=SYNTAX.tool,
        stage=Stage.SYNTAX,
        status=CheckStatus.PASS,
    )
    assert SYNTAX.cases(result) == {}


READY_AND_ONE = b'"ready"\n["passed", ""]\n'


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (ProcessEnd(how="silence"), "takes longer than 60 s"),
        (ProcessEnd(how="timeout"), "takes longer than 600 s"),
        (ProcessEnd(how="exited", code=-11), "ends the parser: exited with code -11"),
        (ProcessEnd(how="exited", code=1), "ends the parser: exited with code 1"),
    ],
)
def test_a_file_at_which_the_parsers_end_fails_by_name(
    tmp_path: Path, end: ProcessEnd, why: str
) -> None:
    dying = syntax(lambda _: replace(end, output=READY_AND_ONE + b"Fatal\n"))
    result = check(tmp_path, change("a.py"), change("b.py"), change("c.py"), by=dying)
    assert (result.status, counts(result)) == (CheckStatus.FAIL, (1, 1, 1, 0))
    assert result.details == (f"b.py:1: {why}",)
    assert result.message == "1 parsed, 1 not in order, 1 skipped (1 not reached)"


@pytest.mark.parametrize(
    "end",
    [
        ProcessEnd(how="lost", output=READY_AND_ONE),
        ProcessEnd(how="stopped", why="it ends", output=READY_AND_ONE),
        ProcessEnd(how="exited", code=0, output=READY_AND_ONE),
    ],
)
def test_parsers_that_were_lost_are_an_error_and_no_fault_of_a_file(
    tmp_path: Path, end: ProcessEnd
) -> None:
    result = check(tmp_path, change("a.py"), change("b.py"), by=syntax(lambda _: end))
    assert (result.status, counts(result)) == (CheckStatus.ERROR, (1, 0, 0, 1))
    assert result.details[0].startswith("b.py: cannot be looked at: ")


def test_parsers_that_do_not_start_are_an_error(tmp_path: Path) -> None:
    def refuse(_: ProcessSpec) -> ProcessEnd:
        raise ExecutorException(message="no process")

    def fail(_: ProcessSpec) -> ProcessEnd:
        return ProcessEnd(how="exited", code=1, output=b"Traceback\n")

    for program in (refuse, fail):
        result = check(tmp_path, change("a.py"), by=syntax(program))
        assert (result.status, counts(result)) == (CheckStatus.ERROR, (0, 0, 0, 1))
        assert result.details[0].startswith("the parsers could not be started: ")


def test_the_process_is_bounded_and_ends_with_the_engine(tmp_path: Path) -> None:
    executor = FakeExecutor(parsers)
    one = SyntaxCheck(name="syntax", executor=executor, environment={"PATH": "/bin"})
    check(tmp_path, write(tmp_path, "a.py"), by=one)
    (spec,) = executor.ran
    assert (spec.silence_s, spec.timeout_s, spec.ttl_s) == (60, 600, 0)
    assert spec.env == {"PATH": "/bin"}
    assert executor.kept == set()
    check(tmp_path, by=one)
    assert len(executor.ran) == 1, "there was nothing to look at"
