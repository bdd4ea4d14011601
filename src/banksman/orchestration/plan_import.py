"""A plan into the store: new tasks, changed ones, and the ones it no longer names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from banksman.core.plan import PlanChange, PlanItem, compare_plan
from banksman.core.task import ProjectId, Task, TaskId, TaskStatus
from banksman.exceptions import CommandRefusedException
from banksman.orchestration.task_flow import TaskFlow
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What reading a plan did, by task key."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    cancelled: tuple[str, ...]
    kept: tuple[str, ...]


class PlanImporter:
    """Matches a plan with the stored tasks by key, all or nothing."""

    def __init__(self, state: StateManager, flow: TaskFlow) -> None:
        self._state = state
        self._flow = flow

    def import_plan(
        self,
        tx: Transaction,
        project_id: ProjectId,
        items: Iterable[PlanItem],
        *,
        prune: bool = False,
    ) -> Imported:
        """Return what was done.

        Raises:
            CommandRefusedException: The plan changes tasks that run or have ended.
            TaskDependencyException: With the tasks that are there, the plan has a cycle.
        """
        change = compare_plan(items, tx.tasks(project_id))
        _refuse(change, prune=prune)
        ids = {task.spec.key: task.id for task in tx.tasks(project_id)}
        for item in change.added:
            needs = [ids[key] for key in item.needs]
            task = self._state.create_task(
                project_id, item.spec, needs=needs, tx=tx, actor="plan"
            )
            ids[item.spec.key] = task.id
        for task, item in change.changed:
            self._change(tx, task, item, {ids[key] for key in item.needs})
        cancelled = change.absent if prune else ()
        for task in cancelled:
            self._flow.cancel(tx, task.id, "no longer in the plan", "plan")
        self._flow.settle(tx, project_id)
        return Imported(
            added=_keys(item.spec.key for item in change.added),
            changed=_keys(task.spec.key for task, _ in change.changed),
            cancelled=_keys(task.spec.key for task in cancelled),
            kept=_keys(task.spec.key for task in change.absent if not prune),
        )

    def _change(  # noqa: PLR0917 - which task, to what
        self, tx: Transaction, task: Task, item: PlanItem, needs: set[TaskId]
    ) -> None:
        kept = tuple(need for need in task.needs if need in needs)
        respecified = replace(task, spec=item.spec, needs=kept)
        self._state.respecify(tx, respecified, reason="the plan changed", actor="plan")
        new = tuple(sorted(needs.difference(task.needs)))
        if new:
            self._flow.add_dependency(tx, task.id, new)


def _refuse(change: PlanChange, *, prune: bool) -> None:
    running = [task.spec.key for task in change.absent if task.status is TaskStatus.RUNNING]
    if change.refused:
        raise CommandRefusedException(
            message=f"the plan changes tasks that run or have ended: {_list(change.refused)}.",
            hint="Give the new work a key of its own, or undo the change.",
        )
    if prune and running:
        raise CommandRefusedException(
            message=f"--prune would cancel tasks that are running: {_list(running)}.",
            hint="Cancel them first with `banksman task cancel`.",
        )


def _list(keys: Iterable[str]) -> str:
    return ", ".join(keys)


def _keys(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(keys)
