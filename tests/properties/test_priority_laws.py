"""Laws of priority, of the queue under moving time, and of retries."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from banksman.core.events import RetryScheduled
from banksman.core.priority import (
    effective_priority,
    is_near,
    near_from,
    selection_key,
)
from banksman.core.ready_queue import Entry, ReadyQueue
from banksman.core.retry import DELAY_MAX_MS, FREE, ErrorClass, Failure, decide_retry
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec, TaskStatus
from banksman.core.transitions import advance

HOUR_MS: Final = 3_600_000
INSTANTS: Final = st.integers(0, 12 * HOUR_MS).map(Instant)
TASKS: Final = st.builds(
    Task,
    id=st.integers(1, 9).map(TaskId),
    project_id=st.just(ProjectId(1)),
    spec=st.builds(
        TaskSpec,
        key=st.just("k"),
        title=st.just("t"),
        priority=st.integers(1, 10),
        deadline=st.none() | INSTANTS,
        retries_max=st.integers(0, 4),
    ),
    retries_used=st.integers(0, 12),
    retries_granted=st.integers(0, 2),
    rate_limits=st.integers(0, 12),
    not_before=st.none() | INSTANTS,
)
FAILURES: Final = st.builds(
    Failure,
    error=st.sampled_from(ErrorClass),
    message=st.just("it broke"),
    reset_at=st.none() | INSTANTS,
)


@given(task=TASKS, now=INSTANTS, waited_for=st.booleans())
def test_effective_priority_is_the_sum_that_the_domain_writes(
    *, task: Task, now: Instant, waited_for: bool
) -> None:
    deadline = task.spec.deadline
    total = task.spec.priority - task.retries_used
    if deadline is not None and deadline - now < HOUR_MS:
        total += 2
    if waited_for:
        total += 1
    found = effective_priority(task, near=is_near(task, now), waited_for=waited_for)
    assert found == max(1, total)


@given(task=TASKS, now=INSTANTS, later=INSTANTS, waited_for=st.booleans())
def test_time_never_makes_a_task_less_urgent(
    *, task: Task, now: Instant, later: Instant, waited_for: bool
) -> None:
    first, second = sorted((now, later))
    before, after = (
        effective_priority(task, near=is_near(task, each), waited_for=waited_for)
        for each in (first, second)
    )
    assert before <= after


@given(task=TASKS, other=TASKS, path=st.floats(0, 1e6), other_path=st.floats(0, 1e6))
def test_the_selection_key_orders_any_two_tasks(
    task: Task, other: Task, path: float, other_path: float
) -> None:
    left = selection_key(task, near=False, waited_for=False, path_min=path)
    right = selection_key(other, near=False, waited_for=False, path_min=other_path)
    if task.id != other.id:
        assert (left < right) is not (right < left)


class QueueLife(RuleBasedStateMachine):
    """The queue agrees with a list that is sorted anew at each look, wherever time goes."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = ReadyQueue()
        self.tasks: dict[TaskId, Task] = {}
        self.now = Instant(0)

    @rule(task=TASKS)
    def a_task_is_put_in(self, task: Task) -> None:
        self.tasks[task.id] = task
        far, near = (
            selection_key(task, near=near, waited_for=False, path_min=float(task.id % 3))
            for near in (False, True)
        )
        self.queue.put(
            Entry(far=far, near=near, near_from=near_from(task), not_before=task.not_before)
        )

    @rule(task_id=st.integers(1, 9).map(TaskId))
    def a_task_is_discarded(self, task_id: TaskId) -> None:
        self.tasks.pop(task_id, None)
        self.queue.discard(task_id)

    @rule(now=INSTANTS)
    def the_clock_is_set(self, now: Instant) -> None:
        self.now = now

    @rule(step_ms=st.integers(0, HOUR_MS))
    def time_passes(self, step_ms: int) -> None:
        self.now = Instant(self.now + step_ms)

    @rule()
    def the_first_is_taken(self) -> None:
        expected = self.expected()
        first = self.queue.first(self.now)
        assert first == (expected[0] if expected else None)
        if first is not None:
            self.queue.discard(first)
            del self.tasks[first]

    @invariant()
    def it_agrees_with_a_sorted_list(self) -> None:
        assert list(self.queue.ordered(self.now)) == self.expected()
        waiting = [
            task.not_before
            for task in self.tasks.values()
            if task.not_before is not None and task.not_before > self.now
        ]
        assert self.queue.next_due == min(waiting, default=None)

    def expected(self) -> list[TaskId]:
        due = (
            task
            for task in self.tasks.values()
            if task.not_before is None or task.not_before <= self.now
        )
        keys = (
            selection_key(
                task,
                near=is_near(task, self.now),
                waited_for=False,
                path_min=float(task.id % 3),
            )
            for task in due
        )
        return [key.task_id for key in sorted(keys)]


TestQueueLife = QueueLife.TestCase


@given(task=TASKS, failure=FAILURES, now=INSTANTS, chance=st.none() | st.floats(0, 0.999))
def test_a_retry_is_never_in_the_past_and_never_costs_what_is_not_left(
    task: Task, failure: Failure, now: Instant, chance: float | None
) -> None:
    retry = decide_retry(task, failure, now, chance=chance)
    if retry is None:
        assert failure.error not in FREE
        return
    assert retry.at >= now
    assert retry.uses_retry is (failure.error not in FREE)
    assert retry.rate_limited is (failure.error is ErrorClass.RATE_LIMIT)
    if retry.uses_retry:
        assert task.retries_left > 0
        assert retry.at - now <= DELAY_MAX_MS


@given(task=TASKS, failure=FAILURES, now=INSTANTS, chance=st.floats(0, 0.999))
def test_jitter_only_shortens_a_delay(
    task: Task, failure: Failure, now: Instant, chance: float
) -> None:
    whole = decide_retry(task, failure, now)
    spread = decide_retry(task, failure, now, chance=chance)
    assert (whole is None) is (spread is None)
    if whole is not None and spread is not None:
        assert replace(spread, at=whole.at) == whole
        assert spread.at <= whole.at


@given(task=TASKS, failures=st.lists(FAILURES, max_size=20), now=INSTANTS)
def test_what_costs_a_retry_ends_after_as_many_as_are_allowed(
    task: Task, failures: list[Failure], now: Instant
) -> None:
    task = replace(task, retries_used=0, not_before=None)
    used = 0
    for failure in failures:
        retry = decide_retry(task, failure, now)
        if retry is not None:
            event = RetryScheduled(
                at=retry.at, uses_retry=retry.uses_retry, rate_limited=retry.rate_limited
            )
            task = advance(replace(task, status=TaskStatus.FAILED), event)
            used += retry.uses_retry
    assert used == task.retries_used <= task.spec.retries_max + task.retries_granted
