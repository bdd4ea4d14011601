"""The real command, killed with SIGKILL: at each point of the protocol, and at random."""

from __future__ import annotations

import signal
from pathlib import Path
from random import Random

import pytest

from banksman.orchestration.protocol import Point
from tests.crash.real_projects import (
    ASKING,
    Project,
    asked,
    assert_done_once,
    edit_by_hand,
    finish,
    layers,
    make_project,
    run_for,
    wait_for_a_person,
)

MOMENTS = 30
LINES_MAX = 24
"""How many lines of the journal an engine may live; a task takes about fifteen."""
STOPS = frozenset({Point.STOP_INTENDED, Point.STOP_ACTED, Point.STOP_SAVED})
ONCE_A_TASK = frozenset(point for point in Point if point.startswith(("integrate.", "clean.")))
AFTER_AN_EDIT = (
    Point.CAPTURE_ACTED,
    Point.CHECK_RECORDED,
    Point.INTEGRATE_ACTED,
    Point.CLEAN_SAVED,
)


@pytest.mark.parametrize("point", [point for point in Point if point not in STOPS])
def test_a_plan_goes_on_after_a_death_at_a_point(point: Point, tmp_path: Path) -> None:
    keys = layers(3, 2)
    project = make_project(tmp_path, keys)
    # The third turn of the first two tasks is the one that was sent back.
    die_at(project, point, 2 if point in ONCE_A_TASK else 3)
    finish(project)
    assert_done_once(project, keys)


@pytest.mark.parametrize("point", AFTER_AN_EDIT)
def test_what_a_person_edited_survives_a_death_at_a_point(point: Point, tmp_path: Path) -> None:
    keys: dict[str, list[str]] = {ASKING: []}
    project = make_project(tmp_path, keys)
    wait_for_a_person(project)
    edit_by_hand(project)
    die_at(project, point, 1)
    finish(project)
    assert_done_once(project, keys)


def test_a_plan_of_forty_tasks_survives_thirty_random_deaths(tmp_path: Path) -> None:
    random = Random(40)
    keys = layers(40, 5)
    project = make_project(tmp_path, keys)
    deaths = edits = 0
    while deaths < MOMENTS:
        code = run_for(project, random.randint(1, LINES_MAX))
        deaths += code == -signal.SIGKILL
        if asked(project):
            edit_by_hand(project)
            edits += 1
        elif code == 0:
            break
    finish(project)
    assert_done_once(project, keys)
    assert edits == 1, "a person was asked on the way, once"
    assert deaths == MOMENTS, "the plan was over too soon: let the lives be shorter"


def die_at(project: Project, point: Point, nth: int) -> None:
    """Run until the engine comes past a point for the n-th time, and is killed there."""
    died = project.run("-m", "banksman.testing.kill_at", point, str(nth))
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
