"""How tasks move from claim to end, attempt by attempt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.records import Ending, Step, StopWhy
from banksman.core.retry import ErrorClass, Failure
from banksman.core.task import EntryStep, Gate, TaskId, TaskSpec, TaskStatus
from banksman.exceptions import (
    RecordNotFoundException,
    StaleReportException,
    StaleWriterException,
    TaskDependencyException,
    TaskStateException,
)
from banksman.state.state_manager import StateManager
from tests.unit.orchestration.bench import Bench

_S = TaskStatus
MINUTE_MS = 60_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "state.db")
    yield bench
    bench.store.close()


def test_a_claim_begins_an_attempt_durably(bench: Bench) -> None:
    task = bench.add("a")
    claimed = bench.claim()
    bench.restart()
    assert bench.task(task) == claimed
    assert (claimed.status, claimed.attempt) == (_S.RUNNING, 1)
    row = bench.attempt(task, 1)
    assert (row.epoch, row.step, row.entry, row.resumes) == (
        1,
        Step.AGENT,
        EntryStep.AGENT,
        None,
    )
    assert row.started_at == bench.clock.now()
    assert row.ended_at is None


def test_what_is_claimed_is_not_claimed_again(bench: Bench) -> None:
    bench.add("a")
    bench.claim()
    assert bench.scheduler.get_next_task(bench.project.id) is None


def test_a_paused_project_gives_nothing_away(bench: Bench) -> None:
    task = bench.add("a")
    bench.pause(paused=True)
    assert bench.scheduler.get_next_task(bench.project.id) is None
    bench.pause(paused=False)
    assert bench.claim().id == task.id


def test_completing_a_task_ends_its_attempt_and_promotes_its_dependents(bench: Bench) -> None:
    first = bench.add("first")
    second = bench.add("second", first)
    third = bench.add("third", first, second)
    done = bench.finish(first)
    assert done.status is _S.COMPLETED
    assert bench.status(second, third) == [_S.READY, _S.PENDING]
    row = bench.attempt(first, 1)
    assert (row.step, row.ending) == (Step.ENDED, Ending.INTEGRATED)
    assert row.ended_at == bench.clock.now()


def test_an_error_that_may_go_away_is_tried_again_after_its_delay(bench: Bench) -> None:
    task = bench.add("a")
    again = bench.fail(bench.claim(), ErrorClass.TIMEOUT)
    assert (again.status, again.retries_used) == (_S.RETRYING, 1)
    assert again.guidance == "mind the gap"
    assert bench.scheduler.next_due(bench.project.id) == bench.clock.now() + MINUTE_MS
    assert bench.scheduler.get_next_task(bench.project.id) is None
    bench.clock.advance(60)
    assert bench.scheduler.next_due(bench.project.id) is None
    claimed = bench.claim()
    assert (claimed.id, claimed.attempt) == (task.id, 2)
    row = bench.attempt(task, 1)
    assert (row.ending, row.error, row.message) == (
        Ending.FAILED,
        ErrorClass.TIMEOUT,
        "it broke",
    )


def test_failure_and_retry_are_one_commit(bench: Bench) -> None:
    bench.add("a")
    bench.fail(bench.claim(), ErrorClass.GATE_FAILED)
    moves = [entry.kind for entry in bench.journal() if entry.source is not None]
    assert moves[-2:] == ["task.attempt_failed", "task.retry_scheduled"]
    assert bench.claim().attempt == 2, "a failed gate waits for nothing"


def test_a_lost_attempt_costs_nothing_and_is_tried_again_at_once(bench: Bench) -> None:
    task = bench.add("a", retries_max=0)
    again = bench.fail(bench.claim(), ErrorClass.LOST)
    assert (again.status, again.retries_used) == (_S.RETRYING, 0)
    assert bench.attempt(task, 1).ending is Ending.LOST
    assert bench.claim().attempt == 2


def test_a_rate_limit_waits_for_its_reset(bench: Bench) -> None:
    bench.add("a", retries_max=0)
    reset = bench.clock.now() + 90 * MINUTE_MS
    told = Failure(error=ErrorClass.RATE_LIMIT, message="slow down", reset_at=reset)
    task = bench.claim()
    again = bench.scheduler.mark_failed(task.id, told, attempt=1)
    assert (again.not_before, again.retries_used, again.rate_limits) == (reset, 0, 1)


class HalfWay:
    """A source of chance that always says the same."""

    def random(self) -> float:
        return 0.5


def test_a_source_of_chance_spreads_the_delays(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state.db", chance=HalfWay())
    bench.add("a")
    again = bench.fail(bench.claim(), ErrorClass.TIMEOUT)
    assert again.not_before == bench.clock.now() + MINUTE_MS // 2
    bench.store.close()


def test_an_error_that_would_come_again_leaves_the_task_failed(bench: Bench) -> None:
    bench.add("a")
    failed = bench.fail(bench.claim(), ErrorClass.AUTHENTICATION)
    assert (failed.status, failed.reason) == (_S.FAILED, "it broke")
    assert bench.scheduler.get_next_task(bench.project.id) is None


def test_a_person_grants_exactly_one_more_attempt(bench: Bench) -> None:
    task = bench.add("a", retries_max=0)
    bench.fail(bench.claim(), ErrorClass.TIMEOUT)
    again = bench.scheduler.retry_task(task.id, by="ada", guidance="try harder")
    assert (again.status, again.guidance) == (_S.RETRYING, "try harder")
    failed = bench.fail(bench.claim(), ErrorClass.TIMEOUT)
    assert failed.status is _S.FAILED
    entry = next(e for e in bench.journal() if e.kind == "task.retry_scheduled")
    assert entry.actor == "ada"


@pytest.mark.parametrize("error", [ErrorClass.TIMEOUT, ErrorClass.LOST])
def test_a_report_on_an_earlier_attempt_is_refused(bench: Bench, error: ErrorClass) -> None:
    bench.add("a")
    first = bench.claim()
    bench.fail(first, error)
    bench.clock.advance(60)
    bench.claim()
    before = bench.journal()
    with pytest.raises(StaleReportException):
        bench.complete(first)
    with pytest.raises(StaleReportException):
        bench.fail(first)
    with pytest.raises(StaleReportException):
        bench.block_attempt(first)
    assert bench.journal() == before


def test_a_report_on_a_task_that_does_not_run_is_refused(bench: Bench) -> None:
    bench.add("a")
    claimed = bench.claim()
    bench.complete(claimed)
    with pytest.raises(TaskStateException, match="from completed by AttemptFailed"):
        bench.fail(claimed)


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


def test_cancelling_ends_an_open_attempt_and_settles_its_events(bench: Bench) -> None:
    running = bench.add("running", priority=9)
    held = bench.add("held", gate=Gate.MANUAL)
    bench.claim()
    after = bench.scheduler.cancel_task(running.id, "no more", by="ada")
    assert (after.status, after.reason) == (_S.CANCELLED, "no more")
    row = bench.attempt(running, 1)
    assert (row.ending, row.message) == (Ending.CANCELLED, "no more")
    bench.scheduler.cancel_task(held.id, "no more", by="ada")
    (event,) = bench.events()
    assert (event.resolution, event.resolved_by) == (Resolution.CANCEL, "engine")


def test_what_has_ended_cannot_be_cancelled(bench: Bench) -> None:
    task = bench.add("a")
    bench.finish(task)
    with pytest.raises(TaskStateException, match="it is terminal"):
        bench.scheduler.cancel_task(task.id, "too late", by="ada")


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


def test_a_ready_task_that_gets_a_dependency_waits_for_it(bench: Bench) -> None:
    task, other = bench.add("task"), bench.add("other")
    waiting = bench.need(task, other)
    assert (waiting.status, waiting.needs) == (_S.PENDING, (other.id,))
    bench.finish(other)
    assert bench.status(task) == [_S.READY]


def test_a_retrying_task_that_gets_a_dependency_waits_for_it(bench: Bench) -> None:
    task, other = bench.add("task", priority=9), bench.add("other")
    bench.fail(bench.claim(), ErrorClass.TIMEOUT)
    waiting = bench.need(task, other)
    assert (waiting.status, waiting.not_before) == (_S.PENDING, None)
    bench.finish(other)
    assert bench.claim().guidance == "mind the gap", "it still hears why it failed"


def test_a_dependency_that_is_done_keeps_nobody_waiting(bench: Bench) -> None:
    done = bench.add("done")
    bench.finish(done)
    task = bench.add("task")
    assert bench.need(task, done).status is _S.READY


def test_a_dependency_that_closes_a_cycle_is_refused_before_anything_is_written(
    bench: Bench,
) -> None:
    first = bench.add("first")
    second = bench.add("second", first)
    third = bench.add("third", second)
    before = bench.journal()
    with bench.state.transaction() as tx:
        with pytest.raises(TaskDependencyException) as refused:
            bench.flow.add_dependency(tx, first.id, [third.id])
        with pytest.raises(TaskDependencyException, match="no such task"):
            bench.flow.add_dependency(tx, first.id, [TaskId(99)])
        with pytest.raises(TaskDependencyException, match="cannot wait for itself"):
            bench.flow.add_dependency(tx, first.id, [first.id])
    assert refused.value.cycle == (first.id, third.id, second.id, first.id)
    assert bench.journal() == before
    assert bench.task(first).needs == ()


def test_a_task_that_has_ended_gets_no_dependency(bench: Bench) -> None:
    done, other = bench.add("done", priority=9), bench.add("other")
    bench.finish(done)
    with pytest.raises(TaskDependencyException, match="it is completed already"):
        bench.need(done, other)


def test_a_rollback_throws_the_board_away(bench: Bench) -> None:
    task = bench.add("a")

    def claim_and_fail() -> None:
        with bench.state.transaction() as tx:
            assert bench.scheduler.get_next_task(bench.project.id, tx=tx) is not None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        claim_and_fail()
    assert bench.status(task) == [_S.READY]
    assert bench.claim().attempt == 1


def test_an_engine_that_was_overtaken_claims_nothing(bench: Bench) -> None:
    task = bench.add("a")
    StateManager(bench.store, bench.clock).own(bench.project.id)
    with pytest.raises(StaleWriterException):
        bench.scheduler.get_next_task(bench.project.id)
    with bench.state.transaction() as tx:
        assert tx.task(task.id).status is _S.READY


def test_a_board_is_read_in_a_transaction_of_its_own_if_it_is_not_in_memory(
    bench: Bench,
) -> None:
    task = bench.add("a")
    bench.restart()
    assert bench.flow.board(bench.project.id).task(task.id) == bench.task(task)
    bench.restart()
    with bench.state.transaction() as tx:
        board = bench.flow.board(bench.project.id, tx)
        assert bench.flow.board(bench.project.id) is board


def test_stored_tasks_that_were_never_settled_are_settled_at_the_first_claim(
    bench: Bench,
) -> None:
    # As after an import: rows without anything that follows from them.
    bench.state.create_task(bench.project.id, TaskSpec(key="b", title="Do b"))
    bench.restart()
    assert bench.claim().spec.key == "b"


def test_a_task_that_nobody_knows_is_named(bench: Bench) -> None:
    with pytest.raises(RecordNotFoundException):
        bench.scheduler.get_task_status(TaskId(99))
