"""The real command, killed with SIGKILL: at each point of the protocol, and at random."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from random import Random

import pytest

from banksman.orchestration.protocol import Point
from tests.crash.real_projects import assert_done_once, layers, make_project

RUN = ("-m", "banksman", "run", "--no-wait")
MOMENTS = 30
STOPS = frozenset({Point.STOP_INTENDED, Point.STOP_ACTED, Point.STOP_SAVED})


@pytest.mark.parametrize("point", [point for point in Point if point not in STOPS])
def test_a_plan_goes_on_after_a_death_at_a_point(point: Point, tmp_path: Path) -> None:
    keys = layers(3, 2)
    project = make_project(tmp_path, keys)
    died = project.run("-m", "banksman.testing.kill_at", point, "2")
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    done = project.run(*RUN)
    assert done.returncode == 0, done.stderr.decode()
    assert_done_once(project, keys)


def test_a_plan_of_forty_tasks_survives_thirty_random_deaths(tmp_path: Path) -> None:
    random = Random(40)
    keys = layers(40, 5)
    project = make_project(tmp_path, keys)
    deaths = 0
    while deaths < MOMENTS:
        engine = project.start(*RUN)
        try:
            engine.communicate(timeout=0.6 + random.random() * 1.2)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.communicate()
            deaths += 1
        else:
            break
    done = project.run(*RUN)
    assert done.returncode == 0, done.stderr.decode()
    assert_done_once(project, keys)
    assert deaths == MOMENTS, "the plan was over too soon: make its tasks slower"
