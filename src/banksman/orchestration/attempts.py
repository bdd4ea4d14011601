"""What a step of an attempt may ask for, and the everyday durable facts it states.

`Desk` is handed to every step: the ledger, the clock and the parts that write. A step that
fails says so through `Desk.fail`, one that needs a person through `Desk.block`; both end the
attempt in one transaction, its work having been saved before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from banksman.core.breakpoints import BreakpointType
from banksman.core.records import Attempt, Checkpoint, Record, Step
from banksman.core.retry import Failure
from banksman.core.task import Task
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.ledger import Ledger
from banksman.orchestration.protocol import Reach
from banksman.orchestration.task_flow import TaskFlow
from banksman.ports import Clock, Transaction, Workspaces
from banksman.state.state_manager import StateManager

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
        """Save the attempt's workspace under its private ref, if there is one."""
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
        """End the attempt in failure; the flow decides whether the task is tried again."""
        saved = await self.save(attempt, failure.message)

        def write(tx: Transaction) -> Attempt:
            self._write_before_the_end(tx, attempt, saved, also)
            self.flow.fail(tx, attempt.task_id, attempt.number, failure)
            return tx.attempt(attempt.task_id, attempt.number)

        return await self.ledger.commit(write)

    async def block(self, attempt: Attempt, stop: Stop, also: Extra | None = None) -> Attempt:
        """End the attempt at a breakpoint; its workspace stays for a person to look at."""
        saved = await self.save(attempt, stop.message)

        def write(tx: Transaction) -> Attempt:
            self._write_before_the_end(tx, attempt, saved, also)
            self.breakpoints.trigger_breakpoint(
                tx, tx.task(attempt.task_id), stop.type, stop.message, details=stop.details
            )
            self.flow.block_attempt(tx, attempt.task_id, attempt.number, stop.message)
            return tx.attempt(attempt.task_id, attempt.number)

        return await self.ledger.commit(write)

    async def sent_back(self, attempt: Attempt, guidance: str, kind: str) -> Attempt:
        """Send the attempt to its agent for another turn, with what it must be told."""
        return await self.move(replace(attempt, step=Step.AGENT, guidance=guidance), kind)

    def _write_before_the_end(  # noqa: PLR0917 - where, whose and what, in this order
        self, tx: Transaction, attempt: Attempt, saved: Checkpoint | None, also: Extra | None
    ) -> None:
        """What must be written while the attempt is still open: the store fences ended ones."""
        if also is not None:
            also(tx)
        if saved is not None:
            stored = tx.attempt(attempt.task_id, attempt.number)
            # An attempt that resumes this one starts from what was saved.
            self.note(tx, replace(stored, start=saved.commit), "work.saved", saved)
