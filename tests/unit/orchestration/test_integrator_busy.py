"""A target branch that somebody has checked out: the work waits, and is not done again."""

from __future__ import annotations

import asyncio

from banksman.core.breakpoints import Resolution
from banksman.core.task import TaskStatus
from banksman.exceptions import TargetBusyException
from banksman.orchestration.engine import Engine, RunEnd
from banksman.testing.sim_agent import Fate
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Stage, Staging, Trusting


class Busy(Trusting):
    """The target cannot be moved for a while."""

    until_s = 200.0

    async def publish(self, expected: str, new: str) -> bool:
        if asyncio.get_running_loop().time() < self.until_s:
            message = "the branch 'target' is checked out at ada/demo."
            raise TargetBusyException(message=message, branch="target", worktree="ada/demo")
        return await super().publish(expected, new)


def play(stage: Stage, *, pushes: bool) -> None:
    """Let the person who has the branch checked out commit to it or not, and give it free."""

    async def during(_: Engine) -> None:
        await stage.until(stage.stands("a", TaskStatus.BLOCKED))
        assert "is checked out at ada/demo" in stage.event().message
        if pushes:
            stage.push({"by hand": "fine"})
        await stage.until(lambda: stage.loop.time() > Busy.until_s)
        await stage.resolve(stage.event(), Resolution.ACCEPT)

    async def scene() -> None:
        assert await stage.run_during(during) is RunEnd.COMPLETED

    stage.workspaces = Busy
    stage.play(scene)


def test_work_waits_for_the_branch_and_is_integrated_as_it_was(staging: Staging) -> None:
    stage = staging(item("a"))
    play(stage, pushes=False)
    assert stage.plot.begun == [("a", 1, 1)]
    assert stage.integrated() == ["Do a"]


def test_what_came_onto_the_branch_meanwhile_is_checked_with_the_work(staging: Staging) -> None:
    fates = {"a": [Fate(files={"a": "breaks by hand"}), Fate(files={"a": "fits"})]}
    stage = staging(item("a"), fates=fates)
    play(stage, pushes=True)
    assert stage.plot.begun == [("a", 1, 1), ("a", 2, 1)]
    assert stage.files()["a"] == "fits"
