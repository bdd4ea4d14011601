"""Commands that write: through the inbox, answered by an engine or by the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from banksman.core.task import TaskId
from tests.cli.recorded import Recorded
from tests.cli.shell import Shell
from tests.waiting import until

SETTINGS = """\
[agents.touch]
type = "command"
command = ["touch", "made.txt"]
"""


@pytest.fixture
def idle(recorded: Recorded) -> Recorded:
    """Return a project that nobody runs, with a plan and settings."""
    (recorded.repo.folder / "banksman.toml").write_text(SETTINGS)
    return recorded


def state_of(shell: Shell, key: str) -> str:
    """Return the state of a task."""
    return next(row[1] for row in shell.banksman("status").rows if row[0] == key)


def test_a_task_is_cancelled_without_an_engine(idle: Recorded) -> None:
    said = idle.repo.banksman("task", "cancel", "second", "--reason", "by hand")
    assert (said.code, said.out) == (0, "second is cancelled now.\n")
    assert state_of(idle.repo, "second") == "cancelled"
    assert "by hand" in idle.repo.banksman("task", "show", "second").out


def test_a_task_is_stopped_at_a_breakpoint_until_it_is_resolved(idle: Recorded) -> None:
    said = idle.repo.banksman("task", "block", "first", "--reason", "I look first")
    assert (said.code, said.out) == (0, "first is blocked now.\n")
    assert "I look first" in idle.repo.banksman("breakpoint", "list").out
    assert idle.repo.banksman("resolve", "1", "accept").code == 0
    assert state_of(idle.repo, "first") != "blocked"


def test_what_makes_no_sense_is_refused_with_the_reason(idle: Recorded) -> None:
    idle.repo.banksman("task", "cancel", "first")
    said = idle.repo.banksman("task", "retry", "first")
    assert (said.code, said.out) == (2, "")
    assert "cannot go from cancelled" in said.err
    gone = idle.repo.banksman("resolve", "7", "accept")
    assert gone.code == 2
    assert "there is no breakpoint '7'." in gone.err


def test_the_same_request_is_done_once(idle: Recorded) -> None:
    command = ("task", "cancel", "first", "--request", "once", "--json")
    first, again = idle.repo.banksman(*command), idle.repo.banksman(*command)
    assert first.json == again.json
    assert first.json["answer"]["status"] == "cancelled"
    other = idle.repo.banksman("task", "cancel", "second", "--request", "once")
    assert (other.code, other.out) == (2, "")
    assert "the request 'once' was sent before, and wished something else" in other.err
    assert idle.repo.banksman("status").rows[1][1] == "blocked"


def test_text_that_is_not_utf_8_is_refused(idle: Recorded) -> None:
    said = idle.repo.banksman("task", "add", "third", os.fsdecode(b"a\xffb"))
    assert (said.code, said.out) == (2, "")
    assert 'title is not UTF-8 text: "a\\udcffb".' in said.err
    piped = subprocess.run(
        [sys.executable, "-m", "banksman", "task", "add", "third", "T", "--instructions", "-"],
        cwd=idle.repo.folder,
        env=idle.repo.env,
        input=b"\x7fELF\xff",
        capture_output=True,
        check=False,
    )
    assert piped.returncode == 2
    assert b"the standard input is not UTF-8 text." in piped.stderr


def test_pause_and_resume_are_told(idle: Recorded) -> None:
    assert idle.repo.banksman("pause").out == "demo is paused.\n"
    assert idle.repo.banksman("status", "--json").json["project"]["paused"] is True
    assert idle.repo.banksman("resume").out == "demo is not paused.\n"
    assert idle.repo.banksman("status", "--json").json["project"]["paused"] is False


def test_a_breakpoint_is_answered_once_and_for_all(idle: Recorded) -> None:
    idle.stop(TaskId(1), "may it start?")
    said = idle.repo.banksman("resolve", "1", "accept", "--reason", "looks right")
    assert (said.code, said.out) == (0, "Breakpoint 1: accept. first is ready now.\n")
    again = idle.repo.banksman("resolve", "1", "cancel")
    assert again.code == 2
    assert "accept" in again.err


def test_a_task_is_added_with_all_that_a_plan_can_say(idle: Recorded) -> None:
    said = idle.repo.banksman(
        "task", "add", "third", "A third thing", "--needs", "second", "--needs", "1",
        "--priority", "9", "--estimate", "90m", "--kind", "docs", "--agent", "touch",
        "--check", "syntax", "--gate", "manual", "--retries", "0",
        "--limit", "cost=2.50", "--limit", "minutes=2h", "--limit", "turns=7",
    )  # fmt: skip
    assert (said.code, said.out) == (0, "third is task 3, pending.\n")
    task = idle.repo.banksman("task", "show", "third", "--json").json["task"]
    assert task["needs"] == [1, 2]
    spec = task["spec"]
    assert (spec["priority"], spec["estimate_min"], spec["kind"]) == (9, 90, "docs")
    assert (spec["agent"], spec["checks"], spec["gate"]) == ("touch", ["syntax"], "manual")
    hours = 7_200_000
    assert spec["limits"] == {
        "turns": 7, "time_ms": hours, "tokens": None, "cost_microusd": 2_500_000,
    }  # fmt: skip
    twice = idle.repo.banksman("task", "add", "third", "Again")
    assert twice.code == 2
    assert "there is a task 'third' already" in twice.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["Bad Key", "x"], "KEY: key must be a name of a-z"),
        (["ok", "x", "--priority", "12"], "--priority: priority must be 1 to 10, not 12."),
        (["ok", "x", "--estimate", "soon"], "--estimate: estimate must be minutes"),
        (["ok", "x", "--deadline", "2030-01-31"], "--deadline: "),
        (["ok", "x", "--needs", "frst"], "there is no task 'frst'. Did you mean 'first'?"),
        (["ok", "x", "--agent", "toch"], 'there is no agent "toch" in the settings; did you'),
        (["ok", "x", "--check", "tests"], 'there is no check "tests" in the settings'),
        (["ok", "x", "--touches", "/etc"], "--touches: "),
        (["ok", "x", "--limit", "cost=0"], "--limit: limits.cost must be US dollars"),
        (["ok", "x", "--limit", "cost=nan"], "0.0001 to 1,000,000, not nan."),
        (["ok", "x", "--limit", "tokens"], '1 to 1,000,000,000,000, not the text "".'),
        (["ok", "x", "--limit", "hours=2"], '--limit: limits: unknown key "hours"'),
        (["ok", "x", "--kind", "fun"], "'fun' is not one of"),
    ],
)
def test_a_task_that_is_wrong_is_refused_before_anything_is_done(
    idle: Recorded, options: list[str], sentence: str
) -> None:
    said = idle.repo.banksman("task", "add", *options)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert len(idle.repo.banksman("status").rows) == 2


def test_a_failure_on_the_way_takes_the_wish_back(idle: Recorded) -> None:
    (idle.repo.folder / "banksman.toml").write_text("[run\n")
    said = idle.repo.banksman("pause")
    assert said.code == 2
    assert "banksman.toml" in said.err
    answer = idle.repo.banksman("status", "--json").json
    assert (answer["commands"], answer["project"]["paused"]) == (0, False)


def test_without_a_project_a_wish_names_run(shell: Shell) -> None:
    said = shell.banksman("pause")
    assert said.code == 2
    assert "Start with `banksman run`." in said.err


HOLDER = """\
import fcntl, sys
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_wish_that_an_engine_does_not_answer_stays_in_the_inbox(idle: Recorded) -> None:
    lock = idle.repo.state / "engine.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as engine:
        assert engine.stdout is not None
        assert engine.stdin is not None
        assert engine.stdout.readline() == "held\n"
        said = idle.repo.banksman("pause")
        assert idle.repo.banksman("status", "--json").json["engine"] is True
        refused = idle.repo.banksman("clean")
        engine.stdin.close()
    assert (said.code, said.out) == (1, "")
    assert "Command 1 (pause) stays in the inbox" in said.err
    assert refused.code == 2
    assert "another engine owns this project" in refused.err
    # Whoever owns the project next applies it.
    idle.repo.banksman("task", "cancel", "first")
    assert idle.repo.banksman("status", "--json").json["project"]["paused"] is True


def test_an_engine_that_runs_answers(shell: Shell) -> None:
    (shell.folder / "banksman.toml").write_text(SETTINGS)
    (shell.folder / "plan.yaml").write_text(
        textwrap.dedent(
            """\
            version: 1
            tasks:
              - key: first
                title: Do it
                gate: manual
            """
        )
    )
    engine = subprocess.Popen(
        [sys.executable, "-m", "banksman", "run"],
        cwd=shell.folder,
        env=shell.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watcher = None
    try:
        until(lambda: "blocked" in shell.banksman("status").out, "the gate")
        watcher = subprocess.Popen(
            [sys.executable, "-m", "banksman", "watch"],
            cwd=shell.folder,
            env=shell.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watcher.stdout is not None
        assert "first\twaits for you: " in watcher.stdout.readline()
        assert shell.banksman("pause").out == "demo is paused.\n"
        assert shell.banksman("resume").out == "demo is not paused.\n"
        second = shell.banksman("run")
        assert second.code == 2
        assert "another engine owns this project" in second.err
        assert shell.banksman("resolve", "1", "accept").code == 0
        out, err = engine.communicate(timeout=60)
        watched, _ = watcher.communicate(timeout=60)
    finally:
        engine.kill()
        engine.communicate()
        if watcher is not None:
            watcher.kill()
            watcher.communicate()
    assert engine.returncode == 0, err
    assert "(banksman resolve 1 accept|cancel)" in out
    assert "first\tcompleted" in watched
    assert watched.endswith("No engine runs now; `banksman status` shows where things stand.\n")
