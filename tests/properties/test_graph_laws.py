"""Laws of the graph, against a model that is slow and plain."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from banksman.core.critical_path import CriticalPaths
from banksman.core.cycles import find_deadlock
from banksman.core.graph import DependencyGraph
from banksman.core.task import TaskId
from banksman.exceptions import TaskDependencyException

IDS: Final = st.integers(1, 8).map(TaskId)
SETS: Final = st.frozensets(IDS, max_size=4)
PLANS: Final = st.dictionaries(IDS, SETS, max_size=8)

Plan = dict[TaskId, set[TaskId]]


def reachable(plan: Plan, start: TaskId) -> set[TaskId]:
    """Return what a task depends on, directly or not."""
    found: set[TaskId] = set()
    ahead = list(plan[start])
    while ahead:
        task = ahead.pop()
        if task not in found:
            found.add(task)
            ahead.extend(plan[task])
    return found


def in_cycles(plan: Plan) -> set[TaskId]:
    return {task for task in plan if task in reachable(plan, task)}


def longest(plan: Plan, weights: dict[TaskId, float], task: TaskId) -> float:
    """Return the remaining critical path of a task of a plan without cycles."""
    if weights[task] == 0:
        return 0.0
    dependents = [each for each in plan if task in plan[each]]
    return weights[task] + max(
        (longest(plan, weights, each) for each in dependents), default=0.0
    )


class GraphLife(RuleBasedStateMachine):
    """Edges come and go; what the graph refuses leaves no trace."""

    def __init__(self) -> None:
        super().__init__()
        self.plan: Plan = {}
        self.weights: dict[TaskId, float] = {}
        self.graph = DependencyGraph()
        self.paths = CriticalPaths(self.graph)

    @initialize(plan=PLANS)
    def a_plan_is_stored(self, plan: dict[TaskId, frozenset[TaskId]]) -> None:
        self.plan = {task: set(needs) & plan.keys() for task, needs in plan.items()}
        self.graph = DependencyGraph.of(plan)
        self.paths = CriticalPaths(self.graph)
        for task in self.plan:
            self.weighed(task, 1.0)

    @rule(task=IDS, needs=SETS)
    def a_task_is_added(self, task: TaskId, needs: frozenset[TaskId]) -> None:
        if task in self.plan:
            return
        lawful = needs <= self.plan.keys()  # Which the task itself is not part of.
        assert self.takes(lambda: self.graph.add(task, needs)) is lawful
        if lawful:
            self.plan[task] = set(needs)
            self.weighed(task, 1.0)

    @rule(task=IDS, needs=SETS)
    def edges_are_added(self, task: TaskId, needs: frozenset[TaskId]) -> None:
        if task not in self.plan:
            return
        closes = any(
            need == task or need not in self.plan or task in reachable(self.plan, need)
            for need in needs
        )
        assert self.takes(lambda: self.graph.connect(task, needs)) is not closes
        if not closes:
            self.plan[task] |= needs
            self.paths.edges_changed(self.plan)

    @rule(task=IDS, needs=SETS)
    def edges_go(self, task: TaskId, needs: frozenset[TaskId]) -> None:
        if task in self.plan:
            self.graph.disconnect(task, needs)
            self.plan[task] -= needs
            self.paths.edges_changed(self.plan)

    @rule(task=IDS, weight=st.sampled_from([0.0, 0.5, 1.0, 8.0]))
    def an_estimate_changes(self, task: TaskId, weight: float) -> None:
        if task in self.plan:
            self.weighed(task, weight)

    def weighed(self, task: TaskId, weight: float) -> None:
        self.weights[task] = weight
        self.paths.weigh(task, weight)

    def takes(self, change: Callable[[], None]) -> bool:
        try:
            change()
        except TaskDependencyException as error:
            self.the_cycle_is_a_walk(error)
            return False
        return True

    def the_cycle_is_a_walk(self, error: TaskDependencyException) -> None:
        """Its first step is the edge that was refused, every other one is there."""
        steps = list(pairwise(error.cycle))
        if steps:
            assert error.cycle[0] == error.cycle[-1] == error.task_id
            assert error.cycle[1] == error.depends_on
            for task, need in steps[1:]:
                assert need in self.plan[TaskId(task)]

    @invariant()
    def it_has_the_edges_of_the_model_and_no_others(self) -> None:
        for task, needs in self.plan.items():
            assert self.graph.needs(task) == needs
            assert self.graph.dependents(task) == {
                each for each in self.plan if task in self.plan[each]
            }

    @invariant()
    def every_rank_is_above_those_of_the_needs(self) -> None:
        assert len({self.graph.rank(task) for task in self.plan}) == len(self.plan)
        for task, needs in self.plan.items():
            for need in needs:
                loose = self.graph.is_loose(task, need)
                assert loose or self.graph.rank(need) < self.graph.rank(task)
                assert loose == (task == need or task in reachable(self.plan, need))

    @invariant()
    def it_knows_its_cycles(self) -> None:
        tied = in_cycles(self.plan)
        assert self.graph.tangled == bool(tied)
        deadlock = find_deadlock(self.plan)
        behind = {task for task in self.plan if reachable(self.plan, task) & tied} - tied
        assert (deadlock.tasks if deadlock else set()) == tied | behind
        assert (set(deadlock.behind) if deadlock else set()) == behind
        for cycle in deadlock.cycles if deadlock else ():
            assert cycle[0] == cycle[-1]
            assert all(need in self.plan[task] for task, need in pairwise(cycle))

    @invariant()
    def kahns_order_has_all_that_can_have_one(self) -> None:
        order = self.graph.kahn_order()
        deadlock = find_deadlock(self.plan)
        assert set(order) == self.plan.keys() - (deadlock.tasks if deadlock else set())
        for place, task in enumerate(order):
            assert self.plan[task] <= set(order[:place])
            # Nobody who could have come earlier has a lower id.
            free = {each for each in order[place:] if self.plan[each] <= set(order[:place])}
            assert task == min(free)

    @invariant()
    def critical_paths_are_those_of_the_model(self) -> None:
        self.paths.refresh()
        if not self.graph.tangled:
            for task in self.plan:
                assert self.paths.minutes(task) == longest(self.plan, self.weights, task)


TestGraphLife = GraphLife.TestCase


@given(plan=PLANS)
def test_changes_are_worked_off_as_if_all_were_new(
    plan: dict[TaskId, frozenset[TaskId]],
) -> None:
    graph = DependencyGraph()
    gradual = CriticalPaths(graph)
    added: Plan = {}
    for task, needs in plan.items():
        with suppress(TaskDependencyException):
            graph.add(task, needs)
            added[task] = set(needs)
            gradual.weigh(task, float(task))
            gradual.refresh()
    whole = CriticalPaths(DependencyGraph.of(added))
    for task in added:
        whole.weigh(task, float(task))
    whole.refresh()
    assert [gradual.minutes(task) for task in added] == [whole.minutes(task) for task in added]
