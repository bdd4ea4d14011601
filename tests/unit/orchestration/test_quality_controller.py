"""The quality controller: stages, baselines, what is recorded, and what a crash leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.quality import CheckStatus, QualityReport, Stage
from banksman.core.records import CheckResult
from banksman.core.task import Task
from banksman.exceptions import (
    CheckException,
    ExecutorException,
    StaleWriterException,
    StoreException,
)
from banksman.orchestration.protocol import Point
from banksman.orchestration.quality_controller import TREES_MAX, QualityController
from banksman.ports import Capture
from tests.unit.orchestration.quality_scene import (
    Answer,
    FakeCheck,
    Scene,
    attempt_of,
    by_name,
    capture,
    statuses,
)

PASSED = {"t::a": "passed", "t::b": "passed"}
BROKE_A = {"t::a": "failed", "t::b": "passed"}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path / "state.db")
    yield scene
    scene.store.close()


def syntax(status: CheckStatus = CheckStatus.PASS) -> FakeCheck:
    return FakeCheck("syntax", Stage.SYNTAX, {"tree-work": status})


def suite(work: Answer = PASSED, base: Answer = PASSED) -> FakeCheck:
    return FakeCheck("tests", Stage.TESTS, {"tree-work": work, "tree-base": base})


def validate(
    controller: QualityController, task: Task, captured: Capture | None = None
) -> QualityReport:
    made = captured or capture()
    return asyncio.run(controller.validate_output(task, attempt_of(task), made))


# --- the gate ------------------------------------------------------------------------------


def test_work_that_passes_all_checks_passes_the_gate(scene: Scene) -> None:
    controller = scene.controller(suite(), syntax())
    report = validate(controller, scene.task())
    assert statuses(report.verdicts) == [("syntax", "pass"), ("tests", "pass")]
    assert report.score == 1.0
    assert controller.enforce_quality_gate(report)


def test_a_test_that_passed_on_the_base_and_fails_now_fails_the_gate(scene: Scene) -> None:
    controller = scene.controller(suite(work=BROKE_A))
    report = validate(controller, scene.task())
    assert not controller.enforce_quality_gate(report)
    verdict = by_name(report)["tests"]
    assert verdict.comparison is not None
    assert verdict.comparison.newly_failing == ("t::a",)
    assert (verdict.counts.passed, verdict.counts.failed) == (1, 1)
    assert report.feedback == (
        "tests (tests): said; 1 failing that did not before",
        "- t::a fails: assert 1 == 2",
    )


def test_a_test_that_failed_on_the_base_too_is_a_warning(scene: Scene) -> None:
    report = validate(scene.controller(suite(work=BROKE_A, base=BROKE_A)), scene.task())
    assert statuses(report.verdicts) == [("tests", "warn")]
    assert report.gate_holds


def test_a_test_that_is_gone_fails_unless_the_task_may_change_its_file(scene: Scene) -> None:
    def check() -> FakeCheck:
        return suite(work={"t::a": "passed"})

    assert not validate(scene.controller(check()), scene.task("strict")).gate_holds
    lenient = scene.task("lenient", may_change=("t.py",))
    assert validate(scene.controller(check()), lenient).gate_holds


# --- stages --------------------------------------------------------------------------------


def test_a_failed_stage_ends_the_examination_and_says_so(scene: Scene) -> None:
    behind = suite()
    report = validate(scene.controller(syntax(CheckStatus.FAIL), behind), scene.task())
    assert statuses(report.verdicts) == [("syntax", "fail"), ("tests", "skipped")]
    assert not by_name(report)["tests"].asked
    assert behind.trees == []


def test_a_check_that_is_not_required_stops_nothing(scene: Scene) -> None:
    optional = syntax(CheckStatus.FAIL)
    optional.required = False
    report = validate(scene.controller(optional, suite()), scene.task())
    assert statuses(report.verdicts) == [("syntax", "fail"), ("tests", "pass")]


def test_stages_run_in_their_order_and_the_checks_of_one_side_by_side(scene: Scene) -> None:
    order: list[str] = []

    class Noting(FakeCheck):
        async def run(self, project_id: object, subject: object) -> CheckResult:
            order.append(self.name)
            await asyncio.sleep(0)
            order.append(f"/{self.name}")
            return await super().run(project_id, subject)  # type: ignore[arg-type]  # As it came

    def lint(name: str, stage: Stage) -> FakeCheck:
        return Noting(name, stage, {"tree-work": CheckStatus.PASS})

    checks = [lint("b", Stage.QUALITY), lint("c", Stage.QUALITY), lint("a", Stage.REQUIREMENTS)]
    validate(scene.controller(*checks), scene.task())
    assert order[:2] == ["a", "/a"]
    assert set(order[2:4]) == {"b", "c"}


def test_no_more_checks_run_at_once_than_may(scene: Scene) -> None:
    async def most(at_once: int) -> int:
        lint = FakeCheck(
            "lint", Stage.QUALITY, {f"tree-{n}": CheckStatus.PASS for n in range(6)}
        )
        controller = scene.controller(lint, at_once=at_once)
        task = scene.task(f"bound {at_once}")
        lint.tool = f"tool for {at_once}"
        async with asyncio.TaskGroup() as group:
            for n in range(6):
                group.create_task(
                    controller.validate_output(task, attempt_of(task), capture(str(n)))
                )
        return lint.most_running

    assert asyncio.run(most(1)) == 1
    assert asyncio.run(most(3)) == 3


# --- which checks --------------------------------------------------------------------------


def test_a_task_that_names_checks_is_asked_those_and_all_must_hold(scene: Scene) -> None:
    optional, other = syntax(CheckStatus.FAIL), suite()
    optional.required = False
    report = validate(scene.controller(optional, other), scene.task(checks=("syntax",)))
    assert statuses(report.verdicts) == [("syntax", "fail")]
    assert report.problems[0] == "the required check 'syntax' (syntax) failed"
    assert other.trees == []


def test_a_check_that_nobody_configured_breaks_the_gate_and_nothing_else_runs(
    scene: Scene,
) -> None:
    known = suite()
    report = validate(scene.controller(known), scene.task(checks=("tests", "lint")))
    assert statuses(report.verdicts) == [("lint", "error"), ("tests", "skipped")]
    assert not report.gate_holds
    assert known.trees == []


def test_a_gate_without_checks_does_not_hold(scene: Scene) -> None:
    assert not validate(scene.controller(), scene.task()).gate_holds


# --- the checkout --------------------------------------------------------------------------


def test_all_checks_of_an_attempt_share_one_checkout_that_is_closed(scene: Scene) -> None:
    lint = FakeCheck("lint", Stage.QUALITY, {"tree-work": CheckStatus.PASS})
    first = syntax()
    validate(scene.controller(first, lint), scene.task(), capture("work", "base", "a.py"))
    assert scene.checkouts.opened == ["work"]
    assert scene.checkouts.open == 0
    assert first.subjects[0].checkout is lint.subjects[0].checkout
    assert [one.path for one in first.subjects[0].changes] == ["a.py"]


def test_a_checkout_that_cannot_be_set_up_is_an_error_with_what_was_printed(
    scene: Scene,
) -> None:
    scene.checkouts.broken["work"] = "installing\n\x1b[31mno such package\n"
    report = validate(scene.controller(syntax(), suite()), scene.task())
    verdict = by_name(report)["syntax"]
    assert verdict.status is CheckStatus.ERROR
    assert verdict.message == "the checkout could not be set up: setup failed"
    assert verdict.details == ("installing", "[31mno such package")
    assert scene.journal() == []


def test_each_run_has_a_spool_of_its_own_also_after_a_restart(scene: Scene) -> None:
    spools: list[str] = []
    for _ in range(2):
        check = suite(work=CheckStatus.ERROR, base=CheckStatus.ERROR)
        controller = scene.controller(check)
        task = scene.task(f"t{len(spools)}")
        validate(controller, task)
        validate(controller, task)
        spools += [one.spool for one in check.subjects]
        scene.restart()
    assert len(set(spools)) == len(spools) == 4


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
