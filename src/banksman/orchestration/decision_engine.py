"""Asks the core what to do, and keeps the answer with all that it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Protocol

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.decision import DEFAULTS, Decision, Evidence, Thresholds, decide
from banksman.core.records import Attempt, DecisionRecord
from banksman.core.task import EntryStep, ProjectId, Task, TaskId
from banksman.exceptions import RecordNotFoundException
from banksman.ports import Clock, Transaction
from banksman.state.state_manager import StateManager


class TaskSource(Protocol):
    """What chooses and claims tasks, as the decision engine sees it."""

    def get_next_task(
        self, project_id: ProjectId, *, tx: Transaction | None = None
    ) -> Task | None:
        """Claim and return the next task of a project, or None if nothing can be claimed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """How sure the engine is that work is right.

    Attributes:
        value: In [0, 1].
        calibrated: Whether enough outcomes are known for it to decide anything.
        features: Its parts, each in [0, 1].
        weights: What each part weighs.
    """

    value: float
    calibrated: bool
    features: Mapping[str, float]
    weights: Mapping[str, float]


class DecisionEngine:
    """Decides what becomes of an attempt, and which task is next."""

    def __init__(
        self,
        state: StateManager,
        clock: Clock,
        *,
        tasks: TaskSource,
        thresholds: Thresholds = DEFAULTS,
    ) -> None:
        self._state = state
        self._clock = clock
        self._tasks = tasks
        self._thresholds = thresholds

    def decide_next_action(  # noqa: PLR0917 - where, whose, which and on what, in this order
        self, tx: Transaction, task: Task, attempt: Attempt, evidence: Evidence
    ) -> Decision:
        """Return what to do with an attempt, recorded in the same transaction.

        What a person has accepted of this very work is added to the evidence, so that nobody
        is asked the same thing twice.

        Raises:
            StaleWriterException: Another engine owns the project by now.
        """
        accepted = {*evidence.accepted, *_accepted(tx, task, attempt)}
        known = replace(evidence, accepted=tuple(sorted(accepted)))
        decision = decide(known, self._thresholds)
        record = DecisionRecord(
            task_id=task.id,
            attempt=attempt.number,
            number=len(tx.decisions(task.id)) + 1,
            at=self._clock.now(),
            action=decision.action.value,
            rule=decision.rule,
            version=decision.version,
            confidence=decision.confidence,
            calibrated=decision.calibrated,
            evidence={field.name: getattr(known, field.name) for field in fields(known)},
            features=decision.features,
            weights=decision.weights,
            explanation=decision.explanation,
        )
        self._state.record(
            tx,
            "decision.made",
            record,
            task_id=task.id,
            attempt=attempt.number,
            reason=decision.reason,
        )
        return decision

    def assess_confidence(self, evidence: Evidence) -> Confidence:
        """Return how sure the engine is that work with this evidence is right."""
        decision = decide(evidence, self._thresholds)
        return Confidence(
            value=decision.confidence,
            calibrated=decision.calibrated,
            features=decision.features,
            weights=decision.weights,
        )

    def explain_decision(
        self, tx: Transaction, task_id: TaskId, *, number: int | None = None
    ) -> str:
        """Return in plain language why a decision was taken.

        Args:
            tx: The transaction to read in.
            task_id: The task.
            number: The decision's number, 1 first; the last one by default.

        Raises:
            RecordNotFoundException: The task has no such decision.
        """
        for record in reversed(tx.decisions(task_id)):
            if number in {None, record.number}:
                return (
                    f"Attempt {record.attempt}, by rule {record.rule!r} of version "
                    f"{record.version}. {record.explanation}"
                )
        name = str(task_id) if number is None else f"{task_id}.{number}"
        raise RecordNotFoundException(record="decision on task", name=name)

    def next_task(self, project_id: ProjectId, tx: Transaction | None = None) -> Task | None:
        """Return the next task of a project, claimed, or None if nothing can be claimed."""
        return self._tasks.get_next_task(project_id, tx=tx)


def _accepted(tx: Transaction, task: Task, attempt: Attempt) -> set[BreakpointType]:
    """Return what a person has accepted of the work that this attempt integrates.

    Only an attempt that entered at integration has the very work that was looked at, and only
    until its agent takes another turn.
    """
    same = {attempt.resumes for attempt in same_work(tx, attempt)}
    return {
        event.type
        for event in (tx.breakpoints(task.project_id) if same else ())
        if event.task_id == task.id
        and event.attempt in same
        and event.resolution is Resolution.ACCEPT
    }


def same_work(tx: Transaction, attempt: Attempt) -> Iterator[Attempt]:
    """Yield the attempt and those before it, as long as each took over the other's work."""
    while attempt.entry is EntryStep.INTEGRATION and attempt.resumes and not attempt.turns:
        yield attempt
        attempt = tx.attempt(attempt.task_id, attempt.resumes)
