"""Standard streams that are closed, full or gone end no command, and no run, in a traceback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.cli.recorded import Recorded
from tests.cli.shell import Shell
from tests.cli.test_run_command import plan

FULL = "Error: the output cannot be written (No space left on device).\n"


def redirected(shell: Shell, redirection: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell does with this behind it."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "banksman", *args],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("args", [("status",), ("status", "--json"), ("-h",), ("--version",)])
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_closed_stream_is_as_an_empty_one(
    recorded: Recorded, closed: str, args: tuple[str, ...]
) -> None:
    ended = redirected(recorded.repo, closed, *args)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert bool(ended.stdout) == (">&-" not in closed.split())


@pytest.mark.parametrize("args", [("status",), ("diff", "first"), ("-h",), ("log", "-n", "1")])
def test_what_is_refused_keeps_its_code_without_anybody_to_tell(
    shell: Shell, args: tuple[str, ...]
) -> None:
    code = redirected(shell, "", *args).returncode
    assert redirected(shell, ">&- 2>&-", *args).returncode == code
    assert redirected(shell, "2>/dev/full", *args).returncode == code


@pytest.mark.parametrize("args", [("status",), ("status", "--json"), ("-h",), ("--version",)])
def test_a_full_disk_under_the_output_is_told_in_one_sentence(
    recorded: Recorded, args: tuple[str, ...]
) -> None:
    ended = redirected(recorded.repo, ">/dev/full", *args)
    assert (ended.returncode, ended.stderr) == (2, FULL)
    assert redirected(recorded.repo, ">/dev/full 2>&1", *args).returncode == 2


def test_a_run_goes_on_over_an_output_that_is_full_and_says_so_once(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Write one"})
    ended = redirected(shell, ">/dev/full", "run")
    assert (ended.returncode, ended.stderr) == (2, f"Plan: 1 added.\n{FULL}")
    assert shell.banksman("status").rows[0][1] == "completed"


def test_a_run_with_all_streams_closed_prints_into_no_file_of_its_own(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Write one"})
    assert redirected(shell, "<&- >&- 2>&-", "run").returncode == 0
    assert shell.banksman("status").rows[0][1] == "completed"


def test_a_run_outlives_its_terminal(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Write one"})
    go = shell.folder / "go"
    os.mkfifo(go)
    settings = shell.folder / "banksman.toml"
    settings.write_text(settings.read_text().replace("echo", f"cat {go}; echo"))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "banksman", "run"],
        cwd=shell.folder,
        env={**shell.env, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    # Opening it waits for the agent, and closing it lets that go on.
    with go.open("w"):
        os.close(ours)
    assert process.wait(timeout=60) == 2
    assert shell.banksman("status").rows[0][1] == "completed"
