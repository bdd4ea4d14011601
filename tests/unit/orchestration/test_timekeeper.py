"""Clocks that are set and machines that sleep: told once, and no delay gets longer by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from banksman.core.task import TaskStatus
from banksman.orchestration.engine import Engine, RunEnd
from banksman.state.recovery import entries
from banksman.stores.sqlite import SqliteStore
from banksman.testing.journal_audit import audit
from banksman.testing.sim_agent import Fate
from tests.unit.orchestration.plots import HALF, item
from tests.unit.orchestration.stage import Stage, Staging

S = TaskStatus
HOUR_MS = 3_600_000
FAILS_ONCE = {"a": [Fate(kind="error", after_s=10), Fate(after_s=1)]}


def _told(store: SqliteStore) -> list[tuple[str, str]]:
    kinds = {"clock.jumped", "machine.slept"}
    return [(line.kind, line.reason) for line in entries(store) if line.kind in kinds]


def _during_its_delay(stage: Stage, happens: Callable[[], None]) -> None:
    """Run the plan; let something happen ten seconds into the delay of `a`."""

    async def during(_: Engine) -> None:
        await stage.until(stage.stands("a", S.RETRYING))
        await asyncio.sleep(10)
        happens()

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.COMPLETED

    stage.play(scene)


@pytest.mark.parametrize("hours", [-1, -5, -24 * 365])
def test_a_retry_that_is_due_in_a_minute_is_so_whatever_the_clock_is_set_back_to(
    staging: Staging, hours: int
) -> None:
    stage = staging(item("a"), fates=FAILS_ONCE)

    def set_back() -> None:
        stage.clock.skew_ms += hours * HOUR_MS

    _during_its_delay(stage, set_back)
    assert 70 <= stage.loop.time() < 80
    (told,) = _told(stage.store)
    assert told[0] == "clock.jumped"
    assert told[1].startswith("back by ")


def test_the_journal_rebuilds_the_times_that_were_set_back(
    staging: Staging, tmp_path: Path
) -> None:
    stage = staging(item("a"), fates=FAILS_ONCE)
    before: list[int | None] = []

    def set_back() -> None:
        before.append(stage.task("a").not_before)
        stage.clock.skew_ms -= HOUR_MS

    _during_its_delay(stage, set_back)
    assert audit(stage.store, tmp_path) == ()
    moved = [line for line in stage.journal() if line.kind == "clock.jumped"]
    (write,) = moved[0].writes
    row = write["row"]
    assert isinstance(row, dict)
    assert before[0] is not None
    assert row["not_before"] == before[0] - HOUR_MS


def test_a_clock_that_is_set_forward_makes_retries_due_and_ends_no_agent(
    staging: Staging,
) -> None:
    fates = {**FAILS_ONCE, "b": [Fate(after_s=600)]}
    stage = staging(item("a"), item("b"), fates=fates)

    def set_forward() -> None:
        stage.clock.skew_ms += 100 * HOUR_MS

    _during_its_delay(stage, set_forward)
    assert _told(stage.store) == [("clock.jumped", "forward by 4d04h")]
    assert [len(stage.attempts(key)) for key in "ab"] == [2, 1]


def test_a_machine_that_slept_is_told_and_retries_that_came_due_meanwhile_go_on(
    staging: Staging,
) -> None:
    stage = staging(item("a"), fates=FAILS_ONCE)
    _during_its_delay(stage, lambda: stage.clock.sleep(7 * 3600.0))
    assert _told(stage.store) == [("machine.slept", "for 7h00m")]
    assert stage.loop.time() < 30


def test_what_time_servers_do_all_the_time_is_not_worth_a_word(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [HALF]})

    async def during(_: Engine) -> None:
        for _second in range(100):
            stage.clock.skew_ms -= 500
            await asyncio.sleep(5)

    async def scene() -> None:
        await stage.run_during(during)

    stage.play(scene)
    assert _told(stage.store) == []
