"""The parts of the simulated world do what their ports say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from banksman.core.outcome import (
    Answered,
    Capped,
    Exited,
    Lost,
    Outcome,
    RateLimited,
    Refused,
    Stalled,
    Stopped,
    TimedOut,
    Usage,
)
from banksman.core.quality import CheckStatus
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec
from banksman.exceptions import OwnershipException, StoreException
from banksman.ports import Brief, Checkout, Subject
from banksman.stores.sqlite import SqliteStore
from banksman.testing.faulty_store import FaultyStore, SimOwnership
from banksman.testing.sim_agent import SILENCE_S, Fate, Plot, SimAgent, usual
from banksman.testing.sim_check import SimCheck
from banksman.testing.sim_clock import HOUR_MS, disturb
from banksman.testing.sim_workspaces import tree_name
from banksman.testing.virtual_time import EPOCH_MS, LoopClock, StuckException, VirtualTimeLoop
from banksman.testing.world import Faults, Hand, SimulatedCrash, SimWorktree, World

TASK = Task(id=TaskId(1), project_id=ProjectId(1), spec=TaskSpec(key="a", title="A"))
BRIEF = Brief(
    execution="1:1:1:1",
    spool="p1-t1-a1-n1",
    task=TASK,
    attempt=1,
    turn=1,
    prompt="Do it.",
    workspace=Path("/simulated/1-1"),
    home=Path("/simulated/home-1-1"),
)


def in_virtual_time(scene: Callable[[VirtualTimeLoop], Awaitable[None]]) -> None:
    loop = VirtualTimeLoop()

    async def main() -> None:
        await scene(loop)

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def always(fate: Fate) -> Plot:
    def plot(_: World, brief: Brief) -> Fate:
        return fate

    return plot


def a_world(**faults: float) -> World:
    world = World(Random(1), Faults(**faults))
    world.worktrees[1, 1] = SimWorktree("c0000", {})
    return world


@pytest.mark.parametrize(
    ("fate", "outcome"),
    [
        (Fate(), Answered(text="done")),
        (Fate(kind="wrong"), Answered(text="done")),
        (Fate(kind="idle"), Answered(text="done")),
        (Fate(kind="error"), Exited(code=1, text="it broke")),
        (Fate(kind="lost"), Lost()),
        (Fate(kind="stalled"), Stalled(silent_s=SILENCE_S)),
        (Fate(kind="question"), Answered(text="which?", questions=("Which one?",))),
        (Fate(kind="denied"), Answered(text="done", denials=("run make",))),
        (Fate(kind="refused"), Refused(error=ErrorClass.AUTHENTICATION, message="log in")),
        (Fate(kind="capped"), Capped(message="enough is enough")),
        (Fate(kind="right", usage=usual(60)), Answered(text="done")),
        (Fate(kind="rate_limited", reset_at=Instant(7)), RateLimited(reset_at=Instant(7))),
    ],
)
def test_an_agent_ends_as_its_fate_has_it(fate: Fate, outcome: Outcome) -> None:
    async def scene(loop: VirtualTimeLoop) -> None:
        world = a_world()
        agent = SimAgent(Hand(world), always(fate))
        ended = await agent.run(BRIEF)
        lost = fate.kind == "lost"
        cost = Usage() if lost else replace(fate.usage, duration_ms=round(fate.after_s * 1000))
        assert ended == replace(outcome, usage=cost)
        assert loop.time() >= fate.after_s
        assert await agent.run(BRIEF) == ended, "a spool is used once"
        assert len(world.processes) == 1
        works = fate.kind in {"right", "wrong"}
        assert ("task-a" in world.worktrees[1, 1].files) is works
        agent.forget(BRIEF.spool)
        assert await agent.attach(BRIEF) == Lost()

    in_virtual_time(scene)


def test_an_agent_outlives_its_engine_and_is_found_again() -> None:
    async def scene(_: VirtualTimeLoop) -> None:
        world = a_world()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(SimAgent(Hand(world), always(Fate())).run(BRIEF))
            await asyncio.sleep(20)
            running.cancel()
        assert world.living(1) == 1
        found = await SimAgent(Hand(world)).attach(BRIEF)
        assert isinstance(found, Answered)
        assert found.usage.duration_ms == 60_000

    in_virtual_time(scene)


def test_an_agent_that_takes_too_long_is_ended() -> None:
    async def scene(loop: VirtualTimeLoop) -> None:
        brief = replace(BRIEF, timeout_s=30)
        world = a_world()
        ended = await SimAgent(Hand(world), always(Fate(files={"half": "done"}))).run(brief)
        assert ended == TimedOut(after_s=30, usage=Usage(duration_ms=30_000))
        assert loop.time() < 60
        assert world.worktrees[1, 1].files == {"half": "done"}

    in_virtual_time(scene)


def test_a_turn_that_never_started_never_starts() -> None:
    async def scene(_: VirtualTimeLoop) -> None:
        for end in ("attach", "stop"):
            world = a_world()
            agent = SimAgent(Hand(world))
            if end == "attach":
                assert await agent.attach(BRIEF) == Lost()
            else:
                await agent.stop(BRIEF.spool, "no more")
            assert await agent.run(BRIEF) == Lost()
            assert world.processes == {}

    in_virtual_time(scene)


def test_a_stopped_agent_writes_nothing_more() -> None:
    async def scene(_: VirtualTimeLoop) -> None:
        world = a_world()
        agent = SimAgent(Hand(world), always(Fate()))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(agent.run(BRIEF))
            await asyncio.sleep(20)
            await agent.stop(BRIEF.spool, "enough")
            await agent.stop(BRIEF.spool, "once more")
        assert replace(running.result(), usage=Usage()) == Stopped(why="enough")
        await asyncio.sleep(100)
        assert world.worktrees[1, 1].files == {}

    in_virtual_time(scene)


def test_two_agents_of_one_task_are_noticed() -> None:
    async def scene(_: VirtualTimeLoop) -> None:
        world = a_world()
        agent = SimAgent(Hand(world), always(Fate()))
        other = replace(BRIEF, spool="p1-t1-a2-n1", attempt=2)
        await asyncio.gather(agent.run(BRIEF), agent.run(other))
        assert world.doubled == [1]
        assert world.most_at_once == 2

    in_virtual_time(scene)


@pytest.mark.parametrize(
    ("files", "failed"),
    [
        ({"a": "right"}, 0),
        ({"a": "wrong, somehow", "b": "right"}, 1),
        ({"a": "breaks b"}, 0),
        ({"a": "breaks b", "b": "right"}, 1),
        ({"a": "breaks b", "b": "breaks a"}, 2),
    ],
)
def test_a_check_looks_at_each_file(files: dict[str, str], failed: int) -> None:
    async def scene(_: VirtualTimeLoop) -> None:
        check = SimCheck(Hand(a_world()))
        checkout = Checkout(path=Path("/x"), home=Path("/y"), commit="c", tree=tree_name(files))
        subject = Subject(checkout=checkout, changes=(), spool="check")
        result = await check.run(ProjectId(1), subject)
        assert (result.passed, result.failed) == (len(files) - failed, failed)
        assert result.status is (CheckStatus.FAIL if failed else CheckStatus.PASS)
        assert list(check.cases(result) or {}) == sorted(files)

    in_virtual_time(scene)


def test_a_dead_engine_does_nothing_more_to_the_world(tmp_path: Path) -> None:
    world = a_world()
    hand = Hand(world)
    store = SqliteStore.open(tmp_path / "state.db", synchronous="OFF")
    faulty = FaultyStore(store, hand)
    hand.alive = False
    with pytest.raises(SimulatedCrash), faulty.transaction():
        raise AssertionError("it is dead already")
    assert world.crashes == 0, "it is not counted twice"
    store.close()


def test_a_store_refuses_commits_as_often_as_the_world_says(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "state.db", synchronous="OFF")
    faulty = FaultyStore(store, Hand(a_world(commit=1.0)))
    with pytest.raises(StoreException), faulty.transaction() as tx:
        assert tx.projects() == ()
    faulty.close()
    with store.transaction() as tx:  # It outlives the engine.
        assert tx.projects() == ()
    store.close()


def test_a_project_has_one_living_owner() -> None:
    world = a_world()
    first, second = Hand(world), Hand(world)
    SimOwnership(first).acquire()
    SimOwnership(first).acquire()
    with pytest.raises(OwnershipException):
        SimOwnership(second).acquire()
    first.alive = False
    SimOwnership(second).acquire()
    assert SimOwnership(second).held()
    SimOwnership(first).release()
    assert SimOwnership(second).held(), "nobody gives away what he has not"
    SimOwnership(second).release()
    assert world.owner is None


def test_time_passes_only_when_everybody_waits() -> None:
    async def scene(loop: VirtualTimeLoop) -> None:
        clock = LoopClock(loop)
        await asyncio.sleep(3_600)
        assert (clock.monotonic(), clock.now()) == (3_600.0, EPOCH_MS + 3_600_000)
        clock.skew_ms = -5
        assert clock.now() == EPOCH_MS + 3_599_995
        assert clock.monotonic() == 3_600.0

    in_virtual_time(scene)


def test_the_clock_is_set_both_ways_and_right_again_and_the_machine_sleeps() -> None:
    async def scene(loop: VirtualTimeLoop) -> None:
        clock = LoopClock(loop)
        seen = set[int]()
        trouble = loop.create_task(disturb(clock, Faults(jump=0.5, sleep=0.5), Random(1)))
        for _ in range(100):
            await asyncio.sleep(600)
            seen.add(round(clock.skew_ms - clock.asleep_s * 1000))
        trouble.cancel()
        assert min(seen) < -HOUR_MS, "back, by more than any delay"
        assert max(seen) > HOUR_MS
        assert seen & {-1, 0, 1}, "and right again"
        assert clock.asleep_s > 3600
        assert clock.monotonic() == 60_000, "asleep, nothing goes on"

    in_virtual_time(scene)


def test_waiting_for_what_nothing_brings_about_is_an_error() -> None:
    loop = VirtualTimeLoop()
    try:
        with pytest.raises(StuckException):
            loop.run_until_complete(asyncio.Event().wait())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
