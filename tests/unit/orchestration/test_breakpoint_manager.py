"""Opening, settling and listing breakpoints, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution, Severity
from banksman.core.events import (
    Cancelled,
)
from banksman.core.task import TaskId, TaskSpec
from banksman.orchestration.breakpoint_manager import DETAILS_MAX
from banksman.ports import Transaction
from tests.unit.orchestration.breakpoint_scene import Scene

B = BreakpointType
R = Resolution


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.store.close()


def test_an_event_is_stored_with_its_journal_line(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        opened = scene.trigger(tx, task, B.TEST_TAMPERING, "tests/a.py: assertion removed")
    with scene.state.transaction() as tx:
        assert tx.breakpoint(opened.id) == opened
    assert (opened.severity, opened.opened_at, opened.details) == (
        Severity.CRITICAL,
        5_000,
        ("tests/a.py: assertion removed",),
    )
    line = scene.journal()[-1]
    assert (line.kind, line.task_id, line.attempt, line.reason) == (
        "breakpoint.opened",
        task.id,
        0,
        "why",
    )
    assert len(line.writes) == 1


def test_a_second_firing_returns_the_open_event(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        first = scene.trigger(tx, task)
        assert scene.trigger(tx, task) == first
        assert scene.trigger(tx, task, B.PROTECTED_PATH).id != first.id
        assert (
            scene.trigger(
                tx,
                scene.state.create_task(scene.project_id, TaskSpec(key="b", title="b"), tx=tx),
            ).id
            != first.id
        )
    kinds = [line.kind for line in scene.journal()]
    assert kinds.count("breakpoint.opened") == 3


def test_the_same_type_in_a_later_attempt_is_another_event(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        first = scene.trigger(tx, task)
        assert scene.trigger(tx, scene.stopped(tx, task)).id != first.id


def test_a_resolved_event_makes_room_for_another(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        first = scene.trigger(tx, task, B.MANUAL)
        scene.resolve(tx, first, R.ACCEPT)
        assert scene.trigger(tx, task, B.MANUAL).id != first.id


def test_new_dependents_join_the_event_of_a_failed_task(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        trigger = scene.manager.trigger_breakpoint
        first = trigger(tx, task, B.DEPENDENCY_FAILED, "why", tasks=[TaskId(3), TaskId(2)])
        assert first.tasks == (2, 3)
        again = trigger(tx, task, B.DEPENDENCY_FAILED, "why", tasks=[TaskId(3)])
        assert again == first
        wider = trigger(tx, task, B.DEPENDENCY_FAILED, "why", tasks=[TaskId(1)])
        assert (wider.id, wider.tasks) == (first.id, (1, 2, 3))
        assert tx.breakpoint(first.id) == wider
    assert scene.journal()[-1].kind == "breakpoint.extended"


def test_what_tools_say_is_cleaned_and_bounded(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.manager.trigger_breakpoint(
            tx,
            task,
            B.PROTECTED_PATH,
            "\x1b[31mred\x00" + "x" * 10_000,
            details=["\x1b]0;title\x07path\udce9", *("y" * 10_000 for _ in range(500))],
        )
    assert event.message.startswith("redx")
    assert len(event.message) <= 2_000
    assert event.details[0] == "path\N{REPLACEMENT CHARACTER}"
    assert all(len(line) <= 400 for line in event.details)
    assert len(event.details) == DETAILS_MAX + 1
    assert event.details[-1] == f"… and {501 - DETAILS_MAX} more"


def test_an_event_that_lost_its_object_settles_itself(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, task, B.DEPENDENCY_FAILED)
        settled = scene.manager.settle_breakpoint(tx, event.id, "it completed after all")
    assert (settled.resolution, settled.resolved_by, settled.reason) == (
        R.ACCEPT,
        "engine",
        "it completed after all",
    )
    line = scene.journal()[-1]
    assert (line.kind, line.actor) == ("breakpoint.settled", "engine")


def test_an_event_settles_as_cancelled_once_all_that_it_stopped_is(scene: Scene) -> None:
    failed, one, two = scene.task("failed"), scene.task("one"), scene.task("two")
    with scene.state.transaction() as tx:
        kinds: list[Resolution | None] = []
        for gone in (one, two):
            event = scene.manager.trigger_breakpoint(
                tx, failed, B.DEPENDENCY_FAILED, "why", tasks=[one.id, two.id]
            )
            scene.apply(tx, gone, Cancelled(reason="no need"))
            kinds.append(scene.manager.settle_breakpoint(tx, event.id, "why").resolution)
        own = scene.trigger(tx, one)
        kinds.append(scene.manager.settle_breakpoint(tx, own.id, "why").resolution)
    assert kinds == [R.ACCEPT, R.CANCEL, R.CANCEL]


def test_settling_leaves_a_persons_answer_as_it_is(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, task, B.MANUAL)
        scene.resolve(tx, event, R.CANCEL)
        answered = tx.breakpoint(event.id)
        assert scene.manager.settle_breakpoint(tx, event.id, "too late") == answered
    assert scene.journal()[-1].kind == "breakpoint.resolved"


def test_open_events_and_history_are_listed_by_project_and_by_task(scene: Scene) -> None:
    one, other = scene.task("one"), scene.task("other")
    with scene.state.transaction() as tx:
        gate = scene.trigger(tx, one, B.MANUAL)
        scene.resolve(tx, gate, R.ACCEPT)
        gate = tx.breakpoint(gate.id)
        lost = scene.manager.trigger_breakpoint(
            tx, other, B.DEPENDENCY_FAILED, "why", tasks=[one.id]
        )
        doubt = scene.trigger(tx, other)
        pending = scene.manager.get_pending_breakpoints
        history = scene.manager.get_breakpoint_history
        assert pending(tx, scene.project_id) == (lost, doubt)
        assert pending(tx, scene.project_id, task_id=one.id) == (lost,)
        assert history(tx, scene.project_id) == (gate, lost, doubt)
        assert history(tx, scene.project_id, task_id=one.id) == (gate, lost)


def test_nothing_is_left_of_a_transaction_that_fails(scene: Scene) -> None:
    task = scene.task()

    def fail(tx: Transaction) -> None:
        scene.trigger(tx, task)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), scene.state.transaction() as tx:
        fail(tx)
    with scene.state.transaction() as tx:
        assert scene.manager.get_breakpoint_history(tx, scene.project_id) == ()
