"""Disks that are nearly full, or full: told once, nothing lost, and it goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from banksman.exceptions import StoreFullException
from banksman.orchestration.engine import Engine, RunEnd, RunRules
from banksman.ports import Transaction
from banksman.testing.faulty_store import FaultyStore
from banksman.testing.sim_agent import Fate
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Stage, Staging

LEAST = 1_000_000_000
RULES = RunRules(parallel=1, disk_free_bytes_min=LEAST)


def _told(stage: Stage) -> list[str]:
    kinds = ("claims.", "store.")
    return [line.kind for line in stage.journal() if line.kind.startswith(kinds)]


def test_on_a_disk_that_is_nearly_full_nothing_more_starts_until_there_is_room(
    staging: Staging,
) -> None:
    stage = staging(item("a"), item("b"), rules=RULES, fates={"a": [Fate(after_s=50)]})

    async def during(_: Engine) -> None:
        await stage.until(stage.works("a"))
        stage.disk.free_bytes = LEAST - 1
        await asyncio.sleep(1000)
        assert stage.statuses() == {"a": "completed", "b": "ready"}
        assert _told(stage) == ["claims.held"]
        # A file more or less: it would come and go.
        stage.disk.free_bytes = LEAST + 1
        await asyncio.sleep(100)
        assert stage.claims() == ["a"]
        stage.disk.free_bytes = 2 * LEAST

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.COMPLETED

    stage.play(scene)
    assert _told(stage) == ["claims.held", "claims.freed"]
    (held,) = (line for line in stage.journal() if line.kind == "claims.held")
    assert held.reason == "1,000 MB free at the disk, less than 1,000 MB"


def test_a_run_that_does_not_wait_for_people_waits_for_room(staging: Staging) -> None:
    rules = RunRules(parallel=1, wait=False, disk_free_bytes_min=LEAST)
    stage = staging(item("a"), rules=rules)
    stage.disk.free_bytes = 0

    async def during(_: Engine) -> None:
        await asyncio.sleep(100)
        stage.disk.free_bytes = 2 * LEAST

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.COMPLETED

    stage.play(scene)


def test_without_a_limit_nobody_looks(staging: Staging) -> None:
    stage = staging(item("a"))
    stage.disk.free_bytes = 0
    assert stage.run_plan() is RunEnd.COMPLETED
    assert _told(stage) == []


class _Filling(FaultyStore):
    """A store whose disk is full while its stage says so."""

    stage: Stage

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        with super().transaction() as tx:
            yield tx
            if self.stage.disk.free_bytes == 0:
                raise StoreFullException(message="the disk is full")


@pytest.fixture
def full(staging: Staging) -> Stage:
    """Return a stage whose store is full while its disk is; the engine does not look there."""
    stage = staging(item("a"), item("b"), fates={"a": [Fate(after_s=50)]})
    _Filling.stage = stage
    stage.store_of = _Filling
    return stage


def test_an_engine_outlasts_a_full_store_and_loses_nothing(full: Stage) -> None:
    async def during(_: Engine) -> None:
        await full.until(full.works("a"))
        full.disk.free_bytes = 0
        await asyncio.sleep(1000)
        assert full.statuses() == {"a": "running", "b": "ready"}
        full.disk.free_bytes = LEAST

    async def scene() -> None:
        assert await full.run_during(during) is RunEnd.COMPLETED

    full.play(scene)
    assert full.plot.begun == [("a", 1, 1), ("b", 1, 1)], "no turn was had twice"
    assert _told(full) == ["store.waited"]


class _FullForTheNote(_Filling):
    """It fills up again once, when the first round after the wait has been written."""

    refused = 0

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        with super().transaction() as tx:
            yield tx
            told = tx.journal(self.stage.project_id, limit=100_000)[-1].kind == "store.waited"
            if told and not self.refused:
                self.refused += 1
                raise StoreFullException(message="the disk is full again")


def test_what_an_engine_tells_of_a_full_store_waits_for_room_too(full: Stage) -> None:
    full.store_of = _FullForTheNote

    async def during(_: Engine) -> None:
        await full.until(full.works("a"))
        full.disk.free_bytes = 0
        await asyncio.sleep(1000)
        full.disk.free_bytes = LEAST

    async def scene() -> None:
        assert await full.run_during(during) is RunEnd.COMPLETED

    full.play(scene)
    assert full.plot.begun == [("a", 1, 1), ("b", 1, 1)]
    assert _told(full) == ["store.waited"]
    (store,) = full.stores
    assert isinstance(store, _FullForTheNote)
    assert store.refused == 1


def test_whoever_ends_an_engine_does_not_wait_for_room(full: Stage) -> None:
    async def during(engine: Engine) -> None:
        await full.until(full.works("a"))
        full.disk.free_bytes = 0
        await asyncio.sleep(10)
        engine.drain()

    async def scene() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await full.run_during(during)
        assert caught.group_contains(StoreFullException)
        full.disk.free_bytes = LEAST

    async def afterwards() -> None:
        assert await full.next_engine().run() is RunEnd.COMPLETED

    full.play(scene)
    full.play(afterwards)
    assert full.plot.begun == [("a", 1, 1), ("b", 1, 1)], "the next engine took the first up"
