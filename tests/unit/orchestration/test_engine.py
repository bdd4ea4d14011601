"""How a run goes: order, seats, waiting, and why it is over."""

from __future__ import annotations

import asyncio

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.task import DependencyPolicy, Gate, TaskStatus
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.engine import UNDER_WAY_PER_SEAT, RunEnd, RunRules
from banksman.state.state_manager import StateManager
from banksman.testing.sim_agent import Fate
from banksman.testing.sim_workspaces import SimWorkspaces
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Staging, Trusting

S = TaskStatus
NO_WAIT = RunRules(parallel=1, wait=False)


def test_an_empty_plan_is_complete(staging: Staging) -> None:
    stage = staging()
    assert stage.run_plan() is RunEnd.COMPLETED


def test_tasks_are_claimed_in_the_order_of_their_priority(staging: Staging) -> None:
    stage = staging(
        item("low", priority=1),
        item("high", priority=10),
        item("after", "low", priority=9),
        item("mid", priority=6),
    )
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.claims() == ["high", "mid", "low", "after"]
    assert stage.integrated() == ["Do high", "Do mid", "Do low", "Do after"]
    assert {task.attempt for task in stage.tasks().values()} == {1}


@pytest.mark.parametrize("parallel", [1, 2, 3, 8])
def test_as_many_agents_work_at_once_as_there_are_seats(
    staging: Staging, parallel: int
) -> None:
    tasks = [item(f"t{number}", turns_max=2) for number in range(6)]
    fates = {f"t{number}": [Fate(kind="wrong"), Fate()] for number in range(6)}
    stage = staging(*tasks, fates=fates, rules=RunRules(parallel=parallel), pace=parallel)
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.world.most_at_once == min(parallel, 6)


def test_work_that_is_integrated_holds_no_seat(staging: Staging) -> None:
    stage = staging(item("first"), item("second"), pace=1)
    assert stage.run_plan() is RunEnd.COMPLETED
    lines = [(line.kind, line.task_id) for line in stage.journal()]
    first, second = stage.task("first").id, stage.task("second").id
    accepted = lines.index(("attempt.accepted", first))
    assert (
        accepted
        < lines.index(("task.claimed", second))
        < lines.index(("task.integrated", first))
    )


def test_no_more_is_begun_than_integration_can_follow(staging: Staging) -> None:
    most = 0

    class SlowToSwap(SimWorkspaces):
        """Counts who is under way, and takes its time."""

        async def publish(self, expected: str, new: str) -> bool:
            nonlocal most
            await asyncio.sleep(100)
            most = max(most, list(stage.statuses().values()).count("running"))
            return await super().publish(expected, new)

    keys = [f"t{number}" for number in range(9)]
    fates = {key: [Fate(after_s=1)] for key in keys}
    stage = staging(*(item(key) for key in keys), fates=fates)
    stage.workspaces = SlowToSwap
    assert stage.run_plan() is RunEnd.COMPLETED
    assert most == UNDER_WAY_PER_SEAT


def test_an_attempt_that_is_sent_back_waits_for_a_seat(staging: Staging) -> None:
    # Its conflict sends `late` back to its agent while `other` has the only seat.
    stage = staging(
        item("early", shared=True, priority=9),
        item("late", shared=True, priority=8),
        item("other", priority=1),
        fates={"early": [Fate(after_s=10)], "late": [Fate(after_s=5)]},
        rules=RunRules(parallel=1),
    )
    stage.workspaces = Trusting

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.works("late"))
            # A person's commit on the same file: so that there is a conflict with one seat.
            stage.push({"shared": "by hand"})
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [
        ("early", 1, 1), ("late", 1, 1), ("other", 1, 1), ("late", 1, 2),
    ]  # fmt: skip
    assert stage.world.most_at_once == 1


def test_a_paused_project_finishes_what_runs_and_claims_nothing(staging: Staging) -> None:
    stage = staging(item("a"), item("b"))

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.works("a"))
            assert (await stage.wish("pause")).answer == {"project": "staged", "paused": True}
            await asyncio.sleep(1_000)
            assert stage.statuses() == {"a": "completed", "b": "ready"}
            assert not run.done(), "a person can move it"
            await stage.wish("resume")
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)


@pytest.mark.parametrize("fate", [Fate(), Fate(kind="rate_limited", after_s=1)])
def test_a_paused_project_is_not_waited_for_if_nobody_wants_to(
    staging: Staging, fate: Fate
) -> None:
    # The delay of a retry passes, too: it moves nothing while nothing is claimed.
    stage = staging(item("a"), item("b", "a"), fates={"a": [fate]}, rules=NO_WAIT)

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.works("a"))
            await stage.wish("pause")
        assert run.result() is RunEnd.WAITING

    stage.play(scene)
    assert stage.loop.time() < 1_000


def test_a_gate_is_waited_for_and_then_passed(staging: Staging) -> None:
    stage = staging(item("a"), item("b", "a", gate=Gate.MANUAL), item("c", "b"))

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.stands("b", S.BLOCKED))
            assert stage.task("a").status is S.COMPLETED, "it is asked when its turn comes"
            await asyncio.sleep(1_000)
            assert not run.done()
            await stage.resolve(stage.event(), Resolution.ACCEPT)
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.claims() == ["a", "b", "c"]


def test_a_run_that_does_not_wait_ends_at_a_gate_and_the_next_goes_on(staging: Staging) -> None:
    stage = staging(item("a", gate=Gate.MANUAL), item("b"), rules=NO_WAIT)

    async def scene() -> None:
        assert await stage.engine().run() is RunEnd.WAITING
        assert stage.statuses() == {"a": "blocked", "b": "completed"}
        stage.world.owner = None
        stage.submit("resolve", breakpoint=stage.event().id, resolution="accept")
        assert await stage.engine().run() is RunEnd.COMPLETED

    stage.play(scene)


def test_a_run_that_waits_for_nobody_waits_for_its_timers(staging: Staging) -> None:
    stage = staging(
        item("a"), fates={"a": [Fate(kind="error", after_s=1), Fate()]}, rules=NO_WAIT
    )
    assert stage.run_plan() is RunEnd.COMPLETED


def test_a_round_follows_at_once_when_an_attempt_has_ended(staging: Staging) -> None:
    stage = staging(item("a"), item("b", "a"), item("c"))
    stage.rules = RunRules(parallel=1, poll_s=400.0)
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.loop.time() < 200


def test_a_round_follows_at_once_when_something_was_tidied_up(staging: Staging) -> None:
    stage = staging(item("a", gate=Gate.MANUAL))
    stage.rules = RunRules(parallel=1, poll_s=400.0)

    async def scene() -> None:
        engine = stage.engine()
        stage.submit("cancel", task="a")
        assert await engine.run() is RunEnd.FAILED

    stage.play(scene)
    assert stage.loop.time() < 200


def test_a_run_whose_rest_has_failed_is_over(staging: Staging) -> None:
    stage = staging(
        item("a", retries_max=0),
        item("b"),
        fates={"a": [Fate(kind="error")]},
    )
    assert stage.run_plan() is RunEnd.FAILED
    assert stage.statuses() == {"a": "failed", "b": "completed"}


def test_a_run_whose_rest_was_cancelled_has_failed(staging: Staging) -> None:
    stage = staging(item("a"), item("b"))
    stage.engine()
    stage.world.owner = None
    stage.submit("cancel", task="b")
    assert stage.run_plan() is RunEnd.FAILED
    assert stage.statuses() == {"a": "completed", "b": "cancelled"}


def test_a_note_to_a_person_is_nothing_to_wait_for(staging: Staging) -> None:
    stage = staging(item("a", retries_max=0), fates={"a": [Fate(kind="error")]})
    engine = stage.engine()
    state = StateManager(stage.store, stage.clock)
    with state.transaction() as tx:
        BreakpointManager(state, stage.clock).trigger_breakpoint(
            tx, stage.task_in(tx, "a"), BreakpointType.RATE_LIMIT_HIT, "wait a little"
        )
    assert stage.loop.run_until_complete(engine.run()) is RunEnd.FAILED


def test_a_lost_dependency_is_waited_for_until_a_person_answers(staging: Staging) -> None:
    stage = staging(
        item("a", retries_max=0),
        item("b", "a"),
        item("c", "b"),
        fates={"a": [Fate(kind="error"), Fate()]},
    )

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.stands("b", S.BLOCKED))
            assert stage.statuses() == {"a": "failed", "b": "blocked", "c": "pending"}
            await stage.resolve(stage.event(), Resolution.RETRY)
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.integrated() == ["Do a", "Do b", "Do c"]


def test_a_failed_task_that_is_granted_another_attempt_lets_its_dependents_go(
    staging: Staging,
) -> None:
    stage = staging(
        item("a", retries_max=0),
        item("b", "a"),
        fates={"a": [Fate(kind="error"), Fate()]},
    )

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.stands("b", S.BLOCKED))
            await stage.wish("retry", task="a", guidance="mind the gap")
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.events() == ()
    assert "mind the gap" in stage.turns("a", 2)[0].prompt


def test_dependents_of_a_lost_task_are_cancelled_by_an_answer(staging: Staging) -> None:
    stage = staging(
        item("a", retries_max=0),
        item("b", "a"),
        item("c"),
        fates={"a": [Fate(kind="error")]},
    )

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.stands("b", S.BLOCKED))
            await stage.resolve(stage.event(), Resolution.CANCEL)
        assert run.result() is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"a": "failed", "b": "cancelled", "c": "completed"}


def test_a_task_may_say_what_becomes_of_it_without_its_dependency(staging: Staging) -> None:
    stage = staging(
        item("a", retries_max=0),
        item("runs", "a", policy=DependencyPolicy.RUN),
        item("goes", "a", policy=DependencyPolicy.CANCEL),
        item("behind", "goes", policy=DependencyPolicy.CANCEL),
        fates={"a": [Fate(kind="error")]},
    )
    assert stage.run_plan() is RunEnd.FAILED
    assert stage.statuses() == {
        "a": "failed", "runs": "completed", "goes": "cancelled", "behind": "cancelled",
    }  # fmt: skip


def test_a_command_is_answered_within_a_tenth_of_a_second(staging: Staging) -> None:
    stage = staging(item("a"), rules=RunRules())
    stage.rules = RunRules()

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.engine().run())
            await stage.until(stage.works("a"))
            command = stage.submit("cancel", task="nobody")
            await asyncio.sleep(0.101)
            assert "there is no task 'nobody'" in stage.command(command).error

    stage.play(scene)


def test_what_a_turn_cost_is_kept(staging: Staging) -> None:
    stage = staging(item("a"))
    assert stage.run_plan() is RunEnd.COMPLETED
    (turn,) = stage.turns("a")
    assert (turn.outcome, turn.text) == ("answered", "done")
    assert len(stage.store.tables()["usage"]) == 1


def test_when_it_is_over_nothing_is_left_but_the_work(staging: Staging) -> None:
    stage = staging(item("a"), item("b", "a"), fates={"a": [Fate(kind="lost"), Fate()]})
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.world.worktrees == {}
    assert stage.world.checkouts == {}
    assert stage.world.working() == 0
    assert stage.world.forgotten == set(stage.world.processes)
    assert stage.project().integrated == stage.world.target
    assert stage.integrated() == ["Do a", "Do b"]
