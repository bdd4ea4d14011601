"""Accepted work onto the target branch: one at a time, by compare-and-swap.

combine onto the tip → check again if the tip has moved → intent → swap → record. The first
conflict sends the attempt to its agent, on the new tip; the second asks a person.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from banksman.core.breakpoints import BreakpointType
from banksman.core.decision import Action
from banksman.core.names import branch_name, commit_message
from banksman.core.prompt import conflict_text
from banksman.core.records import Attempt, Project, Step
from banksman.core.task import EntryStep, Task
from banksman.exceptions import TargetBusyException
from banksman.orchestration.attempts import Desk, Stop
from banksman.orchestration.decision_engine import same_work
from banksman.orchestration.judge import Case, Judge
from banksman.orchestration.protocol import Point
from banksman.orchestration.quality_controller import QualityController
from banksman.orchestration.target_watch import look_at_target
from banksman.ports import Capture, Combined, Conflict, Transaction


class Integrator:
    """Brings accepted attempts onto the target branch."""

    def __init__(self, desk: Desk, quality: QualityController, judge: Judge) -> None:
        self._desk = desk
        self._quality = quality
        self._judge = judge
        # Protects the target branch between combining and publishing: of two attempts that
        # combine onto one tip, one would have to do all its checks again.
        self._turn = asyncio.Lock()

    async def run(self, attempt: Attempt) -> Attempt:
        """Return the attempt integrated, sent back to its agent, or ended."""
        async with self._turn:
            return await self._integrate(attempt)

    async def integrated_as(self, attempt: Attempt) -> str | None:
        """Return which of the attempt's intended commits is on the target branch, if any."""
        if attempt.new is None:
            return None  # It never meant to.
        tip = await self._desk.workspaces.tip()
        return None if tip is None else await self._found_on(tip, attempt)

    async def record(self, attempt: Attempt, commit: str) -> Attempt:
        """Record an integration that has happened.

        It may have happened in an earlier life, and others may have been recorded since: what
        the target must hold is the last of them.
        """
        last = (await self._project(attempt)).integrated
        older = last is not None and await self._desk.workspaces.contains(last, commit)

        def write(tx: Transaction) -> Attempt:
            project = tx.project(attempt.project_id)
            if not older:
                project = replace(project, integrated=commit)
            self._desk.state.record(
                tx, "target.moved", project, task_id=attempt.task_id, attempt=attempt.number
            )
            self._desk.keep(tx, attempt, None)
            self._desk.flow.complete(tx, attempt.task_id, attempt.number, commit)
            return tx.attempt(attempt.task_id, attempt.number)

        after = await self._desk.ledger.commit(write)
        self._desk.reach(Point.INTEGRATE_RECORDED)
        return after

    async def _integrate(self, attempt: Attempt) -> Attempt:
        """One try; the caller's loop comes back while the step stays `integration`."""
        project = await self._project(attempt)
        target = await look_at_target(self._desk, project)
        tip, doubt = target.tip, target.doubt
        # Asked of the very tip that is combined with and swapped: whatever an earlier life, or
        # an engine that has lost the project, publishes later fails our swap.
        done = None if tip is None else await self._found_on(tip, attempt)
        if done is not None:
            return await self.record(attempt, done)
        if tip is None or doubt is not None:
            assert doubt is not None, "a target without its work is in doubt"
            return await self._desk.block(attempt, doubt)
        task = await self._desk.task(attempt)
        assert attempt.commit is not None, "captured before it is integrated"
        message = commit_message(task, attempt.number)
        combined = await self._desk.workspaces.combine(tip, attempt.commit, message)
        self._desk.reach(Point.INTEGRATE_COMBINED)
        if isinstance(combined, Conflict):
            return await self._conflict(task, attempt, tip, combined)
        if tip != attempt.base and not await self._is_overruled(attempt):
            held = await self._holds_on(task, attempt, tip, combined)
            if held is not None:
                return held
        return await self._publish(attempt, tip, combined)

    async def _is_overruled(self, attempt: Attempt) -> bool:
        """Return whether a person accepted this very work against what the checks say.

        Such work is not asked again. What an agent has made of it since is, and so is work that
        was only held up: the target was rewritten, or somebody was in the way.
        """

        def look(tx: Transaction) -> bool:
            asked = {
                one.attempt
                for one in tx.decisions(attempt.task_id)
                if one.action == Action.ESCALATE
            }
            return any(one.resumes in asked for one in same_work(tx, attempt))

        return await self._desk.ledger.commit(look)

    async def _project(self, attempt: Attempt) -> Project:
        return await self._desk.ledger.commit(lambda tx: tx.project(attempt.project_id))

    async def _publish(self, attempt: Attempt, tip: str, combined: Combined) -> Attempt:
        superseded = attempt.superseded if attempt.new is None else _with(attempt)
        intended = replace(attempt, expected=tip, new=combined.commit, superseded=superseded)
        attempt = await self._desk.move(intended, "integration.intended")
        self._desk.reach(Point.INTEGRATE_INTENDED)
        try:
            swapped = await self._desk.workspaces.publish(tip, combined.commit)
        except TargetBusyException as busy:
            # The work is accepted, and waits for whoever looks at the branch: accept goes on.
            stop = Stop(type=BreakpointType.CONSECUTIVE_FAILURES, message=str(busy))
            return await self._desk.block(attempt, stop)
        self._desk.reach(Point.INTEGRATE_ACTED)
        # Not swapped: somebody else moved the target. The next try begins at the new tip.
        return await self.record(attempt, combined.commit) if swapped else attempt

    async def _found_on(self, tip: str, attempt: Attempt) -> str | None:
        for commit in (attempt.new, *attempt.superseded):
            if commit is not None and await self._desk.workspaces.contains(tip, commit):
                return commit
        return None

    async def _holds_on(  # noqa: PLR0917 - whose work, and on what
        self, task: Task, attempt: Attempt, tip: str, combined: Combined
    ) -> Attempt | None:
        """Check the work on the moved tip; return None if it holds, else what follows."""
        changes = await self._desk.workspaces.changes(tip, combined.commit)
        capture = Capture(commit=combined.commit, tree=combined.tree, base=tip, changes=changes)
        report = await self._quality.validate_output(task, attempt, capture)
        if report.gate_holds:
            return None
        return await self._judge.settle(
            Case(task=task, attempt=attempt, capture=capture, report=report)
        )

    async def _conflict(  # noqa: PLR0917 - whose work, and with what
        self, task: Task, attempt: Attempt, tip: str, conflict: Conflict
    ) -> Attempt:
        edited = attempt.entry is not EntryStep.AGENT and not attempt.turns
        if attempt.conflicts or edited:
            return await self._ask(task, attempt, tip, conflict)
        again = replace(
            attempt,
            step=Step.AGENT,
            base=tip,
            start=None,
            conflicts=1,
            guidance=conflict_text(task, conflict.paths),
        )
        return await self._desk.move(again, "attempt.conflicted")

    async def _ask(  # noqa: PLR0917 - whose work, and with what
        self, task: Task, attempt: Attempt, tip: str, conflict: Conflict
    ) -> Attempt:
        """Ask a person, who finds both sides in the workspace: the tip, the work laid on."""
        shown = replace(
            attempt,
            base=tip,
            start=attempt.commit,
            branch=branch_name(task.id, task.spec.title, attempt.number),
        )
        shown = await self._desk.move(shown, "attempt.conflicted")
        await self._desk.workspaces.prepare(shown)
        stop = Stop(
            type=BreakpointType.MERGE_CONFLICT,
            message=f"it conflicts with the target in {len(conflict.paths)} file(s)",
            details=conflict.paths,
        )
        return await self._desk.block(shown, stop)


def _with(attempt: Attempt) -> tuple[str, ...]:
    """Return all intents so far: any of them may be published yet, or have been."""
    assert attempt.new is not None, "there is an intent"
    return tuple(dict.fromkeys((*attempt.superseded, attempt.new)))
