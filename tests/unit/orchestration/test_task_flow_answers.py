"""Tasks that wait for a person, and what the answers do to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.records import Ending, Step, StopWhy
from banksman.core.task import EntryStep, Gate, TaskStatus
from banksman.exceptions import TaskStateException
from tests.unit.orchestration.bench import Bench

_S = TaskStatus


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "state.db")
    yield bench
    bench.store.close()


def test_a_stopped_attempt_waits_for_its_person(bench: Bench) -> None:
    task = bench.add("a")
    blocked = bench.block_attempt(bench.claim())
    assert (blocked.status, blocked.reason) == (_S.BLOCKED, "look at this")
    assert bench.attempt(task, 1).ending is Ending.BLOCKED
    assert bench.attempt(task, 1).message == "look at this"
    assert bench.only_event().task_id == task.id


def test_a_rejected_attempt_goes_back_to_its_agent_with_the_persons_words(
    bench: Bench,
) -> None:
    task = bench.add("a")
    bench.block_attempt(bench.claim())
    bench.resolve(bench.only_event(), Resolution.RETRY, guidance="smaller steps")
    free = bench.task(task)
    assert free.status is _S.READY
    assert "smaller steps" in free.guidance
    assert (free.entry, free.resumes) == (EntryStep.AGENT, None)
    assert (free.retries_used, free.retries_granted) == (1, 1)
    assert bench.claim().attempt == 2


def test_an_accepted_attempt_is_integrated_by_the_next_one_from_the_same_work(
    bench: Bench,
) -> None:
    task = bench.add("a")
    claimed = bench.claim()
    captured = bench.capture(claimed)
    bench.block_attempt(claimed)
    bench.resolve(bench.only_event(), Resolution.ACCEPT)
    bench.claim()
    row = bench.attempt(task, 2)
    assert (row.entry, row.step, row.resumes) == (EntryStep.INTEGRATION, Step.INTEGRATION, 1)
    assert (row.base, row.branch) == (captured.base, captured.branch)
    assert (row.commit, row.tree) == (captured.commit, captured.tree)


def test_an_edited_workspace_is_captured_again_before_it_is_checked(bench: Bench) -> None:
    task = bench.add("a")
    claimed = bench.claim()
    captured = bench.capture(claimed)
    bench.block_attempt(claimed)
    bench.resolve(bench.only_event(), Resolution.EDIT)
    bench.claim()
    row = bench.attempt(task, 2)
    assert (row.entry, row.step, row.base) == (EntryStep.CHECKS, Step.CAPTURE, captured.base)


def test_a_task_stays_blocked_until_its_last_event_is_resolved(bench: Bench) -> None:
    task = bench.add("a")
    claimed = bench.claim()
    bench.capture(claimed)
    with bench.state.transaction() as tx:
        bench.breakpoints.trigger_breakpoint(
            tx, tx.task(task.id), BreakpointType.PROTECTED_PATH, "it touched CI"
        )
    bench.block_attempt(claimed)
    first, second = bench.open_events()
    bench.resolve(first, Resolution.RETRY)
    assert bench.status(task) == [_S.BLOCKED]
    bench.resolve(second, Resolution.ACCEPT)
    # Whoever wants it done again is not overruled by whoever accepts another aspect.
    assert (bench.task(task).status, bench.task(task).entry) == (_S.READY, EntryStep.AGENT)


def test_an_answer_that_cancels_cancels_the_task(bench: Bench) -> None:
    task = bench.add("a")
    bench.block_attempt(bench.claim())
    assert bench.resolve(bench.only_event(), Resolution.CANCEL) == (task.id,)
    assert bench.status(task) == [_S.CANCELLED]


def test_a_gate_asks_a_person_as_the_task_becomes_ready(bench: Bench) -> None:
    first = bench.add("first")
    gated = bench.add("gated", first, gate=Gate.MANUAL)
    assert bench.status(gated) == [_S.PENDING]
    bench.finish(first)
    assert bench.status(gated) == [_S.BLOCKED]
    event = bench.only_event()
    assert (event.type, event.task_id) == (BreakpointType.MANUAL, gated.id)
    bench.resolve(event, Resolution.ACCEPT)
    assert bench.status(gated) == [_S.READY]
    assert bench.open_events() == (), "a resolved event does not fire again"


def test_a_gate_that_was_passed_stays_passed_when_the_task_has_to_wait_again(
    bench: Bench,
) -> None:
    gated = bench.add("gated", gate=Gate.MANUAL)
    bench.resolve(bench.only_event(), Resolution.ACCEPT)
    other = bench.add("other", priority=9)
    assert bench.need(gated, other).status is _S.PENDING
    bench.finish(other)
    assert bench.status(gated) == [_S.READY]


def test_a_person_may_stop_a_task_that_is_not_running(bench: Bench) -> None:
    task = bench.add("a")
    with bench.state.transaction() as tx:
        blocked = bench.flow.block(tx, task.id, "not yet")
    assert (blocked.status, blocked.reason) == (_S.BLOCKED, "not yet")
    assert bench.scheduler.get_next_task(bench.project.id) is None
    bench.resolve(bench.only_event(), Resolution.ACCEPT)
    assert bench.status(task) == [_S.READY]


def test_stopping_a_running_task_this_way_is_refused_before_anything_is_written(
    bench: Bench,
) -> None:
    bench.add("a")
    task = bench.claim()
    before = bench.journal()
    with bench.state.transaction() as tx, pytest.raises(TaskStateException):
        bench.flow.block(tx, task.id, "stop")
    assert bench.journal() == before


def test_a_task_that_was_held_while_it_waits_goes_back_to_waiting(bench: Bench) -> None:
    first = bench.add("first")
    second = bench.add("second", first)
    with bench.state.transaction() as tx:
        bench.flow.block(tx, second.id, "not yet")
    bench.resolve(bench.only_event(), Resolution.ACCEPT)
    assert bench.status(second) == [_S.PENDING]


def test_letting_a_task_go_does_not_open_its_gate(bench: Bench) -> None:
    # It was held for its budget while it still waited: its gate has yet to ask.
    first = bench.add("first")
    gated = bench.add("gated", first, gate=Gate.MANUAL)
    with bench.state.transaction() as tx:
        bench.breakpoints.trigger_breakpoint(
            tx, tx.task(gated.id), BreakpointType.BUDGET_EXCEEDED, "too dear"
        )
        bench.flow.block(tx, gated.id, "too dear")
    budget, manual = bench.open_events()
    with bench.state.transaction() as tx:
        bench.breakpoints.settle_breakpoint(tx, manual.id, "only the budget counts here")
    bench.finish(first)
    bench.resolve(budget, Resolution.RETRY)
    assert bench.status(gated) == [_S.BLOCKED]
    assert bench.only_event().type is BreakpointType.MANUAL


def test_an_answer_to_a_notice_stops_nothing_and_lets_nothing_go(bench: Bench) -> None:
    task = bench.add("a")
    claimed = bench.claim()
    with bench.state.transaction() as tx:
        bench.breakpoints.trigger_breakpoint(
            tx, tx.task(task.id), BreakpointType.RATE_LIMIT_HIT, "slow down"
        )
    bench.block_attempt(claimed)
    notice, question = bench.open_events()
    bench.resolve(notice, Resolution.ACCEPT)
    assert bench.status(task) == [_S.BLOCKED]
    bench.resolve(question, Resolution.RETRY)
    assert bench.status(task) == [_S.READY]


def test_a_notice_that_nobody_has_read_keeps_no_task_from_going_on(bench: Bench) -> None:
    task = bench.add("a")
    claimed = bench.claim()
    with bench.state.transaction() as tx:
        bench.breakpoints.trigger_breakpoint(
            tx, tx.task(task.id), BreakpointType.RATE_LIMIT_HIT, "slow down"
        )
    bench.block_attempt(claimed)
    _, question = bench.open_events()
    bench.resolve(question, Resolution.RETRY)
    assert bench.status(task) == [_S.READY]


def test_an_answer_about_a_task_that_is_not_stopped_moves_nothing(bench: Bench) -> None:
    task = bench.add("a")
    bench.claim()
    with bench.state.transaction() as tx:
        bench.breakpoints.trigger_breakpoint(
            tx, tx.task(task.id), BreakpointType.TIME_THRESHOLD_EXCEEDED, "it takes long"
        )
    bench.resolve(bench.only_event(), Resolution.RETRY)
    assert bench.status(task) == [_S.RUNNING]


def test_cancelling_at_a_notice_of_a_running_attempt_only_asks_it_to_stop(
    bench: Bench,
) -> None:
    task = bench.add("a")
    bench.claim()
    with bench.state.transaction() as tx:
        bench.breakpoints.trigger_breakpoint(
            tx, tx.task(task.id), BreakpointType.RATE_LIMIT_HIT, "slow down"
        )
    assert bench.resolve(bench.only_event(), Resolution.CANCEL) == ()
    assert bench.status(task) == [_S.RUNNING]
    row = bench.attempt(task, 1)
    assert (row.stop, row.stop_by) == (StopWhy.CANCEL, "ada")


def test_cancelling_at_a_notice_after_the_end_changes_nothing(bench: Bench) -> None:
    task = bench.add("a")
    claimed = bench.claim()
    with bench.state.transaction() as tx:
        bench.breakpoints.trigger_breakpoint(
            tx, tx.task(task.id), BreakpointType.RATE_LIMIT_HIT, "slow down"
        )
    bench.complete(claimed)
    assert bench.resolve(bench.only_event(), Resolution.CANCEL) == ()
    assert bench.status(task) == [_S.COMPLETED]
