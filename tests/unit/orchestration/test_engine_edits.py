"""What a person changed in a workspace is found again, whoever looks for it and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from banksman.core.breakpoints import Resolution
from banksman.core.records import Attempt, CheckResult
from banksman.core.task import DependencyPolicy, Gate, ProjectId, TaskStatus
from banksman.orchestration.engine import Engine, RunEnd
from banksman.ports import Subject, Workspace
from banksman.testing.sim_agent import Fate
from banksman.testing.sim_check import SimCheck
from banksman.testing.sim_workspaces import SimWorkspaces
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Staging

S = TaskStatus


class Slow(SimCheck):
    """Takes long enough to be stopped."""

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        await asyncio.sleep(100)
        return await super().run(project_id, subject)


@pytest.mark.parametrize("restarts", [True, False])
def test_a_person_who_edits_again_and_again_does_so_in_the_same_workspace(
    staging: Staging, *, restarts: bool
) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="question")]})
    stage.checks = Slow

    async def during(engine: Engine) -> None:
        await stage.until(stage.stands("a", S.BLOCKED))
        for text in ("not yet", "nor yet"):
            stage.world.worktrees[1, 1].files["task-a"] = text
            await stage.resolve(stage.event(), Resolution.EDIT)
            await stage.until(lambda: bool(stage.world.checkouts))
            await stage.wish("block", task="a", reason="wait, once more")
            await stage.until(stage.stands("a", S.BLOCKED))
        stage.world.worktrees[1, 1].files["task-a"] = "at last"
        if restarts:
            engine.stop()
        else:
            await stage.resolve(stage.event(), Resolution.EDIT)

    async def scene() -> None:
        end = await stage.run_during(during)
        if restarts:
            assert end is RunEnd.INTERRUPTED
            stage.submit("resolve", breakpoint=stage.event().id, resolution="edit")
            await stage.next_engine().serve_once()
            assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.statuses() == {"a": "completed"}
    assert stage.files()["task-a"] == "at last"
    assert stage.plot.begun == [("a", 1, 1)]
    assert stage.task("a").attempt == 4
    assert stage.world.worktrees == {}


def test_accepted_work_that_is_stopped_can_be_edited_where_it_is(staging: Staging) -> None:
    stage = staging(
        item("a", turns_max=1, retries_max=0), fates={"a": [Fate(kind="wrong")]}, pace=2
    )

    async def during(_: Engine) -> None:
        await stage.until(stage.stands("a", S.BLOCKED))
        await stage.resolve(stage.event(), Resolution.ACCEPT)
        await stage.until(stage.stands("a", S.RUNNING))
        await stage.wish("block", task="a")
        await stage.until(stage.stands("a", S.BLOCKED))
        stage.world.worktrees[1, 1].files["task-a"] = "right by hand"
        await stage.resolve(stage.event(), Resolution.EDIT)

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.files()["task-a"] == "right by hand"


def test_a_workspace_that_was_never_made_is_made_for_whoever_answers_edit(
    staging: Staging,
) -> None:
    class NeverReady(SimWorkspaces):
        """Takes for ever to make the first attempt's workspace."""

        async def prepare(self, attempt: Attempt) -> Workspace:
            if attempt.number == 1 and attempt.ended_at is None:
                await asyncio.Event().wait()
            return await super().prepare(attempt)

    stage = staging(item("a"))
    stage.workspaces = NeverReady

    async def during(_: Engine) -> None:
        await stage.until(lambda: "workspace.intended" in stage.kinds("a"))
        await stage.wish("block", task="a")
        await stage.until(stage.stands("a", S.BLOCKED))
        await stage.resolve(stage.event(), Resolution.EDIT)

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 2, 1)], (
        "nothing was changed, so the agent's turn has come"
    )
    assert [one.error for one in stage.attempts("a")] == [None, None]


def test_what_a_person_changed_is_there_for_the_agent_that_goes_on(staging: Staging) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="question"), Fate()]})

    async def during(_: Engine) -> None:
        await stage.until(stage.stands("a", S.BLOCKED))
        stage.world.worktrees[1, 1].files["by hand"] = "begun"
        await stage.resolve(stage.event(), Resolution.RETRY, "this one")

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1), ("a", 2, 1)]
    assert stage.files()["by hand"] == "begun"


def test_an_edit_that_nobody_has_looked_at_is_there_for_an_agent_that_goes_on_after_all(
    staging: Staging,
) -> None:
    stage = staging(item("a"), fates={"a": [Fate(kind="question"), Fate()]})

    async def during(engine: Engine) -> None:
        await stage.until(stage.stands("a", S.BLOCKED))
        engine.drain()

    async def scene() -> None:
        await stage.run_during(during)
        stage.world.worktrees[1, 1].files["by hand"] = "edited"
        stage.submit("resolve", breakpoint=stage.event().id, resolution="edit")
        stage.submit("block", task="a", reason="wait")
        await stage.next_engine().serve_once()
        stage.submit("resolve", breakpoint=stage.event().id, resolution="retry")
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.plot.begun == [("a", 1, 1), ("a", 2, 1)]
    assert stage.files()["by hand"] == "edited"


def test_a_begun_task_that_its_dependency_cancels_leaves_no_workspace(staging: Staging) -> None:
    stage = staging(
        item("a", gate=Gate.MANUAL),
        item("b", policy=DependencyPolicy.CANCEL),
        fates={"b": [Fate(kind="question")]},
    )

    async def during(engine: Engine) -> None:
        await stage.until(stage.stands("b", S.BLOCKED))
        engine.drain()

    async def scene() -> None:
        await stage.run_during(during)
        stage.items = (stage.items[0], replace(stage.items[1], needs=("a",)))
        (event,) = [one for one in stage.events() if one.task_id == stage.task("b").id]
        stage.submit("resolve", breakpoint=event.id, resolution="retry", guidance="this one")
        stage.submit("cancel", task="a", reason="not wanted")
        await stage.next_engine().serve_once()

    stage.play(scene)
    assert stage.statuses() == {"a": "cancelled", "b": "cancelled"}
    assert stage.world.worktrees == {}
    assert stage.plot.begun == [("b", 1, 1)]
