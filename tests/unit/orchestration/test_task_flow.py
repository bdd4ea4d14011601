"""How tasks move from claim to end, attempt by attempt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.core.breakpoints import Resolution
from banksman.core.records import Ending, Step
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
    with pytest.raises(TaskStateException, match="from completed to failed"):
        bench.fail(claimed)


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
    with pytest.raises(TaskStateException, match="what is completed stays so"):
        bench.scheduler.cancel_task(task.id, "too late", by="ada")


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
