"""A target branch that is not as we left it: named, asked about once, and not built on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.task import TaskStatus
from banksman.orchestration.engine import RunEnd, RunRules
from banksman.testing.sim_agent import Fate
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Stage, Staging

S = TaskStatus


def play(
    stage: Stage, during: Callable[[], Awaitable[None]], *, end: RunEnd = RunEnd.COMPLETED
) -> None:
    """Run the plan to this end, and do something meanwhile."""

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await during()
        assert run.result() is end

    stage.play(scene)


def rewritten(stage: Stage) -> Callable[[], Awaitable[None]]:
    """Return what a person does who throws the work of `a` away while `b` works."""

    async def during() -> None:
        await stage.until(stage.stands("a", S.COMPLETED))
        await stage.until(stage.works("b"))
        stage.world.target = stage.world.refs["base"]
        await stage.until(stage.stands("b", S.BLOCKED))

    return during


AFTER_A = (item("a"), item("b", "a"), item("c", "a"), item("d", "a"))


def test_a_target_that_lost_what_was_integrated_stops_all_claims(staging: Staging) -> None:
    stage = staging(*AFTER_A)
    lose = rewritten(stage)

    async def during() -> None:
        await stage.until(stage.works("b"))
        done = stage.world.target
        await lose()
        await asyncio.sleep(500)
        # `c` was claimed as `b` gave up its seat, and found the same.
        assert stage.statuses() == {
            "a": "completed", "b": "blocked", "c": "blocked", "d": "ready",
        }  # fmt: skip
        first, second = stage.events()
        assert first.type is second.type is BreakpointType.TARGET_REWRITTEN
        was, now, lost, way_out = first.details
        assert (was, now) == (f"target was at {done}", f"it is at {stage.world.target} now")
        assert lost == f"missing: the work of a ({str(done)[:10]})"
        assert f"`git branch -f target {done}`" in way_out
        await stage.resolve(first, Resolution.ACCEPT)
        # One question, one answer: the others that asked it go on, too.
        assert stage.events() == ()

    play(stage, during)
    assert sorted(stage.integrated()) == ["Do b", "Do c", "Do d"], "what is gone stays gone"
    assert sorted(stage.plot.begun) == [("a", 1, 1), ("b", 1, 1), ("c", 2, 1), ("d", 1, 1)]


def test_work_that_is_put_onto_a_rewritten_target_is_checked_there(staging: Staging) -> None:
    stage = staging(
        item("a"),
        item("b", "a"),
        fates={"b": [Fate(files={"b": "breaks by hand"}), Fate(files={"b": "fits"})]},
    )
    lose = rewritten(stage)

    async def during() -> None:
        await lose()
        stage.push({"by hand": "fine"})
        await stage.resolve(stage.event(), Resolution.ACCEPT)

    play(stage, during)
    assert stage.files()["b"] == "fits", "it was never checked beside what is there now"
    assert stage.plot.begun == [("a", 1, 1), ("b", 1, 1), ("b", 2, 1)]


def test_a_run_that_does_not_wait_ends_when_the_target_is_in_doubt(staging: Staging) -> None:
    stage = staging(*AFTER_A, rules=RunRules(parallel=1, wait=False))
    play(stage, rewritten(stage), end=RunEnd.WAITING)
    assert stage.statuses()["d"] == "ready"


def test_a_new_attempt_on_a_rewritten_target_is_asked_about_before_its_agent_works(
    staging: Staging,
) -> None:
    stage = staging(item("a"), item("b", "a"), rules=RunRules(parallel=1, wait=False))

    async def scene() -> None:
        stage.items = (item("a"),)
        assert await stage.engine().run() is RunEnd.COMPLETED
        stage.world.target = stage.world.refs["base"]
        stage.items = (item("a"), item("b", "a"))
        assert await stage.next_engine().run() is RunEnd.WAITING

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1)]
    assert stage.event().type is BreakpointType.TARGET_REWRITTEN


def test_a_target_that_is_gone_is_a_rewritten_one(staging: Staging) -> None:
    stage = staging(item("a"), item("b", "a"), rules=RunRules(parallel=1, wait=False))

    async def during() -> None:
        await stage.until(stage.works("b"))
        stage.world.target = None

    play(stage, during, end=RunEnd.WAITING)
    assert stage.event().type is BreakpointType.TARGET_REWRITTEN


def test_commits_that_no_task_made_are_asked_about_by_name_and_kept_if_accepted(
    staging: Staging,
) -> None:
    stage = staging(item("a"), item("b", "a"), item("c"), rules=RunRules(parallel=2))

    async def during() -> None:
        await stage.until(stage.works("b"))
        ours = stage.world.target
        theirs = stage.push({"by hand": "fine"})
        await stage.until(stage.stands("b", S.BLOCKED))
        event = stage.event()
        assert event.type is BreakpointType.TARGET_REWRITTEN
        assert event.message == "1 commit(s) on target were made by no task"
        listed, way_out = event.details
        assert listed == f"{theirs[:10]} base"
        assert f"`git branch -f target {ours}`" in way_out
        await stage.resolve(event, Resolution.ACCEPT)

    play(stage, during)
    assert stage.files()["by hand"] == "fine"
    assert stage.plot.begun.count(("b", 1, 1)) == 1
    assert ("b", 2, 1) not in stage.plot.begun, "its work is kept"


def test_commits_that_were_taken_off_again_stop_nobody(staging: Staging) -> None:
    stage = staging(item("a"), item("b", "a"), rules=RunRules(parallel=1))

    async def during() -> None:
        await stage.until(stage.works("b"))
        ours = stage.world.target
        stage.push({"by hand": "bad"})
        await stage.until(stage.stands("b", S.BLOCKED))
        stage.world.target = ours
        await stage.resolve(stage.event(), Resolution.ACCEPT)

    play(stage, during)
    assert "by hand" not in stage.files()
    assert stage.integrated() == ["Do a", "Do b"]
