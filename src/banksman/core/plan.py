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
    waiting = {item.spec.key: item for item in items}
    ordered: list[PlanItem] = []
    for item in items:
        stack = [item]
        while stack:
            top = stack[-1]
            missing = [
                waiting[key] for key in top.needs if key in waiting and key != top.spec.key
            ]
            # A cycle is refused when the plan is read; here it must only not loop for ever.
            fresh = [one for one in missing if one not in stack]
            if fresh:
                stack.append(fresh[0])
                continue
            stack.pop()
            if waiting.pop(top.spec.key, None) is not None:
                ordered.append(top)
    return tuple(ordered)
