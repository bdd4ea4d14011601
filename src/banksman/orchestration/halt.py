"""Stopping an attempt: the intent is stored, then its processes end, then its state changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from banksman.core.breakpoints import BreakpointType
from banksman.core.outcome import Usage
from banksman.core.records import Attempt, StopWhy
from banksman.core.retry import ErrorClass, Failure
from banksman.exceptions import BanksmanException, GitChangedException, WorkspaceException
from banksman.orchestration.attempts import Desk, Extra, Stop, cost_of
from banksman.orchestration.integrator import Integrator
from banksman.orchestration.protocol import Point
from banksman.ports import Agent, Transaction


class Halt:
    """Ends an attempt that somebody asked to stop, or that something went wrong with."""

    def __init__(self, desk: Desk, integrator: Integrator, agents: Mapping[str, Agent]) -> None:
        self._desk = desk
        self._integrator = integrator
        self._agents = agents

    async def run(self, attempt: Attempt) -> Attempt:
        """Return the attempt ended; an integration that had succeeded wins."""
        self._desk.reach(Point.STOP_INTENDED)
        costs = await self.end_processes(attempt, attempt.stop_reason)
        self._desk.reach(Point.STOP_ACTED)
        done = await self._integrator.integrated_as(attempt)
        if done is not None:
            return await self._integrator.record(attempt, done)
        saved = await self._desk.save(attempt, attempt.stop_reason)
        self._desk.reach(Point.STOP_SAVED)

        def write(tx: Transaction) -> Attempt:
            self._desk.keep(tx, attempt, saved, costs)
            # As it is stored now: somebody may have wished for something else in between.
            return self._end(tx, tx.attempt(attempt.task_id, attempt.number))

        return await self._desk.ledger.commit(write)

    async def fail(self, attempt: Attempt, error: BanksmanException | str) -> Attempt:
        """Return an attempt ended that something went wrong with; it may be integrated yet."""
        # What failed may be the way back to an agent that was running before a restart, or the
        # way back from a swap that had succeeded.
        message = error if isinstance(error, str) else told(error)
        costs = await self.end_processes(attempt, message)
        done = await self._integrator.integrated_as(attempt)
        if done is not None:
            return await self._integrator.record(attempt, done)
        if isinstance(error, GitChangedException):
            # No fault of this attempt's is known: a person looks, and its work stays.
            kind = BreakpointType.PROTECTED_PATH
            stop = Stop(type=kind, message=message, details=error.changes)
            return await self._desk.block(attempt, stop, costs)
        return await self._desk.fail(
            attempt, Failure(error=ErrorClass.UNKNOWN, message=message), costs
        )

    async def end_processes(self, attempt: Attempt, why: str) -> Extra:
        """End what an attempt has running; nothing may, once it has ended.

        Returns:
            What writes how those turns ended, with what they cost.
        """
        agent = self._agents.get(attempt.agent)
        turns = await self._desk.ledger.commit(
            lambda tx: tx.turns(attempt.task_id, attempt.number)
        )
        costs: dict[int, Usage] = {}
        for turn in turns:
            if agent is not None and turn.ended_at is None:
                costs[turn.number] = await agent.stop(turn.spool, why)

        def write(tx: Transaction) -> None:
            stored = tx.attempt(attempt.task_id, attempt.number)
            for turn in tx.turns(attempt.task_id, attempt.number):
                if turn.ended_at is None and turn.number in costs:
                    over = replace(turn, ended_at=self._desk.clock.now(), outcome="stopped")
                    told_cost = cost_of(stored, turn, costs[turn.number])
                    cost = self._desk.budgets.charged(tx, turn, told_cost)
                    self._desk.note(tx, stored, "turn.ended", over, cost)

        return write

    async def forget(self, attempt: Attempt) -> None:
        """Drop what is kept of the turns of an attempt that has ended."""
        agent = self._agents.get(attempt.agent)
        turns = await self._desk.ledger.commit(
            lambda tx: tx.turns(attempt.task_id, attempt.number)
        )
        for turn in turns:
            if agent is not None:
                agent.forget(turn.spool)

    def _end(self, tx: Transaction, attempt: Attempt) -> Attempt:
        """End the attempt as it was wished; return it."""
        match attempt.stop:
            case StopWhy.CANCEL:
                why, by = attempt.stop_reason, attempt.stop_by
                self._desk.flow.cancel(tx, attempt.task_id, why, by)
                return tx.attempt(attempt.task_id, attempt.number)
            case StopWhy.BLOCK:
                stop = Stop(type=BreakpointType.MANUAL, message=attempt.stop_reason)
                return self._desk.blocked(tx, attempt, stop)
            case StopWhy.SHUTDOWN | None:
                stopped = Failure(error=ErrorClass.LOST, message=attempt.stop_reason)
                return self._desk.failed(tx, attempt, stopped)


def told(error: BanksmanException) -> str:
    """Return what went wrong, with the last line of what a command printed about it."""
    printed = error.output.strip().splitlines() if isinstance(error, WorkspaceException) else []
    return f"{error} ({printed[-1].strip()[:200]})" if printed else str(error)
