"""A run in the background, with real processes: begun by a command that returns, and ended."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.real_projects import Project, make_project, survivors
from tests.waiting import PATIENCE_S, until

BANKSMAN = ("-m", "banksman")
DETACH = (*BANKSMAN, "run", "--detach", "--parallel", "1")
SLOW = """\
[agents.slow]
type = "command"
shell = '''
echo "half = True" > half.py
while [ ! -e "$(git rev-parse --git-common-dir)/go" ]; do sleep 0.05; done
'''
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return two tasks of agents that wait for a file `go`."""
    return make_project(tmp_path, {"t0": [], "t1": []}, SLOW)


def test_detach_returns_when_the_engine_owns_the_project_and_has_read_the_plan(
    project: Project,
) -> None:
    told = _told(project, "--json")
    try:
        assert _status(project)["engine"] is True
        assert len(_status(project)["tasks"]) == 2
        _let_go(project)
        _ended(project)
    finally:
        _kill(told["pid"])
    assert {one["status"] for one in _status(project)["tasks"]} == {"completed"}
    log = Path(told["log"])
    assert (log.parent.stat().st_mode & 0o777, log.stat().st_mode & 0o777) == (0o700, 0o600)
    ends = [json.loads(line) for line in log.read_text().splitlines()]
    assert ends[-1]["kind"] == "run.ended"


def test_it_says_where_it_runs_and_how_to_look(project: Project) -> None:
    said = project.output(*DETACH)
    pid = int(said.partition("process ")[2].partition(",")[0])
    try:
        assert f"log {project.state / 'log' / 'run.log'}.\n" in said
        for command in ("status", "watch", "stop"):
            assert f"`banksman {command}`" in said
        assert "t0\tattempt 1 starts" in _log_with(project, "attempt 1 starts")
        project.output(*BANKSMAN, "stop", "--now", "--wait")
    finally:
        _kill(pid)


@pytest.mark.parametrize("spoiled", ["plan.yaml", "banksman.toml"])
def test_what_a_run_refuses_is_refused_in_the_same_words(
    project: Project, spoiled: str
) -> None:
    (project.root / spoiled).write_text("[nothing that can be read")
    plain, detached = project.run(*BANKSMAN, "run"), project.run(*DETACH)
    assert plain.returncode == detached.returncode == 2
    assert plain.stderr == detached.stderr != b""
    assert not (project.state / "log" / "run.log").exists()


def test_a_second_run_is_refused_as_it_always_is(project: Project) -> None:
    told = _told(project, "--json")
    try:
        plain, detached = project.run(*BANKSMAN, "run"), project.run(*DETACH)
        assert plain.returncode == detached.returncode == 2
        assert f"process {told['pid']} on".encode() in detached.stderr
        assert plain.stderr == detached.stderr
        project.output(*BANKSMAN, "stop", "--now", "--wait")
    finally:
        _kill(told["pid"])


def test_it_outlives_the_terminal_that_it_was_started_on(project: Project) -> None:
    # As over SSH: the terminal of the login is closed, its leader and its group hang up.
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-c", _LOGIN, sys.executable, *DETACH],
        cwd=project.root,
        env={**project.environ, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while b"begun: 0" not in shown:
        shown += os.read(ours, 4096)
    os.close(ours)
    assert shell.wait(timeout=PATIENCE_S) == -signal.SIGHUP
    pid = int(shown.partition(b"process ")[2].partition(b",")[0])
    try:
        assert os.getsid(pid) == pid
        assert Path(f"/proc/{pid}/fd/0").readlink() == Path(os.devnull)
        assert not any(
            str(entry.readlink()).startswith("/dev/pt")
            for entry in Path(f"/proc/{pid}/fd").iterdir()
        )
        # What a login manager sends to all that is left.
        os.kill(pid, signal.SIGHUP)
        _let_go(project)
        _ended(project)
    finally:
        _kill(pid)
    assert {one["status"] for one in _status(project)["tasks"]} == {"completed"}


_LOGIN = """\
import fcntl, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
print("begun:", subprocess.run(sys.argv[1:]).returncode, flush=True)
signal.pause()
"""


def test_the_programs_of_agents_do_not_ignore_a_hangup(tmp_path: Path) -> None:
    settings = SLOW.replace('echo "half = True"', "grep SigIgn /proc/self/status")
    project = make_project(tmp_path, {"t0": []}, settings)
    told = _told(project, "--json")
    try:
        until(lambda: any(mark.read_text() for mark in _begun(project)), "the agent's start")
        (mark,) = _begun(project)
        assert int(mark.read_text().split()[1], 16) & 1 == 0
        project.output(*BANKSMAN, "stop", "--now", "--wait")
    finally:
        _kill(told["pid"])


def test_stop_lets_what_works_come_to_its_end_and_starts_nothing_more(project: Project) -> None:
    told = _told(project, "--json")
    try:
        until(lambda: bool(_begun(project)), "the agent's start")
        said = project.output(*BANKSMAN, "stop")
        assert said == (
            "The engine ends after the attempts that run; `banksman stop --now` stops them.\n"
        )
        again = json.loads(project.output(*BANKSMAN, "stop", "--json"))
        assert again == {"ran": True, "asked": True, "ended": False}
        _let_go(project)
        project.output(*BANKSMAN, "stop", "--wait")
        until(lambda: not _alive(told["pid"]), "the end of its process")
    finally:
        _kill(told["pid"])
    assert [one["status"] for one in _status(project)["tasks"]] == ["completed", "ready"]


def test_stop_now_ends_the_agents_and_keeps_their_work(project: Project) -> None:
    told = _told(project, "--json")
    try:
        until(lambda: bool(_begun(project)), "the agent's start")
        project.output(*BANKSMAN, "stop")
        said = project.output(*BANKSMAN, "stop", "--now", "--wait")
        assert said.splitlines() == [
            "The engine stops the attempts that run, and saves their work.",
            "The engine has ended; `banksman run` goes on from here.",
        ]
        assert survivors(project) == []
    finally:
        _kill(told["pid"])
    assert [one["status"] for one in _status(project)["tasks"]] == ["retrying", "ready"]
    saved = project.git("for-each-ref", "--format=%(refname)", "refs/banksman/saved/").split()
    assert any("half.py" in project.git("ls-tree", "--name-only", ref) for ref in saved)


def test_with_no_engine_there_is_nothing_to_stop(project: Project) -> None:
    before = project.run(*BANKSMAN, "stop")
    assert before.returncode == 2
    assert b"Nothing has been run" in before.stderr
    told = _told(project, "--json")
    project.output(*BANKSMAN, "stop", "--now", "--wait")
    until(lambda: not _alive(told["pid"]), "the engine's end")
    for _ in range(2):
        said = project.output(*BANKSMAN, "stop", "--wait")
        assert said == "No engine runs here; there is nothing to stop.\n"
    # Nothing of it is left for the engine of tomorrow.
    assert _status(project)["commands"] == 0
    told = _told(project, "--json")
    try:
        _let_go(project)
        _ended(project)
    finally:
        _kill(told["pid"])
    assert {one["status"] for one in _status(project)["tasks"]} == {"completed"}


def _told(project: Project, *options: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(project.output(*DETACH, *options))
    return told


def _status(project: Project) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(project.output(*BANKSMAN, "status", "--json"))
    return status


def _begun(project: Project) -> list[Path]:
    root = project.root.parent / "state"
    return list(root.glob("banksman/*/work/*/half.py"))


def _let_go(project: Project) -> None:
    (project.root / ".git" / "go").touch()


def _ended(project: Project) -> None:
    until(lambda: not _status(project)["engine"], "the end of the run")


def _log_with(project: Project, text: str) -> str:
    path = project.state / "log" / "run.log"
    until(lambda: text in path.read_text(), f"{text!r} in the log")
    return path.read_text()


def _alive(pid: object) -> bool:
    """Return whether a process works; nobody may have taken notice of its end yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _kill(pid: object) -> None:
    assert isinstance(pid, int)
    if _alive(pid):
        os.kill(pid, signal.SIGKILL)
