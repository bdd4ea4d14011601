"""A plan read again: what it adds, what it changes, and what it may not change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from banksman.core.task import Task, TaskId, TaskSpec, TaskStatus


@dataclass(frozen=True, kw_only=True)
class PlanItem:
    """One task of a plan, with the keys of the tasks it needs."""

    spec: TaskSpec
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlanChange:
    """What a plan means for the tasks that are there.

    Attributes:
        added: Items without a task, in an order in which each comes after what it needs.
        changed: Tasks whose item differs, with that item.
        refused: Keys of running or ended tasks whose item differs.
        absent: Tasks that have not ended and are not in the plan.
    """

    added: tuple[PlanItem, ...]
    changed: tuple[tuple[Task, PlanItem], ...]
    refused: tuple[str, ...]
    absent: tuple[Task, ...]


_FIXED = frozenset({TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.CANCELLED})
_ENDED = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELLED})


def compare_plan(items: Iterable[PlanItem], tasks: Iterable[Task]) -> PlanChange:
    """Return what the plan means for the tasks; keys match them."""
    by_key = {task.spec.key: task for task in tasks}
    keys = {task.id: task.spec.key for task in by_key.values()}
    wanted = {item.spec.key: item for item in items}
    differing = [
        (by_key[key], item)
        for key, item in wanted.items()
        if key in by_key and _differs(by_key[key], item, keys)
    ]
    return PlanChange(
        added=_in_order([item for key, item in wanted.items() if key not in by_key]),
        changed=tuple(pair for pair in differing if pair[0].status not in _FIXED),
        refused=tuple(task.spec.key for task, _ in differing if task.status in _FIXED),
        absent=tuple(
            task
            for key, task in by_key.items()
            if key not in wanted and task.status not in _ENDED
        ),
    )


def _differs(task: Task, item: PlanItem, keys: Mapping[TaskId, str]) -> bool:
    return task.spec != item.spec or {keys[need] for need in task.needs} != set(item.needs)


def _in_order(items: list[PlanItem]) -> tuple[PlanItem, ...]:
    """Return new items after the new items they need (depth first, without recursion)."""
    new = {item.spec.key: item for item in items}
    entered: set[str] = set()
    ordered: list[PlanItem] = []
    for item in items:
        stack = [] if item.spec.key in entered else [(item, iter(item.needs))]
        entered.add(item.spec.key)
        while stack:
            top, needs = stack[-1]
            # What was entered stands in `ordered`, or below in the stack: then it is a cycle,
            # which is refused when the plan is read, and must only not be walked for ever.
            ahead = next((key for key in needs if key in new and key not in entered), None)
            if ahead is None:
                ordered.append(top)
                stack.pop()
            else:
                entered.add(ahead)
                stack.append((new[ahead], iter(new[ahead].needs)))
    return tuple(ordered)
