"""The scheduler's named methods, cycles in stored data, and threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core import task as task_module
from banksman.core.stall import StallKind
from banksman.core.task import ProjectId, Task, TaskId, TaskSpec, TaskStatus
from banksman.exceptions import RecordNotFoundException, TaskDependencyException
from banksman.orchestration import task_scheduler
from banksman.orchestration.task_scheduler import TaskScheduler
from tests.unit.orchestration.bench import Bench

_S = TaskStatus


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "state.db")
    yield bench
    bench.store.close()


def store_a_cycle(bench: Bench, *tasks: Task) -> None:
    """Make each task wait for the next, as imported data may have it."""
    bench.restart()  # Without a board in memory nobody looks at the edges.
    with bench.state.transaction() as tx:
        for task, need in zip(tasks, (*tasks[1:], tasks[0]), strict=True):
            tied = replace(tx.task(task.id), needs=(need.id,))
            bench.state.respecify(tx, tied, reason="imported")


def test_it_has_every_method_and_alias_that_the_system_names() -> None:
    methods = (
        "schedule_task get_next_task resolve_dependencies mark_complete mark_failed retry_task "
        "cancel_task get_ready_tasks get_blocked_tasks detect_deadlock get_task_status"
    )
    assert all(callable(getattr(TaskScheduler, name)) for name in methods.split())
    for status in TaskStatus:
        assert getattr(task_scheduler, f"STATE_{status.name}") is status
        assert f"STATE_{status.name}" in task_scheduler.__all__
    assert task_scheduler.STATE_READY is task_module.STATE_READY


def test_a_scheduled_task_is_ready_or_waits(bench: Bench) -> None:
    first = bench.add("first")
    spec = TaskSpec(key="second", title="Second")
    second = bench.scheduler.schedule_task(
        bench.project.id, spec, metadata={"dependencies": f"{first.id}", "owner": "ada"}
    )
    assert (first.status, second.status) == (_S.READY, _S.PENDING)
    assert second.metadata == {"dependencies": f"{first.id}", "owner": "ada"}


@pytest.mark.parametrize("dependencies", ["99", "1, x"])
def test_a_task_with_dependencies_that_are_none_is_not_scheduled(
    bench: Bench, dependencies: str
) -> None:
    with pytest.raises(TaskDependencyException):
        bench.scheduler.schedule_task(
            bench.project.id,
            TaskSpec(key="k", title="t"),
            metadata={"dependencies": dependencies},
        )
    assert bench.scheduler.resolve_dependencies(bench.project.id) == ()


def test_tasks_are_claimed_in_the_order_in_which_they_are_listed(bench: Bench) -> None:
    for number in range(1, 8):
        bench.add(f"t{number}", priority=1 + number * 3 % 10)
    listed = bench.scheduler.get_ready_tasks(bench.project.id)
    claimed = [bench.claim().id for _ in listed]
    assert claimed == [task.id for task in listed]
    assert [task.spec.priority for task in listed] == sorted(
        (task.spec.priority for task in listed), reverse=True
    )


def test_a_paused_project_lists_what_it_does_not_give_away(bench: Bench) -> None:
    task = bench.add("a")
    bench.pause(paused=True)
    assert bench.scheduler.get_ready_tasks(bench.project.id) == (task,)


def test_blocked_tasks_are_listed_by_id(bench: Bench) -> None:
    tasks = [bench.add(f"t{number}") for number in range(3)]
    for task in reversed(tasks):
        with bench.state.transaction() as tx:
            bench.flow.block(tx, task.id, "wait")
    blocked = bench.scheduler.get_blocked_tasks(bench.project.id)
    assert [task.id for task in blocked] == [task.id for task in tasks]


def test_dependencies_resolve_to_kahns_order(bench: Bench) -> None:
    first, second = bench.add("first"), bench.add("second")
    third = bench.add("third", first)
    bench.need(first, second)
    order = bench.scheduler.resolve_dependencies(bench.project.id)
    assert [task.id for task in order] == [second.id, first.id, third.id]


def test_a_stored_cycle_blocks_its_own_tasks_and_those_behind_it_only(bench: Bench) -> None:
    one, two = bench.add("one"), bench.add("two")
    behind, free = bench.add("behind", two), bench.add("free")
    store_a_cycle(bench, one, two)
    bench.restart()
    deadlock = bench.scheduler.detect_deadlock(bench.project.id)
    assert deadlock is not None
    assert deadlock.cycles == ((one.id, two.id, one.id),)
    assert deadlock.behind == (behind.id,)
    bench.finish(free)
    assert bench.scheduler.get_next_task(bench.project.id) is None
    # They were ready before the edges came; nobody may be left ready with an open dependency.
    assert bench.status(one, two, behind) == [_S.PENDING] * 3
    with pytest.raises(TaskDependencyException, match=f"{one.id} -> {two.id} -> {one.id}"):
        bench.scheduler.resolve_dependencies(bench.project.id)
    (cause,) = bench.scheduler.stalled(bench.project.id)
    assert cause.kind is StallKind.CYCLE


def test_cancelling_a_task_of_a_stored_cycle_lets_a_person_decide_on_the_rest(
    bench: Bench,
) -> None:
    one, two = bench.add("one"), bench.add("two")
    store_a_cycle(bench, one, two)
    bench.scheduler.cancel_task(one.id, "the import was wrong", by="ada")
    assert bench.scheduler.detect_deadlock(bench.project.id) is None
    assert bench.status(two) == [_S.BLOCKED]


def test_an_edge_that_closes_a_cycle_behind_the_flows_back_is_refused_by_the_board(
    bench: Bench,
) -> None:
    one = bench.add("one")
    two = bench.add("two", one)

    def tie() -> None:
        with bench.state.transaction() as tx:
            bench.state.respecify(tx, replace(one, needs=(two.id,)), reason="careless")

    with pytest.raises(TaskDependencyException, match="closes a cycle"):
        tie()
    assert bench.task(one).needs == ()
    assert bench.claim().id == one.id


def test_a_plan_that_waits_for_a_person_is_stalled_and_says_for_what(bench: Bench) -> None:
    task = bench.add("a")
    assert bench.scheduler.stalled(bench.project.id) == ()
    bench.block_attempt(bench.claim())
    (cause,) = bench.scheduler.stalled(bench.project.id)
    assert (cause.kind, cause.tasks, cause.reason) == (
        StallKind.BLOCKED,
        (task.id,),
        "look at this",
    )


def test_projects_have_queues_of_their_own(bench: Bench) -> None:
    bench.add("mine")
    other = bench.state.create_project("other", base="main", target="t")
    assert bench.scheduler.get_next_task(other.id) is None
    theirs = bench.scheduler.schedule_task(other.id, TaskSpec(key="theirs", title="T"))
    claimed = bench.scheduler.get_next_task(other.id)
    assert claimed is not None
    assert claimed.id == theirs.id
    assert bench.claim().spec.key == "mine"


def test_what_does_not_exist_is_named(bench: Bench) -> None:
    with pytest.raises(RecordNotFoundException):
        bench.scheduler.get_task_status(TaskId(99))
    with pytest.raises(RecordNotFoundException):
        bench.scheduler.get_next_task(ProjectId(99))


def test_steps_of_one_transaction_stand_and_fall_together(bench: Bench) -> None:
    task = bench.add("a")

    def claim_complete_and_fail() -> None:
        with bench.state.transaction() as tx:
            claimed = bench.scheduler.get_next_task(bench.project.id, tx=tx)
            assert claimed is not None
            bench.scheduler.mark_complete(claimed.id, attempt=1, commit="c0ffee", tx=tx)
            assert bench.scheduler.get_task_status(task.id, tx=tx) is _S.COMPLETED
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        claim_complete_and_fail()
    assert bench.status(task) == [_S.READY]


def test_threads_that_claim_at_once_never_get_the_same_task(bench: Bench) -> None:
    tasks = [bench.add(f"t{number}", priority=1 + number % 10) for number in range(40)]

    def claim_all() -> list[TaskId]:
        mine: list[TaskId] = []
        while (task := bench.scheduler.get_next_task(bench.project.id)) is not None:
            mine.append(task.id)
            bench.scheduler.get_ready_tasks(bench.project.id)
        return mine

    with ThreadPoolExecutor(max_workers=6) as pool:
        shares = [pool.submit(claim_all) for _ in range(6)]
        claimed = [task_id for share in shares for task_id in share.result()]
    assert sorted(claimed) == [task.id for task in tasks]
    assert {bench.task(task).attempt for task in tasks} == {1}


def test_threads_that_finish_tasks_at_once_promote_each_dependent_once(bench: Bench) -> None:
    roots = [bench.add(f"root{number}", priority=9) for number in range(6)]
    last = bench.add("last", *roots)
    running = [bench.claim() for _ in roots]
    with ThreadPoolExecutor(max_workers=6) as pool:
        done = [pool.submit(bench.complete, task) for task in running]
        assert {share.result().status for share in done} == {_S.COMPLETED}
    assert bench.claim().id == last.id
    promoted = [e for e in bench.journal() if e.task_id == last.id and e.target is _S.READY]
    assert len(promoted) == 1
