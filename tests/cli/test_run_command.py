"""`banksman run`: plans to their end, told line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.cli.shell import Shell

SETTINGS = """\
[run]
agent = "write"

[agents.write]
type = "command"
shell = 'echo "done = True" > "$BANKSMAN_TASK_KEY.py"'

[agents.fail]
type = "command"
shell = 'printf "\\033[2Jno\\n"; exit 9'
"""


def plan(shell: Shell, *tasks: dict[str, object]) -> None:
    """Write a plan and the settings."""
    (shell.folder / "banksman.toml").write_text(SETTINGS)
    (shell.folder / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))


def test_without_a_plan_one_sentence_names_init(shell: Shell) -> None:
    said = shell.banksman("run")
    assert (said.code, said.out) == (2, "")
    assert "`banksman init`" in said.err
    assert not (shell.state / "state.db").exists()


def test_a_plan_that_completes_tells_what_happened_and_where_to_look(shell: Shell) -> None:
    plan(
        shell,
        {"key": "one", "title": "Write one"},
        {"key": "two", "title": "Write two", "needs": ["one"]},
    )
    said = shell.banksman("run")
    assert said.code == 0, said.err
    assert said.err == "Plan: 2 added.\n"
    told = [row[1:] for row in said.rows if row[0].endswith("Z")]
    assert told.index(["one", "completed"]) < told.index(["two", "attempt 1 starts"])
    table = said.rows[
        said.rows.index(["TASK", "STATE", "ATTEMPTS", "TIME", "COMMIT OR REASON"]) :
    ]
    commit = shell.git("rev-parse", "banksman/target")[:10]
    assert [row[1] for row in table[1:3]] == ["completed", "completed"]
    assert table[2][4] == commit
    assert "`banksman diff two`" in said.out
    assert "`banksman land --preview`" in said.out
    assert shell.banksman("run").code == 0


def test_on_a_terminal_one_sees_what_is_under_way(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Write one"})
    settings = SETTINGS.replace("echo", "sleep 1; echo")
    (shell.folder / "banksman.toml").write_text(settings)
    shown = shell.on_terminal("run")
    assert "\x1b[36mone\x1b[0m  attempt 1, turn 1  0s  agent write" in shown
    assert "1 running" in shown
    assert "\x1b[32mone\x1b[0m  completed\n" in shown
    # What was drawn is taken back, the cursor shown, and the table comes last.
    table = shown.rpartition("\x1b[?25h")[2]
    assert "one   \x1b[32mcompleted\x1b[0m  1 " in table
    plain = shell.on_terminal("--no-color", "run")
    assert "\x1b[3" not in plain


def test_failed_work_ends_with_four_and_names_what_to_look_at(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Fail", "agent": "fail", "retries": 0})
    said = shell.banksman("run", "--no-wait")
    assert said.code == 4, said.out + said.err
    assert "\x1b" not in said.out
    assert "one" in said.out


def test_a_gate_ends_a_run_that_does_not_wait_with_three(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Gate", "gate": "manual"})
    said = shell.banksman("run", "--no-wait")
    assert said.code == 3
    assert "  banksman resolve 1 accept|cancel" in said.out
    assert shell.banksman("resolve", "1", "cancel").code == 0
    ended = shell.banksman("run", "--no-wait")
    assert ended.code == 4


def test_json_has_every_event_and_the_end(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Write one"})
    said = shell.banksman("run", "--json")
    *events, end = [json.loads(line) for line in said.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert end["kind"] == "run.ended"
    assert end["end"] == "completed"
    assert end["tasks"][0]["commit"] == shell.git("rev-parse", "banksman/target")


def test_a_reader_that_goes_away_does_not_end_the_run(shell: Shell) -> None:
    plan(shell, {"key": "one", "title": "Write one"})
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "banksman", "run"],
        cwd=shell.folder,
        env=shell.env,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert ended.returncode == 141
    assert b"Traceback" not in ended.stderr
    assert shell.banksman("status").rows[0][1] == "completed"


def test_what_the_plan_no_longer_names_is_kept_or_pruned(shell: Shell) -> None:
    plan(shell, {"key": "old", "title": "Old", "gate": "manual"})
    shell.banksman("run", "--no-wait")
    plan(shell, {"key": "new", "title": "New"})
    kept = shell.banksman("run", "--no-wait")
    assert kept.code == 3
    assert "Not in the plan any more, kept: old (--prune cancels them)." in kept.err
    pruned = shell.banksman("run", "--no-wait", "--prune")
    assert pruned.code == 4
    assert "1 cancelled" in pruned.err


def test_bad_numbers_are_refused_by_the_option(shell: Shell) -> None:
    said = shell.banksman("run", "--parallel", "0")
    assert said.code == 2
    assert "--parallel" in said.err


def test_work_that_git_refuses_fails_its_own_attempt_and_nothing_else(shell: Shell) -> None:
    plan(
        shell,
        {"key": "odd", "title": "Write an odd name", "agent": "odd", "retries": 0},
        {"key": "shut", "title": "Shut a folder", "agent": "shut"},
    )
    agents = (
        "[agents.odd]\ntype = 'command'\nshell = 'echo x > git~1'\n"
        "[agents.shut]\ntype = 'command'\n"
        "shell = 'mkdir in; echo done = True > in/new.py; chmod 0 in/new.py in'\n"
    )
    (shell.folder / "banksman.toml").write_text(SETTINGS + agents)
    said = shell.banksman("run", "--no-wait")
    assert said.code == 4, said.out + said.err
    states = {row[0]: row[1:] for row in said.rows if len(row) == 5}
    assert states["odd"][0] == "failed"
    assert "git cannot take what is in the workspace: invalid path 'git~1'" in states["odd"][3]
    assert states["shut"][0] == "completed"
    assert shell.git("ls-tree", "-r", "--name-only", "banksman/target", "in") == "in/new.py"
    assert shell.banksman("task", "cancel", "odd").code == 0
    assert shell.banksman("run").code == 4
