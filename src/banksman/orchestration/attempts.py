"""What a step of an attempt may ask for, and the everyday durable facts it states.

`Desk` is handed to every step: the ledger, the clock and the parts that write. A step that
fails says so through `Desk.fail`, one that needs a person through `Desk.block`; both end the
attempt in one transaction, its work having been saved before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from banksman.core.breakpoints import BreakpointType
from banksman.core.outcome import Usage
from banksman.core.records import Attempt, Checkpoint, Record, Turn, UsageRecord
from banksman.core.retry import Failure
from banksman.core.task import Task, TaskStatus
from banksman.exceptions import GitChangedException, WorkspaceException
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.budgets import Budgets
from banksman.orchestration.ledger import Ledger
from banksman.orchestration.protocol import Reach
from banksman.orchestration.task_flow import TaskFlow
from banksman.ports import Clock, Transaction, Workspaces
from banksman.state.state_manager import StateManager

log = logging.getLogger(__name__)

Extra = Callable[[Transaction], object]
"""More to be written in the same transaction."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A breakpoint that a step asks for."""

    type: BreakpointType
    message: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What every step of an attempt works with."""

    ledger: Ledger
    state: StateManager
    flow: TaskFlow
    breakpoints: BreakpointManager
    budgets: Budgets
    workspaces: Workspaces
    clock: Clock
    reach: Reach

    async def task(self, attempt: Attempt) -> Task:
        """Return the attempt's task as it stands."""
        return await self.ledger.commit(lambda tx: tx.task(attempt.task_id))

    def note(self, tx: Transaction, attempt: Attempt, kind: str, *records: Record) -> Attempt:
        """Write the attempt as it is now, and what belongs to it, as one journal line."""
        self.state.record(
            tx, kind, attempt, *records, task_id=attempt.task_id, attempt=attempt.number
        )
        return attempt

    async def move(self, attempt: Attempt, kind: str, *records: Record) -> Attempt:
        """Write the attempt as it is now; return it when that is durable."""
        return await self.ledger.commit(lambda tx: self.note(tx, attempt, kind, *records))

    async def save(self, attempt: Attempt, reason: str) -> Checkpoint | None:
        """Save the attempt's workspace under its private ref, if there is one.

        If git refuses, the attempt ends all the same: the workspace stays until it was saved,
        for nothing but `Worker.clean_task` and the next run's sweep remove it.
        """
        try:
            return await self._saved(attempt, reason)
        except WorkspaceException:
            log.warning("work.not_saved", exc_info=True)
            return None

    async def _saved(self, attempt: Attempt, reason: str) -> Checkpoint | None:
        commit = await self.workspaces.save(attempt, reason)
        if commit is None:
            return None
        return Checkpoint(
            task_id=attempt.task_id,
            attempt=attempt.number,
            number=attempt.turns,
            at=self.clock.now(),
            ref=f"refs/banksman/saved/{attempt.task_id}/{attempt.number}",
            commit=commit,
            reason=reason,
        )

    async def fail(
        self, attempt: Attempt, failure: Failure, also: Extra | None = None
    ) -> Attempt:
        """End the attempt in failure; the flow decides whether the task is tried again.

        If git changed under it, a person does.
        """
        try:
            saved = await self._saved(attempt, failure.message)
        except GitChangedException as error:
            kind = BreakpointType.PROTECTED_PATH
            stop = Stop(type=kind, message=str(error), details=error.changes)
            return await self.block(attempt, stop, also)
        except WorkspaceException:
            log.warning("work.not_saved", exc_info=True)
            saved = None

        def write(tx: Transaction) -> Attempt:
            self.keep(tx, attempt, saved, also)
            return self.failed(tx, attempt, failure)

        return await self.ledger.commit(write)

    async def block(self, attempt: Attempt, stop: Stop, also: Extra | None = None) -> Attempt:
        """End the attempt at a breakpoint; its workspace stays for a person to look at."""
        saved = await self.save(attempt, stop.message)

        def write(tx: Transaction) -> Attempt:
            self.keep(tx, attempt, saved, also)
            return self.blocked(tx, attempt, stop)

        return await self.ledger.commit(write)

    def keep(  # noqa: PLR0917 - where, whose and what, in this order
        self,
        tx: Transaction,
        attempt: Attempt,
        saved: Checkpoint | None,
        also: Extra | None = None,
    ) -> None:
        """Write what belongs to an attempt before it ends: the store fences ended ones."""
        if also is not None:
            also(tx)
        stored = tx.attempt(attempt.task_id, attempt.number)
        for turn in tx.turns(attempt.task_id, attempt.number):
            if turn.ended_at is None:  # Its processes were ended; nobody waits for it any more.
                over = replace(turn, ended_at=self.clock.now(), outcome="stopped")
                self.note(tx, stored, "turn.ended", over)
        if saved is not None:
            # An attempt that resumes this one starts from what was saved.
            self.note(tx, replace(stored, start=saved.commit), "work.saved", saved)

    def failed(self, tx: Transaction, attempt: Attempt, failure: Failure) -> Attempt:
        """End the attempt in failure; return it ended."""
        # What the agent had to know still holds for whoever tries again.
        known = tx.attempt(attempt.task_id, attempt.number).guidance
        told = failure.guidance or known or tx.task(attempt.task_id).guidance
        again = replace(failure, guidance=told)
        self.flow.fail(tx, attempt.task_id, attempt.number, again)
        return tx.attempt(attempt.task_id, attempt.number)

    def blocked(self, tx: Transaction, attempt: Attempt, stop: Stop) -> Attempt:
        """End the attempt at a breakpoint, which is opened; return it ended."""
        task = tx.task(attempt.task_id)
        self.breakpoints.trigger_breakpoint(
            tx, task, stop.type, stop.message, details=stop.details
        )
        self.flow.block_attempt(tx, attempt.task_id, attempt.number, stop.message)
        return tx.attempt(attempt.task_id, attempt.number)


def cost_of(attempt: Attempt, turn: Turn, usage: Usage) -> UsageRecord:
    """Return what a turn of an attempt cost, as it is recorded."""
    return UsageRecord(
        task_id=attempt.task_id,
        attempt=attempt.number,
        turn=turn.number,
        agent=attempt.agent,
        model=usage.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_microusd=usage.cost_microusd,
        duration_ms=usage.duration_ms,
        retries=usage.retries,
    )


def in_use(task: Task, attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Return which of a task's attempts must keep their workspaces.

    Those of a blocked task: a person may look at them, or edit the last one. Else one that is
    open, and the one that it, or the task's next attempt, goes on with.
    """
    if task.status is TaskStatus.BLOCKED:
        return tuple(attempts)
    live = [one for one in attempts if one.ended_at is None]
    resumed = {one.resumes for one in live}
    if task.status in {TaskStatus.PENDING, TaskStatus.READY}:
        resumed.add(task.resumes)
    live += [one for one in attempts if one.number in resumed]
    needed = {place.number for one in live for place in (one, works_in(one, attempts))}
    return tuple(one for one in attempts if one.number in needed)


def works_in(attempt: Attempt, attempts: Sequence[Attempt]) -> Attempt:
    """Return the attempt in whose workspace an attempt's work is, of the task's attempts.

    One that enters after the agent's step goes on in the workspace of the attempt that it
    resumes, and on its branch, until its own agent takes a turn.
    """
    by_number = {one.number: one for one in attempts}
    while attempt.resumes is not None and by_number[attempt.resumes].branch == attempt.branch:
        attempt = by_number[attempt.resumes]
    return attempt
