"""Engines die, and the next one goes on: nothing is done twice, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from typing import cast

import pytest

from banksman.core.breakpoints import Resolution
from banksman.core.outcome import Outcome
from banksman.core.records import Ending, Step
from banksman.core.task import TaskStatus
from banksman.exceptions import StaleWriterException, StoreException, WorkspaceException
from banksman.orchestration.engine import RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.ports import Brief, Store, Transaction
from banksman.testing.faulty_store import FaultyStore
from banksman.testing.sim_agent import Fate, SimAgent
from banksman.testing.sim_workspaces import SimWorkspaces
from banksman.testing.world import Hand
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Stage, Staging

S = TaskStatus

LOST = {Point.START_INTENDED}
"""Where an engine dies before its agent has started: that turn is lost."""
NOT_PASSED = {Point.STOP_INTENDED, Point.STOP_ACTED, Point.STOP_SAVED}
"""Where nobody comes who stops nothing."""


async def die(stage: Stage) -> None:
    """Run an engine to its death."""
    hand = stage.hand()
    await stage.dies(stage.engine(hand=hand), hand)


async def die_when(stage: Stage, working: str) -> None:
    """Run an engine that dies while an agent works on this task."""
    hand = stage.hand()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.dies(stage.engine(hand=hand), hand))
        await stage.until(stage.works(working))
        hand.alive = False


@pytest.mark.parametrize("point", [point for point in Point if point not in NOT_PASSED])
def test_a_task_whose_engine_dies_at_a_point_is_done_once(
    staging: Staging, point: Point
) -> None:
    stage = staging(item("a", turns_max=1), item("b", "a"))
    stage.crash_at = point

    async def scene() -> None:
        await die(stage)
        assert stage.crash_at is None
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.integrated() == ["Do a", "Do b"]
    assert [one for one in stage.plot.begun if one[0] == "a"] == [
        ("a", 2, 1) if point in LOST else ("a", 1, 1)
    ]
    assert stage.project().integrated == stage.world.target
    assert (stage.world.worktrees, stage.world.checkouts) == ({}, {})
    assert stage.world.working() == 0
    endings = [one.ending for one in stage.attempts("a")]
    assert endings == [*[Ending.LOST] * (point in LOST), Ending.INTEGRATED]


@pytest.mark.parametrize("point", sorted(NOT_PASSED))
def test_a_stop_that_an_engine_dies_at_is_carried_out_by_the_next(
    staging: Staging, point: Point
) -> None:
    stage = staging(item("a"), fates={"a": [Fate(after_s=600)]})
    stage.crash_at = point

    async def scene() -> None:
        hand = stage.hand()
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.dies(stage.engine(hand=hand), hand))
            await stage.until(stage.works("a"))
            stage.submit("cancel", task="a")
        assert stage.statuses() == {"a": "running"}
        assert await stage.next_engine().run() is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled"}
    assert stage.loop.time() < 100
    assert stage.world.working() == 0


def test_an_agent_that_still_works_is_found_again(staging: Staging) -> None:
    stage = staging(item("a"))

    async def scene() -> None:
        await die_when(stage, "a")
        await asyncio.sleep(20)
        stage.world.owner = None
        engine = stage.engine()
        assert await engine.run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1)]
    assert stage.loop.time() < 100
    (attempt,) = stage.attempts("a")
    assert attempt.epoch == 2, "stamped by whom it works for now"
    assert "attempt.reattached" in stage.kinds("a")


def test_an_agent_that_ended_while_nobody_looked_is_taken_at_its_result(
    staging: Staging,
) -> None:
    stage = staging(item("a"))

    async def scene() -> None:
        await die_when(stage, "a")
        await asyncio.sleep(1_000)
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1)]


def test_attempts_that_were_taken_over_are_seated_and_new_ones_wait(staging: Staging) -> None:
    stage = staging(item("a"), item("b"), item("c"), rules=RunRules(parallel=2))

    async def scene() -> None:
        hand = stage.hand()
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.dies(stage.engine(hand=hand), hand))
            await stage.until(lambda: stage.world.working() == 2)
            hand.alive = False
        stage.rules = RunRules(parallel=1, poll_s=1.0)
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.world.most_at_once == 2
    assert stage.claims() == ["a", "b", "c"]
    assert stage.claimed_s("c")[0] >= 60


def edit(stage: Stage, key: str) -> None:
    task = stage.task(key)
    stage.world.worktrees[task.id, task.attempt].files[f"task-{key}"] = "right by hand"


@pytest.mark.parametrize("served", [True, False])
def test_what_a_person_edited_is_there_after_the_next_engines_sweep(
    staging: Staging, *, served: bool
) -> None:
    stage = staging(
        item("a"), fates={"a": [Fate(kind="question")]}, rules=RunRules(parallel=1, wait=False)
    )

    async def scene() -> None:
        assert await stage.engine().run() is RunEnd.WAITING
        edit(stage, "a")
        stage.submit("resolve", breakpoint=stage.event().id, resolution="edit")
        if served:
            await stage.next_engine().serve_once()
            assert stage.statuses() == {"a": "ready"}
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.files()["task-a"] == "right by hand"
    assert stage.plot.begun == [("a", 1, 1)]


def test_what_a_person_edited_is_there_for_an_attempt_that_was_taken_over(
    staging: Staging,
) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="question")]})

    async def scene() -> None:
        hand = stage.hand()
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.dies(stage.engine(hand=hand), hand))
            await stage.until(stage.stands("a", S.BLOCKED))
            edit(stage, "a")
            stage.crash_at = Point.CAPTURE_INTENDED
            await stage.resolve(stage.event(), Resolution.EDIT)
        assert stage.attempts("a")[1].step is Step.CAPTURE
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.files()["task-a"] == "right by hand"


def test_what_a_person_edited_goes_to_the_agent_if_it_fails(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="question"), Fate()]})

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.engine().run())
            await stage.until(stage.stands("a", S.BLOCKED))
            edit(stage, "a")
            stage.world.worktrees[stage.task("a").id, 1].files["odd-name"] = "wrong by hand"
            await stage.resolve(stage.event(), Resolution.EDIT)
            await stage.until(lambda: len(stage.plot.begun) == 2)
            mine = stage.world.worktrees[stage.task("a").id, 2]
            assert mine.files["odd-name"] == "wrong by hand", (
                "a person's work goes on, not away"
            )
            mine.files["odd-name"] = "right"

    stage.play(scene)
    first, second = stage.attempts("a")
    assert first.branch != second.branch, "one branch is not checked out twice"
    assert stage.files()["odd-name"] == "right"
    assert "odd-name" in stage.turns("a", 2)[0].prompt


def test_workspaces_that_nobody_needs_are_swept_by_the_next_run(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="error", after_s=1), Fate()]})
    stage.crash_at = Point.CLEAN_SAVED

    async def scene() -> None:
        await die(stage)
        assert (1, 1) in stage.world.worktrees
        engine = stage.next_engine()
        async with asyncio.TaskGroup() as group:
            group.create_task(engine.run())
            await asyncio.sleep(1)
            assert (1, 1) not in stage.world.worktrees

    stage.play(scene)


def test_a_sweep_that_fails_does_not_keep_the_plan_from_going_on(staging: Staging) -> None:
    class CannotSweep(SimWorkspaces):
        async def sweep(self, live: object) -> tuple[()]:
            raise WorkspaceException(message="the disk is full")

    stage = staging(item("a"))
    stage.workspaces = CannotSweep
    assert stage.run_plan() is RunEnd.COMPLETED


def test_workspaces_that_cannot_be_made_ahead_do_not_end_the_run(staging: Staging) -> None:
    tried: list[str] = []

    class CannotPrepareAhead(SimWorkspaces):
        async def prepare_ahead(self) -> None:
            tried.append("ahead")
            raise WorkspaceException(message="the disk is full")

    stage = staging(item("a"))
    stage.workspaces = CannotPrepareAhead
    assert stage.run_plan() is RunEnd.COMPLETED
    assert tried == ["ahead"]


class Refusing(FaultyStore):
    """Refuses the commits that it is told to."""

    def __init__(self, store: Store, hand: Hand) -> None:
        super().__init__(store, hand)
        self.refuse = 0

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        with super().transaction() as tx:
            yield tx
            if self.refuse:
                self.refuse -= 1
                raise StoreException(message="the disk is full")


def test_claims_of_a_round_that_did_not_commit_are_not_acted_on(staging: Staging) -> None:
    stage = staging(*(item(f"t{number}") for number in range(4)), rules=RunRules(parallel=2))
    stage.store_of = Refusing
    engine = stage.engine()
    store = stage.stores[-1]
    assert isinstance(store, Refusing)

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(engine.run())
            for _ in range(200):
                await asyncio.sleep(1)
                store.refuse = 1  # Whatever is committed next.
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert sorted(stage.claims()) == ["t0", "t1", "t2", "t3"]
    assert sorted(stage.plot.begun) == [(f"t{number}", 1, 1) for number in range(4)]
    assert stage.world.most_at_once == 2


def test_a_store_that_refuses_for_ever_ends_the_run_and_the_agents_go_on(
    staging: Staging,
) -> None:
    stage = staging(item("a"), item("b"), rules=RunRules(parallel=2))
    stage.store_of = Refusing

    async def scene() -> None:
        engine = stage.engine()
        store = stage.stores[-1]
        assert isinstance(store, Refusing)
        async with asyncio.TaskGroup() as group:
            run = group.create_task(_ended(engine.run()))
            await stage.until(lambda: stage.world.working() == 2)
            store.refuse = 1_000_000
        assert _only(run.result(), StoreException)
        assert stage.world.working() == 2
        store.refuse = 0
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert sorted(stage.plot.begun) == [("a", 1, 1), ("b", 1, 1)]


def test_an_engine_that_was_taken_over_ends_and_leaves_its_agents_to_the_other(
    staging: Staging,
) -> None:
    stage = staging(item("a"), item("b", "a"))

    async def scene() -> None:
        first = stage.engine()
        async with asyncio.TaskGroup() as group:
            old = group.create_task(_ended(first.run()))
            await stage.until(stage.works("a"))
            new = group.create_task(stage.next_engine().run())
        assert _only(old.result(), StaleWriterException)
        assert new.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1), ("b", 1, 1)]


async def _ended(run: Awaitable[object]) -> BaseException | None:
    try:
        await run
    except BaseException as error:  # noqa: BLE001 - it is what the test looks at
        return error
    return None


def _only(error: BaseException | None, kind: type[Exception]) -> bool:
    """Return whether an error is of this kind, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(_only(one, kind) for one in group.exceptions)
    return isinstance(error, kind)


def test_an_agent_whose_work_cannot_be_followed_up_is_ended_before_another_begins(
    staging: Staging,
) -> None:
    class Confused(SimAgent):
        """Cannot find its agents again."""

        async def attach(self, brief: Brief) -> Outcome:
            raise RuntimeError("no such file")

    stage = staging(item("a"), fates={"a": [Fate(after_s=600), Fate()]})

    async def scene() -> None:
        await die_when(stage, "a")
        stage.agent = lambda hand: Confused(hand, stage.plot)
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.world.doubled == []
    assert stage.plot.begun == [("a", 1, 1), ("a", 2, 1)]
    assert stage.attempts("a")[0].message == "internal error: RuntimeError('no such file')"
    assert stage.turns("a", 1)[0].outcome == "stopped"
