"""The quality controller: stages, baselines, what is recorded, and what a crash leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from tests.unit.orchestration.quality_scene import (
    BROKE_A,
    FakeCheck,
    Scene,
    attempt_of,
    by_name,
    capture,
    statuses,
    suite,
    syntax,
    validate,
)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path / "state.db")
    yield scene
    scene.store.close()


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
