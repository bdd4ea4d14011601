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
from banksman.orchestration.protocol import Point
from banksman.testing.model_server.script import Script, Step, shell, write
from banksman.testing.model_server.server import ModelServer
from tests.conftest import CI
from tests.crash.real_projects import (
    Project,
    assert_rebuilt,
    finish,
    kill_everything,
    layers,
    run_for,
    survivors,
)

MOMENTS = 20
LINES_MIN, LINES_MAX = 5, 40
"""Lines of the journal that an engine lives for; a task takes about fifteen."""
STOPS = frozenset({Point.STOP_INTENDED, Point.STOP_ACTED, Point.STOP_SAVED})


def script_for(key: str) -> Script:
    """Return a model that writes the task's file, and works on for a moment."""
    pause = shell("python3 -c 'import time; time.sleep(0.4)'")
    return Script(
        steps=(
            Step(calls=(write(f"{key}.py", "done = True\n"),)),
            Step(calls=(pause,)),
            Step(text="Done."),
        )
    )


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer(
        {f"t{number}": script_for(f"t{number}") for number in range(30)}
    ) as server:
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
    """Return what is the user's: files, index, configuration, hooks, and all other refs."""
    git_dir = project.root / ".git"
    files = [path for path in project.root.rglob("*") if path.is_file()]
    kept = ("HEAD", "index", "config", "hooks/", "info/", "packed-refs", "description")
    seen: dict[str, bytes] = {}
    for path in files:
        inside = path.relative_to(git_dir) if path.is_relative_to(git_dir) else None
        if inside is None or str(inside).startswith(kept):
            seen[str(path.relative_to(project.root))] = path.read_bytes()
    refs = project.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    ours = ("refs/banksman/", "refs/heads/banksman/")
    seen["refs"] = "\n".join(ref for ref in refs if not ref.startswith(ours)).encode()
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
    kill_everything(project)
    finish(project)
    assert_done_once(project, keys)
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
