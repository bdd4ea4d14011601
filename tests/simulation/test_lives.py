"""The real engine over a simulated world: many seeds, each of which replays exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from banksman.core.plan import PlanItem
from banksman.core.task import TaskSpec, TaskStatus
from banksman.orchestration.protocol import PROTOCOL, Point
from banksman.state.recovery import differences, entries, rebuild
from banksman.stores.sqlite import SqliteStore
from banksman.testing.promises import broken_promises
from banksman.testing.scenarios import Scenario, scenario_of
from banksman.testing.simulation import History, Simulation, simulate
from banksman.testing.world import Faults

SEEDS = 100


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_promise_is_broken_whatever_goes_wrong(seed: int, tmp_path: Path) -> None:
    history = simulate(seed, tmp_path / "state.db")
    assert broken_promises(history) == ()


@pytest.mark.parametrize("seed", [3, 9, 33, 77])
def test_a_seed_replays_exactly(seed: int, tmp_path: Path) -> None:
    first = simulate(seed, tmp_path / "first.db")
    second = simulate(seed, tmp_path / "second.db")
    assert first.journal == second.journal
    assert first.tasks == second.tasks


@pytest.mark.parametrize("seed", range(0, SEEDS, 10))
def test_the_journal_rebuilds_the_tables(seed: int, tmp_path: Path) -> None:
    simulate(seed, tmp_path / "state.db")
    live = SqliteStore.open(tmp_path / "state.db")
    again = SqliteStore.open(tmp_path / "again.db")
    try:
        rebuild(entries(live), again)
        assert differences(live.tables(), again.tables()) == ()
    finally:
        live.close()
        again.close()


@pytest.mark.parametrize("point", Point)
def test_an_engine_that_dies_at_a_point_is_taken_over_without_loss(
    point: Point, tmp_path: Path
) -> None:
    seeds = count()
    # Not every history comes past every point: the first that does is the one to look at.
    history = next(found for found in _until_dead_at(point, tmp_path, seeds))
    assert broken_promises(history) == ()


def _until_dead_at(point: Point, path: Path, seeds: Iterator[int]) -> Iterator[History]:
    for seed in seeds:
        assert seed < 50, f"no history comes past {point}"
        scenario = replace(scenario_of(seed), crash_at=point, rivals=False)
        quiet = replace(scenario, faults=replace(scenario.faults, crash=0.0))
        history = Simulation(quiet, seed, path / f"{seed}.db").run()
        if history.world.crashes:
            yield history


def test_every_point_stands_in_the_protocol_once() -> None:
    named = [point for act in PROTOCOL for point in act.points]
    assert sorted(named) == sorted(Point)


def test_without_faults_every_task_is_completed_at_the_first_attempt(tmp_path: Path) -> None:
    items = tuple(
        PlanItem(
            spec=TaskSpec(key=f"t{number}", title=f"Task {number}"),
            needs=(f"t{number - 1}",) if number else (),
        )
        for number in range(5)
    )
    quiet = Scenario(items=items, faults=Faults(), whims=None)
    history = Simulation(quiet, 1, tmp_path / "state.db").run()
    assert broken_promises(history) == ()
    assert {(task.status, task.attempt) for task in history.tasks} == {
        (TaskStatus.COMPLETED, 1)
    }
