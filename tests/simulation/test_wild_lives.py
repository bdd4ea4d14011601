"""Histories in which everything goes wrong at once; some of them have found something."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from banksman.state.recovery import differences, entries, rebuild
from banksman.stores.sqlite import SqliteStore
from banksman.testing.promises import broken_promises
from banksman.testing.scenarios import Whims, wild_scenario_of
from banksman.testing.simulation import Simulation
from banksman.testing.world import Faults

# What each found when it was added; a change to the simulation gives it another history.
TELLING = {
    1141: "an attempt was stopped before its workspace was made, and was to be edited then",
    10393: "a workspace was edited twice before anybody looked at it",
    10433: "an attempt that had failed was blocked before it was tried again",
    600487: "a begun task that its dependency cancelled left its worktree",
    600897: "an edit was handed in, and another agent went on from what was there before it",
    300140: "work could not be saved, and was written over by hand",
}
SEEDS = [*range(20), *TELLING]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_promise_is_broken_and_the_journal_rebuilds_everything(
    seed: int, tmp_path: Path
) -> None:
    history = Simulation(wild_scenario_of(seed), seed, tmp_path / "state.db").run()
    assert broken_promises(history) == ()
    live = SqliteStore.open(tmp_path / "state.db")
    again = SqliteStore.open(tmp_path / "again.db", synchronous="OFF")
    try:
        rebuild(entries(live), again)
        assert differences(live.tables(), again.tables()) == ()
    finally:
        live.close()
        again.close()


def test_the_wild_ones_have_it_all(tmp_path: Path) -> None:
    scenarios = [wild_scenario_of(seed) for seed in SEEDS]
    assert any(one.rivals for one in scenarios)
    assert {one.parallel for one in scenarios} >= {1, 8}
    for fault in fields(Faults):
        assert any(getattr(one.faults, fault.name) for one in scenarios), fault.name
    for whim in fields(Whims):
        assert any(one.whims and getattr(one.whims, whim.name) for one in scenarios), whim.name
