"""What a plan means for the tasks that are there."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from banksman.core.plan import PlanItem, compare_plan
from banksman.core.task import DependencyPolicy, Gate, Instant, Task, TaskKind, TaskStatus
from tests.unit.core.plans import a_task

ENDED = {TaskStatus.COMPLETED, TaskStatus.CANCELLED}
FIXED = {*ENDED, TaskStatus.RUNNING}


def item(number: int, *needs: int) -> PlanItem:
    """Return the item that `a_task` of this number comes from."""
    return PlanItem(spec=a_task(number).spec, needs=tuple(f"t{need}" for need in needs))


def keys(items: tuple[PlanItem, ...]) -> list[str]:
    return [one.spec.key for one in items]


def ids(tasks: tuple[Task, ...]) -> list[int]:
    return [task.id for task in tasks]


def test_the_first_reading_adds_everything() -> None:
    change = compare_plan([item(1), item(2, 1)], [])
    assert keys(change.added) == ["t1", "t2"]
    assert (change.changed, change.refused, change.absent) == ((), (), ())


def test_the_same_plan_again_changes_nothing() -> None:
    tasks = [a_task(number, *needs) for number, needs in ((1, ()), (2, (1,)), (3, (1, 2)))]
    change = compare_plan([item(3, 2, 1), item(1), item(2, 1)], tasks)
    assert (change.added, change.changed, change.refused, change.absent) == ((), (), (), ())


def test_an_empty_plan_for_no_tasks_is_nothing() -> None:
    change = compare_plan([], [])
    assert (change.added, change.changed, change.refused, change.absent) == ((), (), (), ())


@pytest.mark.parametrize("status", TaskStatus)
def test_a_changed_task_is_changed_until_it_runs_or_has_ended(status: TaskStatus) -> None:
    task = a_task(1, status=status)
    wanted = PlanItem(spec=replace(task.spec, title="Another title"))
    change = compare_plan([wanted], [task])
    if status in FIXED:
        assert (change.changed, change.refused) == ((), ("t1",))
    else:
        assert (change.changed, change.refused) == (((task, wanted),), ())
    assert (change.added, change.absent) == ((), ())


@pytest.mark.parametrize("status", TaskStatus)
def test_a_task_that_is_no_longer_named_is_absent_unless_it_has_ended(
    status: TaskStatus,
) -> None:
    task = a_task(1, status=status)
    change = compare_plan([], [task])
    assert change.absent == (() if status in ENDED else (task,))
    assert (change.added, change.changed, change.refused) == ((), (), ())


@pytest.mark.parametrize(
    "other",
    [
        {"title": "x"},
        {"instructions": "x"},
        {"priority": 9},
        {"deadline": Instant(1)},
        {"estimate_min": 2.0},
        {"agent": "x"},
        {"checks": ("x",)},
        {"acceptance": ("x",)},
        {"retries_max": 0},
        {"turns_max": 1},
        {"on_dependency_failure": DependencyPolicy.RUN},
        {"touches": ("x",)},
        {"may_change": ("x",)},
        {"kind": TaskKind.DOCS},
        {"gate": Gate.MANUAL},
    ],
    ids=lambda other: next(iter(other)),
)
def test_every_word_of_a_task_counts(other: dict[str, object]) -> None:
    task = a_task(1)
    wanted = PlanItem(spec=replace(task.spec, **other))  # type: ignore[arg-type]  # one of its fields
    assert compare_plan([wanted], [task]).changed == ((task, wanted),)


@pytest.mark.parametrize("needs", [(), (1,), (1, 2, 3), (2, 3)])
def test_other_needs_are_a_change(needs: tuple[int, ...]) -> None:
    tasks = [a_task(1), a_task(2), a_task(3), a_task(4, 1, 2)]
    wanted = item(4, *needs)
    change = compare_plan([item(1), item(2), item(3), wanted], tasks)
    assert change.changed == ((tasks[3], wanted),)


def test_a_need_on_a_task_that_is_new_is_a_change() -> None:
    task = a_task(1)
    change = compare_plan([item(1, 2), item(2)], [task])
    assert keys(change.added) == ["t2"]
    assert [changed.id for changed, _ in change.changed] == [1]


def test_new_items_come_after_what_they_need_and_else_as_they_are_written() -> None:
    plan = [item(5, 4, 1), item(4, 2), item(3), item(2), item(1, 2)]
    assert keys(compare_plan(plan, []).added) == ["t2", "t4", "t1", "t5", "t3"]


def test_a_need_on_a_task_that_is_there_puts_nothing_before_it() -> None:
    change = compare_plan([item(2, 1), item(1)], [a_task(1)])
    assert keys(change.added) == ["t2"]


def test_a_plan_that_waits_for_itself_is_listed_once_and_ends() -> None:
    plan = [item(1, 1), item(2, 3), item(3, 4), item(4, 2, 9)]
    added = keys(compare_plan(plan, []).added)
    assert sorted(added) == ["t1", "t2", "t3", "t4"]


def test_the_order_is_right_for_any_plan() -> None:
    for seed in range(50):
        random = Random(seed)
        count = random.randint(1, 30)
        plan = [
            item(number, *random.sample(range(number), k=random.randint(0, min(number, 4))))
            for number in range(count)
        ]
        random.shuffle(plan)
        placed: set[str] = set()
        added = compare_plan(plan, []).added
        for one in added:
            assert placed.issuperset(one.needs)
            placed.add(one.spec.key)
        assert len(added) == count


def test_a_chain_of_thousands_written_backwards_is_ordered_without_deep_recursion() -> None:
    # Work that grew with the square of the length would not end within the test's time limit.
    plan = [item(number, number - 1) for number in range(20_000, 0, -1)] + [item(0)]
    assert keys(compare_plan(plan, []).added) == [f"t{number}" for number in range(20_001)]


def test_absent_tasks_are_listed_in_the_order_of_the_store() -> None:
    tasks = [a_task(3), a_task(1), a_task(2)]
    assert ids(compare_plan([item(1)], tasks).absent) == [3, 2]
