"""What tasks and runs may spend: asked before each claim and turn, and what follows."""

from __future__ import annotations

import asyncio

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.budget import Limits, Spent
from banksman.core.outcome import Usage
from banksman.core.records import BreakpointEvent, Run
from banksman.orchestration.budgets import Caps
from banksman.orchestration.engine import Engine, RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.testing.sim_agent import Fate
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Stage, Staging

NO_WAIT = RunRules(parallel=1, wait=False)
DOLLAR = 1_000_000
COST = Usage(input_tokens=900, output_tokens=100, cost_microusd=DOLLAR)
RIGHT = Fate(usage=COST)
WRONG = Fate(kind="wrong", usage=COST, files={"half": "half-done"})
ERROR = Fate(kind="error", usage=COST)
EVERY_KIND = pytest.mark.parametrize(
    "limits",
    [
        Limits(turns=1),
        Limits(time_ms=60_000),
        Limits(tokens=1000),
        Limits(cost_microusd=DOLLAR),
    ],
)


def last_run(stage: Stage) -> Run:
    with stage.store.transaction() as tx:
        run = tx.last_run(stage.project_id)
    assert run is not None
    return run


def spent(stage: Stage) -> Spent:
    with stage.store.transaction() as tx:
        return tx.spent(stage.project_id)


def answered(stage: Stage, resolution: Resolution) -> RunEnd:
    """Answer the only open breakpoint while an engine runs; return how that run ended."""

    async def answer(_: Engine) -> None:
        await stage.resolve(stage.event(), resolution, guidance="mind the gap")

    stage.world.owner = None

    async def main() -> RunEnd:
        async with asyncio.timeout(50_000):
            return await stage.run_during(answer)

    stage.rules = RunRules(parallel=1, wait=False, poll_s=stage.rules.poll_s)
    return stage.loop.run_until_complete(main())


def is_about_budget(event: BreakpointEvent) -> bool:
    return event.type is BreakpointType.BUDGET_EXCEEDED


@EVERY_KIND
def test_a_task_that_has_spent_all_gets_no_further_turn(
    staging: Staging, limits: Limits
) -> None:
    stage = staging(item("a", limits=limits), fates={"a": [WRONG]}, rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.WAITING
    assert stage.plot.begun == [("a", 1, 1)]
    assert stage.statuses() == {"a": "blocked"}
    assert is_about_budget(stage.event())
    assert stage.event().message.startswith("the task has spent ")
    assert stage.saved("a") == "half-done"


@EVERY_KIND
def test_a_task_that_has_spent_all_is_not_claimed_again(
    staging: Staging, limits: Limits
) -> None:
    stage = staging(item("a", limits=limits), item("b"), fates={"a": [ERROR]}, rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.WAITING
    assert [key for key, _, _ in stage.plot.begun] == ["a", "b"]
    assert stage.statuses() == {"a": "blocked", "b": "completed"}
    assert is_about_budget(stage.event())


@EVERY_KIND
def test_what_all_tasks_may_spend_holds_where_the_plan_is_silent(
    staging: Staging, limits: Limits
) -> None:
    stage = staging(
        item("a"),
        item("b", limits=Limits(turns=9, time_ms=10**9, tokens=10**9, cost_microusd=10**9)),
        fates={"a": [WRONG], "b": [WRONG, RIGHT]},
        rules=NO_WAIT,
    )
    stage.caps = Caps(task=limits)
    assert stage.run_plan() is RunEnd.WAITING
    assert stage.statuses() == {"a": "blocked", "b": "completed"}


def test_work_that_is_right_is_integrated_though_all_is_spent(staging: Staging) -> None:
    stage = staging(item("a", limits=Limits(turns=1)), rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.COMPLETED


def test_retry_grants_a_task_its_budget_once_more_and_goes_on_with_its_work(
    staging: Staging,
) -> None:
    limits = Limits(cost_microusd=DOLLAR)
    stage = staging(item("a", limits=limits), fates={"a": [WRONG]}, rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.WAITING
    first = stage.event()
    assert answered(stage, Resolution.RETRY) is RunEnd.WAITING
    assert stage.plot.begun == [("a", 1, 1), ("a", 2, 1)], "one more, and no loop"
    assert (stage.event().id, stage.event().attempt) == (first.id + 1, 2)
    assert stage.attempts("a")[1].resumes == 1
    assert stage.plot.allowances == [limits, limits]
    told = stage.turns("a", 2)[0].prompt
    assert "mind the gap" in told
    assert "is not accepted" in told, "what the next turn would have heard"


def test_edit_is_checked_and_integrated_without_spending(staging: Staging) -> None:
    stage = staging(item("a", limits=Limits(turns=1)), fates={"a": [WRONG]}, rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.WAITING
    stage.world.worktrees[stage.task("a").id, 1].files["task-a"] = "right by hand"
    assert answered(stage, Resolution.EDIT) is RunEnd.COMPLETED
    assert stage.plot.begun == [("a", 1, 1)]
    assert stage.files()["task-a"] == "right by hand"


def test_cancel_ends_a_task_whose_budget_is_spent(staging: Staging) -> None:
    stage = staging(item("a", limits=Limits(turns=1)), fates={"a": [WRONG]}, rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.WAITING
    answered(stage, Resolution.CANCEL)
    assert stage.statuses() == {"a": "cancelled"}
    assert stage.saved("a") == "half-done"


@pytest.mark.parametrize(
    "limits",
    [
        Limits(turns=2),
        Limits(time_ms=120_000),
        Limits(tokens=2000),
        Limits(cost_microusd=2 * DOLLAR),
    ],
)
def test_a_run_that_has_spent_all_ends_and_the_next_one_goes_on(
    staging: Staging, limits: Limits
) -> None:
    items = [item(key) for key in "abc"]
    stage = staging(*items, fates={key: [RIGHT] for key in "abc"})
    stage.caps = Caps(run=limits)
    assert stage.run_plan() is RunEnd.CAPPED
    assert stage.statuses() == {"a": "completed", "b": "completed", "c": "ready"}
    run = last_run(stage)
    assert (run.number, run.end) == (1, "capped")
    assert run.reason.startswith("the run has spent ")
    assert stage.events() == ()
    stage.world.owner = None
    assert stage.run_plan() is RunEnd.COMPLETED, "each run has its own"
    assert (last_run(stage).number, last_run(stage).before) == (
        2,
        run.before.plus(Spent(turns=2, time_ms=120_000, tokens=2000, cost_microusd=2 * DOLLAR)),
    )


def test_an_attempt_stops_at_its_turn_if_the_run_has_spent_all(staging: Staging) -> None:
    stage = staging(item("a"), item("b"), fates={"a": [WRONG]})
    stage.caps = Caps(run=Limits(cost_microusd=DOLLAR))
    assert stage.run_plan() is RunEnd.CAPPED, "waiting for a person would be in vain"
    assert stage.statuses() == {"a": "blocked", "b": "ready"}
    assert is_about_budget(stage.event())
    assert stage.event().message == "the run has spent $1.00 of $1.00"
    assert stage.saved("a") == "half-done"


def test_turns_at_once_share_the_money_of_the_run(staging: Staging) -> None:
    half = Usage(cost_microusd=DOLLAR // 2)
    stage = staging(
        *map(item, "abcd"),
        fates={key: [Fate(after_s=500, usage=half)] for key in "abcd"},
        rules=RunRules(parallel=2),
    )
    stage.caps = Caps(run=Limits(cost_microusd=DOLLAR))
    assert stage.run_plan() is RunEnd.CAPPED
    assert [one.cost_microusd for one in stage.plot.allowances] == [DOLLAR // 2] * 2
    assert spent(stage).cost_microusd == DOLLAR
    assert stage.statuses() == {"a": "completed", "b": "completed", "c": "ready", "d": "ready"}


def test_a_turn_that_was_ended_and_tells_no_money_is_charged_an_estimate(
    staging: Staging,
) -> None:
    stalled = Fate(kind="stalled", usage=Usage(input_tokens=500))
    stage = staging(item("a"), fates={"a": [ERROR, stalled, RIGHT]}, rules=NO_WAIT)
    stage.caps = Caps(run=Limits(cost_microusd=9 * DOLLAR))
    assert stage.run_plan() is RunEnd.COMPLETED
    assert spent(stage).cost_microusd == 2 * DOLLAR + DOLLAR // 2


def test_an_estimate_without_a_price_is_what_the_turn_was_granted(staging: Staging) -> None:
    stalled = Fate(kind="stalled", usage=Usage(input_tokens=500))
    stage = staging(item("a"), fates={"a": [stalled]}, rules=NO_WAIT)
    stage.caps = Caps(run=Limits(cost_microusd=DOLLAR))
    assert stage.run_plan() is RunEnd.CAPPED
    assert spent(stage).cost_microusd == DOLLAR


def test_a_task_alone_gets_all_the_money_of_the_run(staging: Staging) -> None:
    stage = staging(item("a"), rules=RunRules(parallel=8))
    stage.caps = Caps(run=Limits(cost_microusd=DOLLAR), project=Limits(cost_microusd=7))
    assert stage.run_plan() is RunEnd.COMPLETED
    assert [one.cost_microusd for one in stage.plot.allowances] == [7]


def test_a_turn_that_has_spent_its_share_is_gone_on_with(staging: Staging) -> None:
    cut = Fate(kind="capped", usage=Usage(cost_microusd=DOLLAR // 2))
    stage = staging(
        item("a"),
        item("b"),
        fates={"a": [cut, Fate()], "b": [Fate(after_s=30)]},
        rules=RunRules(parallel=2),
    )
    stage.caps = Caps(run=Limits(cost_microusd=DOLLAR))
    assert stage.run_plan() is RunEnd.COMPLETED
    assert sorted(stage.plot.begun) == [("a", 1, 1), ("a", 1, 2), ("b", 1, 1)]
    assert "go on where it stopped" in stage.turns("a", 1)[1].prompt


def test_a_plan_that_failed_has_failed_whatever_it_cost(staging: Staging) -> None:
    stage = staging(item("a", retries_max=0), fates={"a": [ERROR]})
    stage.caps = Caps(run=Limits(cost_microusd=DOLLAR))
    assert stage.run_plan() is RunEnd.FAILED


def test_all_runs_together_may_not_spend_more_than_the_project(staging: Staging) -> None:
    stage = staging(item("a"), item("b"), fates={key: [RIGHT] for key in "ab"})
    stage.caps = Caps(project=Limits(turns=1))
    assert stage.run_plan() is RunEnd.CAPPED
    assert last_run(stage).reason == "the project has spent 1 of 1 turn"
    stage.world.owner = None
    assert stage.run_plan() is RunEnd.CAPPED, "another run changes nothing"
    stage.caps = Caps(project=Limits(turns=2))
    stage.world.owner = None
    assert stage.run_plan() is RunEnd.COMPLETED


def test_a_turn_that_the_budget_cuts_short_is_no_failure(staging: Staging) -> None:
    long = Fate(after_s=600, files={"half": "half-done"})
    stage = staging(
        item("a", limits=Limits(time_ms=90_000)), fates={"a": [long]}, rules=NO_WAIT
    )
    assert stage.run_plan() is RunEnd.WAITING
    assert stage.event().message == "the task has spent 1.5 of 1.5 minutes"
    assert (stage.task("a").retries_used, stage.saved("a")) == (0, "half-done")
    assert stage.turns("a")[0].outcome == "timedout"


def test_a_turn_may_take_as_long_as_the_least_of_all_limits(staging: Staging) -> None:
    long = Fate(after_s=6000)
    stage = staging(item("a"), fates={"a": [long]}, rules=NO_WAIT)
    stage.caps = Caps(
        task=Limits(time_ms=500_000, tokens=7),
        run=Limits(time_ms=400_000, cost_microusd=5),
        project=Limits(time_ms=300_000, tokens=6),
    )
    stage.run_plan()
    (allowance,) = stage.plot.allowances
    assert allowance == Limits(time_ms=300_000, tokens=6, cost_microusd=5)
    assert spent(stage).time_ms == 300_000
    assert stage.event().message == "the project has spent 5 of 5 minutes"


def test_an_agent_that_takes_too_long_for_other_reasons_has_failed(staging: Staging) -> None:
    stage = staging(
        item("a", limits=Limits(time_ms=10**9)),
        fates={"a": [Fate(after_s=10_000), RIGHT]},
        rules=NO_WAIT,
    )
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.task("a").retries_used == 1


@pytest.mark.parametrize(
    "point", [Point.START_INTENDED, Point.START_ACTED, Point.START_RECORDED]
)
def test_what_was_spent_is_counted_once_over_a_crash(staging: Staging, point: Point) -> None:
    stage = staging(item("a"), item("b", "a"), fates={key: [RIGHT] for key in "ab"})
    # Half a dollar less than what it would cost if one of the turns were counted twice.
    stage.caps = Caps(project=Limits(cost_microusd=2 * DOLLAR + DOLLAR // 2))
    stage.crash_at = point
    hand = stage.hand()
    stage.play(lambda: stage.dies(stage.engine(hand=hand), hand))
    stage.world.owner = None
    assert stage.run_plan() is RunEnd.COMPLETED
    assert spent(stage).cost_microusd == 2 * DOLLAR


def test_a_run_is_recorded_from_its_begin_to_its_end(staging: Staging) -> None:
    stage = staging(item("a"))
    stage.caps = Caps(
        task=Limits(turns=2), run=Limits(turns=3), project=Limits(cost_microusd=7)
    )
    assert stage.run_plan() is RunEnd.COMPLETED
    run = last_run(stage)
    assert (run.task_limits, run.limits, run.project_limits) == (
        Limits(turns=2),
        Limits(turns=3),
        Limits(cost_microusd=7),
    )
    assert (run.end, run.reason, run.epoch) == ("completed", "", stage.project().epoch)
    assert run.ended_at is not None
    assert run.ended_at - run.begun_at >= 60_000
    kinds = [line.kind for line in stage.journal()]
    assert (kinds.count("run.begun"), kinds.count("run.ended")) == (1, 1)


def test_an_engine_that_only_serves_the_inbox_is_no_run(staging: Staging) -> None:
    stage = staging(item("a"))
    stage.play(lambda: stage.engine().serve_once())
    with stage.store.transaction() as tx:
        assert tx.last_run(stage.project_id) is None
