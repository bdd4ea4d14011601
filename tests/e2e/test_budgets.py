"""What tasks and runs may spend, from the front door, with a program that tells its cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.crash.real_projects import Project, assert_rebuilt, make_project

SETTINGS: Final = """\
[run]
parallel = 1

[agents.dear]
type = "command"
shell = '''
printf '{"model": "m", "input_tokens": 900, "output_tokens": 100, "cost_usd": 0.4}' \\
    > "$BANKSMAN_USAGE_FILE"
echo "done = $DONE" > "$BANKSMAN_TASK_KEY.py"
'''
env = {DONE = "DONE_IS"}

[checks.tests]
type = "tests"
command = ["sh", "report.sh", "{junit}"]
"""
COST: Final = 400_000
"""What each turn costs, in millionths of a dollar."""


def project_in(folder: Path, *keys: str, done: bool = True, limits: str = "") -> Project:
    """Return a project with these tasks, the first of which may have limits."""
    settings = SETTINGS.replace("DONE_IS", str(done))
    project = make_project(folder, {key: [] for key in keys}, settings)
    if limits:
        plan = json.loads((project.root / "plan.yaml").read_text())
        plan["tasks"][0]["limits"] = json.loads(limits)
        (project.root / "plan.yaml").write_text(json.dumps(plan))
    return project


def banksman(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "banksman", *arguments],
        cwd=project.root,
        env=project.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def told(project: Project, *arguments: str) -> Any:  # noqa: ANN401 - what JSON holds, the test says
    """Return what a command answers as JSON."""
    done = banksman(project, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def states(project: Project) -> dict[str, str]:
    return {task["key"]: task["status"] for task in told(project, "status")["tasks"]}


def only_event(project: Project) -> dict[str, Any]:
    (event,) = told(project, "status")["breakpoints"]
    assert event["type"] == "budget_exceeded"
    return dict(event)


def saved(project: Project, attempt: int) -> str:
    """Return the work that is kept of an attempt of the first task: it was captured."""
    return project.git("show", f"refs/banksman/attempts/1/{attempt}:t0.py")


@pytest.fixture
def spent(tmp_path: Path) -> Project:
    """Return a project whose only task has spent its budget on work that is wrong."""
    project = project_in(tmp_path, "t0", done=False, limits='{"cost": 0.4, "turns": 9}')
    ended = banksman(project, "run", "--no-wait")
    assert ended.returncode == 3, ended.stderr
    assert "the task has spent $0.40 of $0.40" in ended.stdout
    assert states(project) == {"t0": "blocked"}
    return project


def test_a_task_that_has_spent_its_budget_stops_with_its_work_kept(spent: Project) -> None:
    event = only_event(spent)
    assert (event["message"], event["attempt"]) == ("the task has spent $0.40 of $0.40", 1)
    assert saved(spent, 1) == "done = False\n"
    shown = banksman(spent, "task", "show", "t0").stdout
    assert "Spent\t1 of 9 turns, " in shown
    assert "1,000 tokens, $0.40 of $0.40" in shown
    details = told(spent, "task", "show", "t0")
    assert details["spent"]["cost_microusd"] == COST
    assert details["limits"]["cost_microusd"] == COST
    assert_rebuilt(spent)


def test_retry_grants_the_budget_once_more_and_no_more(spent: Project) -> None:
    first = only_event(spent)["id"]
    assert banksman(spent, "resolve", str(first), "accept").returncode == 2
    assert banksman(spent, "resolve", str(first), "retry").returncode == 0
    assert told(spent, "task", "show", "t0")["spent"]["cost_microusd"] == 0
    assert banksman(spent, "run", "--no-wait").returncode == 3
    event = only_event(spent)
    assert (event["id"], event["attempt"]) == (first + 1, 2)
    assert told(spent, "status")["spent"]["project"]["cost_microusd"] == 2 * COST
    assert saved(spent, 2) == "done = False\n"
    assert_rebuilt(spent)


def test_edit_takes_the_work_through_its_checks_for_nothing(spent: Project) -> None:
    number = str(only_event(spent)["id"])
    place = Path(told(spent, "breakpoint", "show", number)["workspace"])
    (place / "t0.py").write_text("done = True\n")
    assert banksman(spent, "resolve", number, "edit").returncode == 0
    assert banksman(spent, "run", "--no-wait").returncode == 0
    assert states(spent) == {"t0": "completed"}
    assert told(spent, "status")["spent"]["project"]["cost_microusd"] == COST
    assert spent.git("show", "banksman/target:t0.py") == "done = True\n"


def test_cancel_ends_the_task_and_keeps_its_work(spent: Project) -> None:
    assert banksman(spent, "resolve", str(only_event(spent)["id"]), "cancel").returncode == 0
    assert states(spent) == {"t0": "cancelled"}
    assert saved(spent, 1) == "done = False\n"


def test_a_run_that_has_spent_what_it_may_ends_and_the_next_goes_on(tmp_path: Path) -> None:
    project = project_in(tmp_path, "t0", "t2", "t4", "t6")
    ended = banksman(project, "run", "--max-cost", "0.8")
    assert ended.returncode == 3, ended.stderr
    (sentence,) = (line for line in ended.stdout.splitlines() if line.startswith("Stopped: "))
    assert "the run has spent $0.80 of $0.80" in sentence
    assert states(project) == dict.fromkeys(("t0", "t2"), "completed") | dict.fromkeys(
        ("t4", "t6"), "ready"
    )
    status = told(project, "status")
    assert status["breakpoints"] == []
    assert status["spent"]["run"]["cost_microusd"] == 2 * COST
    assert status["spent"]["run"]["tokens"] == 2000
    assert status["spent"]["run_limits"]["cost_microusd"] == 2 * COST
    report = banksman(project, "report").stdout
    assert "the run is over: capped, the run has spent $0.80 of $0.80" in report
    last = json.loads(
        banksman(project, "run", "--max-turns", "1", "--json").stdout.splitlines()[-1]
    )
    assert (last["end"], last["reason"]) == ("capped", "the run has spent 1 of 1 turn")
    assert last["spent"]["run"]["turns"] == 1
    assert last["spent"]["project"]["turns"] == 3
    assert banksman(project, "run").returncode == 0
    assert set(states(project).values()) == {"completed"}
    assert_rebuilt(project)


def test_an_attempt_of_a_run_that_has_spent_all_waits_for_a_person(tmp_path: Path) -> None:
    project = project_in(tmp_path, "t0", done=False)
    assert banksman(project, "run", "--max-tokens", "1000").returncode == 3
    event = only_event(project)
    assert event["message"] == "the run has spent 1,000 of 1,000 tokens"
    assert saved(project, 1) == "done = False\n"
    assert banksman(project, "resolve", str(event["id"]), "retry").returncode == 0
    assert banksman(project, "run", "--max-tokens", "2000").returncode == 3
    assert told(project, "status")["spent"]["run"]["turns"] == 2


def test_a_project_may_have_a_budget_for_all_its_runs(tmp_path: Path) -> None:
    project = project_in(tmp_path, "t0", "t2")
    settings = project.root / "banksman.toml"
    limited = settings.read_text()
    settings.write_text(f"{limited}\n[limits]\nproject = {{cost = 0.4}}\n")
    for _ in range(2):
        ended = banksman(project, "run")
        assert ended.returncode == 3, ended.stderr
        assert "the project has spent $0.40 of $0.40" in ended.stdout
    settings.write_text(f"{limited}\n[limits]\nproject = {{cost = 0.8}}\n")
    assert banksman(project, "run").returncode == 0


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        (
            "cost",
            "0",
            "must be US dollars, a number such as 20 or 2.50, 0.0001 to 1,000,000, not 0.",
        ),
        (
            "cost",
            "-1",
            "must be US dollars, a number such as 20 or 2.50, 0.0001 to 1,000,000, not -1.",
        ),
        (
            "cost",
            "nan",
            "must be US dollars, a number such as 20 or 2.50, 0.0001 to 1,000,000, not nan.",
        ),
        (
            "cost",
            "inf",
            "must be US dollars, a number such as 20 or 2.50, 0.0001 to 1,000,000, not inf.",
        ),
        ("cost", "1000001", "0.0001 to 1,000,000, not 1000001."),
        ("tokens", "0", "must be a whole number, 1 to 1,000,000,000,000, not 0."),
        ("tokens", "1000000000001", "1 to 1,000,000,000,000, not 1000000000001."),
        ("turns", "-1", "must be a whole number, 1 to 1,000,000, not -1."),
        ("minutes", "0", "above 0 and at most a year, not 0."),
        ("minutes", "-2h", 'above 0 and at most a year, not the text "-2h".'),
        ("minutes", "nan", "above 0 and at most a year, not nan."),
        ("minutes", "a day", 'above 0 and at most a year, not the text "a day".'),
    ],
)
def test_a_limit_that_is_none_is_refused_in_one_sentence(
    refusing: Project, option: str, value: str, sentence: str
) -> None:
    refused = banksman(refusing, "run", f"--max-{option}", value)
    assert refused.returncode == 2
    assert f"--max-{option}: [limits] run.{option} " in refused.stderr
    assert sentence in refused.stderr
    assert not refusing.state.exists(), "nothing was begun"


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project that nothing is run in."""
    return project_in(tmp_path_factory.mktemp("refusing"), "t0")
