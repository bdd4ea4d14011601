"""Stopping one attempt: its processes end, its work is kept, and a cancel holds."""

from __future__ import annotations

import asyncio

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.records import Attempt, Ending, StopWhy
from banksman.core.task import TaskStatus
from banksman.exceptions import WorkspaceException
from banksman.orchestration.engine import Engine, RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.testing.sim_agent import Fate
from banksman.testing.sim_workspaces import SimWorkspaces
from tests.unit.orchestration.plots import HALF, item
from tests.unit.orchestration.stage import Staging, Trusting

S = TaskStatus


def test_a_running_task_is_cancelled_its_work_is_saved_and_the_seat_is_free(
    staging: Staging,
) -> None:
    stage = staging(item("a", priority=9), item("b"), fates={"a": [HALF]})

    async def during(_: Engine) -> None:
        await stage.until(stage.works("a"))
        stage.half_way("a")
        command = await stage.wish("cancel", task="a", reason="no longer wanted")
        assert command.answer is not None
        assert command.answer["stopping"] is True
        await stage.until(stage.stands("a", S.CANCELLED))
        assert not stage.works("a")()
        await stage.until(stage.works("b"))

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled", "b": "completed"}
    assert stage.task("a").reason == "no longer wanted"
    assert stage.saved("a") == "half-done"
    assert stage.world.worktrees == {}
    kinds = stage.kinds("a")
    assert (
        kinds.index("stop.intended") < kinds.index("work.saved") < kinds.index("task.cancelled")
    )
    (attempt,) = stage.attempts("a")
    assert (attempt.stop, attempt.ending, attempt.stop_by) == (
        StopWhy.CANCEL, Ending.CANCELLED, "ada",
    )  # fmt: skip
    (turn,) = stage.turns("a")
    assert (turn.outcome, turn.ended_at) == ("stopped", attempt.ended_at)
    assert turn.spool in stage.world.forgotten


def test_a_running_task_is_blocked_and_its_workspace_stays_for_a_person(
    staging: Staging,
) -> None:
    stage = staging(item("a"), fates={"a": [HALF, Fate(after_s=1)]})

    async def during(_: Engine) -> None:
        await stage.until(stage.works("a"))
        await stage.wish("block", task="a", reason="let me look")
        await stage.until(stage.stands("a", S.BLOCKED))
        assert stage.world.working() == 0
        event = stage.event()
        assert (event.type, event.message) == (BreakpointType.MANUAL, "let me look")
        stage.world.worktrees[stage.task("a").id, 1].files["task-a"] = "right by hand"
        await stage.resolve(event, Resolution.EDIT)

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.files()["task-a"] == "right by hand"
    assert len(stage.plot.begun) == 1


@pytest.mark.parametrize("order", [("block", "cancel"), ("cancel", "block"), ("cancel",) * 2])
def test_a_cancel_holds_whatever_else_is_wished_in_the_same_round(
    staging: Staging, order: tuple[str, ...]
) -> None:
    stage = staging(item("a"), fates={"a": [HALF]})

    async def during(_: Engine) -> None:
        await stage.until(stage.works("a"))
        for name in order:
            stage.submit(name, task="a")

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled"}
    assert stage.events() == ()


class SlowToStop(SimWorkspaces):
    """Takes its time to save."""

    async def save(self, attempt: Attempt, reason: str) -> str | None:
        await asyncio.sleep(50)
        return await super().save(attempt, reason)


@pytest.mark.parametrize(("first", "ends"), [("stop", "cancelled"), ("block", "cancelled")])
def test_a_cancel_holds_while_the_attempt_is_being_stopped_for_another_reason(
    staging: Staging, first: str, ends: str
) -> None:
    stage = staging(item("a"), fates={"a": [HALF]})
    stage.workspaces = SlowToStop

    async def during(engine: Engine) -> None:
        await stage.until(stage.works("a"))
        if first == "stop":
            engine.stop()
        else:
            await stage.wish("block", task="a")
        await stage.until(lambda: stage.attempts("a")[0].stop is not None)
        await asyncio.sleep(10)
        await stage.wish("cancel", task="a")

    async def scene() -> None:
        await stage.run_during(during)

    stage.play(scene)
    assert stage.statuses() == {"a": ends}
    assert stage.events() == ()


def test_an_integration_that_had_succeeded_wins_over_a_cancel(staging: Staging) -> None:
    class SlowToPublish(SimWorkspaces):
        """Swaps at once, and takes its time to come back."""

        async def publish(self, expected: str, new: str) -> bool:
            done = await super().publish(expected, new)
            await asyncio.sleep(100)
            return done

    stage = staging(item("a"))
    stage.workspaces = SlowToPublish

    async def during(_: Engine) -> None:
        await stage.until(lambda: len(stage.integrated()) == 1)
        command = await stage.wish("cancel", task="a")
        assert command.error == ""

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.statuses() == {"a": "completed"}
    assert stage.project().integrated == stage.world.target


def test_a_cancel_before_the_swap_integrates_nothing(staging: Staging) -> None:
    class SlowToSwap(SimWorkspaces):
        """Takes its time before it swaps."""

        async def publish(self, expected: str, new: str) -> bool:
            await asyncio.sleep(100)
            return await super().publish(expected, new)

    stage = staging(item("a"))
    stage.workspaces = SlowToSwap

    async def during(_: Engine) -> None:
        await stage.until(lambda: Point.INTEGRATE_INTENDED in stage.reached)
        await stage.wish("cancel", task="a")

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled"}
    assert stage.integrated() == []


@pytest.mark.parametrize("after_s", [0.5 * step for step in range(1, 40)])
def test_a_cancel_at_any_moment_leaves_the_task_cancelled_or_completed_and_nothing_else(
    staging: Staging, after_s: float
) -> None:
    stage = staging(item("a"), item("b"), fates={"a": [Fate(after_s=4)]}, pace=7)

    async def during(_: Engine) -> None:
        await asyncio.sleep(after_s)
        stage.submit("cancel", task="a")

    async def scene() -> None:
        await stage.run_during(during)

    stage.play(scene)
    done = stage.statuses()
    assert done["b"] == "completed"
    assert done["a"] in {"cancelled", "completed"}
    assert ("Do a" in stage.integrated()) is (done["a"] == "completed")
    assert stage.world.working() == 0
    assert (stage.world.worktrees, stage.world.checkouts) == ({}, {})
    assert all(turn.ended_at for turn in stage.turns("a"))


def test_an_attempt_that_waits_for_a_seat_is_cancelled(staging: Staging) -> None:
    stage = staging(
        item("early", shared=True, priority=9),
        item("other"),
        fates={"early": [Fate(after_s=10)], "other": [Fate(after_s=500)]},
    )
    stage.workspaces = Trusting

    async def during(_: Engine) -> None:
        await stage.until(stage.works("early"))
        # It conflicts with what a person pushed, and `other` has taken its seat.
        stage.world.target = stage.push({"shared": "by hand"})
        await stage.until(lambda: "attempt.conflicted" in stage.kinds("early"))
        await stage.until(stage.works("other"))
        await stage.wish("cancel", task="early")
        await stage.until(stage.stands("early", S.CANCELLED))
        assert stage.works("other")()

    async def scene() -> None:
        end = await stage.run_during(during)
        assert end is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"early": "cancelled", "other": "completed"}


class GoneWhilePublishing(SimWorkspaces):
    """Takes its time to publish, and cannot tell for a while then where the target is."""

    gone_until_s = 0.0

    async def tip(self) -> str | None:
        if asyncio.get_running_loop().time() < self.gone_until_s:
            raise WorkspaceException(message="git is gone")
        return await super().tip()

    async def publish(self, expected: str, new: str) -> bool:
        self.gone_until_s = asyncio.get_running_loop().time() + 200
        await asyncio.sleep(100)
        return await super().publish(expected, new)


def test_an_attempt_that_cannot_be_stopped_now_is_stopped_later_and_costs_nobody_anything(
    staging: Staging,
) -> None:
    stage = staging(
        item("a"), item("b"), fates={"b": [Fate(after_s=500)]}, rules=RunRules(parallel=2)
    )
    stage.workspaces = GoneWhilePublishing

    async def during(_: Engine) -> None:
        await stage.until(lambda: Point.INTEGRATE_INTENDED in stage.reached)
        await stage.wish("cancel", task="a")
        await asyncio.sleep(100)
        assert stage.statuses() == {"a": "running", "b": "running"}, "whether it is on it?"
        await stage.until(stage.stands("a", S.CANCELLED))
        assert stage.works("b")()

    async def scene() -> None:
        await stage.run_during(during)

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled", "b": "completed"}
    assert stage.integrated() == ["Do b"]


def test_an_attempt_whose_agent_is_configured_no_more_is_cancelled_all_the_same(
    staging: Staging,
) -> None:
    stage = staging(item("a"), fates={"a": [HALF]})

    async def scene() -> None:
        hand = stage.hand()
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.dies(stage.engine(hand=hand), hand))
            await stage.until(stage.works("a"))
            hand.alive = False
        stage.submit("cancel", task="a")
        stage.world.owner = None
        await stage.engine(agents=False).serve_once()

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled"}
    assert stage.turns("a")[0].outcome == "stopped"


def test_an_attempt_that_never_meant_to_integrate_is_stopped_without_asking_git(
    staging: Staging,
) -> None:
    class GoneForEver(SimWorkspaces):
        """Cannot tell any more where the target is, once the agent works."""

        async def tip(self) -> str | None:
            raise WorkspaceException(message="git is gone")

    stage = staging(item("a"), fates={"a": [HALF]})
    stage.workspaces = GoneForEver

    async def during(_: Engine) -> None:
        await stage.until(stage.works("a"))
        await stage.wish("cancel", task="a")
        await stage.until(stage.stands("a", S.CANCELLED))

    async def scene() -> None:
        await stage.run_during(during)

    stage.play(scene)
    assert stage.loop.time() < 20


def test_work_that_cannot_be_saved_does_not_keep_the_attempt_from_ending(
    staging: Staging, caplog: pytest.LogCaptureFixture
) -> None:
    class CannotSave(SimWorkspaces):
        async def save(self, attempt: Attempt, reason: str) -> str | None:
            raise WorkspaceException(message="the disk is full")

    stage = staging(item("a", retries_max=0), item("b"), fates={"a": [Fate(kind="error")]})
    stage.workspaces = CannotSave

    async def scene() -> None:
        assert await stage.engine().run() is RunEnd.FAILED
        assert stage.statuses() == {"a": "failed", "b": "completed"}
        assert (stage.task("a").id, 1) in stage.world.worktrees, "it was not removed unsaved"
        assert "work.not_saved" in {one.message for one in caplog.records}

    stage.play(scene)
