"""The table of transitions, every pair of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Final

import pytest

from banksman.core import events
from banksman.core.events import Event, Report
from banksman.core.retry import ErrorClass
from banksman.core.task import EntryStep, Task, TaskStatus
from banksman.core.transitions import TERMINAL, TRANSITIONS, advance, allowed_from
from banksman.exceptions import StaleReportException, TaskStateException
from tests.unit.core.plans import a_task, at

EXAMPLES: Final = (
    events.DependenciesMet(),
    events.DependencyLost(reason="lost"),
    events.DependencyAdded(),
    events.Claimed(),
    events.BreakpointOpened(reason="held"),
    events.AttemptBlocked(attempt=1, reason="stopped"),
    events.Integrated(attempt=1, commit="c0ffee"),
    events.AttemptFailed(attempt=1, error=ErrorClass.TIMEOUT, reason="late"),
    events.RetryScheduled(at=at(7)),
    events.Unblocked(),
    events.UnblockedWaiting(),
    events.Cancelled(reason="no more"),
)

# The table of the domain, written a second time by hand: from, to, by what.
_S = TaskStatus
LAW: Final = {
    (_S.PENDING, "DependenciesMet"): _S.READY,
    (_S.PENDING, "DependencyLost"): _S.BLOCKED,
    (_S.PENDING, "BreakpointOpened"): _S.BLOCKED,
    (_S.PENDING, "Cancelled"): _S.CANCELLED,
    (_S.READY, "Claimed"): _S.RUNNING,
    (_S.READY, "DependencyAdded"): _S.PENDING,
    (_S.READY, "BreakpointOpened"): _S.BLOCKED,
    (_S.READY, "Cancelled"): _S.CANCELLED,
    (_S.RUNNING, "Integrated"): _S.COMPLETED,
    (_S.RUNNING, "AttemptFailed"): _S.FAILED,
    (_S.RUNNING, "AttemptBlocked"): _S.BLOCKED,
    (_S.RUNNING, "Cancelled"): _S.CANCELLED,
    (_S.FAILED, "RetryScheduled"): _S.RETRYING,
    (_S.FAILED, "Cancelled"): _S.CANCELLED,
    (_S.RETRYING, "Claimed"): _S.RUNNING,
    (_S.RETRYING, "DependencyAdded"): _S.PENDING,
    (_S.RETRYING, "BreakpointOpened"): _S.BLOCKED,
    (_S.RETRYING, "Cancelled"): _S.CANCELLED,
    (_S.BLOCKED, "Unblocked"): _S.READY,
    (_S.BLOCKED, "UnblockedWaiting"): _S.PENDING,
    (_S.BLOCKED, "Cancelled"): _S.CANCELLED,
}
PAIRS: Final = tuple(product(TaskStatus, EXAMPLES))


def running(attempt: int = 1) -> Task:
    return replace(a_task(1, status=_S.RUNNING), attempt=attempt)


def in_status(status: TaskStatus) -> Task:
    return replace(a_task(1, status=status), attempt=1)


def name_of(value: object) -> str:
    return value.value if isinstance(value, TaskStatus) else type(value).__name__


def test_there_is_an_example_of_every_event() -> None:
    kinds = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event)
    } - {Event, Report}
    assert {type(event) for event in EXAMPLES} == kinds


@pytest.mark.parametrize(("status", "event"), PAIRS, ids=name_of)
def test_every_pair_does_what_the_domain_says(status: TaskStatus, event: Event) -> None:
    task = in_status(status)
    target = LAW.get((status, type(event).__name__))
    if target is None:
        with pytest.raises(TaskStateException) as refused:
            advance(task, event)
        assert refused.value.status == status
        assert refused.value.allowed == allowed_from(status)
    else:
        moved = advance(task, event)
        assert moved.status is target
        assert moved.version == task.version + 1
        assert (moved.not_before is not None) is (target is TaskStatus.RETRYING)


def test_the_table_has_no_row_that_the_domain_lacks() -> None:
    assert {(status, kind.__name__): to for (status, kind), to in TRANSITIONS.items()} == LAW


def test_completed_and_cancelled_are_terminal_and_nothing_else() -> None:
    assert {TaskStatus.COMPLETED, TaskStatus.CANCELLED} == TERMINAL


def test_an_event_leads_to_one_status_wherever_it_comes_from() -> None:
    ways = {(kind, to) for (_, kind), to in TRANSITIONS.items()}
    assert len(ways) == len({kind for kind, _ in ways})


def test_a_refusal_names_task_state_wish_and_what_is_allowed() -> None:
    with pytest.raises(TaskStateException) as refused:
        advance(a_task(7), events.Claimed())
    assert str(refused.value) == (
        "task 't7' (7) cannot go from pending to running; "
        "it can become ready, blocked or cancelled."
    )


def test_a_refusal_from_a_terminal_state_says_that_it_is_terminal() -> None:
    with pytest.raises(TaskStateException, match="what is completed stays so"):
        advance(in_status(TaskStatus.COMPLETED), events.Claimed())


REPORTS: Final = tuple(event for event in EXAMPLES if isinstance(event, Report))


@pytest.mark.parametrize(("status", "event"), tuple(product(TaskStatus, REPORTS)), ids=name_of)
def test_a_report_of_another_attempt_is_stale_in_every_state(
    status: TaskStatus, event: Report
) -> None:
    task = replace(in_status(status), attempt=2)
    with pytest.raises(StaleReportException) as refused:
        advance(task, event)
    assert (refused.value.attempt, refused.value.reported) == (2, 1)


def test_the_task_that_was_given_stays_as_it_was() -> None:
    task = a_task(1)
    before = replace(task)
    advance(task, events.DependenciesMet())
    assert task == before


def test_a_claim_begins_the_next_attempt_and_keeps_what_it_has_to_read() -> None:
    waiting = replace(
        in_status(TaskStatus.READY),
        attempt=3,
        entry=EntryStep.CHECKS,
        resumes=3,
        guidance="look here",
        reason="was blocked",
    )
    claimed = advance(waiting, events.Claimed())
    assert claimed.attempt == 4
    assert (claimed.entry, claimed.resumes) == (EntryStep.CHECKS, 3)
    assert (claimed.guidance, claimed.reason) == ("look here", "")


def test_a_retry_starts_anew_with_its_agent() -> None:
    lost = replace(in_status(TaskStatus.FAILED), entry=EntryStep.INTEGRATION, resumes=1)
    again = advance(lost, events.RetryScheduled(at=at(99), guidance="mind the gap"))
    assert (again.entry, again.resumes) == (EntryStep.AGENT, None)
    assert (again.not_before, again.guidance) == (99, "mind the gap")
    assert (again.retries_used, again.retries_granted) == (0, 0)


def test_a_retry_that_costs_one_uses_one() -> None:
    task = in_status(TaskStatus.FAILED)
    again = advance(task, events.RetryScheduled(at=at(0), uses_retry=True))
    assert (again.retries_used, again.retries_left) == (1, 2)


def test_a_granted_retry_leaves_as_many_as_were_left() -> None:
    task = replace(in_status(TaskStatus.FAILED), retries_used=3)
    again = advance(task, events.RetryScheduled(at=at(0), granted=True))
    assert (again.retries_used, again.retries_granted, again.retries_left) == (4, 1, 0)


def test_rate_limits_count_in_a_row_only() -> None:
    task = in_status(TaskStatus.FAILED)
    once = advance(task, events.RetryScheduled(at=at(0), rate_limited=True))
    twice = advance(
        replace(once, status=TaskStatus.FAILED),
        events.RetryScheduled(at=at(0), rate_limited=True),
    )
    other = advance(replace(twice, status=TaskStatus.FAILED), events.RetryScheduled(at=at(0)))
    assert [once.rate_limits, twice.rate_limits, other.rate_limits] == [1, 2, 0]


@pytest.mark.parametrize("kind", [events.Unblocked, events.UnblockedWaiting])
def test_letting_a_task_go_says_where_it_enters_again(kind: type[events.Unblocked]) -> None:
    blocked = replace(in_status(TaskStatus.BLOCKED), reason="asked", retries_used=1)
    free = advance(
        blocked,
        kind(
            entry=EntryStep.CHECKS,
            resumes=1,
            guidance="it is right",
            grants_retry=True,
            gate_passed=True,
        ),
    )
    assert (free.entry, free.resumes, free.guidance) == (EntryStep.CHECKS, 1, "it is right")
    assert (free.retries_granted, free.retries_used) == (1, 2)
    assert (free.gate_passed, free.reason) == (True, "")


def test_a_gate_once_passed_stays_passed() -> None:
    blocked = replace(in_status(TaskStatus.BLOCKED), gate_passed=True)
    assert advance(blocked, events.Unblocked()).gate_passed


def test_completion_forgets_what_only_the_next_attempt_would_read() -> None:
    task = replace(running(), guidance="again", reason="before")
    done = advance(task, events.Integrated(attempt=1, commit="c0ffee"))
    assert (done.guidance, done.reason) == ("", "")


@pytest.mark.parametrize(
    ("task", "event"),
    [
        (running(), events.AttemptFailed(attempt=1, error=ErrorClass.LOST, reason="why")),
        (running(), events.AttemptBlocked(attempt=1, reason="why")),
        (running(), events.Cancelled(reason="why")),
        (a_task(1), events.DependencyLost(reason="why")),
        (a_task(1), events.BreakpointOpened(reason="why")),
    ],
    ids=name_of,
)
def test_the_reason_is_kept_for_people(task: Task, event: Event) -> None:
    assert advance(task, event).reason == "why"
