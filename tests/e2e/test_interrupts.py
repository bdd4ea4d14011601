"""Ctrl-C on the real command: the first one drains, the second stops the agents."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.crash.real_projects import Project, assert_rebuilt, make_project, survivors
from tests.waiting import PATIENCE_S, until

RUN = ("-m", "banksman", "run", "--no-wait", "--parallel", "1")
SLOW = """\
[agents.slow]
type = "command"
shell = '''
echo "half = True" > half.py
while [ ! -e "$(git rev-parse --git-common-dir)/go" ]; do sleep 0.05; done
'''
"""


def test_the_first_interrupt_lets_what_runs_finish_and_claims_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"t0": [], "t1": []}, SLOW)
    engine = project.start(*RUN)
    try:
        until(lambda: bool(_begun(project)), "the first agent's start")
        engine.send_signal(signal.SIGINT)
        (project.root / ".git" / "go").touch()
        _, errors = engine.communicate(timeout=PATIENCE_S)
    finally:
        engine.kill()
        engine.communicate()
    assert engine.returncode == 130, errors.decode()
    assert _states(project) == {"t0": "completed", "t1": "ready"}
    assert survivors(project) == []
    assert_rebuilt(project)


def test_the_second_interrupt_stops_the_agents_and_keeps_their_work(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"t0": []}, SLOW)
    engine = project.start(*RUN)
    try:
        until(lambda: bool(_begun(project)), "the agent's start")
        engine.send_signal(signal.SIGINT)
        # Two signals at once are one: the second one waits for the answer to the first.
        assert engine.stderr is not None
        while b"Ctrl-C again" not in engine.stderr.readline():
            assert engine.poll() is None
        engine.send_signal(signal.SIGINT)
        while b"Stopping the attempts" not in engine.stderr.readline():
            assert engine.poll() is None
        for _ in range(3):
            engine.send_signal(signal.SIGINT)
        _, errors = engine.communicate(timeout=PATIENCE_S)
    finally:
        engine.kill()
        engine.communicate()
    assert (engine.returncode, errors) == (130, b"")
    assert _states(project) == {"t0": "retrying"}
    assert survivors(project) == []
    saved = project.git("for-each-ref", "--format=%(refname)", "refs/banksman/saved/").split()
    assert any("half.py" in project.git("ls-tree", "--name-only", ref) for ref in saved)


def _begun(project: Project) -> list[Path]:
    """Return what agents have written first."""
    root = project.root.parent / "state"
    return list(root.glob("banksman/*/work/*/half.py"))


def _states(project: Project) -> dict[str, str]:
    done = project.output("-m", "banksman", "status", "--json")
    return {task["key"]: task["status"] for task in json.loads(done)["tasks"]}


def test_a_target_of_which_nothing_is_recorded_is_not_built_upon(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"t0": []})
    project.git("branch", "banksman/target")
    refused = project.run(*RUN)
    assert refused.returncode == 2
    assert b"there is a branch 'banksman/target', " in refused.stderr
    project.git("branch", "-m", "banksman/target", "old-target")
    assert project.run(*RUN).returncode == 0
