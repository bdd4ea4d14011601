"""Answers to breakpoints, on a real store: final, sensible, joined."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Release, Resolution
from banksman.core.events import (
    BreakpointOpened,
    Claimed,
    DependenciesMet,
    UnblockedWaiting,
)
from banksman.core.records import Attempt, Ending
from banksman.core.task import EntryStep, Instant
from banksman.exceptions import CommandRefusedException, RecordNotFoundException
from tests.unit.orchestration.breakpoint_scene import Scene

B = BreakpointType
R = Resolution


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.store.close()


def test_a_resolution_keeps_who_when_why_and_what_was_said(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        event = scene.trigger(tx, task)
        scene.clock.advance(1.0)
        answered, _ = scene.manager.resolve_breakpoint(
            tx, event.id, R.RETRY, by="anna", reason="too large", guidance=" split it "
        )
    assert (answered.resolution, answered.resolved_by, answered.resolved_at) == (
        R.RETRY,
        "anna",
        6_000,
    )
    assert (answered.reason, answered.guidance) == ("too large", "split it")
    with scene.state.transaction() as tx:
        assert tx.breakpoint(event.id) == answered
    line = scene.journal()[-1]
    assert (line.kind, line.actor, line.reason) == ("breakpoint.resolved", "anna", "too large")


@pytest.mark.parametrize(
    ("resolution", "release"),
    [
        (R.ACCEPT, Release(entry=EntryStep.INTEGRATION, resumes=1)),
        (R.EDIT, Release(entry=EntryStep.CHECKS, resumes=1)),
        (R.CANCEL, Release(cancels=True)),
    ],
)
def test_a_resolution_returns_what_becomes_of_the_task(
    scene: Scene, resolution: Resolution, release: Release
) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        assert scene.resolve(tx, scene.trigger(tx, task), resolution) == release


def test_a_retry_carries_the_words_and_what_stopped_the_work(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        event = scene.trigger(tx, task, B.CONSECUTIVE_FAILURES, "test_a fails")
        release = scene.resolve(tx, event, R.RETRY, guidance="Look at b.py.")
    assert release == Release(
        grants_retry=True,
        guidance="## What anna says to it\n\nLook at b.py.\n\n"
        "What stopped the work before:\n\n> test_a fails",
    )


def test_an_answer_carries_its_question_and_goes_on_with_the_work(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task, commit=None)
        event = scene.trigger(tx, task, B.AGENT_QUESTION, "Tabs or spaces?")
        release = scene.resolve(tx, event, R.RETRY, guidance="Tabs.")
    assert (release.entry, release.resumes) == (EntryStep.AGENT, 1)
    assert (
        release.guidance
        == "You asked:\n\n> Tabs or spaces?\n\n## What anna says to it\n\nTabs."
    )


@pytest.mark.parametrize("words", ["", " \x1b[0m\n"])
def test_a_question_is_not_answered_without_words(scene: Scene, words: str) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, scene.stopped(tx, task), B.AGENT_QUESTION)
        with pytest.raises(CommandRefusedException, match="--guidance"):
            scene.resolve(tx, event, R.RETRY, guidance=words)
        assert tx.breakpoint(event.id) == event


def test_a_resolution_is_final_and_the_second_is_shown_the_first(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, task, B.MANUAL)
        scene.resolve(tx, event, R.CANCEL, reason="not now")
        first = tx.breakpoint(event.id)
        with pytest.raises(CommandRefusedException) as refusal:
            scene.resolve(tx, event, R.ACCEPT, by="ben")
        assert tx.breakpoint(event.id) == first
    assert str(refusal.value) == (
        f"breakpoint {event.id} was resolved before, by anna with cancel: not now. "
        "A resolution is final."
    )


def test_a_resolution_without_a_reason_is_shown_without_one(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, task, B.MANUAL)
        scene.resolve(tx, event, R.CANCEL)
        with pytest.raises(CommandRefusedException, match=r"by anna with cancel\. A"):
            scene.resolve(tx, event, R.ACCEPT)


def test_of_two_people_who_answer_at_once_one_wins_and_the_other_is_told(
    scene: Scene,
) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, task, B.MANUAL)
    start = threading.Barrier(2)
    won: list[str] = []
    refused: list[str] = []

    def answer(by: str, resolution: Resolution) -> None:
        start.wait(timeout=30)
        try:
            with scene.state.transaction() as tx:
                scene.manager.resolve_breakpoint(tx, event.id, resolution, by=by)
            won.append(by)
        except CommandRefusedException as refusal:
            refused.append(str(refusal))

    people = [
        threading.Thread(target=answer, args=("anna", R.ACCEPT)),
        threading.Thread(target=answer, args=("ben", R.CANCEL)),
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(timeout=30)
    assert len(won) == len(refused) == 1
    with scene.state.transaction() as tx:
        assert tx.breakpoint(event.id).resolved_by == won[0]
    assert f"was resolved before, by {won[0]} with" in refused[0]


@pytest.mark.parametrize("by", ["", "agent", "agent:claude"])
def test_an_agent_resolves_nothing(scene: Scene, by: str) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, task, B.MANUAL)
        with pytest.raises(CommandRefusedException, match="never an agent"):
            scene.resolve(tx, event, R.ACCEPT, by=by)
        assert tx.breakpoint(event.id) == event


def test_an_event_that_is_not_there_is_named(scene: Scene) -> None:
    with scene.state.transaction() as tx, pytest.raises(RecordNotFoundException):
        scene.manager.resolve_breakpoint(tx, 99, R.ACCEPT, by="anna")


@pytest.mark.parametrize(
    ("base", "commit", "allowed"),
    [
        ("b0", "c1", "accept, retry, edit, cancel"),
        ("b0", None, "retry, edit, cancel"),
        (None, None, "retry, cancel"),
    ],
)
def test_what_an_attempt_left_decides_what_makes_sense(
    scene: Scene, base: str | None, commit: str | None, allowed: str
) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task, base=base, commit=commit)
        event = scene.trigger(tx, task)
        for resolution in (R.ACCEPT, R.EDIT):
            if resolution in allowed:
                continue
            with pytest.raises(CommandRefusedException, match=f"Choose one of: {allowed}"):
                scene.resolve(tx, event, resolution)


def test_a_gate_before_the_first_attempt_has_nothing_to_edit(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        event = scene.trigger(tx, task, B.MANUAL)
        with pytest.raises(CommandRefusedException, match="Choose one of: accept, cancel"):
            scene.resolve(tx, event, R.EDIT)
        assert scene.resolve(tx, event, R.ACCEPT) == Release(gate_passed=True)


def test_an_attempt_that_failed_before_its_task_was_stopped_is_nothing_to_go_on_with(
    scene: Scene,
) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.apply(tx, task, DependenciesMet(), Claimed())
        failed = Attempt(
            task_id=task.id,
            number=1,
            project_id=scene.project_id,
            epoch=1,
            started_at=Instant(0),
            base="b0",
            commit="c1",
            ending=Ending.FAILED,
            ended_at=Instant(0),
        )
        scene.state.record(tx, "attempt.ended", failed)
        event = scene.trigger(tx, task, B.MANUAL)
        assert scene.resolve(tx, event, R.ACCEPT).resumes is None


def test_a_task_that_was_only_held_up_keeps_what_it_was_to_be_told(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.apply(tx, task, BreakpointOpened())
        task = scene.apply(tx, task, UnblockedWaiting(guidance="test_a fails"))
        quiet = scene.trigger(tx, task, B.MANUAL)
        assert scene.resolve(tx, quiet, R.ACCEPT).guidance == "test_a fails"
        scene.clock.advance(1.0)
        loud = scene.trigger(tx, task, B.MANUAL)
        told = scene.resolve(tx, loud, R.ACCEPT, guidance="Mind b.py.").guidance
    assert told == "test_a fails\n\n## What anna says to it\n\nMind b.py."


def test_several_answers_to_one_attempt_are_joined_by_the_most_careful(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        doubtful = scene.trigger(tx, task)
        protected = scene.trigger(tx, task, B.PROTECTED_PATH)
        again = scene.resolve(tx, protected, R.RETRY, guidance="Leave it.")
        last = scene.resolve(tx, doubtful, R.ACCEPT)
    assert again == last
    assert last.entry is EntryStep.AGENT


def test_what_is_still_open_or_was_settled_is_no_answer(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        doubtful = scene.trigger(tx, task)
        scene.trigger(tx, task, B.PROTECTED_PATH)
        settled = scene.trigger(tx, task, B.TARGET_REWRITTEN)
        scene.manager.settle_breakpoint(tx, settled.id, "it is back")
        assert scene.resolve(tx, doubtful, R.ACCEPT) == Release(
            entry=EntryStep.INTEGRATION, resumes=1
        )


def test_an_answer_from_before_the_task_was_stopped_again_is_used_up(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        scene.resolve(tx, scene.trigger(tx, task), R.RETRY, guidance="Leave it.")
        scene.clock.advance(1.0)
        manual = scene.trigger(tx, task, B.MANUAL)
        assert scene.resolve(tx, manual, R.ACCEPT) == Release(gate_passed=True, resumes=1)


def test_answers_about_other_tasks_are_not_joined(scene: Scene) -> None:
    one, other = scene.task("one"), scene.task("other")
    with scene.state.transaction() as tx:
        events = [scene.trigger(tx, scene.stopped(tx, task)) for task in (one, other)]
        scene.resolve(tx, events[0], R.CANCEL)
        assert not scene.resolve(tx, events[1], R.ACCEPT).cancels


def test_answers_are_joined_though_the_clock_went_back_between_them(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        doubtful = scene.trigger(tx, task)
        protected = scene.trigger(tx, task, B.PROTECTED_PATH)
        scene.clock.jump(-4.0)
        scene.resolve(tx, protected, R.RETRY)
        assert scene.resolve(tx, doubtful, R.ACCEPT).entry is EntryStep.AGENT


def test_what_is_told_about_the_repository_is_not_told_to_the_agent(scene: Scene) -> None:
    task = scene.task()
    with scene.state.transaction() as tx:
        task = scene.stopped(tx, task)
        about = scene.trigger(tx, task, B.TARGET_REWRITTEN, "`git branch -f target 12ab`")
        assert scene.resolve(tx, about, R.RETRY).guidance == ""
