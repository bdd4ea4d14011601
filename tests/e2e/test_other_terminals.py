"""Looking at a run from elsewhere: small, dumb and foreign terminals, and ones that go away."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.crash.real_projects import Project, make_project
from tests.waiting import PATIENCE_S

BANKSMAN: Final = ("-m", "banksman")
SETTINGS: Final = """\
[run]
parallel = 1

[agents.slow]
type = "command"
shell = '''
while [ ! -e "$(git rev-parse --git-common-dir)/go" ]; do sleep 0.05; done
echo "done = True" > "$BANKSMAN_TASK_KEY.py"
'''
"""
LATIN: Final = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}
TERMINALS: Final = [
    {"TERM": "xterm"},
    {"TERM": "dumb"},
    {"TERM": ""},
    {"TERM": "unheard-of"},
    {"TERM": "xterm", **LATIN},
    {"TERM": "dumb", **LATIN},
]


@dataclass
class Terminal:
    """A command on a terminal of its own."""

    project: Project
    arguments: tuple[str, ...]
    variables: dict[str, str]
    columns: int = 80
    shown: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 5, self.columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, *BANKSMAN, *self.arguments],
            cwd=self.project.root,
            env={**self.project.environ, **self.variables},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, text: bytes) -> None:
        """Read until something is shown."""
        while text not in self.shown:
            assert self._read(), f"{text!r} was never shown, only {self.shown!r}"

    def ended(self) -> int:
        """Read to the end; return the exit code."""
        while self._read():
            pass
        return self.process.wait(timeout=PATIENCE_S)

    def hang_up(self) -> None:
        """Close the terminal."""
        with suppress(OSError):
            os.close(self._ours)

    def _read(self) -> bool:
        # Reading fails on Linux, and ends elsewhere, when the other side is closed.
        with suppress(OSError):
            if select.select([self._ours], [], [], PATIENCE_S)[0]:
                part = os.read(self._ours, 65536)
                self.shown += part
                return bool(part)
        return False


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Project]:
    """Return a project whose run goes on in the background until a file `go` is there."""
    project = make_project(tmp_path, {"t0": [], "a-key-that-is-rather-long": []}, SETTINGS)
    pid = json.loads(project.output(*BANKSMAN, "run", "--detach", "--json"))["pid"]
    yield project
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _go(project: Project) -> None:
    (project.root / ".git" / "go").touch()


def test_status_is_shown_on_any_terminal_and_fits_where_it_can(running: Project) -> None:
    for variables in TERMINALS:
        for columns in (200, 80, 20, 1):
            terminal = Terminal(running, ("status",), variables, columns)
            assert terminal.ended() == 0, terminal.shown
            terminal.hang_up()
            assert b"t0" in terminal.shown
            assert b"Traceback" not in terminal.shown
            if "LC_ALL" in variables:
                assert terminal.shown.isascii()


@pytest.mark.parametrize("variables", TERMINALS, ids=str)
def test_watch_shows_a_run_on_any_terminal_and_ends_with_it(
    running: Project, variables: dict[str, str]
) -> None:
    watching = Terminal(running, ("watch",), variables, columns=30)
    again = Terminal(running, ("watch",), {"TERM": "dumb"})
    if variables["TERM"] == "xterm":
        watching.until(b"1 running")
    _go(running)
    assert watching.ended() == again.ended() == 0, watching.shown
    for terminal in (watching, again):
        terminal.hang_up()
        assert b"No engine runs now" in terminal.shown.replace(b"\r\n", b" ")
        assert b"Traceback" not in terminal.shown
    if variables["TERM"] == "dumb":
        assert b"\x1b" not in watching.shown
    assert b"completed" in again.shown


def test_whoever_watches_may_leave_at_any_time_without_harm(running: Project) -> None:
    for leave in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP):
        watching = Terminal(running, ("watch",), {"TERM": "xterm"})
        watching.until(b"1 running")
        if leave is signal.SIGHUP:
            watching.hang_up()
        watching.process.send_signal(leave)
        code = watching.process.wait(timeout=PATIENCE_S)
        watching.hang_up()
        assert code in {130, -leave}
    assert json.loads(running.output(*BANKSMAN, "status", "--json"))["engine"] is True
    last = Terminal(running, ("watch",), {"TERM": "dumb"})
    _go(running)
    assert last.ended() == 0
    last.hang_up()
    status = json.loads(running.output(*BANKSMAN, "status", "--json"))
    assert {task["status"] for task in status["tasks"]} == {"completed"}
