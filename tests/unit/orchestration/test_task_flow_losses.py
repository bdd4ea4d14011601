"""Tasks that wait for one that ended for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.retry import ErrorClass
from banksman.core.task import DependencyPolicy, EntryStep, Gate, TaskStatus
from banksman.exceptions import CommandRefusedException
from tests.unit.orchestration.bench import Bench

_S = TaskStatus


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "state.db")
    yield bench
    bench.store.close()


def test_one_event_for_a_failed_task_lists_its_direct_dependents(bench: Bench) -> None:
    lost = bench.add("lost")
    left, right = bench.add("left", lost), bench.add("right", lost)
    behind = bench.add("behind", left)
    bench.lose(lost)
    assert bench.status(left, right, behind) == [_S.BLOCKED, _S.BLOCKED, _S.PENDING]
    event = bench.only_event()
    assert event.type is BreakpointType.DEPENDENCY_FAILED
    assert (event.task_id, event.attempt) == (lost.id, 1)
    assert event.tasks == (left.id, right.id)
    assert event.message == "lost failed: it broke"
    assert bench.task(left).reason == "its dependency lost failed"


def test_a_failure_that_is_tried_again_stops_nobody(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.fail(bench.claim(), ErrorClass.TIMEOUT)
    assert bench.status(after) == [_S.PENDING]
    assert bench.events() == ()


def test_a_cancelled_task_stops_its_dependents_as_a_failed_one_does(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.scheduler.cancel_task(lost.id, "not wanted", by="ada")
    assert bench.status(after) == [_S.BLOCKED]
    assert bench.only_event().message == "lost cancelled: not wanted"


def test_cancelling_goes_on_through_those_that_want_it(bench: Bench) -> None:
    lost = bench.add("lost")
    first = bench.add("first", lost, policy=DependencyPolicy.CANCEL)
    second = bench.add("second", first, policy=DependencyPolicy.CANCEL)
    third = bench.add("third", second)
    bench.lose(lost)
    assert bench.status(first, second, third) == [_S.CANCELLED, _S.CANCELLED, _S.BLOCKED]
    assert bench.task(second).reason == "its dependency first cancelled"
    assert bench.only_event().task_id == second.id


def test_who_runs_regardless_waits_only_for_the_others(bench: Bench) -> None:
    lost, slow = bench.add("lost", priority=9), bench.add("slow")
    after = bench.add("after", lost, slow, policy=DependencyPolicy.RUN)
    bench.lose(lost)
    assert bench.status(after) == [_S.PENDING]
    bench.finish(slow)
    assert bench.status(after) == [_S.READY]


def test_who_runs_regardless_waits_again_if_the_failed_task_is_tried_again(
    bench: Bench,
) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost, policy=DependencyPolicy.RUN)
    bench.lose(lost)
    assert bench.status(after) == [_S.READY]
    bench.scheduler.retry_task(lost.id, by="ada")
    assert bench.status(after) == [_S.PENDING]


def test_if_the_failed_task_completes_after_all_its_event_resolves_itself(
    bench: Bench,
) -> None:
    lost, slow = bench.add("lost", priority=9), bench.add("slow")
    after, both = bench.add("after", lost), bench.add("both", lost, slow)
    bench.lose(lost)
    bench.scheduler.retry_task(lost.id, by="ada")
    assert bench.status(after, both) == [_S.BLOCKED, _S.BLOCKED], "not done yet"
    bench.finish(lost)
    assert bench.status(after, both) == [_S.READY, _S.PENDING]
    (event,) = bench.events()
    assert (event.resolution, event.resolved_by) == (Resolution.ACCEPT, "engine")
    assert event.reason == "it completed after all"


def test_the_way_back_leads_through_pending_and_so_past_the_gate(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost, gate=Gate.MANUAL)
    bench.lose(lost)
    bench.scheduler.retry_task(lost.id, by="ada")
    bench.finish(lost)
    assert bench.status(after) == [_S.BLOCKED]
    assert bench.only_event().type is BreakpointType.MANUAL


def test_a_task_that_fails_again_keeps_its_one_open_event(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.lose(lost)
    bench.scheduler.retry_task(lost.id, by="ada")
    bench.lose(lost)
    event = bench.only_event()
    assert (event.attempt, event.tasks) == (1, (after.id,))
    about = [entry.kind for entry in bench.journal() if entry.kind.startswith("breakpoint.")]
    assert about == ["breakpoint.opened"], "nothing new is told as news"


def test_a_task_that_fails_again_stops_newcomers_by_the_same_event(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.lose(lost)
    bench.scheduler.retry_task(lost.id, by="ada")
    late = bench.add("late", lost)
    bench.lose(lost)
    assert bench.status(after, late) == [_S.BLOCKED, _S.BLOCKED]
    assert bench.only_event().tasks == (after.id, late.id)


def test_a_person_may_have_the_failed_task_tried_again(bench: Bench) -> None:
    lost = bench.add("lost", retries_max=0)
    after = bench.add("after", lost)
    bench.lose(lost)
    bench.resolve(bench.only_event(), Resolution.RETRY, guidance="use the other door")
    assert bench.status(lost, after) == [_S.RETRYING, _S.PENDING]
    assert "use the other door" in bench.task(lost).guidance
    bench.lose(lost)
    assert bench.status(lost, after) == [_S.FAILED, _S.BLOCKED]
    assert bench.only_event().attempt == 2, "another attempt, another question"


def test_answering_with_retry_when_it_is_tried_again_already_lets_the_dependents_go(
    bench: Bench,
) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.lose(lost)
    event = bench.only_event()
    bench.scheduler.retry_task(lost.id, by="ada")
    bench.resolve(event, Resolution.RETRY)
    assert bench.status(lost, after) == [_S.RETRYING, _S.PENDING]
    assert bench.task(lost).retries_granted == 1


def test_a_person_may_give_the_dependents_up(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    behind = bench.add("behind", after, policy=DependencyPolicy.CANCEL)
    bench.lose(lost)
    assert bench.resolve(bench.only_event(), Resolution.CANCEL) == (after.id,)
    assert bench.status(lost, after, behind) == [_S.FAILED, _S.CANCELLED, _S.CANCELLED]
    assert bench.open_events() == ()


def test_a_task_that_two_lost_ones_stop_is_on_both_lists_and_waits_for_both(
    bench: Bench,
) -> None:
    first, second = bench.add("first", priority=9), bench.add("second")
    after, other = bench.add("after", first, second), bench.add("other", second)
    bench.lose(first)
    bench.lose(second)
    about_first, about_second = bench.open_events()
    assert about_first.tasks == (after.id,)
    assert about_second.tasks == (after.id, other.id)
    bench.scheduler.retry_task(first.id, by="ada")
    bench.finish(first)
    assert bench.status(after, other) == [_S.BLOCKED, _S.BLOCKED]
    bench.scheduler.retry_task(second.id, by="ada")
    bench.finish(second)
    assert bench.status(after, other) == [_S.READY, _S.READY]


def test_a_second_loss_is_told_even_if_it_stops_nobody_new(bench: Bench) -> None:
    first, second = bench.add("first", priority=9), bench.add("second")
    after = bench.add("after", first, second)
    bench.lose(first)
    bench.lose(second)
    assert [event.tasks for event in bench.open_events()] == [(after.id,), (after.id,)]


def test_a_task_that_comes_to_a_lost_one_late_joins_the_list(bench: Bench) -> None:
    lost, other = bench.add("lost", priority=9), bench.add("other")
    after = bench.add("after", lost)
    bench.lose(lost)
    late = bench.add("late", lost)
    joined = bench.need(other, lost)
    assert joined.status is _S.BLOCKED
    assert bench.only_event().tasks == (other.id, after.id, late.id)


def test_a_listed_task_that_is_cancelled_leaves_the_list(bench: Bench) -> None:
    lost = bench.add("lost")
    after, other = bench.add("after", lost), bench.add("other", lost)
    bench.lose(lost)
    bench.scheduler.cancel_task(after.id, "not wanted", by="ada")
    assert bench.only_event().tasks == (other.id,)
    bench.scheduler.cancel_task(other.id, "not wanted", by="ada")
    (event,) = bench.events()
    assert (event.resolution, event.reason) == (
        Resolution.CANCEL,
        "no task waits for it any more",
    )


def test_cancelling_the_failed_task_itself_leaves_its_question_open(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.lose(lost)
    bench.scheduler.cancel_task(lost.id, "not wanted", by="ada")
    assert bench.status(lost, after) == [_S.CANCELLED, _S.BLOCKED]
    assert bench.only_event().tasks == (after.id,)


@pytest.mark.parametrize(
    ("policy", "status"),
    [(DependencyPolicy.RUN, _S.READY), (DependencyPolicy.CANCEL, _S.CANCELLED)],
)
def test_another_plan_may_say_what_a_stopped_task_does(
    bench: Bench, policy: DependencyPolicy, status: TaskStatus
) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.lose(lost)
    bench.respecify(after, policy=policy)
    assert bench.status(after) == [status]
    assert bench.open_events() == ()


def test_another_plan_may_take_the_lost_dependency_away(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.lose(lost)
    with bench.state.transaction() as tx:
        bench.state.respecify(tx, replace(tx.task(after.id), needs=()), reason="new plan")
        bench.flow.settle(tx, bench.project.id)
    assert bench.status(after) == [_S.READY]
    assert bench.open_events() == ()


def test_a_stopped_task_keeps_what_its_next_attempt_was_to_do(bench: Bench) -> None:
    task, other = bench.add("task", priority=9), bench.add("other")
    claimed = bench.claim()
    bench.capture(claimed)
    bench.block_attempt(claimed)
    bench.need(task, other)
    bench.resolve(bench.only_event(), Resolution.ACCEPT)
    assert bench.status(task) == [_S.PENDING]
    bench.lose(other)
    assert bench.status(task) == [_S.BLOCKED]
    bench.scheduler.retry_task(other.id, by="ada")
    bench.finish(other)
    after = bench.task(task)
    assert (after.status, after.entry, after.resumes) == (_S.READY, EntryStep.INTEGRATION, 1)


def test_a_running_task_is_left_alone_by_what_happens_to_its_dependencies(
    bench: Bench,
) -> None:
    lost, task = bench.add("lost"), bench.add("task", priority=9)
    running = bench.claim()
    assert bench.need(task, lost).status is _S.RUNNING
    bench.lose(lost)
    assert bench.status(task) == [_S.RUNNING]
    assert bench.complete(running).status is _S.COMPLETED
    assert bench.events() == ()


def test_retry_for_a_dependency_that_was_cancelled_is_refused(bench: Bench) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    bench.scheduler.cancel_task(lost.id, "not wanted", by="ada")
    event = bench.only_event()
    words = rf"'lost' was cancelled, and cannot.*`banksman resolve {event.id} cancel`"
    with pytest.raises(CommandRefusedException, match=words):
        bench.resolve(event, Resolution.RETRY)
    assert bench.only_event() == event
    bench.resolve(event, Resolution.CANCEL)
    assert bench.status(lost, after) == [_S.CANCELLED, _S.CANCELLED]


def test_a_gate_that_was_passed_while_a_dependency_was_lost_is_asked_once(bench: Bench) -> None:
    lost = bench.add("lost")
    gated = bench.add("gated", gate=Gate.MANUAL)
    gate = bench.only_event()
    bench.need(gated, lost)
    bench.lose(lost)
    bench.resolve(gate, Resolution.ACCEPT)
    (loss,) = bench.open_events()
    assert (bench.status(gated), loss.tasks) == ([_S.BLOCKED], (gated.id,))
    bench.resolve(loss, Resolution.RETRY)
    assert bench.status(gated) == [_S.PENDING]
    bench.finish(lost)
    assert (bench.status(gated), bench.open_events()) == ([_S.READY], ())


def test_what_an_agent_was_answered_while_a_dependency_was_lost_is_not_forgotten(
    bench: Bench,
) -> None:
    task = bench.add("task", priority=9)
    lost = bench.add("lost")
    bench.block_attempt(bench.claim(), BreakpointType.AGENT_QUESTION)
    asked = bench.only_event()
    bench.need(task, lost)
    bench.lose(lost)
    bench.resolve(asked, Resolution.RETRY, guidance="Take the second one.")
    (loss,) = bench.open_events()
    bench.resolve(loss, Resolution.RETRY)
    bench.finish(lost)
    after = bench.task(task)
    assert (after.status, after.retries_granted) == (_S.READY, 1)
    assert "Take the second one." in after.guidance


def test_who_stands_still_for_a_reason_of_its_own_is_on_no_list_until_it_goes_on(
    bench: Bench,
) -> None:
    lost = bench.add("lost")
    after = bench.add("after", lost)
    with bench.state.transaction() as tx:
        bench.flow.block(tx, after.id, "let me think")
    bench.lose(lost)
    held = bench.only_event()
    assert held.type is BreakpointType.MANUAL
    bench.resolve(held, Resolution.ACCEPT)
    assert bench.status(after) == [_S.BLOCKED]
    assert bench.only_event().tasks == (after.id,)
