"""The remaining critical path."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from banksman.core.critical_path import CriticalPaths
from banksman.core.graph import DependencyGraph
from banksman.core.task import TaskId
from tests.unit.core.plans import ids

DIAMOND = {1: [], 2: [1], 3: [1], 4: [2, 3]}


def paths_of(needs: dict[int, list[int]], minutes: dict[int, float]) -> CriticalPaths:
    graph = DependencyGraph.of({TaskId(task): ids(wanted) for task, wanted in needs.items()})
    paths = CriticalPaths(graph)
    for task, estimate in minutes.items():
        paths.weigh(TaskId(task), estimate)
    return paths


def minutes_of(paths: CriticalPaths, *tasks: int) -> list[float]:
    return [paths.minutes(TaskId(task)) for task in tasks]


def test_the_longer_way_to_the_end_counts() -> None:
    paths = paths_of(DIAMOND, {1: 1.0, 2: 5.0, 3: 2.0, 4: 3.0})
    assert paths.refresh() == {1, 2, 3, 4}
    assert minutes_of(paths, 1, 2, 3, 4) == [9.0, 8.0, 5.0, 3.0]


def test_before_the_first_refresh_nothing_is_known() -> None:
    assert minutes_of(paths_of({1: []}, {1: 2.0}), 1) == [0.0]


def test_a_finished_task_has_no_path_and_changes_no_other() -> None:
    paths = paths_of(DIAMOND, {1: 1.0, 2: 5.0, 3: 2.0, 4: 3.0})
    paths.refresh()
    paths.weigh(TaskId(1), 0.0)
    assert paths.refresh() == {1}
    assert minutes_of(paths, 1, 2) == [0.0, 8.0]


def test_a_dependent_that_is_cancelled_shortens_the_paths_before_it() -> None:
    paths = paths_of(DIAMOND, {1: 1.0, 2: 5.0, 3: 2.0, 4: 3.0})
    paths.refresh()
    paths.weigh(TaskId(2), 0.0)
    assert paths.refresh() == {1, 2}
    assert minutes_of(paths, 1, 2) == [6.0, 0.0]


def test_what_does_not_change_the_maximum_goes_no_further() -> None:
    paths = paths_of(DIAMOND, {1: 1.0, 2: 5.0, 3: 2.0, 4: 3.0})
    paths.refresh()
    paths.weigh(TaskId(3), 1.0)
    assert paths.refresh() == {3}


def test_without_a_change_nothing_is_computed() -> None:
    paths = paths_of(DIAMOND, dict.fromkeys(DIAMOND, 1.0))
    paths.refresh()
    paths.weigh(TaskId(1), 1.0)
    assert paths.refresh() == frozenset()


class CountingGraph(DependencyGraph):
    """Counts how often it is asked who depends on a task."""

    asked = 0

    def dependents(self, task: TaskId) -> AbstractSet[TaskId]:
        self.asked += 1
        return super().dependents(task)


def test_what_was_worked_off_is_not_worked_off_again() -> None:
    graph = CountingGraph()
    paths = CriticalPaths(graph)
    for number in range(1, 101):
        graph.add(TaskId(number), ids([number - 1] if number > 1 else []))
        paths.weigh(TaskId(number), 1.0)
    paths.refresh()
    assert graph.asked == 100, "once for each, though each lengthens all paths before it"
    paths.weigh(TaskId(1), 0.0)
    paths.refresh()
    paths.refresh()
    assert graph.asked == 100, "what is finished depends on nothing that comes later"


def test_a_cycle_adds_nothing_to_itself() -> None:
    paths = paths_of({1: [2], 2: [1], 3: [1]}, {1: 1.0, 2: 2.0, 3: 4.0})
    paths.refresh()
    assert minutes_of(paths, 1, 2, 3) == [5.0, 2.0, 4.0]
