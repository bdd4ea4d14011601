"""Commands with no run under way: applied at once, and nothing is claimed."""

from __future__ import annotations

import asyncio

import pytest

from banksman.core.task import TaskStatus
from banksman.orchestration.engine import RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.testing.sim_agent import Fate
from tests.unit.orchestration.plots import HALF, item
from tests.unit.orchestration.stage import Staging

S = TaskStatus


def test_commands_are_applied_with_no_run_under_way(staging: Staging) -> None:
    stage = staging(item("a"), item("b"))

    async def scene() -> None:
        stage.engine()
        asked = [stage.submit("cancel", task="a"), stage.submit("pause")]
        await stage.next_engine().serve_once()
        assert [stage.command(one).error for one in asked] == ["", ""]
        assert all(stage.command(one).applied_at for one in asked)

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled", "b": "ready"}
    assert stage.claims() == []


def test_what_a_resolution_gives_up_is_tidied_up_with_no_run_under_way(
    staging: Staging,
) -> None:
    stage = staging(
        item("a"), fates={"a": [Fate(kind="question")]}, rules=RunRules(parallel=1, wait=False)
    )

    async def scene() -> None:
        assert await stage.engine().run() is RunEnd.WAITING
        assert stage.world.worktrees != {}
        stage.submit("resolve", breakpoint=1, resolution="cancel")
        await stage.next_engine().serve_once()

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled"}
    assert stage.world.worktrees == {}


@pytest.mark.parametrize(("wish", "ends"), [("cancel", "cancelled"), ("block", "blocked")])
def test_an_attempt_whose_engine_died_is_stopped_with_no_run_under_way(
    staging: Staging, wish: str, ends: str
) -> None:
    stage = staging(item("a"), item("b"), fates={"a": [HALF]})
    stage.crash_at = Point.START_ACTED

    async def scene() -> None:
        hand = stage.hand()
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.dies(stage.engine(hand=hand), hand))
            await stage.until(stage.works("a"))
            stage.half_way("a")
            hand.alive = False
        assert stage.works("a")(), "the agent outlives its engine"
        stage.submit(wish, task="a")
        await stage.next_engine().serve_once()
        assert stage.world.working() == 0

    stage.play(scene)
    assert stage.statuses() == {"a": ends, "b": "ready"}
    assert stage.saved("a") == "half-done"


def test_serving_once_leaves_running_attempts_of_a_dead_engine_alone(staging: Staging) -> None:
    stage = staging(item("a"), item("b"), fates={"a": [HALF]})

    async def scene() -> None:
        hand = stage.hand()
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.dies(stage.engine(hand=hand), hand))
            await stage.until(stage.works("a"))
            hand.alive = False
        stage.submit("cancel", task="b")
        await stage.next_engine().serve_once()
        assert stage.works("a")()
        assert stage.statuses() == {"a": "running", "b": "cancelled"}
        assert await stage.next_engine().run() is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"a": "completed", "b": "cancelled"}
