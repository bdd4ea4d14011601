"""The loop that runs a plan: one for each project.

A round is one transaction: what the attempts handed in, the commands from the inbox, what
follows from both, and new claims for free seats. What a round decided is acted on only after
its commit. Attempts run beside the loop in one task group; nothing outlives it but the agents
themselves, which a later engine finds again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from banksman.core.board import Board
from banksman.core.breakpoints import stops
from banksman.core.records import Attempt, Step, StopWhy
from banksman.core.stall import stall_causes
from banksman.core.task import ProjectId, TaskId, TaskStatus
from banksman.exceptions import WorkspaceException
from banksman.orchestration.attempts import in_use
from banksman.orchestration.budgets import Budgets
from banksman.orchestration.commands import (
    CleanTask,
    CommandDesk,
    Effect,
    EndRun,
    StopAttempt,
    TrustChanges,
)
from banksman.orchestration.decision_engine import DecisionEngine
from banksman.orchestration.doubts import holds_claims
from banksman.orchestration.group_commit import GroupCommit
from banksman.orchestration.headroom import Headroom
from banksman.orchestration.slots import Slots
from banksman.orchestration.task_flow import TaskFlow
from banksman.orchestration.timekeeper import Timekeeper
from banksman.orchestration.worker import Employment, Worker
from banksman.ports import Transaction, Workspaces
from banksman.state.state_manager import StateManager

log = logging.getLogger(__name__)

_GOING_ON: Final = (
    TaskStatus.PENDING,
    TaskStatus.READY,
    TaskStatus.RUNNING,
    TaskStatus.BLOCKED,
)
"""Where a task may still need the workspace of an earlier attempt."""


UNDER_WAY_PER_SEAT: Final = 5
"""Attempts under way for each one that may work at once: the others wait to be integrated.

Integration is one at a time. Without this bound, agents that are faster than it would fill the
disk with worktrees, each a little further behind the tip.
"""


class RunEnd(StrEnum):
    """Why a run is over."""

    COMPLETED = "completed"
    WAITING = "waiting"
    CAPPED = "capped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class RunRules:
    """How a run behaves.

    Attributes:
        parallel: Attempts at once, 1 or more.
        wait: Go on while only a person can move the plan.
        poll_s: How often the inbox is looked at, at least.
        disk_free_bytes_min: Room on the disk below which nothing is claimed; 0 for none.
    """

    parallel: int = 2
    wait: bool = True
    poll_s: float = 0.1
    disk_free_bytes_min: int = 0


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one round decided, to be acted on after its commit."""

    claimed: tuple[Attempt, ...] = ()
    effects: tuple[Effect, ...] = ()
    end: RunEnd | None = None


@dataclass(frozen=True, kw_only=True)
class EngineParts:
    """What an engine is made of."""

    project_id: ProjectId
    state: StateManager
    flow: TaskFlow
    decisions: DecisionEngine
    ledger: GroupCommit
    budgets: Budgets
    worker: Worker
    commands: CommandDesk
    timekeeper: Timekeeper
    headroom: Headroom
    workspaces: Workspaces
    rules: RunRules = field(default_factory=RunRules)


class Engine:
    """Owns one project's loop and its task group."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._slots = Slots(parts.rules.parallel)
        self._employed: dict[tuple[TaskId, int], Employment] = {}
        # Cleanings under way: they hand work in, so the rounds must go on for them.
        self._cleanings = 0
        self._ahead: asyncio.Task[None] | None = None
        self._wake = parts.ledger.handed_in
        self._held = False
        self._draining = False
        self._stopping = False

    def drain(self) -> None:
        """Claim nothing more; the run ends when the attempts that work have ended."""
        self._draining = True
        self._wake.set()

    def stop(self) -> None:
        """Stop the agents that work, saving what they have done; then end.

        What is being checked or integrated is left as it is: the next engine goes on with it.
        """
        self._draining = True
        self._stopping = True
        self._wake.set()

    async def run(self) -> RunEnd:
        """Run the plan until nothing can move it any more; return why it is over."""
        async with asyncio.TaskGroup() as group:
            await self._take_over(group)
            while (end := await self._patient_round(group)) is None:
                await self._until_something_happens()
            if self._ahead is not None:
                self._ahead.cancel()
        return end

    async def serve_once(self) -> None:
        """Apply the commands that wait and do what they ask for; claim nothing."""
        self._draining = True
        async with asyncio.TaskGroup() as group:
            self._round(group)
            # Stopping an attempt takes several rounds of the ledger, cleaning up one.
            while self._employed or self._cleanings:
                await self._until_something_happens()
                self._round(group)

    async def _take_over(self, group: asyncio.TaskGroup) -> None:
        """Enter the attempts that a dead engine left, and sweep what else it left."""
        with self._parts.state.transaction() as tx:
            self._parts.budgets.begin(tx)
            left = tuple(self._stamped(tx, one) for one in self._open(tx))
            kept = self._kept(tx)
        try:
            await self._parts.workspaces.sweep((*left, *kept))
        except WorkspaceException:
            # Only space is lost: the next run tries again.
            log.warning("workspaces.not_swept", exc_info=True)
        for attempt in left:
            self._employ(attempt, group)

    def _open(self, tx: Transaction) -> tuple[Attempt, ...]:
        return tx.open_attempts(self._parts.project_id)

    def _stamped(self, tx: Transaction, attempt: Attempt) -> Attempt:
        mine = replace(attempt, epoch=tx.project(self._parts.project_id).epoch)
        self._parts.state.record(
            tx,
            "attempt.reattached",
            mine,
            task_id=attempt.task_id,
            attempt=attempt.number,
        )
        return mine

    def _kept(self, tx: Transaction) -> tuple[Attempt, ...]:
        """Return the attempts whose workspaces somebody may look at, edit or go on with."""
        board = self._parts.flow.board(self._parts.project_id, tx)
        tasks = (task for status in _GOING_ON for task in board.tasks(status) if task.attempt)
        return tuple(one for task in tasks for one in in_use(task, tx.attempts(task.id)))

    async def _patient_round(self, group: asyncio.TaskGroup) -> RunEnd | None:
        """Commit one round, however long the disk is too full for it."""
        return await self._parts.headroom.outlast(
            self._parts.project_id,
            lambda: self._round(group),
            given_up=lambda: self._draining,
        )

    def _round(self, group: asyncio.TaskGroup) -> RunEnd | None:
        """Commit one round and act on it."""
        self._parts.timekeeper.tick(self._parts.project_id)
        self._held = self._parts.headroom.tick(self._parts.project_id)
        done = self._parts.ledger.flush(self._duties)
        for effect in done.effects:
            self._carry_out(effect, group)
        for attempt in done.claimed:
            self._employ(attempt, group)
        if done.claimed and (self._ahead is None or self._ahead.done()):
            self._ahead = group.create_task(self._prepare_ahead())
        return done.end

    def _duties(self, tx: Transaction) -> Round:
        """What the engine itself does in a round; called again if the commit fails."""
        effects: list[Effect] = []
        for command in tx.pending_commands(self._parts.project_id):
            effects.extend(self._parts.commands.apply(tx, command))
        if self._stopping:
            effects.extend(self._stops(tx))
        self._parts.flow.settle(tx, self._parts.project_id)
        abandoned = self._parts.flow.settling.take_abandoned()
        effects.extend(CleanTask(task_id=each) for each in abandoned)
        # Who is asked to end in this round starts nothing more in it.
        ending = any(isinstance(effect, EndRun) for effect in effects)
        claimed = () if ending else self._claims(tx)
        end = None if claimed or effects else self._end(tx)
        if end is not None:
            why = self._parts.budgets.run_over(tx) if end is RunEnd.CAPPED else None
            self._parts.budgets.end(tx, end, why or "")
        return Round(claimed=claimed, effects=tuple(effects), end=end)

    def _stops(self, tx: Transaction) -> Iterator[Effect]:
        """Yield what ends the work on all attempts, with an intent where an agent may run.

        Where none does, nothing needs to be undone: the attempt stays open at its step, and the
        next engine goes on with it.
        """
        for attempt in self._open(tx):
            if attempt.step is Step.AGENT and attempt.stop is None:
                intent = replace(
                    attempt,
                    stop=StopWhy.SHUTDOWN,
                    stop_reason="the engine was interrupted",
                    stop_by="engine",
                )
                self._parts.state.record(
                    tx,
                    "stop.intended",
                    intent,
                    task_id=attempt.task_id,
                    attempt=attempt.number,
                )
            if _name(attempt) in self._employed:
                yield StopAttempt(task_id=attempt.task_id)

    def _claims(self, tx: Transaction) -> tuple[Attempt, ...]:
        if self._draining or self._held or self._is_in_doubt(tx):
            return ()
        claimed: list[Attempt] = []
        under_way_max = UNDER_WAY_PER_SEAT * self._parts.rules.parallel
        room = min(self._slots.free, under_way_max - len(self._employed))
        while len(claimed) < room and not self._parts.budgets.held(tx):
            task = self._parts.decisions.next_task(self._parts.project_id, tx)
            if task is None:
                break
            claimed.append(tx.attempt(task.id, task.attempt))
        return tuple(claimed)

    def _is_in_doubt(self, tx: Transaction) -> bool:
        """What concerns the whole repository stops claims until a person has looked at it."""
        return any(map(holds_claims, tx.open_breakpoints(self._parts.project_id)))

    def _end(self, tx: Transaction) -> RunEnd | None:
        """Return why the run is over, or None while something can still move the plan."""
        if self._employed or self._cleanings:
            return None
        board = self._parts.flow.board(self._parts.project_id, tx)
        if board.is_complete:
            return RunEnd.COMPLETED
        if self._draining:
            return RunEnd.INTERRUPTED
        return self._rest(tx, board)

    def _rest(self, tx: Transaction, board: Board) -> RunEnd | None:
        """Return how a run ends in which nothing is at work, or None if it waits."""
        due = bool(board.tasks(TaskStatus.READY) or board.tasks(TaskStatus.RETRYING))
        # While nothing may be claimed, time alone moves nothing.
        held = tx.project(self._parts.project_id).paused or self._is_in_doubt(tx)
        over = self._parts.budgets.run_over(tx) is not None
        if due and not held and not over:
            return None
        events = tx.open_breakpoints(self._parts.project_id)
        if due or any(stops(event.type) for event in events):
            # Whatever a person answers, this run may not spend anything on it.
            if over:
                return RunEnd.CAPPED
            return None if self._parts.rules.wait else RunEnd.WAITING
        self._tell_why(tx, board)
        return RunEnd.FAILED

    def _tell_why(self, tx: Transaction, board: Board) -> None:
        """Journal the causes for which nothing can move though work is left."""
        project = tx.project(self._parts.project_id)
        for cause in stall_causes(board):
            names = " -> ".join(str(task_id) for task_id in cause.tasks)
            self._parts.state.record(
                tx, "plan.stalled", project, reason=f"{cause.reason} (task {names})"
            )

    def _employ(self, attempt: Attempt, group: asyncio.TaskGroup) -> None:
        employment = Employment(attempt=attempt, seat=self._slots.grab())
        self._employed[_name(attempt)] = employment
        group.create_task(self._attend(employment))

    async def _attend(self, employment: Employment) -> None:
        try:
            await self._parts.worker.work(employment)
        finally:
            del self._employed[_name(employment.attempt)]
            self._wake.set()

    def _carry_out(self, effect: Effect, group: asyncio.TaskGroup) -> None:
        match effect:
            case StopAttempt(task_id=task_id):
                self._interrupt(task_id, group)
            case EndRun(now=now):
                self.stop() if now else self.drain()
            case CleanTask(task_id=task_id):
                self._cleanings += 1
                group.create_task(self._clean(task_id))
            case TrustChanges():
                self._parts.workspaces.trust_changes()

    async def _prepare_ahead(self) -> None:
        """Use the time in which agents work."""
        try:
            await self._parts.workspaces.prepare_ahead()
        except WorkspaceException:
            # Only time is lost.
            log.info("workspaces.not_prepared_ahead", exc_info=True)

    async def _clean(self, task_id: TaskId) -> None:
        try:
            await self._parts.worker.clean_task(task_id)
        finally:
            self._cleanings -= 1
            self._wake.set()

    def _interrupt(self, task_id: TaskId, group: asyncio.TaskGroup) -> None:
        with self._parts.state.transaction() as tx:
            attempt = tx.attempt(task_id, tx.task(task_id).attempt)
        employment = self._employed.get(_name(attempt))
        if employment is not None:
            employment.interrupt()
        else:
            # Nobody works on it here: its engine died. Its processes must end all the same.
            self._employ(attempt, group)

    async def _until_something_happens(self) -> None:
        """Wait for work handed in, a wish, or the time to look at inbox and timers."""
        with suppress(TimeoutError):  # Time to look, then.
            async with asyncio.timeout(self._parts.rules.poll_s):
                await self._wake.wait()


def _name(attempt: Attempt) -> tuple[TaskId, int]:
    return attempt.task_id, attempt.number
