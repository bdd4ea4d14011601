"""One attempt, start to end.

claim → workspace → prompt → agent turn(s) → changes → checks → decision → integrate, or
another turn, or a retry, or a person. The attempt's stored step says where it is; the loop
below does the step and goes on with what the step returned. After a crash the same loop is
entered at the same step: there is no other recovery.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from banksman.core.records import Attempt, Step
from banksman.core.task import TaskId
from banksman.exceptions import (
    BanksmanException,
    ExecutorException,
    StaleReportException,
    StaleWriterException,
    StoreException,
    WorkspaceException,
)
from banksman.orchestration.attempts import Desk, in_use
from banksman.orchestration.halt import Halt
from banksman.orchestration.protocol import Point
from banksman.orchestration.slots import Seat
from banksman.ports import Transaction

log = logging.getLogger(__name__)

END_AGAIN_S: Final = 5.0
"""How long to wait before an attempt that could not be ended is tried to be ended again."""


class StepRunner(Protocol):
    """One step: takes the attempt as stored, returns it as stored after the step."""

    async def run(self, attempt: Attempt) -> Attempt:
        """Do the step."""
        ...


@dataclass(kw_only=True)
class Employment:
    """An attempt that is being worked on, and the way to interrupt it.

    Attributes:
        attempt: As it was when the work began.
        seat: Its place among the attempts that may work at once.
    """

    attempt: Attempt
    seat: Seat
    _pursuit: asyncio.Task[None] | None = field(default=None, init=False)
    _interrupted: bool = field(default=False, init=False)

    def pursued_by(self, pursuit: asyncio.Task[None]) -> None:
        """Remember what has to be interrupted."""
        self._pursuit = pursuit
        if self._interrupted:  # Asked to stop before it had begun.
            pursuit.cancel()

    def interrupt(self) -> None:
        """Interrupt the present step; if it is to be stopped, that has been stored before."""
        # Once is enough: a second time would interrupt the tidying up.
        if self._pursuit is not None and not self._interrupted:
            self._pursuit.cancel()
        self._interrupted = True


class Worker:
    """Takes attempts to their ends."""

    def __init__(self, desk: Desk, steps: Mapping[Step, StepRunner], halt: Halt) -> None:
        self._desk = desk
        self._steps = steps
        self._halt = halt

    async def work(self, employment: Employment) -> None:
        """Take the attempt from its stored step to its end, and tidy up after it."""
        attempt = employment.attempt
        try:
            async with asyncio.TaskGroup() as group:
                pursuit = group.create_task(self._pursue(attempt, employment.seat))
                employment.pursued_by(pursuit)
            attempt = await self._stopped(await self._stored(attempt))
        finally:
            employment.seat.leave()
        await self._halt.forget(attempt)
        await self.clean_task(attempt.task_id)

    async def _pursue(self, attempt: Attempt, seat: Seat) -> None:
        """Do step after step until the attempt has ended, or is to be stopped."""
        while attempt.ended_at is None and attempt.stop is None:
            if attempt.step is Step.INTEGRATION:
                seat.leave()  # Waiting for the target branch needs no seat.
            else:
                await seat.sit()
            attempt = await self._step(attempt)

    async def _step(self, attempt: Attempt) -> Attempt:
        try:
            return await self._steps[attempt.step].run(attempt)
        except (StoreException, StaleWriterException):
            raise  # The engine cannot go on; the attempt can, under the next one.
        except StaleReportException:
            return await self._stored(attempt)  # It ended behind this step's back.
        except BanksmanException as error:
            return await self._failed(attempt, error)
        except Exception as error:
            # The edge of one attempt: a defect in a step or an adapter must not take the other
            # attempts down. It is logged whole, and the task is failed and tried once more.
            log.exception("attempt.defect")
            return await self._failed(attempt, f"internal error: {error!r}")

    async def _stopped(self, attempt: Attempt) -> Attempt:
        """Return the attempt ended, if it is open and somebody wished to stop it.

        One that was left without such a wish stays open: the next engine goes on with it.
        """
        return attempt if attempt.stop is None else await self._ended(attempt, self._halt.run)

    async def _failed(self, attempt: Attempt, error: BanksmanException | str) -> Attempt:
        stored = await self._stored(attempt)
        if stored.stop is not None:
            return stored
        return await self._ended(stored, lambda one: self._halt.fail(one, error))

    async def _ended(
        self, attempt: Attempt, end: Callable[[Attempt], Awaitable[Attempt]]
    ) -> Attempt:
        """Return the attempt ended, however long it takes to find out what has become of it."""
        while attempt.ended_at is None:
            try:
                return await end(attempt)
            except (WorkspaceException, ExecutorException):
                # Whether its work is on the target or its processes have ended is not known,
                # so nothing can be recorded; the other attempts have nothing to do with it.
                log.warning("attempt.not_ended", exc_info=True)
                await asyncio.sleep(END_AGAIN_S)
                attempt = await self._stored(attempt)
        return attempt

    async def _stored(self, attempt: Attempt) -> Attempt:
        return await self._desk.ledger.commit(
            lambda tx: tx.attempt(attempt.task_id, attempt.number)
        )

    async def clean_task(self, task_id: TaskId) -> None:
        """Save and remove the workspaces of a task's attempts that nobody will look at."""
        attempts = await self._desk.ledger.commit(lambda tx: _done_with(tx, task_id))
        for attempt in attempts:
            try:
                await self._clean(attempt)
            except WorkspaceException:
                # Only space is lost: the sweep of the next run tries again.
                log.warning("workspace.not_removed", exc_info=True)

    async def _clean(self, attempt: Attempt) -> None:
        await self._desk.workspaces.save(attempt, "before it is removed")
        self._desk.reach(Point.CLEAN_SAVED)
        await self._desk.workspaces.remove(attempt)
        self._desk.reach(Point.CLEAN_ACTED)


def _done_with(tx: Transaction, task_id: TaskId) -> tuple[Attempt, ...]:
    """Return the attempts whose workspaces may go."""
    attempts = tx.attempts(task_id)
    kept = {one.number for one in in_use(tx.task(task_id), attempts)}
    return tuple(one for one in attempts if one.number not in kept)
