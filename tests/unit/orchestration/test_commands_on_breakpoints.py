"""What people answer to breakpoints: done, or refused with a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.records import StopWhy
from banksman.core.task import Gate, TaskStatus
from banksman.orchestration.commands import (
    CleanTask,
    StopAttempt,
)
from tests.unit.orchestration.counter import Counter

S = TaskStatus


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path / "state.db")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Counter:
    """Return a counter with a gated task, for many refusals: each is seen to change nothing."""
    counter = Counter(tmp_path_factory.mktemp("refusing") / "state.db")
    counter.add("t", gate=Gate.MANUAL)
    return counter


def test_a_breakpoint_is_resolved_and_what_it_stopped_goes_on(counter: Counter) -> None:
    task = counter.in_status(S.BLOCKED)
    event = counter.only_event()
    answer = counter.granted(
        "resolve", breakpoint=event.id, resolution="retry", guidance="try again", reason="why"
    )
    assert answer == {
        "task": task.id, "key": "t", "status": "ready", "breakpoint": 1, "resolution": "retry",
    }  # fmt: skip
    (resolved,) = counter.events()
    assert (resolved.resolution, resolved.resolved_by) == (Resolution.RETRY, "ada")
    assert (resolved.reason, resolved.guidance) == ("why", "try again")
    assert "try again" in counter.claim().guidance


def test_a_second_resolution_is_refused_with_the_first_shown(counter: Counter) -> None:
    counter.in_status(S.BLOCKED)
    counter.granted("resolve", breakpoint=1, resolution="retry", reason="because")
    told = counter.refused("resolve", breakpoint=1, resolution="cancel")
    assert "resolved before, by ada with retry: because" in told


def test_a_cancelling_resolution_cancels_and_tidies_up(counter: Counter) -> None:
    task = counter.in_status(S.BLOCKED)
    command, effects = counter.wish("resolve", breakpoint=1, resolution="cancel")
    assert command.answer is not None
    assert effects == (CleanTask(task_id=task.id),)
    assert counter.status(task) == [S.CANCELLED]


def test_a_note_about_a_running_task_that_is_answered_with_cancel_stops_it(
    counter: Counter,
) -> None:
    task = counter.in_status(S.RUNNING)
    with counter.state.transaction() as tx:
        counter.breakpoints.trigger_breakpoint(
            tx, tx.task(task.id), BreakpointType.RATE_LIMIT_HIT, "wait"
        )
    command, effects = counter.wish("resolve", breakpoint=1, resolution="cancel")
    assert command.error == ""
    assert effects == (StopAttempt(task_id=task.id),)
    assert counter.attempt(task, 1).stop is StopWhy.CANCEL


def test_a_lost_dependency_is_tried_again_or_its_dependents_are_cancelled(
    counter: Counter,
) -> None:
    lost = counter.add("lost", retries_max=0)
    waiting = [counter.add(key, lost) for key in ("a", "b")]
    counter.lose(lost)
    assert counter.status(*waiting) == [S.BLOCKED, S.BLOCKED]
    counter.granted("resolve", breakpoint=1, resolution="retry")
    assert counter.status(lost, *waiting) == [S.RETRYING, S.PENDING, S.PENDING]
    counter.lose(lost)
    command, effects = counter.wish("resolve", breakpoint=2, resolution="cancel")
    assert command.error == ""
    assert counter.status(lost, *waiting) == [S.FAILED, S.CANCELLED, S.CANCELLED]
    assert effects == tuple(CleanTask(task_id=task.id) for task in waiting)


def test_accepting_a_rewritten_target_trusts_it_from_now_on(counter: Counter) -> None:
    counter.add("t")
    task = counter.claim()
    with counter.state.transaction() as tx:
        project = replace(tx.project(counter.project.id), integrated="c0ffee")
        counter.state.record(tx, "target.moved", project)
    counter.block_attempt(task, BreakpointType.TARGET_REWRITTEN)
    counter.granted("resolve", breakpoint=1, resolution="accept")
    with counter.state.transaction() as tx:
        assert tx.project(counter.project.id).integrated is None
    adopted = [line for line in counter.journal() if line.kind == "target.adopted"]
    assert [line.actor for line in adopted] == ["ada"]


def test_a_gate_is_passed(counter: Counter) -> None:
    task = counter.add("t", gate=Gate.MANUAL)
    assert counter.status(task) == [S.BLOCKED]
    with counter.state.transaction() as tx:
        project = replace(tx.project(counter.project.id), integrated="c0ffee")
        counter.state.record(tx, "target.moved", project)
    assert counter.granted("resolve", breakpoint=1, resolution="accept")["status"] == "ready"
    with counter.state.transaction() as tx:
        assert tx.project(counter.project.id).integrated == "c0ffee", "nobody doubted it"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "breakpoint must be a number, 1 or more, not None."),
        ({"breakpoint": "1"}, "not '1'."),
        ({"breakpoint": True}, "not True."),
        ({"breakpoint": 1.0}, "not 1.0."),
        ({"breakpoint": 0}, "not 0."),
        ({"breakpoint": -1}, "not -1."),
        ({"breakpoint": 2**70}, "not 1180591620717411303424."),
        ({"breakpoint": [1]}, "not [1]."),
        ({"breakpoint": 7, "resolution": "accept"}, "there is no breakpoint '7'."),
        ({"breakpoint": 1}, "resolution must be one of accept, retry, edit, cancel, not ''."),
        ({"breakpoint": 1, "resolution": "Accept"}, "not 'Accept'."),
        ({"breakpoint": 1, "resolution": "x" * 5_000}, "characters left out"),
        ({"breakpoint": 1, "resolution": ["accept"]}, "resolution must be a text"),
        ({"breakpoint": 1, "resolution": "accept", "reason": []}, "reason must be a text"),
        ({"breakpoint": 1, "resolution": "accept", "guidance": {}}, "guidance must be a text"),
        ({"breakpoint": 1, "resolution": "edit"}, "edit makes no sense"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(
    refusing: Counter, arguments: dict[str, object], told: str
) -> None:
    assert told in refusing.refused("resolve", **arguments)


def test_another_projects_breakpoint_is_not_there(counter: Counter) -> None:
    counter.add("t", gate=Gate.MANUAL)
    event = counter.only_event()
    counter.project = counter.state.create_project("other", base="main", target="target")
    assert "there is no breakpoint '1'" in counter.refused(
        "resolve", breakpoint=event.id, resolution="accept"
    )
