"""The dependency graph: what it refuses, which order it keeps."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from banksman.core.cycles import Deadlock, find_deadlock, knots
from banksman.core.graph import DependencyGraph
from banksman.core.task import TaskId
from banksman.exceptions import TaskDependencyException
from tests.unit.core.plans import ids

DEEP = 100_000


def tid(number: int) -> TaskId:
    return TaskId(number)


def graph_of(needs: dict[int, Iterable[int]]) -> DependencyGraph:
    return DependencyGraph.of({tid(task): ids(wanted) for task, wanted in needs.items()})


def chain(length: int) -> DependencyGraph:
    return graph_of({task: [task - 1] if task > 1 else [] for task in range(1, length + 1)})


def test_kahns_order_puts_every_task_after_its_needs_and_low_ids_first() -> None:
    graph = graph_of({1: [3, 4], 2: [], 3: [2], 4: [2], 5: []})
    assert graph.kahn_order() == ids([2, 3, 4, 1, 5])


def test_a_task_that_is_unknown_is_refused() -> None:
    graph = graph_of({1: []})
    with pytest.raises(TaskDependencyException, match="1 cannot depend on task 9: there is no"):
        graph.connect(tid(1), ids([9]))


def test_a_new_task_that_needs_an_unknown_one_is_not_added() -> None:
    graph = graph_of({1: []})
    with pytest.raises(TaskDependencyException, match="no such task"):
        graph.add(tid(2), ids([1, 9]))
    assert not graph.dependents(tid(1))
    assert graph.kahn_order() == ids([1])


def test_a_task_cannot_wait_for_itself() -> None:
    graph = graph_of({1: []})
    with pytest.raises(TaskDependencyException, match="cannot wait for itself"):
        graph.connect(tid(1), ids([1]))


def test_a_cycle_is_named_as_it_is_walked() -> None:
    graph = graph_of({1: [], 2: [1], 3: [2], 4: [3]})
    with pytest.raises(TaskDependencyException) as refused:
        graph.connect(tid(1), ids([4]))
    assert refused.value.cycle == ids([1, 4, 3, 2, 1])
    assert str(refused.value) == (
        "task 1 cannot depend on task 4: that closes a cycle: 1 -> 4 -> 3 -> 2 -> 1"
    )


def test_of_several_cycles_the_shortest_is_named() -> None:
    graph = graph_of({1: [], 2: [1], 3: [2], 4: [3, 1]})
    with pytest.raises(TaskDependencyException) as refused:
        graph.refuse(tid(1), ids([4]))
    assert refused.value.cycle == ids([1, 4, 1])


def test_a_refused_set_of_edges_leaves_no_trace_of_any_of_them() -> None:
    graph = graph_of({1: [], 2: [1], 3: []})
    with pytest.raises(TaskDependencyException):
        graph.connect(tid(1), ids([3, 2]))
    assert not graph.needs(tid(1))
    assert not graph.dependents(tid(3))


def test_edges_that_go_make_room_for_others() -> None:
    graph = graph_of({1: [], 2: [1]})
    graph.disconnect(tid(2), ids([1, 9]))
    graph.connect(tid(1), ids([2]))
    assert graph.kahn_order() == ids([2, 1])
    assert graph.rank(tid(2)) < graph.rank(tid(1))


def test_an_edge_that_is_there_already_changes_nothing() -> None:
    graph = graph_of({1: [], 2: [1]})
    graph.connect(tid(2), ids([1]))
    assert graph.needs(tid(2)) == {1}
    assert graph.kahn_order() == ids([1, 2])


def test_stored_cycles_load_and_everybody_else_keeps_an_order() -> None:
    graph = graph_of({1: [2], 2: [1], 3: [2], 4: [], 5: [4]})
    assert graph.tangled
    assert graph.kahn_order() == ids([4, 5])
    assert graph.rank(tid(2)) < graph.rank(tid(3))
    assert graph.is_loose(tid(1), tid(2))
    assert not graph.is_loose(tid(3), tid(2))


def test_a_stored_edge_to_nowhere_is_no_edge() -> None:
    graph = graph_of({1: [9]})
    assert not graph.tangled
    assert graph.kahn_order() == ids([1])


def test_beside_a_stored_cycle_a_new_one_through_its_edges_is_refused() -> None:
    # 1 and 2 wait for each other, 3 waits for 1: with 2 -> 3 the new cycle needs the edge from
    # 1 to 2, which is part of no order.
    graph = graph_of({1: [2], 2: [1], 3: [1]})
    with pytest.raises(TaskDependencyException) as refused:
        graph.connect(tid(2), ids([3]))
    assert refused.value.cycle == ids([2, 3, 1, 2])


def test_beside_a_stored_cycle_lawful_edges_are_taken() -> None:
    graph = graph_of({1: [2], 2: [1], 3: [], 4: [3]})
    graph.connect(tid(3), ids([1]))
    assert graph.rank(tid(1)) < graph.rank(tid(3)) < graph.rank(tid(4))


def test_a_cycle_that_is_cut_comes_back_into_the_order() -> None:
    graph = graph_of({1: [2], 2: [3], 3: [1]})
    graph.disconnect(tid(3), ids([1]))
    assert not graph.tangled
    assert graph.kahn_order() == ids([3, 2, 1])


def test_deep_chains_do_not_meet_the_recursion_limit() -> None:
    graph = chain(DEEP)
    with pytest.raises(TaskDependencyException) as refused:
        graph.connect(tid(1), ids([DEEP]))
    assert len(refused.value.cycle) == DEEP + 1
    assert graph.kahn_order()[-1] == DEEP


def test_a_deep_stored_cycle_is_found() -> None:
    around = {tid(task): ids([task % DEEP + 1]) for task in range(1, DEEP + 1)}
    deadlock = find_deadlock(around)
    assert deadlock is not None
    assert len(deadlock.cycles[0]) == DEEP + 1
    assert deadlock.behind == ()


def test_a_chain_repaired_from_its_far_end_stays_in_order() -> None:
    graph = graph_of({task: [] for task in range(1, 51)})
    for task in range(1, 50):
        graph.connect(tid(task), ids([task + 1]))
    ranks = [graph.rank(tid(task)) for task in range(1, 51)]
    assert ranks == sorted(ranks, reverse=True)


def test_adding_a_task_twice_is_a_defect() -> None:
    graph = graph_of({1: []})
    with pytest.raises(AssertionError, match="once"):
        graph.add(tid(1))


def test_there_is_no_deadlock_without_a_cycle() -> None:
    assert find_deadlock({tid(1): [], tid(2): ids([1])}) is None


def test_a_deadlock_names_each_knot_once_and_who_is_behind() -> None:
    needs = {1: [2], 2: [1], 3: [2], 4: [4], 5: [], 6: [5], 7: [8, 9], 8: [7], 9: [8]}
    deadlock = find_deadlock({tid(task): ids(wanted) for task, wanted in needs.items()})
    assert deadlock == Deadlock(
        cycles=(ids([1, 2, 1]), ids([4, 4]), ids([7, 8, 7])),
        behind=ids([3]),
        tasks=frozenset(ids([1, 2, 3, 4, 7, 8, 9])),
    )


def test_two_knots_of_which_one_waits_for_the_other_are_two() -> None:
    needs = {1: [2], 2: [1, 3], 3: [4], 4: [3]}
    found = knots({tid(task): ids(wanted) for task, wanted in needs.items()})
    assert set(found) == {frozenset(ids([1, 2])), frozenset(ids([3, 4]))}
