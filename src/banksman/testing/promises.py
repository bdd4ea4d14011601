"""What must hold after any history, whatever went wrong in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from banksman.core.records import JournalEntry
from banksman.core.task import DependencyPolicy, Task, TaskStatus
from banksman.testing.simulation import History
from banksman.testing.world import Tree

_GONE = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELLED, TaskStatus.FAILED})


def broken_promises(history: History) -> tuple[str, ...]:
    """Return one sentence for each promise that the history breaks; none is good."""
    return (
        *_ends(history),
        *_one_agent_at_a_time(history),
        *_integrated_once(history),
        *_work_is_there(history),
        *_transitions_follow_one_another(history),
        *_epochs_grow(history),
        *_dependencies_come_first(history),
        *_nothing_is_left_behind(history),
        *_no_defects(history),
    )


def _ends(history: History) -> Iterator[str]:
    if history.end is None:
        yield f"the plan came to no end in {history.lives} lives"
    live = [task.spec.key for task in history.tasks if task.status is TaskStatus.RUNNING]
    if live:
        yield f"the run is over, but {live} are running"


def _one_agent_at_a_time(history: History) -> Iterator[str]:
    for task_id in history.world.doubled:
        yield f"task {task_id} had two agents at once"


def _integrated_once(history: History) -> Iterator[str]:
    """The target's history has one commit for each completed task, and no other."""
    names = history.world.history(history.world.target)
    messages = (history.world.commits[name].message for name in names)
    found = Counter(_task_of(message) for message in messages if message != "base")
    wanted = Counter(task.id for task in history.tasks if task.status is TaskStatus.COMPLETED)
    if found != wanted:
        yield f"the target has commits of tasks {dict(found)}, completed are {dict(wanted)}"


def _task_of(message: str) -> int:
    (line,) = (one for one in message.splitlines() if one.startswith("Banksman-Task: "))
    return int(line.split()[1])


def _work_is_there(history: History) -> Iterator[str]:
    target = history.world.target
    files: Tree = history.world.commits[target].tree if target else {}
    for task in history.tasks:
        missing = f"task-{task.spec.key}" not in files
        # A person may accept or edit work that its agent never did; then it was not asked.
        if (
            missing
            and task.status is TaskStatus.COMPLETED
            and not _was_overruled(history, task)
        ):
            yield f"the work of {task.spec.key} is not on the target"


def _was_overruled(history: History, task: Task) -> bool:
    return any(
        line.kind == "breakpoint.resolved" and line.task_id == task.id
        for line in history.journal
    )


def _transitions_follow_one_another(history: History) -> Iterator[str]:
    for task in history.tasks:
        moves = [line for line in history.journal if _moves(line, task)]
        for before, after in pairwise(moves):
            if before.target is not after.source:
                yield f"task {task.id} went from {after.source} when it was {before.target}"
        if moves and moves[-1].target is not task.status:
            yield f"the journal ends task {task.id} as {moves[-1].target}, not {task.status}"
        if sum(line.target is TaskStatus.COMPLETED for line in moves) > 1:
            yield f"task {task.id} was completed more than once"


def _moves(line: JournalEntry, task: Task) -> bool:
    return line.task_id == task.id and line.target is not None


def _epochs_grow(history: History) -> Iterator[str]:
    for before, after in pairwise(history.journal):
        if after.epoch < before.epoch:
            yield f"journal line {after.seq} was written by an engine that had lost the project"


def _dependencies_come_first(history: History) -> Iterator[str]:
    completed = {
        line.task_id: line.seq
        for line in history.journal
        if line.target is TaskStatus.COMPLETED
    }
    for task in history.tasks:
        if task.spec.on_dependency_failure is DependencyPolicy.RUN:
            continue
        claimed = [
            line.seq
            for line in history.journal
            if _moves(line, task) and line.target is TaskStatus.RUNNING
        ]
        for need in task.needs:
            if claimed and completed.get(need, claimed[0] + 1) > claimed[0]:
                yield f"task {task.id} was claimed before task {need} was completed"


def _nothing_is_left_behind(history: History) -> Iterator[str]:
    gone = {task.id for task in history.tasks if task.status in _GONE}
    for task_id, number in history.world.worktrees:
        if task_id in gone:
            yield f"attempt {number} of task {task_id} left its worktree"
    for spool, process in history.world.processes.items():
        if not process.ended.is_set() and process.task_id in gone:
            yield f"the agent in {spool} still runs"


def _no_defects(history: History) -> Iterator[str]:
    for line in history.journal:
        if "internal error" in line.reason:
            yield f"journal line {line.seq}: {line.reason}"
