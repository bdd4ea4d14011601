"""One attempt and what goes wrong in it: its own affair, and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from banksman.core.breakpoints import BreakpointType
from banksman.core.outcome import Outcome
from banksman.core.records import Attempt, CheckResult, Ending
from banksman.core.retry import ErrorClass
from banksman.core.task import ProjectId, TaskStatus
from banksman.exceptions import (
    BanksmanException,
    CheckException,
    ExecutorException,
    WorkspaceException,
)
from banksman.orchestration.engine import RunEnd, RunRules
from banksman.ports import Brief, Capture, Subject, Workspace
from banksman.testing.sim_agent import Fate, SimAgent
from banksman.testing.sim_check import SimCheck
from banksman.testing.sim_workspaces import SimWorkspaces
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Staging

S = TaskStatus
GIT_FAILED = WorkspaceException(message="git failed", output="why")


class Breaking(SimWorkspaces):
    """Breaks for the first task, in the act that is told."""

    act = ""
    error: Exception = WorkspaceException(message="git failed")

    def _break(self, act: str, attempt: Attempt) -> None:
        if act == self.act and attempt.task_id == 1:
            raise self.error

    async def prepare(self, attempt: Attempt) -> Workspace:
        self._break("prepare", attempt)
        return await super().prepare(attempt)

    async def capture(self, attempt: Attempt, message: str) -> Capture:
        self._break("capture", attempt)
        return await super().capture(attempt, message)

    async def remove(self, attempt: Attempt) -> None:
        self._break("remove", attempt)
        await super().remove(attempt)


@pytest.mark.parametrize("act", ["prepare", "capture"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (GIT_FAILED, "git failed (why)"),
        (ExecutorException(message="no runner"), "no runner"),
        (RuntimeError("oops"), "internal error: RuntimeError('oops')"),
    ],
)
def test_what_breaks_one_attempt_costs_the_others_nothing(
    staging: Staging,
    caplog: pytest.LogCaptureFixture,
    act: str,
    error: Exception,
    told: str,
) -> None:
    class Broken(Breaking):
        pass

    Broken.act, Broken.error = act, error
    stage = staging(item("a"), item("b"), rules=RunRules(parallel=2))
    stage.workspaces = Broken
    assert stage.run_plan() is RunEnd.FAILED
    assert stage.statuses() == {"a": "failed", "b": "completed"}
    attempts = stage.attempts("a")
    assert [(one.ending, one.error, one.message) for one in attempts] == [
        (Ending.FAILED, ErrorClass.UNKNOWN, told)
    ] * 2, "it is tried once more"
    assert stage.claimed_s("a")[1] >= 60
    defects = [one for one in caplog.records if one.message == "attempt.defect"]
    assert len(defects) == (2 if isinstance(error, RuntimeError) else 0)
    assert all(one.exc_info and one.exc_info[1] is error for one in defects)


def test_a_workspace_that_cannot_be_removed_costs_only_space(
    staging: Staging, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(Breaking):
        act = "remove"

    stage = staging(item("a"), item("b", "a"))
    stage.workspaces = Stuck
    assert stage.run_plan() is RunEnd.COMPLETED
    assert list(stage.world.worktrees) == [(1, 1)]
    assert [one.message for one in caplog.records] == ["workspace.not_removed"]


@pytest.mark.parametrize(
    "error", [CheckException(check="tests", message="no tool"), ExecutorException(message="no")]
)
def test_a_check_that_cannot_run_is_an_error_and_no_pass(
    staging: Staging, error: BanksmanException
) -> None:
    class CannotRun(SimCheck):
        async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
            raise error

    stage = staging(
        item("a", turns_max=1, retries_max=0), rules=RunRules(parallel=1, wait=False)
    )
    stage.checks = CannotRun
    assert stage.run_plan() is RunEnd.WAITING
    assert stage.event().type is BreakpointType.CONSECUTIVE_FAILURES
    assert stage.integrated() == []


class Curdling(SimCheck):
    """Answers an interruption with an error of its own."""

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise CheckException(check=self.name, message="the tool was killed") from None
        return await super().run(project_id, subject)


class Raising(SimCheck):
    """Answers an interruption with a defect."""

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise RuntimeError from None
        return await super().run(project_id, subject)


@pytest.mark.parametrize("kind", [Curdling, Raising])
def test_a_cancel_holds_though_what_was_interrupted_fails(
    staging: Staging, kind: type[SimCheck]
) -> None:
    stage = staging(item("a"))
    stage.checks = kind

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await stage.until(lambda: bool(stage.world.checkouts))
            await stage.wish("cancel", task="a")
        assert run.result() is RunEnd.FAILED

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled"}


def test_an_attempt_is_interrupted_once_however_often_it_is_wished(staging: Staging) -> None:
    class TidyingUp(SimCheck):
        """Takes its time to tidy up after an interruption."""

        tidied = False

        async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
            try:
                await asyncio.sleep(1_000)
            finally:
                await asyncio.sleep(50)
                TidyingUp.tidied = True
            raise AssertionError("it is interrupted before")

    stage = staging(item("a"))
    stage.checks = TidyingUp

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.engine().run())
            await stage.until(lambda: bool(stage.world.checkouts))
            for _ in range(3):
                await stage.wish("cancel", task="a")
                await asyncio.sleep(5)
            assert not TidyingUp.tidied

    stage.play(scene)
    assert TidyingUp.tidied
    assert stage.statuses() == {"a": "cancelled"}


class CannotStart(SimAgent):
    """Its runner cannot be started."""

    async def run(self, brief: Brief) -> Outcome:
        raise ExecutorException(message="too many processes")


def test_an_agent_that_cannot_be_started_is_tried_once_more(staging: Staging) -> None:
    stage = staging(item("a"))
    stage.agent = lambda hand: CannotStart(hand, stage.plot)
    assert stage.run_plan() is RunEnd.FAILED
    assert [one.message for one in stage.attempts("a")] == ["too many processes"] * 2
    assert all(turn.outcome == "stopped" for turn in stage.turns("a"))


def test_a_large_change_is_kept_apart_before_it_is_integrated(staging: Staging) -> None:
    files = {f"file-{number}": "new" for number in range(60)}
    stage = staging(item("a"), fates={"a": [Fate(files=files)]})
    assert stage.run_plan() is RunEnd.COMPLETED
    (row,) = stage.store.tables()["checkpoint"]
    assert "refs/banksman/attempts/1/1" in row
    decisions = [line for line in stage.journal() if line.kind == "decision.made"]
    assert "checkpoint" in decisions[0].reason


def test_the_agents_files_are_recorded_with_their_attempt(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(files={"new": "text"})]})
    assert stage.run_plan() is RunEnd.COMPLETED
    with stage.store.transaction() as tx:
        changes = tx.changes(stage.task_in(tx, "a").id, 1)
    assert [(one.path, one.attempt) for one in changes] == [("new", 1), ("task-a", 1)]


def test_an_integration_that_failed_after_it_had_succeeded_is_found_out(
    staging: Staging, caplog: pytest.LogCaptureFixture
) -> None:
    class Late(SimWorkspaces):
        """Swaps, and then says that it failed; cannot tell for a while what has happened."""

        failed_s = -1.0

        async def publish(self, expected: str, new: str) -> bool:
            await super().publish(expected, new)
            self.failed_s = asyncio.get_running_loop().time()
            raise GIT_FAILED

        async def tip(self) -> str | None:
            if (
                0 <= asyncio.get_running_loop().time() - self.failed_s < 60
                and self.failed_s > 0
            ):
                raise GIT_FAILED
            return await super().tip()

    stage = staging(item("a"))
    stage.workspaces = Late
    assert stage.run_plan() is RunEnd.COMPLETED
    assert stage.integrated() == ["Do a"]
    assert stage.task("a").attempt == 1
    assert {one.message for one in caplog.records} == {"attempt.not_ended"}
