"""What the quality controller records, finds again, and compares with the base."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from banksman.core.task import Task
from banksman.exceptions import (
    CheckException,
    ExecutorException,
    StaleWriterException,
    StoreException,
)
from banksman.orchestration.protocol import Point
from banksman.orchestration.quality_controller import TREES_MAX
from tests.unit.orchestration.quality_scene import (
    BROKE_A,
    PASSED,
    FakeCheck,
    Scene,
    attempt_of,
    by_name,
    capture,
    suite,
    syntax,
    validate,
)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path / "state.db")
    yield scene
    scene.store.close()


# --- what is recorded ----------------------------------------------------------------------


def test_every_answer_is_recorded_with_its_line_in_the_journal(scene: Scene) -> None:
    task = scene.task()
    validate(scene.controller(syntax(), suite()), task)
    lines = scene.journal()
    assert [(line.task_id, line.attempt, line.reason) for line in lines] == [
        (task.id, 1, ""),
        (task.id, 1, ""),
        (task.id, 1, "baseline"),
    ]
    with scene.state.transaction() as tx:
        (kept,) = tx.check_results(scene.project.id, "tree-base")
    assert (kept.check, kept.tree, kept.at) == ("tests", "tree-base", scene.clock.now())


def test_the_time_of_a_check_that_tells_none_is_measured(scene: Scene) -> None:
    class Slow(FakeCheck):
        async def run(self, project_id: object, subject: object) -> CheckResult:
            scene.clock.advance(1.5)
            return await super().run(project_id, subject)  # type: ignore[arg-type]  # As it came

    slow = Slow("lint", Stage.QUALITY, {"tree-work": CheckStatus.PASS})
    validate(scene.controller(slow), scene.task())
    with scene.state.transaction() as tx:
        (kept,) = tx.check_results(scene.project.id, "tree-work")
    assert kept.duration_ms == 1500


def test_what_is_recorded_is_not_asked_again_and_needs_no_checkout(scene: Scene) -> None:
    task, check, first = scene.task(), suite(), syntax()
    controller = scene.controller(first, check)
    again = [validate(controller, task), validate(controller, task)]
    assert again[0] == again[1]
    assert (check.trees, first.trees) == (["tree-work", "tree-base"], ["tree-work"])
    assert scene.checkouts.opened == ["work", "base"]


def test_after_a_crash_only_what_is_missing_runs(scene: Scene) -> None:
    task = scene.task()
    broken = suite(base=StoreException(message="the disk is full"))
    with pytest.raises(StoreException, match="the disk is full"):
        validate(scene.controller(syntax(), broken), task)
    assert scene.checkouts.open == 0
    scene.restart()
    first, check = syntax(), suite()
    report = validate(scene.controller(first, check), task)
    assert report.gate_holds
    assert (first.trees, check.trees) == ([], ["tree-base"])


@pytest.mark.parametrize("point", range(1, 4))
def test_a_crash_between_any_two_answers_loses_one_at_most(scene: Scene, point: int) -> None:
    task, passed = scene.task(), 0

    def die(at: Point) -> None:
        nonlocal passed
        passed += at is Point.CHECK_ACTED
        if passed == point:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        validate(scene.controller(syntax(), suite(), reach=die), task)
    assert len(scene.journal()) == point - 1
    scene.restart()
    assert validate(scene.controller(syntax(), suite()), task).gate_holds
    assert len(scene.journal()) == 3


@pytest.mark.parametrize("lost", ["tree-work", "tree-base"])
def test_an_answer_whose_artefact_is_lost_is_asked_again(scene: Scene, lost: str) -> None:
    task, check = scene.task(), suite()
    controller = scene.controller(check)
    validate(controller, task)
    check.lost.add(lost)
    first = check.trees.copy()
    report = validate(controller, task)
    assert check.trees == [*first, lost]
    # The fake loses it again at once, so the answer cannot be used either.
    assert report.gate_holds == (lost == "tree-base")


def test_an_artefact_that_is_lost_at_once_is_an_error(scene: Scene) -> None:
    check = suite()
    check.lost.add("tree-work")
    verdict = by_name(validate(scene.controller(check), scene.task()))["tests"]
    assert verdict.status is CheckStatus.ERROR
    assert verdict.message == "its test results were lost as soon as they were kept"


def test_an_error_is_recorded_and_never_taken_from_there(scene: Scene) -> None:
    task, check = scene.task(), suite(work=CheckStatus.ERROR)
    controller = scene.controller(check)
    assert by_name(validate(controller, task))["tests"].status is CheckStatus.ERROR
    check.answers["tree-work"] = PASSED
    assert validate(controller, task).gate_holds
    assert check.trees == ["tree-work", "tree-work", "tree-base"]


@pytest.mark.parametrize(
    "error",
    [CheckException(check="tests", message="no tool"), ExecutorException(message="no runner")],
)
def test_a_check_that_raises_is_an_error_that_is_recorded(
    scene: Scene, error: Exception
) -> None:
    report = validate(scene.controller(suite(work=error)), scene.task())
    verdict = by_name(report)["tests"]
    assert (verdict.status, verdict.message) == (CheckStatus.ERROR, str(error))
    assert len(scene.journal()) == 1


def test_an_engine_that_lost_the_project_hears_of_it(scene: Scene) -> None:
    controller, task = scene.controller(suite()), scene.task()
    other = scene.state.__class__(scene.store, scene.clock)
    other.own(scene.project.id)
    with pytest.raises(StaleWriterException):
        validate(controller, task)


def test_a_check_that_looks_at_changes_is_asked_anew_for_other_changes(scene: Scene) -> None:
    first, check = syntax(), suite()
    controller, task = scene.controller(first, check), scene.task()
    validate(controller, task, capture("work", "base", "a.py"))
    validate(controller, task, capture("work", "base", "a.py", "b.py"))
    validate(controller, task, capture("work", "base", "a.py"))
    assert first.trees == ["tree-work", "tree-work"]
    assert check.trees == ["tree-work", "tree-base"]


def test_a_failure_is_asked_again_by_the_next_attempt_and_not_by_the_same(
    scene: Scene,
) -> None:
    task, check = scene.task(), suite(work=BROKE_A)
    controller, first = scene.controller(check), attempt_of(task)
    for _ in range(2):
        assert not asyncio.run(controller.validate_output(task, first, capture())).gate_holds
    assert check.trees == ["tree-work", "tree-base"]
    # What was missing is there by now, and a person asks for the same work once more.
    check.answers["tree-work"] = PASSED
    scene.clock.advance(1)
    again = replace(attempt_of(task, 2), started_at=scene.clock.now())
    assert asyncio.run(controller.validate_output(task, again, capture())).gate_holds
    assert check.trees == ["tree-work", "tree-base", "tree-work"]


def test_what_held_and_what_failed_on_the_base_is_known_to_the_next_attempt(
    scene: Scene,
) -> None:
    task, check = scene.task(), suite(base=BROKE_A)
    controller = scene.controller(check)
    validate(controller, task)
    scene.clock.advance(1)
    again = replace(attempt_of(task, 2), started_at=scene.clock.now())
    assert asyncio.run(controller.validate_output(task, again, capture())).gate_holds
    assert check.trees == ["tree-work", "tree-base"]


def test_another_tool_is_another_question(scene: Scene) -> None:
    task, check = scene.task(), suite()
    controller = scene.controller(check)
    validate(controller, task)
    check.tool = "tool 2"
    validate(controller, task)
    assert check.trees == ["tree-work", "tree-base"] * 2


# --- the baseline --------------------------------------------------------------------------


def test_a_base_on_which_the_check_breaks_is_unknown_and_every_failure_counts(
    scene: Scene,
) -> None:
    check = suite(work=BROKE_A, base=CheckStatus.ERROR)
    verdict = by_name(validate(scene.controller(check), scene.task()))["tests"]
    assert verdict.status is CheckStatus.FAIL
    assert verdict.message == (
        "said; the baseline is unknown, so every failing test counts; 1 failing "
        "(on the base: said)"
    )


def test_a_base_that_cannot_be_set_up_is_unknown_and_says_why(scene: Scene) -> None:
    scene.checkouts.broken["base"] = "boom"
    verdict = by_name(validate(scene.controller(suite()), scene.task()))["tests"]
    assert verdict.status is CheckStatus.PASS
    assert verdict.message.endswith(
        "(on the base: the checkout could not be set up: setup failed)"
    )


def test_a_base_that_was_checked_as_work_is_known_already(scene: Scene) -> None:
    check = FakeCheck(
        "tests",
        Stage.TESTS,
        {"tree-base": PASSED, "tree-work": PASSED, "tree-next": BROKE_A},
    )
    controller, task = scene.controller(check), scene.task()
    validate(controller, task, capture("work"))
    report = validate(controller, task, capture("next", "work"))
    assert not report.gate_holds
    assert scene.checkouts.opened == ["work", "base", "next"]


def test_a_base_with_a_tree_that_is_known_is_checked_out_once_and_not_run(
    scene: Scene,
) -> None:
    check, task = suite(), scene.task()
    validate(scene.controller(check), task)
    scene.checkouts.trees["other base"] = "tree-base"
    validate(scene.controller(check), task, capture("work", "other base"))
    assert scene.checkouts.opened == ["work", "base", "other base"]
    assert check.trees == ["tree-work", "tree-base"]


def test_two_attempts_that_need_the_same_base_share_one_run(scene: Scene) -> None:
    async def both() -> list[bool]:
        check, tasks = suite(), (scene.task("a"), scene.task("b"))
        check.answers["tree-other"] = BROKE_A
        gate = check.gates["tree-base"] = asyncio.Event()
        controller = scene.controller(check, at_once=4)
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(
                    controller.validate_output(task, attempt_of(task), capture(commit))
                )
                for task, commit in zip(tasks, ("work", "other"), strict=True)
            ]
            await check.asked["tree-base"].wait()
            await check.asked["tree-other"].wait()
            await everything_else()
            gate.set()
        assert check.trees.count("tree-base") == 1
        assert scene.checkouts.opened.count("base") == 1
        return [one.result().gate_holds for one in running]

    assert asyncio.run(both()) == [True, False]


def test_whoever_waits_for_a_base_goes_on_when_the_other_is_cancelled(scene: Scene) -> None:
    async def second_only() -> bool:
        check, first, second = suite(), scene.task("a"), scene.task("b")
        check.answers["tree-other"] = PASSED
        gate = check.gates["tree-base"] = asyncio.Event()
        controller = scene.controller(check, at_once=4)
        async with asyncio.TaskGroup() as group:
            leader = group.create_task(
                controller.validate_output(first, attempt_of(first), capture("work"))
            )
            await check.asked["tree-base"].wait()
            follower = group.create_task(
                controller.validate_output(second, attempt_of(second), capture("other"))
            )
            await check.asked["tree-other"].wait()
            await everything_else()
            leader.cancel()
            await everything_else()
            gate.set()
        assert check.trees.count("tree-base") == 2
        return follower.result().gate_holds

    assert asyncio.run(second_only())
    assert scene.checkouts.open == 0


def test_the_memory_for_trees_of_commits_is_bounded(scene: Scene) -> None:
    check, task = suite(), scene.task()
    controller = scene.controller(check)
    nothing_runs = scene.task("other", checks=("missing",))
    validate(controller, task)
    for n in range(TREES_MAX):
        validate(controller, nothing_runs, capture(f"later {n}"))
    validate(controller, task)
    # The tree of `base` was forgotten; a checkout tells it again, and its answer is known.
    assert scene.checkouts.opened == ["work", "base", "base"]
    assert check.trees == ["tree-work", "tree-base"]


async def everything_else() -> None:
    """Let all others do what they can without what they wait for."""
    for _ in range(50):
        await asyncio.sleep(0)


# --- regression by hand --------------------------------------------------------------------


def results(scene: Scene, check: FakeCheck, task: Task) -> tuple[CheckResult, CheckResult]:
    validate(scene.controller(check), task)
    with scene.state.transaction() as tx:
        (base,) = tx.check_results(scene.project.id, "tree-base")
        (work,) = tx.check_results(scene.project.id, "tree-work")
    return base, work


def test_two_results_can_be_compared_test_by_test(scene: Scene) -> None:
    task, check = scene.task(), suite(work=BROKE_A)
    base, work = results(scene, check, task)
    controller = scene.controller(check)
    assert controller.check_regression(task, base, work).newly_failing == ("t::a",)
    check.lost.add("tree-base")
    assert not controller.check_regression(task, base, work).baseline_known


def test_a_comparison_without_the_works_own_tests_is_refused(scene: Scene) -> None:
    task, check = scene.task(), suite()
    base, work = results(scene, check, task)
    with pytest.raises(CheckException, match="lost"):
        scene.controller().check_regression(task, base, work)
    with pytest.raises(CheckException, match="lost"):
        scene.controller(check).check_regression(task, base, replace(work, check="other"))
    check.lost.add("tree-work")
    with pytest.raises(CheckException, match="lost"):
        scene.controller(check).check_regression(task, base, work)
