"""Accepted work comes onto the target branch: checked where it comes to lie, and once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution
from banksman.core.task import TaskStatus
from banksman.orchestration.engine import RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.testing.sim_agent import Fate
from banksman.testing.sim_workspaces import SimWorkspaces, tree_name
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Stage, Staging, Trusting

S = TaskStatus


def play(
    stage: Stage, during: Callable[[], Awaitable[None]], *, end: RunEnd = RunEnd.COMPLETED
) -> None:
    """Run the plan to this end, and do something meanwhile."""

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            await during()
        assert run.result() is end

    stage.play(scene)


def begun(stage: Stage, turns: int) -> Callable[[], bool]:
    """Return a question whether so many turns have begun."""
    return lambda: len(stage.plot.begun) == turns


def checks_of(stage: Stage, files: dict[str, str]) -> int:
    """Return how often a content was checked."""
    with stage.store.transaction() as tx:
        return len(tx.check_results(stage.project_id, tree_name(files)))


def test_work_on_the_tip_that_it_started_from_is_not_checked_twice(staging: Staging) -> None:
    stage = staging(item("a"))
    assert stage.run_plan() is RunEnd.COMPLETED
    checked = [line for line in stage.journal() if line.kind == "check.recorded"]
    assert len(checked) == 2, "the work, and its base"


def test_work_is_checked_again_on_a_tip_that_has_moved(staging: Staging) -> None:
    stage = staging(item("a"))
    stage.workspaces = Trusting

    async def during() -> None:
        await stage.until(stage.works("a"))
        stage.push({"by hand": "fine"})

    play(stage, during)
    assert dict(stage.files()).keys() == {"README", "by hand", "task-a"}
    assert checks_of(stage, dict(stage.files())) == 1
    assert stage.plot.begun == [("a", 1, 1)]


def test_work_that_breaks_what_came_onto_the_tip_is_sent_back_there(staging: Staging) -> None:
    stage = staging(
        item("a"),
        fates={"a": [Fate(files={"a": "breaks by hand"}), Fate(files={"a": "fits"})]},
    )
    stage.workspaces = Trusting

    async def during() -> None:
        await stage.until(stage.works("a"))
        stage.push({"by hand": "fine"})
        await stage.until(lambda: len(stage.plot.begun) == 2)
        task = stage.task("a")
        worktree = stage.world.worktrees[task.id, 1]
        assert worktree.base == stage.world.target, "its next turn begins where it has to fit"
        assert worktree.files["by hand"] == "fine"
        assert worktree.files["a"] == "breaks by hand", "with its work laid onto it"

    play(stage, during)
    assert stage.plot.begun == [("a", 1, 1), ("a", 1, 2)]
    assert stage.files()["a"] == "fits"
    assert "is not accepted" in stage.turns("a")[1].prompt


def test_work_that_fails_on_a_moved_tip_with_nothing_left_is_asked_about(
    staging: Staging,
) -> None:
    stage = staging(
        item("a", turns_max=1, retries_max=0),
        fates={"a": [Fate(files={"a": "breaks by hand"})]},
        rules=RunRules(parallel=1, wait=False),
    )
    stage.workspaces = Trusting

    async def during() -> None:
        await stage.until(stage.works("a"))
        stage.push({"by hand": "fine"})

    play(stage, during, end=RunEnd.WAITING)
    assert stage.event().type is BreakpointType.BREAKING_TEST_FAILURE
    assert stage.integrated() == []


def test_two_that_are_ready_at_once_are_integrated_one_after_the_other(
    staging: Staging,
) -> None:
    stage = staging(item("a"), item("b"), rules=RunRules(parallel=2), pace=4)
    assert stage.run_plan() is RunEnd.COMPLETED
    assert sorted(stage.integrated()) == ["Do a", "Do b"]
    intended = [line for line in stage.journal() if line.kind == "integration.intended"]
    assert len(intended) == 2, "nobody's combination was made for nothing"


def test_a_swap_that_somebody_forestalled_is_tried_again_on_the_new_tip(
    staging: Staging,
) -> None:
    stage = staging(item("a"))

    class Forestalled(Trusting):
        """Somebody pushes in the instant before the first swap."""

        async def publish(self, expected: str, new: str) -> bool:
            if "by hand" not in stage.files():
                stage.push({"by hand": "fine"})
            return await super().publish(expected, new)

    stage.workspaces = Forestalled
    assert stage.run_plan() is RunEnd.COMPLETED
    assert set(stage.files()) == {"README", "by hand", "task-a"}
    assert stage.integrated() == ["Do a"]
    (attempt,) = stage.attempts("a")
    assert attempt.new == stage.world.target
    assert len(attempt.superseded) == 1


def test_the_first_conflict_is_one_more_turn_on_the_new_tip(staging: Staging) -> None:
    stage = staging(
        item("a", shared=True),
        item("b", shared=True, turns_max=1),
        fates={"b": [Fate(after_s=100), Fate(after_s=10)]},
        rules=RunRules(parallel=2),
    )

    async def during() -> None:
        await stage.until(lambda: len(stage.plot.begun) == 3)
        worktree = stage.world.worktrees[stage.task("b").id, 1]
        assert worktree.base == stage.world.target
        assert "task-b" not in worktree.files, "without its work, which is saved"

    play(stage, during)
    assert stage.plot.begun == [("a", 1, 1), ("b", 1, 1), ("b", 1, 2)]
    assert stage.integrated() == ["Do a", "Do b"]
    second = stage.turns("b")[1].prompt
    assert "> shared" in second
    assert "your work conflicts" in second
    assert stage.attempts("b")[0].conflicts == 1
    saved = stage.world.commits[stage.world.refs[f"saved/{stage.task('b').id}/1"]].tree
    assert "task-b" in saved


def test_the_second_conflict_asks_a_person(staging: Staging) -> None:
    stage = staging(item("a", shared=True), fates={"a": [Fate(), Fate(), Fate()]})
    stage.workspaces = Trusting

    async def during() -> None:
        for number in (1, 2):
            await stage.until(begun(stage, number))
            stage.push({"shared": f"by hand {number}"})
        await stage.until(stage.stands("a", S.BLOCKED))
        event = stage.event()
        assert (event.type, event.details) == (BreakpointType.MERGE_CONFLICT, ("shared",))
        assert stage.world.worktrees[stage.task("a").id, 1].base == stage.world.target
        await stage.resolve(event, Resolution.RETRY)

    play(stage, during)
    assert stage.plot.begun == [("a", 1, 1), ("a", 1, 2), ("a", 2, 1)]
    assert stage.integrated() == ["Do a"]


def test_what_a_person_resolved_in_the_workspace_is_integrated(staging: Staging) -> None:
    stage = staging(item("a", shared=True), item("b"))
    stage.workspaces = Trusting

    async def during() -> None:
        for number in (1, 2):
            await stage.until(begun(stage, number))
            stage.push({"shared": f"by hand {number}"})
        await stage.until(stage.stands("a", S.BLOCKED))
        found = stage.world.worktrees[stage.task("a").id, 1].files
        assert found["task-a"] == "right p1-t1-a1-n2", "the work is laid on the tip"
        found["shared"] = "both"
        await stage.resolve(stage.event(), Resolution.EDIT)

    stage.items = (item("a", shared=True),)
    play(stage, during)
    assert stage.files()["shared"] == "both"
    assert stage.files()["task-a"] == "right p1-t1-a1-n2"
    assert stage.plot.begun == [("a", 1, 1), ("a", 1, 2)]


def test_accepted_work_is_not_asked_again_on_a_moved_tip(staging: Staging) -> None:
    stage = staging(item("a", turns_max=1, retries_max=0), fates={"a": [Fate(kind="wrong")]})
    stage.workspaces = Trusting

    async def during() -> None:
        await stage.until(stage.stands("a", S.BLOCKED))
        stage.push({"by hand": "fine"})
        await stage.resolve(stage.event(), Resolution.ACCEPT)

    play(stage, during)
    assert stage.plot.begun == [("a", 1, 1)]
    assert set(stage.files()) == {"README", "by hand", "task-a"}
    assert checks_of(stage, dict(stage.files())) == 0


def test_what_was_integrated_last_is_not_set_back_by_an_older_integration(
    staging: Staging,
) -> None:
    stage = staging(
        item("a"), item("b"), fates={"b": [Fate(after_s=70)]}, rules=RunRules(parallel=2)
    )

    class SlowToTurnBack(SimWorkspaces):
        """Takes long to find out whether what is cancelled is on the target."""

        asked = False

        async def tip(self) -> str | None:
            if stage.attempts("a")[0].stop and not self.asked:
                self.asked = True
                await asyncio.sleep(300)
            return await super().tip()

    stage.workspaces = SlowToTurnBack
    # `a` is published by an engine that dies before it can record that, and cancelled then.
    stage.crash_at = Point.INTEGRATE_ACTED

    async def scene() -> None:
        hand = stage.hand()
        await stage.dies(stage.engine(hand=hand), hand)
        assert stage.integrated() == ["Do a"]
        stage.submit("cancel", task="a")
        assert await stage.next_engine().run() is RunEnd.COMPLETED

    stage.play(scene)
    assert stage.integrated() == ["Do a", "Do b"]
    completed = [line.task_id for line in stage.journal() if line.kind == "task.integrated"]
    assert completed[0] == stage.task("b").id, "found out last"
    assert stage.project().integrated == stage.world.target


@pytest.mark.parametrize("pace", [1, 2, 3])
def test_many_who_change_the_same_file_all_come_onto_the_target(
    staging: Staging, pace: int
) -> None:
    tasks = [item(f"t{number}", shared=True) for number in range(4)]
    stage = staging(*tasks, rules=RunRules(parallel=4), pace=pace)

    async def during() -> None:
        while True:
            await stage.until(lambda: bool(stage.events()) or not stage.world.owner)
            if not stage.events() or all(
                task.status is S.COMPLETED for task in stage.tasks().values()
            ):
                return
            event = stage.events()[0]
            await stage.resolve(event, Resolution.RETRY, "Again.")

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(stage.engine().run())
            answers = group.create_task(during())
            assert await run is RunEnd.COMPLETED
            answers.cancel()

    stage.play(scene)
    assert sorted(stage.integrated()) == [f"Do t{number}" for number in range(4)]
    assert {f"task-t{number}" for number in range(4)} <= set(stage.files())
