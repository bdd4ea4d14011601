"""Everything is killed at once while Claude Code works: engine, runners, agents and tools.

Nothing is lost or done twice, and of the user's repository not a byte is another one outside of
the target branch and `refs/banksman/`.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from banksman.agents.claude_code import find_program
from banksman.core.task import TaskStatus
from banksman.orchestration.protocol import Point
from banksman.testing.model_server.script import Script, Step, shell, write
from banksman.testing.model_server.server import ModelServer
from tests.conftest import CI
from tests.crash.real_projects import (
    RUN,
    Project,
    assert_rebuilt,
    finish,
    kill_everything,
    layers,
    run_for,
    survivors,
    wish_cancelled,
)
from tests.waiting import PATIENCE_S, until

MOMENTS = 20
MARK = "--output-format"
"""Stands on the command line of Claude Code."""
CANCELLED_WORK_REMAINS = 4
WHILE_AGENTS_WORK = frozenset({Point.START_ACTED, Point.START_RECORDED})
"""Where the other of two attempts has its agent at work."""
LINES_MIN, LINES_MAX = 5, 40
"""Lines of the journal that an engine lives for; a task takes about fifteen."""
OURS = (
    "banksman",
    "objects/",
    "refs/banksman/",
    "refs/heads/banksman/target",
    "logs/refs/heads/banksman/target",
    # Of spares alone: see `assert_done_once` of the other crash tests.
    "worktrees/",
)
"""What of git's folder is not the user's: state, objects, private refs and the target."""

STOPS = frozenset({Point.STOP_INTENDED, Point.STOP_ACTED, Point.STOP_SAVED})


def script_for(key: str, pause_s: float) -> Script:
    """Return a model that writes the task's file, and works on for a moment."""
    pause = shell(f"python3 -c 'import time; time.sleep({pause_s})'")
    return Script(
        steps=(
            Step(calls=(write(f"{key}.py", "done = True\n"),)),
            Step(calls=(pause,)),
            Step(text="Done."),
        )
    )


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    # Of two that begin together, one still works when the other is through.
    keys = ((f"t{number}", 0.2 + 2 * (number % 2)) for number in range(30))
    with ModelServer({key: script_for(key, pause_s) for key, pause_s in keys}) as server:
        yield server


@pytest.fixture(scope="module")
def program() -> str:
    """Return the program of Claude Code; without it the tests are skipped, or fail in CI."""
    found = find_program("", os.environ.get("PATH", os.defpath))
    if found is None:
        (pytest.fail if CI else pytest.skip)("NOT TESTED: Claude Code is not installed")
    return found


def make_project(
    folder: Path, keys: dict[str, list[str]], *, model: ModelServer, program: str
) -> Project:
    """Return a repository in which Claude Code has a task for each key."""
    root = folder / "project"
    root.mkdir()
    passed = ("PATH", "PYTHONPATH", "BANKSMAN_SANDBOX")
    environ = {name: os.environ[name] for name in passed if name in os.environ}
    state = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    project = Project(root, {**environ, **state})
    settings = ["[run]", "parallel = 2"]
    for key in keys:
        table = {
            "type": "claude-code",
            "program": program,
            "permission_mode": "bypassPermissions",
        }
        env = {
            "ANTHROPIC_BASE_URL": model.url(key),
            "ANTHROPIC_API_KEY": "dummy",
            "IS_SANDBOX": "1",
        }
        for name, values in ((f"agents.{key}", table), (f"agents.{key}.env", env)):
            settings.append(f"[{name}]")
            settings += [f"{word} = {json.dumps(value)}" for word, value in values.items()]
    tasks = [
        {"key": key, "title": f"Do {key}", "needs": needs, "agent": key}
        for key, needs in keys.items()
    ]
    (root / "banksman.toml").write_text("\n".join(settings) + "\n")
    (root / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))
    project.git("init", "-q", "-b", "main")
    project.git("config", "user.name", "Somebody")
    project.git("config", "user.email", "somebody@localhost")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "begin")
    hook = root / ".git/hooks/post-commit"
    hook.write_text("#!/bin/sh\ntouch hook-has-run\n")
    hook.chmod(0o755)
    (root / "unsaved.txt").write_text("the user's own\n")
    return project


def picture(project: Project) -> dict[str, bytes]:
    """Return what is the user's: all files of theirs and of git's, but for objects and ours."""
    git_dir = project.root / ".git"
    files = [path for path in project.root.rglob("*") if path.is_file()]
    seen: dict[str, bytes] = {}
    for path in files:
        inside = path.relative_to(git_dir) if path.is_relative_to(git_dir) else None
        if inside is None or not str(inside).startswith(OURS):
            seen[str(path.relative_to(project.root))] = path.read_bytes()
    return seen


def assert_done_once(project: Project, keys: dict[str, list[str]]) -> None:
    """Every task is integrated exactly once, nothing is left, and the journal tells all."""
    subjects = project.git("log", "--format=%s", "main..banksman/target").splitlines()
    assert Counter(subjects) == Counter(f"Do {key}" for key in keys)
    works = [project.git("show", f"banksman/target:{key}.py") for key in keys]
    assert works == ["done = True\n"] * len(keys)
    assert_rebuilt(project)
    assert survivors(project) == []


@pytest.mark.parametrize("point", [point for point in Point if point not in STOPS])
def test_a_plan_goes_on_after_the_death_of_everything_at_a_point(
    point: Point, model: ModelServer, program: str, tmp_path: Path
) -> None:
    keys: dict[str, list[str]] = {"t0": [], "t1": []}
    project = make_project(tmp_path, keys, model=model, program=program)
    before = picture(project)
    died = project.run("-m", "banksman.testing.kill_at", point, "1")
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    killed = kill_everything(project)
    assert killed or point not in WHILE_AGENTS_WORK, "an agent was alive, and was killed too"
    finish(project)
    assert_done_once(project, keys)
    assert picture(project) == before


@pytest.mark.parametrize("point", sorted(STOPS))
def test_an_attempt_that_was_being_stopped_is_stopped_after_the_death_of_everything(
    point: Point, model: ModelServer, program: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path, {"t0": []}, model=model, program=program)
    before = picture(project)
    engine = project.start("-m", "banksman.testing.kill_at", point, "1")
    try:
        until(lambda: any(MARK in line for line in survivors(project)), "the start of Claude")
        wish_cancelled(project)
        _, errors = engine.communicate(timeout=PATIENCE_S)
    finally:
        engine.kill()
        engine.communicate()
    assert engine.returncode == -signal.SIGKILL, errors.decode()
    kill_everything(project)
    assert project.run(*RUN).returncode == CANCELLED_WORK_REMAINS
    assert json.loads(project.output("-m", "banksman", "status", "--json"))["counts"] == {
        **dict.fromkeys(TaskStatus, 0),
        TaskStatus.CANCELLED: 1,
    }
    assert project.git("log", "--format=%s", "main..banksman/target") == ""
    assert survivors(project) == []
    assert picture(project) == before


def test_a_plan_of_thirty_tasks_survives_twenty_random_deaths_of_everything(
    tmp_path: Path, model: ModelServer, program: str
) -> None:
    random = Random(30)
    keys = layers(30, 5)
    project = make_project(tmp_path, keys, model=model, program=program)
    before = picture(project)
    deaths = killed = 0
    while deaths < MOMENTS:
        code = run_for(project, random.randint(LINES_MIN, LINES_MAX))
        assert code == -signal.SIGKILL, "the plan was over too soon"
        deaths += 1
        killed += kill_everything(project)
    assert killed > MOMENTS, "agents were alive, and were killed too"
    finish(project)
    assert_done_once(project, keys)
    assert picture(project) == before
