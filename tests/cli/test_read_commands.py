"""`status`, `log`, `diff`, `task show`, `breakpoint`: reads, beside any engine."""

from __future__ import annotations

import subprocess
import sys

from banksman.core.budget import Limits
from banksman.core.events import DependenciesMet
from banksman.core.records import Run
from banksman.core.task import Instant
from tests.cli.recorded import NOW, Recorded

HOSTILE = "evil \x1b[2J\x1b]0;title\x07 end"


def test_status_is_tab_separated_for_programs(recorded: Recorded) -> None:
    recorded.start(recorded.tasks[0])
    said = recorded.repo.banksman("status")
    first, second = said.rows
    assert first[:3] == ["first", "running", "1"]
    assert first[3].startswith("agent codex, turn 1, ")
    assert second == ["second", "pending", "", "", "Do the second thing"]
    assert "\x1b" not in said.out


def test_status_is_aligned_and_coloured_for_people(recorded: Recorded) -> None:
    recorded.start(recorded.tasks[0])
    recorded.stop(recorded.tasks[1], "may it start?")
    shown = recorded.repo.on_terminal("status")
    assert "demo: main → banksman/target, no engine runs it" in shown
    assert "2 tasks: 0 done, 1 running, 0 ready, 0 waiting, 1 blocked" in shown
    assert "\x1b[36mrunning\x1b[0m" in shown
    assert "banksman resolve 1 accept|cancel" in shown


def test_status_tells_people_what_was_spent(recorded: Recorded) -> None:
    run = Run(
        project_id=recorded.project.id,
        number=1,
        epoch=1,
        begun_at=NOW,
        limits=Limits(cost_microusd=20_000_000),
        project_limits=Limits(turns=9),
        ended_at=Instant(NOW + 90_000),
        end="capped",
        reason="the run has spent $20.00 of $20.00",
    )
    recorded.note("run.begun", run)
    shown = recorded.repo.on_terminal("--no-color", "status")
    assert "Spent by the last run: 1.5 minutes, $0.00 of $20.00\n" in shown
    assert "Spent by the project: 0 of 9 turns\n" in shown


def test_no_color_is_heard_wherever_it_is_said(recorded: Recorded) -> None:
    assert "\x1b" not in recorded.repo.on_terminal("--no-color", "status")
    assert "\x1b" not in recorded.repo.on_terminal("status", NO_COLOR="1")
    assert "\x1b" in recorded.repo.on_terminal("status", NO_COLOR="")


def test_status_as_json_counts_every_state(recorded: Recorded) -> None:
    answer = recorded.repo.banksman("status", "--json").json
    assert answer["counts"]["pending"] == 2
    assert answer["counts"]["failed"] == 0
    assert answer["engine"] is False
    assert [task["key"] for task in answer["tasks"]] == ["first", "second"]


def test_nothing_that_others_wrote_reaches_the_terminal_as_it_is(recorded: Recorded) -> None:
    task = recorded.add("third", HOSTILE)
    recorded.stop(task, HOSTILE)
    commands = (
        ["status"],
        ["log"],
        ["task", "show", "third"],
        ["breakpoint", "list"],
        ["breakpoint", "show", "1"],
    )
    for command in commands:
        shown = recorded.repo.on_terminal("--no-color", *command)
        assert "evil  end" in shown, command
        assert "\x1b" not in shown, command


def test_log_shows_the_last_lines_and_those_of_a_task(recorded: Recorded) -> None:
    recorded.start(recorded.tasks[0])
    said = recorded.repo.banksman("log", "-n", "2")
    assert [row[4] for row in said.rows] == ["attempt 1 starts", "attempt is recorded"]
    assert said.rows[0][:4] == ["2023-11-14T22:13:20Z", "first", "1", "running"]
    of_second = recorded.repo.banksman("log", "second")
    assert [row[4] for row in of_second.rows] == ["added to the plan"]


def test_log_follows_what_happens(recorded: Recorded) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "banksman", "log", "-f", "-n", "1", "second"],
        cwd=recorded.repo.folder,
        env=recorded.repo.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "added to the plan" in process.stdout.readline()
    # Of another task first: it must not be told, and not hide what comes after it.
    recorded.happen(recorded.tasks[0], DependenciesMet())
    recorded.happen(recorded.tasks[1], DependenciesMet())
    assert "second\t\tready\tready to start" in process.stdout.readline()
    process.send_signal(2)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_an_unknown_task_is_told_with_the_nearest(recorded: Recorded) -> None:
    said = recorded.repo.banksman("task", "show", "secnd")
    assert (said.code, said.out) == (2, "")
    assert "there is no task 'secnd'. Did you mean 'second'?" in said.err


def test_a_task_is_found_by_its_number(recorded: Recorded) -> None:
    said = recorded.repo.banksman("task", "show", str(recorded.tasks[1]))
    assert ["Title", "Do the second thing"] in said.rows
    assert ["Needs", "first"] in said.rows


def test_a_breakpoint_says_how_it_can_be_answered(recorded: Recorded) -> None:
    recorded.stop(recorded.tasks[1], "may it start?")
    listed = recorded.repo.banksman("breakpoint", "list")
    assert listed.rows[0][:4] == ["1", "second", "manual", "medium"]
    shown = recorded.repo.banksman("breakpoint", "show", "1")
    assert ["Resolve with", "banksman resolve 1 accept|cancel"] in shown.rows
    assert shown.out.endswith("\nmay it start?\n")
    gone = recorded.repo.banksman("breakpoint", "show", "9")
    assert gone.code == 2
    assert "there is no breakpoint '9'." in gone.err


def test_diff_gives_programs_a_patch_that_applies(recorded: Recorded) -> None:
    shell = recorded.repo
    base = shell.git("rev-parse", "HEAD")
    commit = shell.commit({"app.py": "print('bye\x1b[31m')\n", "new.py": "x = 1\n"})
    shell.git("reset", "-q", "--hard", base)
    recorded.finish(recorded.tasks[0], base=base, commit=commit)
    patch = shell.folder.parent / "patch"
    patch.write_text(shell.banksman("diff", "first").out)
    shell.git("apply", str(patch))
    assert (shell.folder / "app.py").read_text() == "print('bye\x1b[31m')\n"
    stat = shell.banksman("diff", "first", "--stat")
    assert stat.rows == [["modified", "1", "1", "app.py"], ["added", "1", "0", "new.py"]]


def test_diff_on_a_terminal_is_coloured_by_us_alone(recorded: Recorded) -> None:
    shell = recorded.repo
    base = shell.git("rev-parse", "HEAD")
    commit = shell.commit({"app.py": "print('bye\x1b[5m')\n"})
    recorded.finish(recorded.tasks[0], base=base, commit=commit)
    shown = shell.on_terminal("diff", "first")
    assert "\x1b[32m+print('bye')\x1b[0m" in shown
    assert "\x1b[5m" not in shown


def test_diff_of_a_running_attempt_reads_its_workspace_and_leaves_it(
    recorded: Recorded,
) -> None:
    shell = recorded.repo
    base = shell.git("rev-parse", "HEAD")
    workspace = shell.folder.parent / "work" / "task-1-1"
    shell.git("worktree", "add", "-q", "-b", "attempt", str(workspace))
    (workspace / "app.py").write_text("print('half')\n")
    (workspace / "new.py").write_text("x = 1\n")
    recorded.start(recorded.tasks[0], base=base, branch="attempt")
    before = shell.git("-C", str(workspace), "status", "--porcelain")
    answer = shell.banksman("diff", "first", "--json").json
    assert answer["live"] is True
    assert [change["path"] for change in answer["changes"]] == ["app.py", "new.py"]
    assert "+print('half')" in answer["patch"]
    assert shell.git("-C", str(workspace), "status", "--porcelain") == before


def test_diff_without_anything_to_compare_says_so(recorded: Recorded) -> None:
    never = recorded.repo.banksman("diff", "first")
    assert (never.code, never.out) == (2, "")
    assert "first has had no attempt yet." in never.err
    recorded.start(recorded.tasks[0])
    nothing = recorded.repo.banksman("diff", "first")
    assert nothing.code == 2
    assert "attempt 1 of first left nothing that could be compared." in nothing.err
    unknown = recorded.repo.banksman("diff", "first", "--attempt", "7")
    assert unknown.code == 2
    assert "there is no attempt '7'. There is 1." in unknown.err
