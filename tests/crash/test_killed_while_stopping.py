"""A running attempt is cancelled, and the engine dies on the way: the wish is carried out."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from banksman.core.task import TaskStatus
from banksman.orchestration.protocol import Point
from banksman.stores.sqlite import SqliteStore
from tests.crash.real_projects import Project, make_project, survivors, wish_cancelled
from tests.waiting import PATIENCE_S, until

SLOW = """\
[agents.slow]
type = "command"
shell = 'echo "half = True" > half.py; setsid sleep 300 & sleep 300'
"""
RUN = ("-m", "banksman", "run", "--no-wait")


@pytest.mark.parametrize("point", [Point.STOP_INTENDED, Point.STOP_ACTED, Point.STOP_SAVED])
def test_a_cancelled_attempt_ends_though_the_engine_dies(point: Point, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"t0": []}, SLOW)
    engine = project.start("-m", "banksman.testing.kill_at", point, "1")
    try:
        until(lambda: _works(project), "the agent's start")
        wish_cancelled(project)
        _, errors = engine.communicate(timeout=PATIENCE_S)
        assert engine.returncode == -signal.SIGKILL, errors.decode()
        done = project.run(*RUN)
    finally:
        engine.kill()
        engine.communicate()
    assert done.returncode == 4, done.stderr.decode()
    assert _status(project) is TaskStatus.CANCELLED
    assert survivors(project) == []
    saved = project.git("for-each-ref", "--format=%(refname)", "refs/banksman/saved/")
    assert saved, "the half of the work that was done is kept"
    files = [project.git("ls-tree", "-r", "--name-only", ref) for ref in saved.split()]
    assert any("half.py" in names for names in files)


def _works(project: Project) -> bool:
    return any("sleep 300" in line for line in survivors(project))


def _status(project: Project) -> TaskStatus:
    store = SqliteStore.open(project.state / "state.db")
    with store.transaction() as tx:
        (task,) = tx.tasks(tx.projects()[0].id)
    store.close()
    return task.status
