"""`land`, `clean` and `doctor`, after a real run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.cli.test_run_command import plan


@pytest.fixture
def finished(shell: Shell) -> Shell:
    """Return a project whose plan has been run: one completed, one at a gate."""
    plan(
        shell,
        {"key": "one", "title": "Write one"},
        {"key": "two", "title": "Write two", "gate": "manual"},
    )
    assert shell.banksman("run", "--no-wait").code == 3
    return shell


def test_landing_is_previewed_then_done_then_nothing(finished: Shell) -> None:
    before = finished.git("rev-parse", "main")
    preview = finished.banksman("land", "--preview")
    assert preview.code == 0
    assert "banksman/target → main (fast-forward):" in preview.out
    assert "Write one" in preview.out
    assert finished.git("rev-parse", "main") == before
    asked = finished.banksman("land")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert finished.git("rev-parse", "main") == before
    landed = finished.banksman("land", "--yes", "--json")
    assert (landed.json["landed"], landed.json["way"]) == (True, "fast-forward")
    assert finished.git("rev-parse", "main") == finished.git("rev-parse", "banksman/target")
    assert (finished.folder / "one.py").exists()
    again = finished.banksman("land", "--yes")
    assert (again.code, again.out) == (0, "main has all of banksman/target already.\n")


def test_landing_never_overwrites_what_is_not_committed(finished: Shell) -> None:
    (finished.folder / "one.py").write_text("mine\n")
    said = finished.banksman("land")
    assert said.code == 2
    assert "one.py" in said.err
    assert (finished.folder / "one.py").read_text() == "mine\n"


def test_landing_onto_a_branch_that_is_not_there_is_refused(finished: Shell) -> None:
    said = finished.banksman("land", "--into", "devlop", "--yes")
    assert said.code == 2
    assert "devlop" in said.err


def leave_behind(shell: Shell) -> tuple[Path, Path, Path]:
    """Make what a crash may leave: an old output, an ended spool, one without an end."""
    old = shell.state / "artefacts" / "ab" / ("ab" * 32)
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_text("old")
    os.utime(old, (0, 0))
    ended, unended = (
        shell.state / "spool" / "p1-t1-a1-n1",
        shell.state / "spool" / "p1-t1-a1-n2",
    )
    for folder in (ended, unended):
        folder.mkdir(parents=True, exist_ok=True)
    (ended / "result.json").write_text("{}")
    return old, ended, unended


def test_cleaning_shows_first_then_removes_and_says_what_it_keeps(finished: Shell) -> None:
    old, ended, unended = leave_behind(finished)
    root = next((Path(finished.env["XDG_STATE_HOME"]) / "banksman").iterdir())
    stray = root / "work" / "mine"
    stray.mkdir(parents=True)
    spares = {str(path) for path in (root / "spares").iterdir()}
    goes = {str(old), str(ended), *spares}
    shown = finished.banksman("clean", "--older-than", "30d", "--dry-run")
    assert {row[2] for row in shown.rows if row[0] == "would go"} == goes
    assert old.exists()
    assert ended.exists()
    done = finished.banksman("clean", "--older-than", "30d")
    assert {row[2] for row in done.rows if row[0] == "removed"} == goes
    kept = {row[2]: row[3] for row in done.rows if row[0] == "kept"}
    assert kept[str(unended)] == "it has no ending yet"
    assert kept[str(stray)] == "Banksman did not make it"
    assert not old.exists()
    assert not ended.exists()
    assert list((root / "spares").iterdir()) == []
    assert unended.exists()
    assert stray.exists()


def test_cleaning_keeps_what_a_task_that_goes_on_may_need(finished: Shell) -> None:
    spool = finished.state / "spool" / "p1-t2-a1-n1"
    spool.mkdir(parents=True)
    (spool / "result.json").write_text("{}")
    done = finished.banksman("clean", "--json").json
    assert {"kind": "spool", "path": str(spool), "why": "two is blocked"} in done["kept"]
    assert spool.exists()


def test_saved_work_and_outputs_go_only_if_an_age_is_given(finished: Shell) -> None:
    old, *_ = leave_behind(finished)
    before = finished.git("for-each-ref", "--format=%(refname)", "refs/banksman/").split()
    assert "refs/banksman/attempts/1/1" in before
    assert finished.banksman("clean").code == 0
    assert finished.banksman("clean", "--older-than", "1d").code == 0
    assert (
        finished.git("for-each-ref", "--format=%(refname)", "refs/banksman/").split() == before
    )
    assert not old.exists()
    shown = finished.banksman("clean", "--older-than", "0m", "--dry-run")
    goes = {row[2] for row in shown.rows if row[:2] == ["would go", "ref"]}
    done = finished.banksman("clean", "--older-than", "0m")
    assert {row[2] for row in done.rows if row[:2] == ["removed", "ref"]} == goes
    after = finished.git("for-each-ref", "--format=%(refname)", "refs/banksman/").split()
    assert set(before) - set(after) == goes
    assert "refs/banksman/attempts/1/1" in goes
    assert finished.banksman("land", "--yes").code == 0


@pytest.mark.parametrize("age", ["", "30", "old", "-1d"])
def test_an_age_that_is_none_is_refused(finished: Shell, age: str) -> None:
    said = finished.banksman("clean", "--older-than", age)
    assert (said.code, said.out) == (2, "")
    assert 'must be a span such as "30d" or "12h"' in said.err


def test_doctor_finds_everything_in_order(finished: Shell) -> None:
    said = finished.banksman("doctor")
    assert said.code == 0, said.out
    found = {row[0]: row[1] for row in said.rows}
    assert found["git"] == found["database"] == found["state folder"] == "fine"
    off = finished.env.get("BANKSMAN_SANDBOX") == "off"
    assert found["sandbox"] == ("note" if off else "fine")
    assert found["processes"] == "fine"


def test_doctor_names_what_is_in_the_way(finished: Shell) -> None:
    (finished.state / "state.db").write_bytes(b"nothing" * 1000)
    (finished.folder / "banksman.toml").write_text("[run]\nparalel = 3\n")
    said = finished.banksman("doctor", "--json")
    assert said.code == 2
    bad = {one["name"]: one["message"] for one in said.json if one["verdict"] == "bad"}
    assert "is not a database" in bad["database"]
    assert 'did you mean "parallel"?' in bad["configuration"]


def test_doctor_after_a_first_run_that_was_refused_says_what_was_in_the_way(
    shell: Shell,
) -> None:
    (shell.folder / "banksman.toml").write_text(
        '[agents.a]\ntype = "command"\ncommand = ["true"]\n'
    )
    task = '{"version": 1, "tasks": [{"key": "one", "title": "T", "instructions": "I"}]}'
    (shell.folder / "plan.yaml").write_text(task)
    shell.git("checkout", "-q", "--orphan", "empty")
    assert "no commit yet" in shell.banksman("run").err
    assert "no commit yet" in shell.banksman("doctor").out


def test_doctor_outside_a_repository_says_so(shell: Shell) -> None:
    said = shell.banksman("doctor", cwd=shell.folder.parent)
    assert said.code == 2
    assert [row[0] for row in said.rows] == ["git", "repository"]


def test_doctor_without_git_says_so(shell: Shell) -> None:
    said = shell.banksman("doctor", PATH="/nowhere")
    assert said.code == 2
    assert said.rows[0][:2] == ["git", "bad"]


def test_commits_that_no_task_made_are_named_before_they_land(finished: Shell) -> None:
    tip, tree = "banksman/target", "banksman/target^{tree}"
    theirs = finished.git("commit-tree", tree, "-p", tip, "-m", "Slipped in")
    finished.git("update-ref", f"refs/heads/{tip}", theirs)
    preview = finished.banksman("land", "--preview")
    assert f"Made by no task (1):\n  {theirs[:10]} Slipped in\n" in preview.out
    assert finished.banksman("land", "--preview", "--json").json["foreign"] == [theirs]
