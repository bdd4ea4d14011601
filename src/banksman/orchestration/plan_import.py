"""A plan into the store: new tasks, changed ones, and the ones it no longer names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
            CommandRefusedException: The plan changes tasks that run or have ended, or needs
                tasks that are not there.
            TaskDependencyException: With the tasks that are there, the plan has a cycle.
        """
        tasks = tx.tasks(project_id)
        change = compare_plan(items, tasks)
        _refuse(change, prune=prune)
        ids = {task.spec.key: task.id for task in tasks}
        for item in change.added:
            task = self._state.create_task(
                project_id, item.spec, needs=_ids(item, ids), tx=tx, actor="plan"
            )
            ids[item.spec.key] = task.id
        wanted = {task.id: _ids(item, ids) for task, item in change.changed}
        # First all edges that go: a new one may close a cycle only with one of them.
        kept = [
            self._lessened(tx, task, item, wanted[task.id]) for task, item in change.changed
        ]
        for task in kept:
            self._widen(tx, task, wanted[task.id])
        cancelled = change.absent if prune else ()
        # Dependents are younger as a rule: cancelled first, they are not stopped before.
        for task in reversed(cancelled):
            self._flow.cancel(tx, task.id, "no longer in the plan", "plan")
        self._flow.settle(tx, project_id)
        return Imported(
            added=_keys(item.spec.key for item in change.added),
            changed=_keys(task.spec.key for task, _ in change.changed),
            cancelled=_keys(task.spec.key for task in cancelled),
            kept=_keys(task.spec.key for task in change.absent if not prune),
        )

    def _lessened(  # noqa: PLR0917 - which task, to what
        self, tx: Transaction, task: Task, item: PlanItem, needs: Collection[TaskId]
    ) -> Task:
        """Return the task as the plan has it, but for the needs that are new."""
        kept = tuple(need for need in task.needs if need in needs)
        respecified = replace(task, spec=item.spec, needs=kept)
        return self._state.respecify(tx, respecified, reason="the plan changed", actor="plan")

    def _widen(self, tx: Transaction, task: Task, needs: Collection[TaskId]) -> None:
        new = sorted(set(needs).difference(task.needs))
        if not new:
            return
        # Nothing is settled in between: a task that loses one need and gains another must not
        # seem free to start, nor its gate be asked.
        self._flow.board(task.project_id, tx).graph.refuse(task.id, new)
        wider = replace(task, needs=tuple(sorted({*task.needs, *new})))
        self._state.respecify(tx, wider, reason="a dependency was added", actor="plan")


def _ids(item: PlanItem, known: Mapping[str, TaskId]) -> tuple[TaskId, ...]:
    """Return the tasks that an item needs, all of which are to be known by now."""
    missing = [key for key in item.needs if key not in known]
    if missing:
        raise CommandRefusedException(
            message=f"task {item.spec.key!r} needs what is not in the plan, or waits for "
            f"{item.spec.key!r} in turn: {_list(missing)}.",
            hint="Add the missing task, or take the need away.",
        )
    return tuple(known[key] for key in item.needs)


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
