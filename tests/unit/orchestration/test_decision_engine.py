"""Decisions on record, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.confidence import WEIGHTS
from banksman.core.decision import Action, Evidence, Thresholds, decide
from banksman.core.events import AttemptBlocked, Claimed, DependenciesMet, Unblocked
from banksman.core.records import Attempt, Ending
from banksman.core.retry import ErrorClass
from banksman.core.task import EntryStep, Instant, ProjectId, Task, TaskSpec
from banksman.exceptions import RecordNotFoundException
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.decision_engine import DecisionEngine
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock

GOOD = Evidence(gate_holds=True, score=0.9, tests_passed=3, files_changed=1, lines_changed=9)
DOUBTFUL = replace(GOOD, score=0.7, outcomes_recorded=50)


class Queue:
    """A scheduler with one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.asked: list[tuple[ProjectId, Transaction | None]] = []

    def get_next_task(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> Task | None:
        self.asked.append((project_id, tx))
        return self.task


class Scene:
    """One running task of a project on a store of its own."""

    def __init__(self, path: Path) -> None:
        self.store = SqliteStore.open(path / "state.db", synchronous="OFF")
        self.clock = FakeClock(5_000)
        self.state = StateManager(self.store, self.clock)
        project = self.state.create_project("crane", base="main", target="banksman/target")
        self.project_id: ProjectId = self.state.own(project.id).id
        task = self.state.create_task(self.project_id, TaskSpec(key="a", title="A"))
        with self.state.transaction() as tx:
            events = [(task.id, DependenciesMet()), (task.id, Claimed())]
            self.task = self.state.apply(tx, events)[-1]
        self.queue = Queue(self.task)
        self.engine = DecisionEngine(self.state, self.clock, tasks=self.queue)

    def begin(self, tx: Transaction, **facts: object) -> Attempt:
        """Record the task's present attempt."""
        task = tx.task(self.task.id)
        attempt = Attempt(
            task_id=task.id,
            number=task.attempt,
            project_id=self.project_id,
            epoch=1,
            started_at=Instant(0),
            base="b0",
            commit="c1",
            **facts,  # type: ignore[arg-type] # by name
        )
        self.state.record(tx, "attempt.begun", attempt)
        return attempt

    def accept(self, tx: Transaction, attempt: Attempt, kind: BreakpointType) -> None:
        """Stop the attempt, let a person accept its work, and claim the task again."""
        over = replace(attempt, ending=Ending.BLOCKED, ended_at=Instant(0))
        self.state.record(tx, "attempt.ended", over)
        manager = BreakpointManager(self.state, self.clock)
        task = tx.task(self.task.id)
        event = manager.trigger_breakpoint(tx, task, kind, "why")
        manager.resolve_breakpoint(tx, event.id, Resolution.ACCEPT, by="anna")
        steps = (AttemptBlocked(attempt=task.attempt), Unblocked(), Claimed())
        self.state.apply(tx, [(task.id, step) for step in steps])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.store.close()


def test_a_decision_is_recorded_with_all_it_was_made_from(scene: Scene) -> None:
    evidence = replace(GOOD, error=ErrorClass.TIMEOUT, error_retryable=True)
    with scene.state.transaction() as tx:
        attempt = scene.begin(tx)
        decision = scene.engine.decide_next_action(tx, scene.task, attempt, evidence)
    assert decision == decide(evidence)
    with scene.state.transaction() as tx:
        (record,) = tx.decisions(scene.task.id)
        line = tx.journal(scene.project_id)[-1]
    assert (record.action, record.rule, record.number, record.at) == (
        "retry",
        "transient_error",
        1,
        5_000,
    )
    assert (record.attempt, record.version, record.calibrated) == (1, "1", False)
    assert record.confidence == decision.confidence
    assert dict(record.weights) == dict(WEIGHTS)
    assert dict(record.features) == dict(decision.features)
    assert (record.evidence["error"], record.evidence["score"]) == ("timeout", 0.9)
    assert record.explanation == decision.explanation
    assert (line.kind, line.reason, line.attempt) == ("decision.made", decision.reason, 1)


def test_decisions_of_a_task_are_numbered_and_explained(scene: Scene) -> None:
    with scene.state.transaction() as tx:
        attempt = scene.begin(tx)
        for evidence in (replace(GOOD, gate_holds=False, turns_left=1), GOOD):
            scene.engine.decide_next_action(tx, scene.task, attempt, evidence)
        first = scene.engine.explain_decision(tx, scene.task.id, number=1)
        last = scene.engine.explain_decision(tx, scene.task.id)
        assert scene.engine.explain_decision(tx, scene.task.id, number=2) == last
    assert first.startswith("Attempt 1, by rule 'fixable' of version 1. clarify: the gate does")
    assert last.startswith("Attempt 1, by rule 'holds' of version 1. proceed: the gate holds")


@pytest.mark.parametrize("number", [None, 0, -1, 2])
def test_a_decision_that_was_not_taken_is_not_explained(
    scene: Scene, number: int | None
) -> None:
    with scene.state.transaction() as tx:
        if number is not None:
            scene.engine.decide_next_action(tx, scene.task, scene.begin(tx), GOOD)
        with pytest.raises(RecordNotFoundException, match="no decision on task"):
            scene.engine.explain_decision(tx, scene.task.id, number=number)


def test_thresholds_decide(scene: Scene) -> None:
    strict = Thresholds(outcomes_min=0, proceed_min=0.99)
    engine = DecisionEngine(scene.state, scene.clock, tasks=scene.queue, thresholds=strict)
    with scene.state.transaction() as tx:
        decision = engine.decide_next_action(tx, scene.task, scene.begin(tx), GOOD)
    assert decision.breakpoint is BreakpointType.CONFIDENCE_TOO_LOW
    assert engine.assess_confidence(GOOD).calibrated


def test_confidence_is_assessed_without_a_record(scene: Scene) -> None:
    assessed = scene.engine.assess_confidence(GOOD)
    decision = decide(GOOD)
    assert (assessed.value, assessed.calibrated) == (decision.confidence, False)
    assert assessed.features == decision.features
    assert assessed.weights == decision.weights
    with scene.state.transaction() as tx:
        assert tx.decisions(scene.task.id) == ()


def test_the_next_task_is_the_schedulers(scene: Scene) -> None:
    with scene.state.transaction() as tx:
        assert scene.engine.next_task(scene.project_id, tx) is scene.queue.task
    assert scene.queue.asked == [(scene.project_id, tx)]


DOUBT = BreakpointType.CONFIDENCE_TOO_LOW


def test_nobody_is_asked_twice_about_the_same_work(scene: Scene) -> None:
    with scene.state.transaction() as tx:
        first = scene.begin(tx, turns=1)
        decided = scene.engine.decide_next_action(tx, scene.task, first, DOUBTFUL)
        assert decided.breakpoint is DOUBT
        scene.accept(tx, first, DOUBT)
        second = scene.begin(tx, entry=EntryStep.INTEGRATION, resumes=1)
        decided = scene.engine.decide_next_action(tx, scene.task, second, DOUBTFUL)
        assert decided.action is Action.PROCEED
        assert tx.decisions(scene.task.id)[-1].evidence["accepted"] == ["confidence_too_low"]


def test_acceptance_holds_over_attempts_that_only_integrate(scene: Scene) -> None:
    with scene.state.transaction() as tx:
        scene.accept(tx, scene.begin(tx, turns=1), DOUBT)
        second = scene.begin(tx, entry=EntryStep.INTEGRATION, resumes=1)
        scene.accept(tx, second, BreakpointType.TARGET_REWRITTEN)
        third = scene.begin(tx, entry=EntryStep.INTEGRATION, resumes=2)
        decided = scene.engine.decide_next_action(tx, scene.task, third, DOUBTFUL)
    assert decided.action is Action.PROCEED


def test_what_was_accepted_of_other_work_does_not_count(scene: Scene) -> None:
    with scene.state.transaction() as tx:
        scene.accept(tx, scene.begin(tx, turns=1), DOUBT)
        second = scene.begin(tx, turns=1)
        scene.accept(tx, second, BreakpointType.TARGET_REWRITTEN)
        third = scene.begin(tx, entry=EntryStep.INTEGRATION, resumes=2)
        decided = scene.engine.decide_next_action(tx, scene.task, third, DOUBTFUL)
    assert decided.breakpoint is DOUBT


@pytest.mark.parametrize(
    "facts",
    [
        {"entry": EntryStep.CHECKS, "resumes": 1},
        {"entry": EntryStep.AGENT},
        {"entry": EntryStep.INTEGRATION, "resumes": 1, "turns": 1},
    ],
)
def test_acceptance_says_nothing_of_work_that_changed(
    scene: Scene, facts: dict[str, object]
) -> None:
    with scene.state.transaction() as tx:
        scene.accept(tx, scene.begin(tx, turns=1), DOUBT)
        changed = scene.begin(tx, **facts)
        decided = scene.engine.decide_next_action(tx, scene.task, changed, DOUBTFUL)
    assert decided.breakpoint is DOUBT


def test_a_retry_or_another_tasks_acceptance_accepts_nothing(scene: Scene) -> None:
    other = scene.state.create_task(scene.project_id, TaskSpec(key="b", title="B"))
    manager = BreakpointManager(scene.state, scene.clock)
    with scene.state.transaction() as tx:
        first = scene.begin(tx, turns=1)
        event = manager.trigger_breakpoint(tx, replace(other, attempt=1), DOUBT, "why")
        manager.settle_breakpoint(tx, event.id, "accepted by itself")
        event = manager.trigger_breakpoint(tx, tx.task(scene.task.id), DOUBT, "why")
        manager.resolve_breakpoint(tx, event.id, Resolution.RETRY, by="anna")
        scene.accept(tx, first, BreakpointType.TARGET_REWRITTEN)
        second = scene.begin(tx, entry=EntryStep.INTEGRATION, resumes=1)
        decided = scene.engine.decide_next_action(tx, scene.task, second, DOUBTFUL)
    assert decided.breakpoint is DOUBT
