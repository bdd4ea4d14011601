"""Every error is a sentence, with the exit code that the domain gives it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from banksman import __version__
from tests.cli.recorded import Recorded
from tests.cli.shell import Shell


def test_version_names_the_program_and_its_version(shell: Shell) -> None:
    said = shell.banksman("--version")
    assert (said.code, said.out) == (0, f"banksman {__version__}\n")


def test_help_lists_every_command(shell: Shell) -> None:
    said = shell.banksman("-h")
    assert said.code == 0
    for command in ("init", "run", "status", "resolve", "land", "doctor"):
        assert f"\n  {command} " in said.out


def test_an_unknown_command_is_refused_with_the_nearest(shell: Shell) -> None:
    said = shell.banksman("statsu")
    assert said.code == 2
    assert "there is no command 'statsu'; did you mean \"status\"?" in said.err


def test_an_unknown_option_is_refused(shell: Shell) -> None:
    said = shell.banksman("status", "--jsn")
    assert (said.code, said.out) == (2, "")
    assert "--jsn" in said.err


def test_without_a_repository_one_sentence_says_so(shell: Shell) -> None:
    said = shell.banksman("status", cwd=shell.folder.parent)
    assert (said.code, said.out) == (2, "")
    assert "is not in a git repository." in said.err
    assert "git init" in said.err
    assert "Traceback" not in said.err


def test_a_bare_repository_is_called_so(shell: Shell) -> None:
    bare = shell.folder.parent / "bare.git"
    shell.git("clone", "-q", "--bare", ".", str(bare))
    for folder in (bare, bare / "refs"):
        said = shell.banksman("status", cwd=folder)
        assert (said.code, said.out) == (2, "")
        assert f"{bare} is a bare repository: there are no files to work on." in said.err


def test_a_number_that_is_none_is_refused_in_plain_words(shell: Shell) -> None:
    said = shell.banksman("resolve", "0x9", "accept")
    assert said.code == 2
    assert "'0x9' is not a valid number." in said.err


def test_a_folder_that_is_not_there_is_named(shell: Shell) -> None:
    said = shell.banksman("-C", "gone\x1b[2J", "status")
    assert said.code == 2
    assert "There is no folder gone" in said.err
    assert "\x1b" not in said.err


def test_another_folder_can_be_named(recorded: Recorded) -> None:
    shell = recorded.repo
    said = shell.banksman("-C", str(shell.folder), "status", cwd=shell.folder.parent)
    assert said.code == 0
    assert said.rows[0][0] == "first"


def test_a_folder_below_and_a_linked_worktree_have_the_same_state(recorded: Recorded) -> None:
    shell = recorded.repo
    below = shell.folder / "deep" / "er"
    below.mkdir(parents=True)
    shell.git("worktree", "add", "-q", "-b", "other", str(shell.folder.parent / "linked"))
    expected = shell.banksman("status").out
    assert shell.banksman("status", cwd=below).out == expected
    assert shell.banksman("status", cwd=shell.folder.parent / "linked").out == expected


def test_before_the_first_run_a_read_names_the_command(shell: Shell) -> None:
    said = shell.banksman("status")
    assert (said.code, said.out) == (2, "")
    assert "Start with `banksman run`." in said.err


def test_a_relative_state_folder_is_refused(shell: Shell) -> None:
    said = shell.banksman("status", BANKSMAN_STATE_DIR="state")
    assert said.code == 2
    assert "BANKSMAN_STATE_DIR must be an absolute path" in said.err


def test_a_broken_store_is_no_fault_of_the_person(recorded: Recorded) -> None:
    recorded.store.close()
    with closing(sqlite3.connect(recorded.repo.state / "state.db")) as database:
        database.execute("DROP TABLE decision")
    said = recorded.repo.banksman("task", "show", "first")
    assert said.code == 1
    assert "refused: no such table" in said.err
    log = recorded.repo.state / "log" / "banksman.log"
    assert str(log) in said.err
    assert "Traceback" not in said.err
    assert "StoreException" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_traceback_is_shown_on_request(shell: Shell) -> None:
    said = shell.banksman("--debug", "status")
    assert said.code == 2
    assert "Traceback (most recent call last)" in said.err


def test_a_reader_that_goes_away_is_no_error(recorded: Recorded) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "banksman", "status"],
        cwd=recorded.repo.folder,
        env=recorded.repo.env,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_encoding_lacks_ends_no_command(recorded: Recorded, encoding: str) -> None:
    recorded.add("third", "здесь")
    said = recorded.repo.banksman("status", PYTHONIOENCODING=encoding)
    assert said.code == 0
    assert said.rows[2][-1] in {"здесь", "\\u0437\\u0434\\u0435\\u0441\\u044c"}


DEFECT = """\
from banksman.cli.lazy import Entry
from banksman.cli import main
main.COMMANDS["status"] = Entry("json", "no_such_thing", "")
main.main()
"""


def test_a_defect_is_told_in_one_line_and_kept_whole(recorded: Recorded) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DEFECT, "status"],
        cwd=recorded.repo.folder,
        env=recorded.repo.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    log = recorded.repo.state / "log" / "banksman.log"
    assert ended.stderr == (
        "Error: a defect of Banksman, AttributeError: module 'json' has no attribute "
        f"'no_such_thing'\nThe details are in {log}.\n"
    )
    assert "Traceback (most recent call last)" in log.read_text()
