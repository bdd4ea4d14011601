"""One check on one checkout: found again if it was recorded, else run and recorded.

A check answers for a tree, and one that compares is asked on attempts and bases alike, so its
result is found by (tree, check, tool). The others may look at the changes too: the same tree,
reached from another base, is another question, and their tool's name says so.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, Generic, TypeVar

from banksman.core.quality import HOLDING, CheckStatus
from banksman.core.records import Attempt, CheckResult, FileChange
from banksman.exceptions import CheckException, ExecutorException
from banksman.orchestration.ledger import Ledger
from banksman.orchestration.protocol import Point, Reach
from banksman.ports import Check, Checkout, Clock, Subject
from banksman.state.state_manager import StateManager

CHECKS_AT_ONCE: Final = 2
"""By default: one that computes and one that waits keep a small machine busy."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """What is asked about, and on whose behalf.

    Attributes:
        attempt: The attempt that the answer is for, also if it is one about its base.
        changes: What the attempt changed; nothing on a base.
        reason: For the journal.
        on_base: It is about the base: what failed there is known, whoever found it out.
    """

    attempt: Attempt
    changes: tuple[FileChange, ...] = ()
    reason: str = ""
    on_base: bool = False

    def accepts(self, result: CheckResult) -> bool:
        """Return whether a recorded answer may stand for one to this inquiry.

        A failure from before the attempt may not: somebody wanted the work tried once more.
        """
        if self.on_base or result.status in HOLDING:
            return True
        return result.at >= self.attempt.started_at


def question(check: Check, changes: Iterable[FileChange]) -> str:
    """Return the tool under which a check's answer about these changes is kept."""
    if check.compares:
        return check.tool
    seen = sorted((one.path, one.change, one.old_path, one.mode) for one in changes)
    return f"{check.tool}+{hashlib.sha256(repr(seen).encode()).hexdigest()[:16]}"


def is_answer(check: Check, result: CheckResult) -> bool:
    """Return whether a result can be used again: nothing broke, and its tests are kept."""
    if result.status is CheckStatus.ERROR:
        return False
    return not check.compares or check.cases(result) is not None


class Together(Generic[T]):
    """Has something done once for all who ask while it is being done."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, ...], asyncio.Future[T | None]] = {}

    async def ask(self, key: tuple[str, ...], work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns; of all who ask at once, one does it.

        If that one is cancelled or fails, the next does it: nobody loses by another's end.
        """
        while (running := self._running.get(key)) is not None:
            # Whoever waits may be cancelled without ending what the others wait for.
            answer = await asyncio.shield(running)
            if answer is not None:
                return answer
        future = self._running[key] = asyncio.get_running_loop().create_future()
        answer = None
        try:
            answer = await work()
            return answer
        finally:
            del self._running[key]
            future.set_result(answer)


class CheckRuns:
    """Runs checks, a bounded number at once, and keeps what they answer.

    Args:
        at_once: Checks of this engine that may run at the same time, 1 or more.
    """

    def __init__(
        self, *, state: StateManager, ledger: Ledger, clock: Clock, at_once: int, reach: Reach
    ) -> None:
        assert at_once >= 1, "no check would ever run"
        self._state = state
        self._ledger = ledger
        self._clock = clock
        self._reach = reach
        self._slots = asyncio.Semaphore(at_once)
        self._numbers = count(1)

    async def recorded(self, check: Check, tree: str, inquiry: Inquiry) -> CheckResult | None:
        """Return an answer that is known already, or None."""
        project_id, tool = inquiry.attempt.project_id, question(check, inquiry.changes)
        result = await self._ledger.commit(
            lambda tx: tx.check_result(project_id, tree, check.name, tool)
        )
        if result is None or not inquiry.accepts(result) or not is_answer(check, result):
            return None
        return result

    async def run(self, check: Check, checkout: Checkout, inquiry: Inquiry) -> CheckResult:
        """Return the check's answer, once it is recorded."""
        async with self._slots:
            spool = await self._spool(inquiry.attempt)
            started = self._clock.monotonic()
            subject = Subject(checkout=checkout, changes=inquiry.changes, spool=spool)
            result = await _asked(check, subject, inquiry)
        self._reach(Point.CHECK_ACTED)
        spent_ms = round((self._clock.monotonic() - started) * 1000)
        result = replace(
            result,
            project_id=inquiry.attempt.project_id,
            tree=checkout.tree,
            check=check.name,
            stage=check.stage,
            tool=question(check, inquiry.changes),
            duration_ms=result.duration_ms or spent_ms,
            at=self._clock.now(),
        )
        await self._record(result, inquiry)
        return result

    async def _record(self, result: CheckResult, inquiry: Inquiry) -> None:
        attempt = inquiry.attempt
        await self._ledger.commit(
            lambda tx: self._state.record(
                tx,
                "check.recorded",
                result,
                task_id=attempt.task_id,
                attempt=attempt.number,
                reason=inquiry.reason,
            )
        )

    async def _spool(self, attempt: Attempt) -> str:
        """Return a name that no other execution has, before or after a restart."""
        epoch = await self._ledger.commit(lambda tx: tx.project(attempt.project_id).epoch)
        where = f"check-{attempt.project_id}-{attempt.task_id}-{attempt.number}"
        return f"{where}-{epoch}-{next(self._numbers)}"


async def _asked(check: Check, subject: Subject, inquiry: Inquiry) -> CheckResult:
    project_id = inquiry.attempt.project_id
    try:
        return await check.run(project_id, subject)
    except (CheckException, ExecutorException) as error:
        return CheckResult(
            project_id=project_id,
            tree=subject.checkout.tree,
            check=check.name,
            tool=check.tool,
            stage=check.stage,
            status=CheckStatus.ERROR,
            message=str(error),
        )
