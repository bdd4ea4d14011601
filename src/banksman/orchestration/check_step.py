"""The steps after the agent's: capture what it made, check it, decide."""

from __future__ import annotations

from dataclasses import replace

from banksman.core.names import commit_message
from banksman.core.records import Attempt, FileChange, Step
from banksman.orchestration.attempts import Desk, works_in
from banksman.orchestration.judge import Case, Judge
from banksman.orchestration.protocol import Point
from banksman.orchestration.quality_controller import QualityController
from banksman.ports import Capture


class CaptureStep:
    """Reads from git what the attempt made, and keeps it under a private ref."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, attempt: Attempt) -> Attempt:
        """Return the attempt with its commit and tree, ready to be checked."""
        self._desk.reach(Point.CAPTURE_INTENDED)
        task = await self._desk.task(attempt)
        place = await self._place(attempt)
        if not attempt.turns:
            # A person edits it; if it was stopped before it was made, there is nothing yet.
            await self._desk.workspaces.prepare(place)
        message = commit_message(task, attempt.number)
        capture = await self._desk.workspaces.capture(place, message)
        self._desk.reach(Point.CAPTURE_ACTED)
        changes = tuple(
            replace(change, task_id=attempt.task_id, attempt=attempt.number, turn=attempt.turns)
            for change in capture.changes
        )
        captured = replace(attempt, commit=capture.commit, tree=capture.tree, step=Step.CHECKS)
        after = await self._desk.move(captured, "capture.recorded", *changes)
        self._desk.reach(Point.CAPTURE_RECORDED)
        return after

    async def _place(self, attempt: Attempt) -> Attempt:
        """Return the attempt whose workspace is captured: a person edits an earlier one's."""
        attempts = await self._desk.ledger.commit(lambda tx: tx.attempts(attempt.task_id))
        return works_in(attempt, attempts)


class CheckStep:
    """Has the capture checked and judged."""

    def __init__(self, desk: Desk, quality: QualityController, judge: Judge) -> None:
        self._desk = desk
        self._quality = quality
        self._judge = judge

    async def run(self, attempt: Attempt) -> Attempt:
        """Return the attempt after the decision."""
        task = await self._desk.task(attempt)
        capture = await self._desk.ledger.commit(
            lambda tx: recorded_capture(attempt, tx.changes(attempt.task_id, attempt.number))
        )
        report = await self._quality.validate_output(task, attempt, capture)
        self._desk.reach(Point.CHECK_RECORDED)
        after = await self._judge.settle(
            Case(task=task, attempt=attempt, capture=capture, report=report)
        )
        self._desk.reach(Point.DECIDED)
        return after


def recorded_capture(attempt: Attempt, changes: tuple[FileChange, ...]) -> Capture:
    """Return the capture that the store knows of."""
    assert attempt.commit is not None, "captured before it is checked"
    assert attempt.tree is not None, "captured before it is checked"
    assert attempt.base is not None, "a capture has a base"
    return Capture(commit=attempt.commit, tree=attempt.tree, base=attempt.base, changes=changes)
