"""A plan comes into the store whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.plan import PlanItem
from banksman.core.retry import ErrorClass
from banksman.core.task import DependencyPolicy, Gate, Task, TaskSpec, TaskStatus
from banksman.exceptions import CommandRefusedException, TaskDependencyException
from banksman.orchestration.plan_import import Imported, PlanImporter
from tests.unit.orchestration.bench import Bench

S = TaskStatus


class Planner(Bench):
    """A project that plans are read into."""

    def read(self, *items: PlanItem, prune: bool = False) -> Imported:
        importer = PlanImporter(self.state, self.flow)
        with self.state.transaction() as tx:
            return importer.import_plan(tx, self.project.id, items, prune=prune)

    def refused(
        self, *items: PlanItem, prune: bool = False, error: type[Exception]
    ) -> Exception:
        """Return why a plan is refused; nothing may be written, nor be left in memory."""
        before = self.store.tables()
        with pytest.raises(error) as refusal:
            self.read(*items, prune=prune)
        assert self.store.tables() == before
        self.scheduler.resolve_dependencies(self.project.id)
        return refusal.value

    def named(self, key: str) -> Task:
        with self.state.transaction() as tx:
            (task,) = (one for one in tx.tasks(self.project.id) if one.spec.key == key)
            return task

    def needs(self, key: str) -> list[str]:
        task = self.named(key)
        with self.state.transaction() as tx:
            return [tx.task(need).spec.key for need in task.needs]

    def statuses(self) -> dict[str, TaskStatus]:
        with self.state.transaction() as tx:
            return {task.spec.key: task.status for task in tx.tasks(self.project.id)}

    def kinds(self, since: int) -> list[str]:
        return [line.kind for line in self.journal()[since:]]


def item(
    key: str,
    *needs: str,
    title: str = "",
    retries_max: int = 3,
    gate: Gate = Gate.NONE,
    policy: DependencyPolicy = DependencyPolicy.BLOCK,
) -> PlanItem:
    return PlanItem(
        spec=TaskSpec(
            key=key,
            title=title or f"Do {key}",
            retries_max=retries_max,
            gate=gate,
            on_dependency_failure=policy,
        ),
        needs=needs,
    )


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    return Planner(tmp_path / "state.db")


def test_a_new_plan_is_added_in_any_order_and_settled(planner: Planner) -> None:
    done = planner.read(
        item("c", "a", "b"), item("b", "a"), item("a"), item("g", gate=Gate.MANUAL)
    )
    assert done == Imported(added=("a", "b", "c", "g"), changed=(), cancelled=(), kept=())
    assert planner.statuses() == {
        "a": S.READY, "b": S.PENDING, "c": S.PENDING, "g": S.BLOCKED,
    }  # fmt: skip
    created = [line for line in planner.journal() if line.kind == "task.created"]
    assert {line.actor for line in created} == {"plan"}


def test_reading_the_same_plan_again_writes_nothing(planner: Planner) -> None:
    plan = [item("a"), item("b", "a"), item("g", gate=Gate.MANUAL)]
    planner.read(*plan)
    before = planner.store.tables()
    assert planner.read(*plan) == Imported(added=(), changed=(), cancelled=(), kept=())
    assert planner.store.tables() == before


def _ready(planner: Planner) -> None:
    pass


def _blocked(planner: Planner) -> None:
    planner.block_attempt(planner.claim())


def _failed(planner: Planner) -> None:
    planner.fail(planner.claim())


def _retrying(planner: Planner) -> None:
    planner.fail(planner.claim(), ErrorClass.RATE_LIMIT)


@pytest.mark.parametrize("put", [_ready, _blocked, _failed, _retrying])
def test_a_task_that_does_not_run_is_changed_where_it_stands(
    planner: Planner, put: Callable[[Planner], None]
) -> None:
    planner.read(item("a"))
    put(planner)
    before = planner.named("a")
    done = planner.read(item("a", title="Another title"))
    assert done.changed == ("a",)
    after = planner.named("a")
    assert after == replace(before, spec=after.spec)
    assert after.spec.title == "Another title"
    last = planner.journal()[-1]
    assert (last.kind, last.actor, last.reason) == (
        "task.respecified", "plan", "the plan changed",
    )  # fmt: skip


def test_changes_to_what_runs_or_has_ended_are_refused_by_name(planner: Planner) -> None:
    planner.read(item("done"), item("runs"), item("gone"), item("waits", "done", "runs"))
    planner.complete(planner.claim())
    planner.claim()
    planner.scheduler.cancel_task(planner.named("gone").id, "no", by="ada")
    assert planner.statuses() == {
        "done": S.COMPLETED, "runs": S.RUNNING, "gone": S.CANCELLED, "waits": S.PENDING,
    }  # fmt: skip
    error = planner.refused(
        item("waits", "done", "runs", title="x"),
        item("done", title="x"),
        item("runs", "done"),
        item("gone", title="x"),
        item("new"),
        error=CommandRefusedException,
    )
    assert "tasks that run or have ended: done, runs, gone." in str(error)


def test_new_needs_of_a_task_that_is_there_make_it_wait(planner: Planner) -> None:
    planner.read(item("a"), item("b"))
    done = planner.read(item("a", "new", "b"), item("b"), item("new"))
    assert (done.added, done.changed) == (("new",), ("a",))
    assert planner.needs("a") == ["b", "new"]
    assert planner.statuses() == {"a": S.PENDING, "b": S.READY, "new": S.READY}


def test_a_delayed_retry_that_gets_a_need_waits_for_it(planner: Planner) -> None:
    planner.read(item("a"))
    _retrying(planner)
    planner.read(item("a", "new"), item("new"))
    assert planner.statuses() == {"a": S.PENDING, "new": S.READY}


def test_needs_that_go_let_a_task_go(planner: Planner) -> None:
    planner.read(item("a"), item("b", "a"))
    planner.read(item("a"), item("b"))
    assert planner.statuses() == {"a": S.READY, "b": S.READY}
    assert planner.needs("b") == []


def test_a_need_that_takes_anothers_place_never_seems_satisfied_in_between(
    planner: Planner,
) -> None:
    planner.read(item("a"), item("b"), item("c", "a", gate=Gate.MANUAL), item("d", "b"))
    since = len(planner.journal())
    planner.read(item("a"), item("b"), item("c", "b", gate=Gate.MANUAL), item("d", "a", "b"))
    assert planner.statuses()["c"] is S.PENDING
    assert planner.open_events() == (), "its gate is not asked before its time"
    assert set(planner.kinds(since)) == {"task.respecified"}


def test_an_edge_may_be_turned_round(planner: Planner) -> None:
    planner.read(item("a"), item("b", "a"), item("c", "b"))
    planner.read(item("a", "b"), item("b", "c"), item("c"))
    assert (planner.needs("a"), planner.needs("b"), planner.needs("c")) == (["b"], ["c"], [])
    assert planner.statuses() == {"a": S.PENDING, "b": S.PENDING, "c": S.READY}


def test_a_task_that_a_lost_need_has_stopped_goes_on_without_it(planner: Planner) -> None:
    planner.read(item("a", retries_max=0), item("b", "a"))
    planner.fail(planner.claim())
    assert planner.statuses()["b"] is S.BLOCKED
    planner.read(item("a", retries_max=0), item("b"))
    assert planner.statuses() == {"a": S.FAILED, "b": S.READY}
    assert planner.open_events() == ()


def test_a_task_that_may_now_run_without_its_lost_need_does(planner: Planner) -> None:
    planner.read(item("a", retries_max=0), item("b", "a"))
    planner.fail(planner.claim())
    planner.read(item("a", retries_max=0), item("b", "a", policy=DependencyPolicy.RUN))
    assert planner.statuses() == {"a": S.FAILED, "b": S.READY}


def test_a_new_task_that_needs_a_lost_one_is_stopped(planner: Planner) -> None:
    planner.read(item("a", retries_max=0))
    planner.fail(planner.claim())
    planner.read(item("a", retries_max=0), item("b", "a"))
    assert planner.statuses()["b"] is S.BLOCKED
    assert planner.only_event().tasks == (planner.named("b").id,)


def test_a_cycle_with_stored_tasks_is_refused_and_named(planner: Planner) -> None:
    planner.read(item("a"), item("b", "a"))
    error = planner.refused(
        item("a", "new"), item("b", "a"), item("new", "b"), error=TaskDependencyException
    )
    assert isinstance(error, TaskDependencyException)
    assert error.cycle == (1, 3, 2, 1)


def test_a_cycle_of_changed_tasks_is_refused(planner: Planner) -> None:
    planner.read(item("a"), item("b"), item("c"))
    planner.restart()  # A new engine has nothing in memory yet.
    planner.refused(
        item("a", "b"), item("b", "c"), item("c", "a"), error=TaskDependencyException
    )
    assert planner.needs("a") == []


def test_a_task_that_needs_itself_is_refused(planner: Planner) -> None:
    planner.read(item("a"))
    planner.refused(item("a", "a"), error=TaskDependencyException)


@pytest.mark.parametrize(
    "plan",
    [
        (item("a", "b"), item("b", "a")),
        (item("a", "a"),),
        (item("a", "nowhere"),),
    ],
)
def test_new_tasks_that_need_what_cannot_come_first_are_refused(
    planner: Planner, plan: tuple[PlanItem, ...]
) -> None:
    error = planner.refused(item("ok"), *plan, error=CommandRefusedException)
    assert "needs what is not in the plan, or waits for" in str(error)


def test_a_changed_task_that_needs_what_is_nowhere_is_refused(planner: Planner) -> None:
    planner.read(item("a"))
    error = planner.refused(item("a", "nowhere"), error=CommandRefusedException)
    assert "task 'a' needs what is not in the plan" in str(error)
    assert "nowhere" in str(error)


def test_what_is_no_longer_named_stays_unless_it_is_pruned(planner: Planner) -> None:
    planner.read(item("a"), item("b", "a"), item("c", "b"))
    planner.complete(planner.claim())
    assert planner.read(item("new")).kept == ("b", "c")
    assert planner.statuses() == {
        "a": S.COMPLETED, "b": S.READY, "c": S.PENDING, "new": S.READY,
    }  # fmt: skip
    since = len(planner.journal())
    done = planner.read(item("new"), prune=True)
    assert (done.cancelled, done.kept) == (("b", "c"), ())
    assert planner.statuses() == {
        "a": S.COMPLETED, "b": S.CANCELLED, "c": S.CANCELLED, "new": S.READY,
    }  # fmt: skip
    assert planner.named("b").reason == "no longer in the plan"
    assert planner.kinds(since) == ["task.cancelled", "task.cancelled"], "nobody is asked"


def test_pruning_takes_what_is_blocked_or_failed_too(planner: Planner) -> None:
    planner.read(item("a", retries_max=0), item("b", "a"), item("g", gate=Gate.MANUAL))
    planner.fail(planner.claim())
    planner.read(item("new"), prune=True)
    assert planner.statuses() == {
        "a": S.CANCELLED, "b": S.CANCELLED, "g": S.CANCELLED, "new": S.READY,
    }  # fmt: skip
    assert planner.open_events() == ()


def test_a_task_that_runs_is_not_pruned_but_named(planner: Planner) -> None:
    planner.read(item("a"), item("b"))
    planner.claim()
    error = planner.refused(item("b"), prune=True, error=CommandRefusedException)
    assert "--prune would cancel tasks that are running: a." in str(error)
    assert planner.read(item("b")).kept == ("a",)


def test_a_cancelled_task_stays_cancelled_when_its_plan_is_read_again(planner: Planner) -> None:
    planner.read(item("a"))
    planner.scheduler.cancel_task(planner.named("a").id, "no", by="ada")
    assert planner.read(item("a")) == Imported(added=(), changed=(), cancelled=(), kept=())
    assert planner.statuses() == {"a": S.CANCELLED}


def test_two_thousand_tasks_are_read_and_read_again_in_seconds(planner: Planner) -> None:
    def plan(title: str) -> list[PlanItem]:
        return [
            item(f"t{number}", *{f"t{number // 2}", f"t{number - 1}"}, title=title)
            for number in range(2_000, 0, -1)
        ] + [item("t0", title=title)]

    begun = time.process_time()
    assert len(planner.read(*plan("One")).added) == 2_001
    assert planner.read(*plan("One")).changed == ()
    assert len(planner.read(*plan("Another")).changed) == 2_001
    assert len(planner.read(item("new"), prune=True).cancelled) == 2_001
    # Measured at 2 s: whatever grows with the square of the plan takes a minute.
    assert time.process_time() - begun < 20
