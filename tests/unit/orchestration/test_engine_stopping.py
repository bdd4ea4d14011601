"""Ends that somebody wished for: drain, stop, cancel, block; of a run and of one attempt."""

from __future__ import annotations

import asyncio

import pytest

from banksman.core.breakpoints import Resolution
from banksman.core.records import Ending, Step, StopWhy
from banksman.core.task import Gate, TaskStatus
from banksman.orchestration.engine import Engine, RunEnd, RunRules
from banksman.testing.sim_agent import Fate
from tests.unit.orchestration.plots import HALF, item
from tests.unit.orchestration.stage import Staging

S = TaskStatus


def test_a_drained_run_finishes_what_works_and_claims_nothing(staging: Staging) -> None:
    stage = staging(
        item("a", turns_max=2), item("b"), fates={"a": [Fate(kind="wrong"), Fate()]}
    )

    async def during(engine: Engine) -> None:
        await stage.until(stage.works("a"))
        engine.drain()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.INTERRUPTED

    stage.play(scene)
    assert stage.statuses() == {"a": "completed", "b": "ready"}
    assert stage.plot.begun == [("a", 1, 1), ("a", 1, 2)], "its second turn, too"


def test_a_drain_before_anything_was_claimed_ends_at_once(staging: Staging) -> None:
    stage = staging(item("a"))

    async def scene() -> None:
        engine = stage.engine()
        engine.drain()
        assert await engine.run() is RunEnd.INTERRUPTED

    stage.play(scene)
    assert stage.claims() == []


def test_a_drain_does_not_wait_for_retries_or_people(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="error", after_s=10)]})

    async def during(engine: Engine) -> None:
        await stage.until(stage.stands("a", S.RETRYING))
        engine.drain()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.INTERRUPTED

    stage.play(scene)
    assert stage.loop.time() < 20


def test_a_plan_that_a_drain_completes_is_complete(staging: Staging) -> None:
    stage = staging(item("a"))

    async def during(engine: Engine) -> None:
        await stage.until(stage.works("a"))
        engine.drain()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.COMPLETED

    stage.play(scene)


def test_a_stop_ends_the_agents_keeps_their_work_and_the_next_run_goes_on(
    staging: Staging,
) -> None:
    stage = staging(
        item("a", retries_max=0),
        item("b"),
        item("c", "a"),
        fates={"a": [HALF, Fate()], "b": [HALF, Fate()]},
        rules=RunRules(parallel=2),
    )

    async def during(engine: Engine) -> None:
        await stage.until(lambda: stage.world.working() == 2)
        stage.half_way("a")
        engine.drain()
        await asyncio.sleep(5)
        engine.stop()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.INTERRUPTED
        assert stage.loop.time() < 20, "it waited for nobody"
        assert stage.statuses() == {"a": "retrying", "b": "retrying", "c": "pending"}
        assert stage.world.working() == 0
        assert stage.saved("a") == "half-done"
        (attempt,) = stage.attempts("a")
        assert (attempt.stop, attempt.ending) == (StopWhy.SHUTDOWN, Ending.LOST)
        assert stage.turns("a")[0].outcome == "stopped"
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.task("a").retries_used == 0
    assert stage.files()["half"] == "half-done", "the next attempt began with it"


def test_a_stop_while_checks_run_leaves_the_attempt_to_the_next_run(staging: Staging) -> None:
    stage = staging(item("a"), pace=3)

    async def during(engine: Engine) -> None:
        await stage.until(lambda: bool(stage.world.checkouts))
        engine.stop()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.INTERRUPTED
        (attempt,) = stage.attempts("a")
        assert (attempt.step, attempt.ended_at, attempt.stop) == (Step.CHECKS, None, None)
        assert stage.world.checkouts == {}, "what was set up for the checks is gone"
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1)], "the agent's work is not done twice"
    assert stage.task("a").attempt == 1


def test_a_stop_does_not_undo_what_a_person_accepted(staging: Staging) -> None:
    stage = staging(
        item("a", turns_max=1, retries_max=0), fates={"a": [Fate(kind="wrong")]}, pace=5
    )

    async def during(engine: Engine) -> None:
        await stage.until(stage.stands("a", S.BLOCKED))
        await stage.resolve(stage.event(), Resolution.ACCEPT)
        await stage.until(stage.stands("a", S.RUNNING))
        engine.stop()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.INTERRUPTED
        assert stage.attempts("a")[1].step is Step.INTEGRATION
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1)]


def test_a_stop_claims_nothing_for_the_seats_that_it_frees(staging: Staging) -> None:
    stage = staging(item("a"), item("b"), fates={"a": [HALF]})

    async def during(engine: Engine) -> None:
        await stage.until(stage.works("a"))
        engine.stop()

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.INTERRUPTED

    stage.play(scene)
    assert stage.statuses() == {"a": "retrying", "b": "ready"}


@pytest.mark.parametrize("how", ["drain", "stop"])
def test_an_interruption_is_heard_at_once(staging: Staging, how: str) -> None:
    stage = staging(item("a", gate=Gate.MANUAL))
    stage.rules = RunRules(poll_s=1_000.0)

    async def during(engine: Engine) -> None:
        await asyncio.sleep(5)
        getattr(engine, how)()

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.INTERRUPTED

    stage.play(scene)
    assert stage.loop.time() < 10


def test_a_stop_wins_over_a_breakpoint_that_is_waited_for(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="question")]})

    async def during(engine: Engine) -> None:
        await stage.until(stage.stands("a", S.BLOCKED))
        engine.stop()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.INTERRUPTED

    stage.play(scene)


def test_a_wish_to_end_drains_and_a_second_one_stops(staging: Staging) -> None:
    stage = staging(item("a"), item("b"), fates={"a": [HALF, Fate()]})

    async def during(_: Engine) -> None:
        await stage.until(stage.works("a"))
        stage.half_way("a")
        drained = await stage.wish("stop", epoch=stage.project().epoch)
        assert drained.answer == {"ending": True, "now": False}
        await asyncio.sleep(5)
        assert stage.works("a")()
        await stage.wish("stop", epoch=stage.project().epoch, now=True)

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.INTERRUPTED

    stage.play(scene)
    assert stage.statuses() == {"a": "retrying", "b": "ready"}
    assert stage.saved("a") == "half-done"


def test_nothing_starts_in_the_round_in_which_an_engine_is_asked_to_end(
    staging: Staging,
) -> None:
    stage = staging(item("a"))

    async def scene() -> None:
        engine = stage.engine()
        stage.submit("stop", epoch=stage.project().epoch)
        assert await engine.run() is RunEnd.INTERRUPTED

    stage.play(scene)
    assert stage.claims() == []


def test_a_wish_to_end_is_meant_for_one_engine_alone(staging: Staging) -> None:
    stage = staging(item("a"))

    async def scene() -> None:
        engine = stage.engine()
        left = stage.submit("stop", epoch=stage.project().epoch + 1)
        assert await engine.run() is RunEnd.COMPLETED
        assert stage.command(left).answer == {"ending": False}

    stage.play(scene)


@pytest.mark.parametrize("wish", [{}, {"epoch": "1"}, {"epoch": 1, "now": "yes"}])
def test_a_wish_to_end_that_says_nothing_is_refused(
    staging: Staging, wish: dict[str, object]
) -> None:
    stage = staging(item("a"))

    async def scene() -> None:
        engine = stage.engine()
        refused = stage.submit("stop", **wish)
        assert await engine.run() is RunEnd.COMPLETED
        assert "must be" in stage.command(refused).error

    stage.play(scene)
