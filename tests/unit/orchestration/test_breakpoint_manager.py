"""Opening, answering and settling breakpoints, on a real store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Release, Resolution, Severity
from banksman.core.events import (
    AttemptBlocked,
    BreakpointOpened,
    Cancelled,
    Claimed,
    DependenciesMet,
    Event,
    UnblockedWaiting,
)
from banksman.core.records import Attempt, BreakpointEvent, Ending, JournalEntry
from banksman.core.task import EntryStep, Instant, ProjectId, Task, TaskId, TaskSpec
from banksman.exceptions import CommandRefusedException, RecordNotFoundException
from banksman.orchestration.breakpoint_manager import DETAILS_MAX, BreakpointManager
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock

B = BreakpointType
R = Resolution


class Scene:
    """A project on a store of its own, and the manager under test."""

    def __init__(self, path: Path) -> None:
        self.store = SqliteStore.open(path / "state.db", synchronous="OFF")
        self.clock = FakeClock(5_000)
        self.state = StateManager(self.store, self.clock)
        project = self.state.create_project("crane", base="main", target="banksman/target")
        self.project_id: ProjectId = self.state.own(project.id).id
        self.manager = BreakpointManager(self.state, self.clock)

    def task(self, key: str = "a") -> Task:
        return self.state.create_task(self.project_id, TaskSpec(key=key, title=key))

    def apply(self, tx: Transaction, task: Task, *events: Event) -> Task:
        return self.state.apply(tx, [(task.id, event) for event in events])[-1]

    def stopped(
        self, tx: Transaction, task: Task, *, base: str | None = "b0", commit: str | None = "c1"
    ) -> Task:
        """Run one attempt of a pending task up to a breakpoint."""
        task = self.apply(tx, task, DependenciesMet(), Claimed())
        attempt = Attempt(
            task_id=task.id,
            number=task.attempt,
            project_id=self.project_id,
            epoch=1,
            started_at=Instant(5_000),
            base=base,
            commit=commit,
            ending=Ending.BLOCKED,
            ended_at=Instant(5_000),
        )
        self.state.record(tx, "attempt.ended", attempt)
        return self.apply(tx, task, AttemptBlocked(attempt=task.attempt))

    def trigger(
        self,
        tx: Transaction,
        task: Task,
        kind: BreakpointType = B.CONFIDENCE_TOO_LOW,
        *details: str,
    ) -> BreakpointEvent:
        return self.manager.trigger_breakpoint(tx, task, kind, "why", details=details)

    def resolve(
        self, tx: Transaction, event: BreakpointEvent, resolution: Resolution, **words: str
    ) -> Release:
        said = {"by": "anna", **words}
        return self.manager.resolve_breakpoint(tx, event.id, resolution, **said)[1]

    def journal(self) -> tuple[JournalEntry, ...]:
        with self.state.transaction() as tx:
            return tx.journal(self.project_id)


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
