"""A quality controller on a real store, with checks and checkouts that are told what to do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from banksman.core.quality import CheckStatus, QualityReport, Stage, Verdict
from banksman.core.records import Attempt, CheckResult, FileChange, JournalEntry
from banksman.core.task import ProjectId, Task, TaskId, TaskSpec
from banksman.exceptions import WorkspaceException
from banksman.orchestration.protocol import Reach, pass_by
from banksman.orchestration.quality_controller import QualityController
from banksman.ports import Capture, Check, Checkout, Subject, Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock

T = TypeVar("T")
Outcomes = Mapping[str, str]
Answer = Outcomes | CheckStatus | Exception
NO_TESTS: Outcomes = {}


class FakeCheck:
    """A check (`banksman.ports.Check`) with an answer for each tree.

    Attributes:
        answers: By tree: outcomes by test, or a status, or an error to raise.
        lost: Trees whose artefacts are gone.
        asked: By tree: set when it was asked about it.
        gates: By tree: it waits for this event before it answers.
    """

    required = True
    tool = "tool 1"

    def __init__(self, name: str, stage: Stage, answers: Mapping[str, Answer]) -> None:
        self.name = name
        self.stage = stage
        self.compares = stage is Stage.TESTS
        self.answers = dict(answers)
        self.lost: set[str] = set()
        self.subjects: list[Subject] = []
        self.asked = defaultdict[str, asyncio.Event](asyncio.Event)
        self.gates: dict[str, asyncio.Event] = {}
        self.running = 0
        self.most_running = 0

    @property
    def trees(self) -> list[str]:
        """The trees it was asked about."""
        return [one.checkout.tree for one in self.subjects]

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        self.subjects.append(subject)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        tree = subject.checkout.tree
        self.asked[tree].set()
        try:
            await asyncio.sleep(0)
            if tree in self.gates:
                await self.gates[tree].wait()
        finally:
            self.running -= 1
        answer = self.answers[tree]
        if isinstance(answer, Exception):
            raise answer
        return self._result(project_id, tree, answer)

    def cases(self, result: CheckResult) -> Outcomes | None:
        answer = self.answers[result.tree]
        outcomes = answer if isinstance(answer, Mapping) else NO_TESTS
        return None if result.tree in self.lost else outcomes

    def _result(
        self, project_id: ProjectId, tree: str, answer: Outcomes | CheckStatus
    ) -> CheckResult:
        outcomes = list(answer.values()) if isinstance(answer, Mapping) else []
        status = CheckStatus.FAIL if {"failed", "error"} & set(outcomes) else CheckStatus.PASS
        return CheckResult(
            project_id=project_id,
            tree=tree,
            check=self.name,
            tool=self.tool,
            stage=self.stage,
            status=status if isinstance(answer, Mapping) else answer,
            passed=outcomes.count("passed"),
            failed=outcomes.count("failed"),
            message="said",
            details=("t::a: assert 1 == 2",),
        )


@dataclass
class FakeCheckouts:
    """Checkouts of commits whose trees are known; commit `x` has tree `tree-x` by default."""

    broken: dict[str, str] = field(default_factory=dict[str, str])
    trees: dict[str, str] = field(default_factory=dict[str, str])
    opened: list[str] = field(default_factory=list[str])
    open: int = 0

    @asynccontextmanager
    async def checkout(self, commit: str, purpose: str) -> AsyncGenerator[Checkout]:
        if commit in self.broken:
            raise WorkspaceException(message="setup failed", output=self.broken[commit])
        self.opened.append(commit)
        self.open += 1
        try:
            tree = self.trees.get(commit, f"tree-{commit}")
            yield Checkout(
                path=Path("/nowhere") / purpose / commit,
                home=Path("/nowhere/home"),
                commit=commit,
                tree=tree,
            )
        finally:
            self.open -= 1


class OneByOne:
    """A ledger (`banksman.orchestration.ledger.Ledger`) with a transaction for each piece."""

    def __init__(self, state: StateManager) -> None:
        self._state = state

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        await asyncio.sleep(0)
        with self._state.transaction() as tx:
            return work(tx)


class Scene:
    """One project with a task whose attempt is checked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.store = SqliteStore.open(path, synchronous="OFF")
        self.state = StateManager(self.store, self.clock)
        self.project = self.state.create_project("demo", base="main", target="banksman/target")
        self.project = self.state.own(self.project.id)
        self.checkouts = FakeCheckouts()

    def restart(self) -> None:
        """Do what a new engine does over the same file."""
        self.store.close()
        self.store = SqliteStore.open(self.path, synchronous="OFF")
        self.state = StateManager(self.store, self.clock)
        self.project = self.state.own(self.project.id)

    def controller(
        self, *checks: Check, at_once: int = 2, reach: Reach = pass_by
    ) -> QualityController:
        return QualityController(
            state=self.state,
            ledger=OneByOne(self.state),
            workspaces=self.checkouts,
            checks=checks,
            clock=self.clock,
            at_once=at_once,
            reach=reach,
        )

    def task(
        self, key: str = "a", *, checks: tuple[str, ...] = (), may_change: tuple[str, ...] = ()
    ) -> Task:
        spec = TaskSpec(key=key, title="Do it", checks=checks, may_change=may_change)
        return self.state.create_task(self.project.id, spec)

    def journal(self) -> list[JournalEntry]:
        with self.state.transaction() as tx:
            lines = tx.journal(self.project.id)
        return [line for line in lines if line.kind == "check.recorded"]


def attempt_of(task: Task, number: int = 1) -> Attempt:
    return Attempt(
        task_id=task.id,
        number=number,
        project_id=task.project_id,
        epoch=1,
        started_at=FakeClock().now(),
    )


def capture(commit: str = "work", base: str = "base", *paths: str) -> Capture:
    changes = tuple(
        FileChange(task_id=TaskId(1), attempt=1, path=path, change="modified") for path in paths
    )
    return Capture(commit=commit, tree=f"tree-{commit}", base=base, changes=changes)


def by_name(report: QualityReport) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in report.verdicts}


def statuses(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.check, str(verdict.status)) for verdict in verdicts]


PASSED: Outcomes = {"t::a": "passed", "t::b": "passed"}
BROKE_A: Outcomes = {"t::a": "failed", "t::b": "passed"}


def syntax(status: CheckStatus = CheckStatus.PASS) -> FakeCheck:
    return FakeCheck("syntax", Stage.SYNTAX, {"tree-work": status})


def suite(work: Answer = PASSED, base: Answer = PASSED) -> FakeCheck:
    return FakeCheck("tests", Stage.TESTS, {"tree-work": work, "tree-base": base})


def validate(
    controller: QualityController, task: Task, captured: Capture | None = None
) -> QualityReport:
    made = captured or capture()
    return asyncio.run(controller.validate_output(task, attempt_of(task), made))
