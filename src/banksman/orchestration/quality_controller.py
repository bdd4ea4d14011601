"""QualityController: runs the checks of an attempt, stage by stage, and judges the answers.

All checks of one attempt share one fresh checkout of the captured commit, which is opened only
if something is not known yet. Tests are compared with the attempt's base commit; a base is
measured once, whoever asks. Called again after a crash it takes what is recorded and runs the
rest; another attempt at the same tree takes what held, and asks again for what did not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Final

from banksman.core.quality import (
    CheckStatus,
    Comparison,
    QualityReport,
    Stage,
    Verdict,
    blocking_stage,
)
from banksman.core.records import Attempt, CheckResult
from banksman.core.regression import compare_cases, judge
from banksman.core.task import Task
from banksman.exceptions import CheckException
from banksman.orchestration.check_runs import (
    CHECKS_AT_ONCE,
    CheckRuns,
    Inquiry,
    Together,
    is_answer,
)
from banksman.orchestration.check_site import Checkouts, Site
from banksman.orchestration.ledger import Ledger
from banksman.orchestration.protocol import Reach, pass_by
from banksman.orchestration.verdicts import (
    Chosen,
    as_found,
    broken,
    no_base,
    not_asked,
    unknown,
)
from banksman.ports import Capture, Check, Clock
from banksman.state.state_manager import StateManager

TREES_MAX: Final = 1000
"""Commits whose trees are remembered, so that a known base needs no checkout."""


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What is examined."""

    task: Task
    attempt: Attempt
    capture: Capture

    @property
    def inquiry(self) -> Inquiry:
        return Inquiry(attempt=self.attempt, changes=self.capture.changes)


class QualityController:
    """Finds out how good an attempt's work is; it decides nothing.

    Args:
        checks: All that are configured; a task may choose among them by name.
        at_once: Checks that may run at the same time, over all attempts.
        reach: Called at each point of the protocol; for tests.
    """

    def __init__(
        self,
        *,
        state: StateManager,
        ledger: Ledger,
        workspaces: Checkouts,
        checks: Sequence[Check],
        clock: Clock,
        at_once: int = CHECKS_AT_ONCE,
        reach: Reach = pass_by,
    ) -> None:
        self._workspaces = workspaces
        self._checks = tuple(checks)
        self._runs = CheckRuns(
            state=state, ledger=ledger, clock=clock, at_once=at_once, reach=reach
        )
        self._bases = Together[CheckResult]()
        self._trees: dict[str, str] = {}

    async def validate_output(
        self, task: Task, attempt: Attempt, capture: Capture
    ) -> QualityReport:
        """Return the verdicts of the task's checks on what the attempt made.

        Checks that the task names must hold, all of them; a task that names none is asked all
        of the project's. A stage with a required check that does not hold ends the examination:
        checks behind it are reported as not asked.

        Raises:
            StoreException: An answer could not be recorded.
            StaleWriterException: Another engine owns the project by now.
        """
        work = _Work(task=task, attempt=attempt, capture=capture)
        self._remember(capture.commit, capture.tree)
        chosen, verdicts = self._choose(task)
        async with Site(self._workspaces, capture.commit) as site:
            for stage in Stage:
                here = [one for one in chosen if one.check.stage is stage]
                if blocking_stage(verdicts) is None:
                    verdicts += await self._stage(work, here, site)
                else:
                    verdicts += map(not_asked, here)
        return QualityReport(verdicts=tuple(verdicts))

    def enforce_quality_gate(self, report: QualityReport) -> bool:
        """Return whether the gate holds; `report.problems` says why not."""
        return report.gate_holds

    def check_regression(
        self, task: Task, base: CheckResult, branch: CheckResult
    ) -> Comparison:
        """Return what became of each test between two results of the same check.

        A base on which the check broke, or whose artefact is lost, is an unknown baseline.

        Raises:
            CheckException: The branch's own tests are lost, or there is no such check.
        """
        check = self._check(branch.check)
        cases = None if check is None else check.cases(branch)
        if check is None or cases is None:
            raise CheckException(check=branch.check, message="its test results are lost")
        known = check.cases(base) if is_answer(check, base) else None
        return compare_cases(known, cases, may_change=task.spec.may_change)

    def _choose(self, task: Task) -> tuple[list[Chosen], list[Verdict]]:
        """Return the task's checks by stage, and a verdict on each that does not exist."""
        if not task.spec.checks:
            return [Chosen(check=one, required=one.required) for one in self._checks], []
        names = dict.fromkeys(task.spec.checks)
        chosen = [Chosen(check=one, required=True) for one in self._checks if one.name in names]
        missing = [name for name in names if self._check(name) is None]
        return chosen, [unknown(name) for name in missing]

    def _check(self, name: str) -> Check | None:
        return next((one for one in self._checks if one.name == name), None)

    async def _stage(self, work: _Work, here: Sequence[Chosen], site: Site) -> list[Verdict]:
        """Return the verdicts of one stage, in the order of its checks."""
        known = [
            await self._runs.recorded(one.check, work.capture.tree, work.inquiry)
            for one in here
        ]
        if None in known:
            await site.open()
        pairs = zip(here, known, strict=True)
        return await _side_by_side(
            [self._verdict(work, replace(one, known=answer), site) for one, answer in pairs]
        )

    async def _verdict(self, work: _Work, one: Chosen, site: Site) -> Verdict:
        if one.known is not None:
            result = one.known
        elif site.checkout is not None:
            result = await self._runs.run(one.check, site.checkout, work.inquiry)
        else:
            return broken(one, site.trouble, site.output)
        verdict = as_found(one, result)
        if not one.check.compares or result.status is CheckStatus.ERROR:
            return verdict
        base = await self._base(work, one.check)
        if one.check.cases(result) is None:
            return broken(one, "its test results were lost as soon as they were kept")
        judged = judge(verdict, self.check_regression(work.task, base, result))
        if base.status is CheckStatus.ERROR:
            return replace(judged, message=f"{judged.message} (on the base: {base.message})")
        return judged

    async def _base(self, work: _Work, check: Check) -> CheckResult:
        """Return the check's answer on the attempt's base; whoever asks at once shares it."""
        key = (work.capture.base, check.name, check.tool)
        return await self._bases.ask(key, lambda: self._measured(work, check))

    async def _measured(self, work: _Work, check: Check) -> CheckResult:
        base = work.capture.base
        inquiry = Inquiry(attempt=work.attempt, reason="baseline", on_base=True)
        tree = self._trees.get(base)
        known = await self._runs.recorded(check, tree, inquiry) if tree else None
        if known is not None:
            return known
        async with Site(self._workspaces, base) as site:
            await site.open()
            if site.checkout is None:
                return no_base(check, inquiry, site.trouble)
            self._remember(base, site.checkout.tree)
            known = await self._runs.recorded(check, site.checkout.tree, inquiry)
            return known or await self._runs.run(check, site.checkout, inquiry)

    def _remember(self, commit: str, tree: str) -> None:
        self._trees[commit] = tree
        while len(self._trees) > TREES_MAX:
            del self._trees[next(iter(self._trees))]


async def _side_by_side(asked: Sequence[Coroutine[None, None, Verdict]]) -> list[Verdict]:
    """Return what all of them return; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in asked]
    except ExceptionGroup as failures:
        # One of them is what a caller can understand; the others stay visible below it.
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]
