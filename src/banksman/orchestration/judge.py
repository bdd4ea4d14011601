"""From evidence to the attempt's next step, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from banksman.core.decision import Action, Decision
from banksman.core.prompt import feedback_text
from banksman.core.quality import QualityReport
from banksman.core.records import Attempt, Checkpoint, Step
from banksman.core.retry import ErrorClass, Failure
from banksman.core.task import Task
from banksman.orchestration.attempts import Desk
from banksman.orchestration.decision_engine import DecisionEngine
from banksman.orchestration.evidence import evidence_of
from banksman.ports import Capture, Transaction


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is judged: a capture on the attempt's base, or on a tip that has moved."""

    task: Task
    attempt: Attempt
    capture: Capture
    report: QualityReport


class Judge:
    """Asks the decision engine and writes what follows."""

    def __init__(self, desk: Desk, decisions: DecisionEngine) -> None:
        self._desk = desk
        self._decisions = decisions

    async def settle(self, case: Case) -> Attempt:
        """Return the attempt after the decision: to be integrated, sent back, or ended."""

        def write(tx: Transaction) -> Attempt:
            evidence = evidence_of(
                case.task,
                case.attempt,
                capture=case.capture,
                report=case.report,
                earlier=[
                    one
                    for one in tx.attempts(case.task.id)
                    if one.number != case.attempt.number
                ],
            )
            decision = self._decisions.decide_next_action(tx, case.task, case.attempt, evidence)
            return self._follow(tx, case, decision)

        return await self._desk.ledger.commit(write)

    def _follow(self, tx: Transaction, case: Case, decision: Decision) -> Attempt:
        match decision.action:
            case Action.PROCEED:
                return self._accepted(tx, case)
            case Action.CHECKPOINT:
                self._desk.note(tx, case.attempt, "checkpoint.made", self._checkpoint(case))
                return self._accepted(tx, case)
            case Action.CLARIFY:
                return self._sent_back(tx, case, decision)
            case Action.RETRY:
                return self._failed(tx, case)
            case Action.ESCALATE:
                return self._escalated(tx, case, decision)

    def _accepted(self, tx: Transaction, case: Case) -> Attempt:
        accepted = replace(case.attempt, step=Step.INTEGRATION)
        return self._desk.note(tx, accepted, "attempt.accepted")

    def _sent_back(self, tx: Transaction, case: Case, decision: Decision) -> Attempt:
        told = feedback_text(case.report, reason=decision.reason)
        # The next turn goes on with this work: on the new tip if that is what it was checked
        # on, and in a new workspace if it was captured in another attempt's.
        again = replace(
            case.attempt,
            step=Step.AGENT,
            guidance=told,
            base=case.capture.base,
            start=case.capture.commit,
        )
        return self._desk.note(tx, again, "attempt.sent_back")

    def _failed(self, tx: Transaction, case: Case) -> Attempt:
        failure = Failure(
            error=ErrorClass.GATE_FAILED,
            message=case.report.summary,
            guidance=feedback_text(case.report),
        )
        self._desk.flow.fail(tx, case.task.id, case.attempt.number, failure)
        return tx.attempt(case.task.id, case.attempt.number)

    def _escalated(self, tx: Transaction, case: Case, decision: Decision) -> Attempt:
        assert decision.breakpoint is not None, "who escalates says what to ask"
        self._desk.breakpoints.trigger_breakpoint(
            tx,
            case.task,
            decision.breakpoint,
            decision.reason,
            details=case.report.feedback,
        )
        self._desk.flow.block_attempt(tx, case.task.id, case.attempt.number, decision.reason)
        return tx.attempt(case.task.id, case.attempt.number)

    def _checkpoint(self, case: Case) -> Checkpoint:
        return Checkpoint(
            task_id=case.task.id,
            attempt=case.attempt.number,
            number=case.attempt.turns,
            at=self._desk.clock.now(),
            ref=f"refs/banksman/attempts/{case.task.id}/{case.attempt.number}",
            commit=case.capture.commit,
            reason="the decision asked for a checkpoint",
        )
