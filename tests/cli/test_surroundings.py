"""Folders and files that cannot be used are refused in one sentence that says the way out."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.recorded import Recorded
from tests.cli.shell import Said, Shell
from tests.cli.test_run_command import plan

EVERY = (("status",), ("run",))
TASK: dict[str, object] = {"key": "one", "title": "Write one"}


def refused(said: Said, *words: str) -> None:
    """Expect one sentence, with these words."""
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Error: ")
    assert said.err.endswith(".\n")
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


@pytest.mark.parametrize("args", EVERY)
@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/dev/null/below", "Not a directory"),
        (f"/{'long' * 80}", "File name too long"),
        ("state", "absolute path"),
    ],
)
def test_a_state_folder_that_cannot_be_one(
    shell: Shell, args: tuple[str, ...], folder: str, why: str
) -> None:
    plan(shell, TASK)
    said = shell.banksman(*args, BANKSMAN_STATE_DIR=folder)
    refused(said, "BANKSMAN_STATE_DIR", folder[:20], why)
    assert "a folder of your own" in said.err or "leave it out" in said.err


def test_a_state_folder_that_cannot_be_made(shell: Shell) -> None:
    plan(shell, TASK)
    said = shell.banksman("run", BANKSMAN_STATE_DIR="/proc/state")
    refused(said, "/proc/state/engine.lock cannot be made", "BANKSMAN_STATE_DIR")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_git_that_cannot_be_written(shell: Shell) -> None:
    plan(shell, TASK)
    (shell.folder / ".git").chmod(0o500)
    said = shell.banksman("run")
    (shell.folder / ".git").chmod(0o700)
    refused(said, "cannot be made (Permission denied)", "BANKSMAN_STATE_DIR")


@pytest.mark.parametrize("folder", ["/dev/null", f"/{'long' * 80}"])
def test_workspaces_that_would_have_no_place(shell: Shell, folder: str) -> None:
    plan(shell, TASK)
    refused(shell.banksman("run", XDG_STATE_HOME=folder), folder, "XDG_STATE_HOME")
    assert shell.banksman("run").code == 0
    verdicts = {
        row[0]: row[1] for row in shell.banksman("doctor", XDG_STATE_HOME="/dev/null").rows
    }
    assert verdicts["workspaces"] == "bad"


def test_without_home_and_with_no_place_for_short_lived_files_a_plan_runs(shell: Shell) -> None:
    plan(shell, TASK)
    env = {name: value for name, value in shell.env.items() if name != "HOME"}
    said = Shell(folder=shell.folder, env=env).banksman("run", TMPDIR="/nowhere")
    assert said.code == 0, said.err


def test_a_state_folder_serves_one_repository(shell: Shell, tmp_path: Path) -> None:
    plan(shell, TASK)
    state = str(tmp_path / "shared")
    other = Shell(folder=tmp_path / "other", env=shell.env)
    shutil.copytree(shell.folder, other.folder)
    assert shell.banksman("run", BANKSMAN_STATE_DIR=state).code == 0
    for args in EVERY:
        said = other.banksman(*args, BANKSMAN_STATE_DIR=state)
        refused(said, state, "belongs to another repository", "BANKSMAN_STATE_DIR")
    assert other.banksman("run").code == 0


def test_repository_and_state_folder_may_both_be_moved(shell: Shell, tmp_path: Path) -> None:
    plan(shell, TASK)
    assert shell.banksman("run").code == 0
    state = shell.state.rename(tmp_path / "elsewhere")
    moved = Shell(folder=shell.folder.rename(tmp_path / "moved"), env=shell.env)
    for args in EVERY:
        assert moved.banksman(*args, BANKSMAN_STATE_DIR=str(state)).code == 0


def test_a_first_run_that_died_at_once_is_begun_again(shell: Shell) -> None:
    plan(shell, TASK)
    shell.state.mkdir(mode=0o700)
    (shell.state / "state.db").touch()
    refused(shell.banksman("status"), "Nothing has been run")
    assert ["database", "fine", "made by the first run"] in shell.banksman("doctor").rows
    assert shell.banksman("run").code == 0


def test_a_store_that_was_emptied_is_not_taken_for_a_new_one(shell: Shell) -> None:
    plan(shell, TASK)
    assert shell.banksman("run").code == 0
    store = shell.state / "state.db"
    store.write_bytes(b"")
    refused(shell.banksman("run"), str(store), "banksman/target", "Put the state folder back")


@pytest.mark.parametrize("args", EVERY)
def test_a_store_that_is_none_is_refused(recorded: Recorded, args: tuple[str, ...]) -> None:
    plan(recorded.repo, TASK)
    recorded.store.close()
    store = recorded.repo.state / "state.db"
    store.write_bytes(b"no database at all" * 1000)
    refused(recorded.repo.banksman(*args), f"{store} is not a database; move it away")


@pytest.mark.parametrize("args", EVERY)
def test_a_store_that_was_cut_off_is_refused(recorded: Recorded, args: tuple[str, ...]) -> None:
    plan(recorded.repo, TASK)
    recorded.store.close()
    store = recorded.repo.state / "state.db"
    os.truncate(store, 3 * 4096)
    refused(recorded.repo.banksman(*args), f"{store} is damaged; restore it from a copy")


@pytest.mark.parametrize("args", EVERY)
def test_a_store_of_a_newer_version_is_refused(
    recorded: Recorded, args: tuple[str, ...]
) -> None:
    plan(recorded.repo, TASK)
    recorded.store.close()
    store = recorded.repo.state / "state.db"
    with closing(sqlite3.connect(store)) as database:
        database.execute("PRAGMA user_version = 99")
    refused(recorded.repo.banksman(*args), str(store), "schema 99", "upgrade Banksman")
