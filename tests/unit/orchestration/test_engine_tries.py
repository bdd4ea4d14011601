"""What an attempt that went wrong is followed by: a turn, an attempt, or a question."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.outcome import Outcome
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, TaskStatus
from banksman.orchestration.agent_step import LOSSES_MAX
from banksman.orchestration.engine import RunEnd, RunRules
from banksman.ports import Brief
from banksman.testing.sim_agent import SILENCE_S, Fate, SimAgent
from banksman.testing.virtual_time import EPOCH_MS
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import POLL_S, Staging

S = TaskStatus
NO_WAIT = RunRules(parallel=1, wait=False)


@pytest.mark.parametrize("kind", ["stalled"])
def test_each_retry_of_a_transient_error_waits_twice_as_long(
    staging: Staging, kind: str
) -> None:
    stalls = [Fate(kind=kind, after_s=SILENCE_S)] * 3
    stage = staging(item("a"), fates={"a": [*stalls, Fate()]})
    assert stage.run_plan() is RunEnd.COMPLETED
    claimed = stage.claimed_s("a")
    waits = [later - earlier - SILENCE_S for earlier, later in pairwise(claimed)]
    assert waits == pytest.approx([60, 120, 240], abs=3 * POLL_S)
    assert min(waits) >= 60
    assert [one.error for one in stage.attempts("a")] == [*[ErrorClass.STALLED] * 3, None]
    assert stage.task("a").retries_used == 3


def test_a_transient_error_with_no_retry_left_is_a_failure(staging: Staging) -> None:
    stage = staging(
        item("a", retries_max=1),
        fates={"a": [Fate(kind="stalled", after_s=SILENCE_S)]},
    )
    assert stage.run_plan() is RunEnd.FAILED
    assert (stage.statuses(), stage.task("a").attempt) == ({"a": "failed"}, 2)


def test_an_attempt_that_takes_too_long_is_told_its_limit_and_not_what_was_left_of_it(
    staging: Staging,
) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="timed_out", after_s=1), Fate()]})
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.attempts("a")[0].message == "the agent took longer than 3600 s"


def test_an_unknown_error_is_tried_once_more(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="error")]})
    assert stage.run_plan() is RunEnd.FAILED
    assert stage.task("a").attempt == 2
    assert stage.task("a").reason == "the agent exited with code 1"


def test_a_lost_attempt_is_tried_again_at_once_and_costs_nothing(staging: Staging) -> None:
    lost = [Fate(kind="lost", after_s=10)] * (LOSSES_MAX - 1)
    stage = staging(item("a", retries_max=0), fates={"a": [*lost, Fate()]})
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.claimed_s("a") == pytest.approx([0, 10, 20, 30, 40], abs=1)
    assert (stage.task("a").retries_used, stage.task("a").attempt) == (0, LOSSES_MAX)


def test_a_person_is_asked_about_an_agent_that_is_lost_again_and_again(
    staging: Staging,
) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="lost", after_s=10)]}, rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.WAITING
    assert (stage.statuses(), stage.task("a").attempt) == ({"a": "blocked"}, LOSSES_MAX)
    assert stage.event().type is BreakpointType.CONSECUTIVE_FAILURES


def test_an_attempt_after_a_loss_goes_on_where_the_lost_one_was_saved(
    staging: Staging,
) -> None:
    lost = Fate(kind="lost", files={"half": "half-done"})
    stage = staging(item("a"), fates={"a": [lost, Fate()]})
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.attempts("a")[1].resumes == 1
    assert stage.files()["half"] == "half-done"


def test_a_rate_limit_is_waited_for_and_costs_nothing(staging: Staging) -> None:
    reset_at = Instant(EPOCH_MS + 5_000_000)
    limits = [
        Fate(kind="rate_limited", after_s=1, reset_at=reset_at),
        Fate(kind="rate_limited", after_s=1),
        Fate(kind="rate_limited", after_s=1),
    ]
    stage = staging(item("a", retries_max=0), fates={"a": [*limits, Fate()]})
    assert stage.run_plan() is RunEnd.COMPLETED
    # Until the reset that was told; then 60 s doubling, as often as it was hit before.
    assert stage.claimed_s("a") == pytest.approx([0, 5000, 5121, 5362], abs=1)
    assert stage.task("a").retries_used == 0


def test_a_failed_gate_is_clarified_then_tried_again_then_asked_about(staging: Staging) -> None:
    stage = staging(
        item("a", turns_max=2, retries_max=1),
        fates={"a": [Fate(kind="wrong")]},
        rules=NO_WAIT,
    )
    assert stage.run_plan() is RunEnd.WAITING
    assert stage.plot.begun == [("a", 1, 1), ("a", 1, 2), ("a", 2, 1), ("a", 2, 2)]
    assert stage.statuses() == {"a": "blocked"}
    assert stage.event().type is BreakpointType.BREAKING_TEST_FAILURE
    assert stage.claimed_s("a") == pytest.approx([0, 120], abs=1), "with no delay"
    assert stage.task("a").retries_used == 1
    assert stage.integrated() == []


def test_what_failed_is_told_in_the_next_turn_and_in_the_next_attempt(staging: Staging) -> None:
    stage = staging(
        item("a", turns_max=2),
        fates={"a": [Fate(kind="wrong"), Fate(kind="wrong"), Fate()]},
    )
    assert stage.run_plan() is RunEnd.COMPLETED
    (first, second), (third,) = stage.turns("a", 1), stage.turns("a", 2)
    told = "is not accepted"
    assert told not in first.prompt
    for later in (second, third):
        assert told in later.prompt
        assert "task-a" in later.prompt, "the failing test by name"
        assert first.prompt.splitlines()[0] in later.prompt, "and the whole task"


def test_an_agent_that_remembers_is_told_only_what_is_new(staging: Staging) -> None:
    stage = staging(
        item("a", turns_max=2),
        fates={"a": [Fate(kind="wrong"), Fate(kind="wrong"), Fate()]},
    )
    assert stage.run_plan() is RunEnd.COMPLETED
    first, second, new_attempt = stage.plot.followups
    assert first == new_attempt == ""
    assert second.startswith("The work was checked in a fresh checkout and is not accepted")


def test_the_words_of_a_failed_gate_outlive_a_lost_attempt(staging: Staging) -> None:
    stage = staging(
        item("a", turns_max=1),
        fates={"a": [Fate(kind="wrong"), Fate(kind="lost"), Fate()]},
    )
    assert stage.run_plan() is RunEnd.COMPLETED
    (after_the_loss,) = stage.turns("a", 3)
    assert "is not accepted" in after_the_loss.prompt


def test_work_that_changes_nothing_is_sent_back_and_then_asked_about(staging: Staging) -> None:
    stage = staging(item("a", turns_max=2), fates={"a": [Fate(kind="idle")]}, rules=NO_WAIT)
    assert stage.run_plan() is RunEnd.WAITING
    assert stage.plot.begun == [("a", 1, 1), ("a", 1, 2)]
    assert stage.event().type is BreakpointType.CONFIDENCE_TOO_LOW


def test_an_agent_that_is_not_configured_fails_its_task_at_once(staging: Staging) -> None:
    stage = staging(item("a", agent="nobody"), item("b"))
    assert stage.run_plan() is RunEnd.FAILED
    assert stage.statuses() == {"a": "failed", "b": "completed"}
    assert stage.task("a").reason == "agent 'nobody' is not configured"
    assert stage.task("a").attempt == 1


def test_an_error_that_the_agent_names_is_told_in_its_words(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="refused")]})
    assert stage.run_plan() is RunEnd.FAILED
    assert (stage.task("a").reason, stage.task("a").attempt) == ("log in", 1)
    assert stage.attempts("a")[0].error is ErrorClass.AUTHENTICATION


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("capped", BreakpointType.BUDGET_EXCEEDED, "enough is enough"),
        ("denied", BreakpointType.AGENT_QUESTION, "the agent was not permitted to: run make"),
    ],
)
def test_a_turn_that_was_cut_short_asks_a_person_and_its_work_is_kept(
    staging: Staging, kind: str, asked: BreakpointType, message: str
) -> None:
    cut = Fate(kind=kind, files={"half": "half-done"})
    stage = staging(item("a"), fates={"a": [cut, Fate()]})

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.stands("a", S.BLOCKED))
            assert (stage.event().type, stage.event().message) == (asked, message)
            await stage.resolve(stage.event(), Resolution.RETRY, "Go on.")
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.files()["half"] == "half-done"
    assert stage.turns("a", 2)[0].prompt.endswith("Go on.\n"), kind


def test_a_question_is_answered_in_the_next_attempt_which_has_the_work_so_far(
    staging: Staging,
) -> None:
    half = {"half": "half-done"}
    stage = staging(item("a"), fates={"a": [Fate(kind="question", files=half), Fate()]})

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.stands("a", S.BLOCKED))
            event = stage.event()
            assert (event.type, event.details) == (
                BreakpointType.AGENT_QUESTION, ("Which one?",),
            )  # fmt: skip
            await stage.resolve(event, Resolution.RETRY, "The second one.")
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    prompt = stage.turns("a", 2)[0].prompt
    assert "The second one." in prompt
    assert "> Which one?" in prompt
    assert stage.files()["half"] == "half-done"


def test_the_turns_of_an_attempt_share_its_time_and_a_new_attempt_has_its_own(
    staging: Staging,
) -> None:
    stage = staging(
        item("a", turns_max=3, retries_max=1),
        fates={
            "a": [
                *(Fate(kind="wrong", after_s=after_s) for after_s in (1000, 2599.5, 5)),
                Fate(),
            ]
        },
    )
    given: list[tuple[int, int, float | None]] = []

    class Timed(SimAgent):
        """Notes how long it may work."""

        async def run(self, brief: Brief) -> Outcome:
            given.append((brief.attempt, brief.turn, brief.timeout_s))
            outcome = await super().run(brief)
            # While the lid is closed, nobody's time runs out.
            stage.clock.sleep(7 * 3600)
            return outcome

    stage.agent = lambda hand: Timed(hand, stage.plot)
    assert stage.run_plan() is RunEnd.COMPLETED
    assert given == [(1, 1, 3600.0), (1, 2, 2600.0), (1, 3, 1.0), (2, 1, 3600.0)]


def test_a_question_in_a_later_turn_leaves_what_that_turn_had_done(staging: Staging) -> None:
    stage = staging(
        item("a"),
        fates={
            "a": [
                Fate(kind="wrong", files={"half": "first turn"}),
                Fate(kind="question", files={"half": "second turn"}),
                Fate(),
            ]
        },
    )

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(stage.stands("a", S.BLOCKED))
            await stage.resolve(stage.event(), Resolution.RETRY, "This one.")
        assert run.result() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.files()["half"] == "second turn"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("error", "exited"),
        ("lost", "lost"),
        ("stalled", "stalled"),
        ("rate_limited", "ratelimited"),
        ("question", "answered"),
    ],
)
def test_how_a_turn_ended_is_kept_with_what_it_cost(
    staging: Staging, kind: str, outcome: str
) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind=kind), Fate()]}, rules=NO_WAIT)
    stage.run_plan()
    (turn,) = stage.turns("a", 1)
    assert turn.outcome == outcome
    assert len(stage.store.tables()["usage"]) == len(stage.attempts("a"))
