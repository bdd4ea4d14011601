"""What must hold after any history, whatever went wrong in it.

Each promise is a function from a history to sentences, one for each time that it is broken. A
test breaks every one of them by a small forgery: a promise that cannot fail promises nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from banksman.core.breakpoints import Resolution
from banksman.core.records import Attempt, JournalEntry, StopWhy
from banksman.core.task import DependencyPolicy, EntryStep, Task, TaskStatus
from banksman.testing.simulation import History
from banksman.testing.spending import counts_once, keeps_to_budgets
from banksman.testing.world import Tree

_GONE = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELLED, TaskStatus.FAILED})


def broken_promises(history: History) -> tuple[str, ...]:
    """Return one sentence for each promise that the history breaks; none is good."""
    return tuple(told for promise in PROMISES for told in promise(history))


def _ends(history: History) -> Iterator[str]:
    if history.end is None:
        yield f"the plan came to no end in {history.lives} lives"
    live = [task.spec.key for task in history.tasks if task.status is TaskStatus.RUNNING]
    if live:
        yield f"the run is over, but {live} are running"


def _one_agent_at_a_time(history: History) -> Iterator[str]:
    for task_id in history.world.doubled:
        yield f"task {task_id} had two agents at once"


def _not_too_many_agents(history: History) -> Iterator[str]:
    """Seats hold, as long as no engine dies: its agents work on beside the next one's."""
    if history.lives == 1 and history.world.most_at_once > history.parallel:
        yield f"{history.world.most_at_once} agents worked on {history.parallel} seats"


def _integrated_once(history: History) -> Iterator[str]:
    """The target's history has one commit for each completed task, and no other."""
    names = history.world.history(history.world.target)
    messages = (history.world.commits[name].message for name in names)
    found = Counter(task for message in messages for task in _tasks_of(message))
    completed = (task for task in history.tasks if task.status is TaskStatus.COMPLETED)
    wanted = Counter(int(task.id) for task in completed)
    # What a person threw away is gone; what is there, is there once, and rightly.
    if found - wanted or (wanted - found and not history.world.rewritten):
        there, due = (dict(sorted(one.items())) for one in (found, wanted))
        yield f"the target has commits of tasks {there}, completed are {due}"


def _tasks_of(message: str) -> list[int]:
    lines = message.splitlines()
    return [int(one.split()[1]) for one in lines if one.startswith("Banksman-Task: ")]


def _target_is_known(history: History) -> Iterator[str]:
    """What was integrated last is on the target, and is the last of what is."""
    target, world = history.world.target, history.world
    if target is None or history.integrated is None or world.rewritten:
        return
    since = [
        name for name in world.history(target) if name not in world.history(history.integrated)
    ]
    if history.integrated not in world.history(target):
        yield "what was integrated last is not on the target"
    if any(_tasks_of(world.commits[name].message) for name in since):
        yield f"{since} were integrated after what is known as the last"


def _work_is_there(history: History) -> Iterator[str]:
    """What was captured is on the target, and is right; what a person took, as it was."""
    for task, attempts in _landed(history):
        path = f"task-{task.spec.key}"
        text = _files(history).get(path, "")
        commit = attempts[0].commit
        assert commit is not None, "captured before it is integrated"
        if text != history.world.commits[commit].tree.get(path, ""):
            yield f"the work of {task.spec.key} is not on the target"
        elif not text.startswith("right") and not _was_taken(attempts[0], text):
            yield f"the work of {task.spec.key} on the target is {text!r}"


def _was_taken(last: Attempt, text: str) -> bool:
    """Return whether a person took work that is not right: any by `accept`, none by `edit`."""
    accepted = last.entry is EntryStep.INTEGRATION
    return not last.turns and (accepted or (last.entry is EntryStep.CHECKS and not text))


def _edits_are_there(history: History) -> Iterator[str]:
    """What a person edited, and what went on with it, is on the target."""
    for task, attempts in _landed(history):
        numbers = {one.number for one in attempts}
        for event in history.breakpoints:
            text = history.world.by_hand.get(event.id)
            taken = event.resolution is Resolution.EDIT and event.attempt in numbers
            if event.task_id != task.id or not taken or text is None:
                continue
            if _files(history).get(f"edit-{event.id}") != text:
                yield f"{text!r} was taken for {task.spec.key}, and is not on the target"


def _landed(history: History) -> Iterator[tuple[Task, list[Attempt]]]:
    """Yield the tasks whose work must be on the target, with the attempts that made it.

    The last attempt comes first, then the one that it goes on with, and so on.
    """
    if history.world.rewritten:
        return
    for task in history.tasks:
        if task.status is not TaskStatus.COMPLETED:
            continue
        by_number = {one.number: one for one in history.attempts if one.task_id == task.id}
        chain = [by_number[task.attempt]]
        while (earlier := chain[-1].resumes) is not None:
            chain.append(by_number[earlier])
        yield task, chain


def _files(history: History) -> Tree:
    target = history.world.target
    return history.world.commits[target].tree if target else {}


def _nothing_is_thrown_away(history: History) -> Iterator[str]:
    """Whatever an agent or a person wrote is in a commit, or in a workspace still."""
    world = history.world
    texts = {text for commit in world.commits.values() for text in commit.tree.values()}
    texts.update(text for tree in world.worktrees.values() for text in tree.files.values())
    kept = "\n".join(texts)
    for spool, process in world.processes.items():
        if process.wrote and process.wrote not in kept:
            yield f"what the agent in {spool} did is nowhere"
    for text in world.by_hand.values():
        if text not in kept:
            yield f"{text!r} is nowhere"


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
        # What a task needs now, it may not have needed when it was claimed.
        if history.world.replanned or task.spec.on_dependency_failure is DependencyPolicy.RUN:
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
    # Git may fail to remove one: then it is there to be saved and removed by the next run.
    if not history.world.faults.git:
        for task_id, number in history.world.worktrees:
            if task_id in gone:
                yield f"attempt {number} of task {task_id} left its worktree"
    for spool, process in history.world.processes.items():
        if not process.ended.is_set() and process.task_id in gone:
            yield f"the agent in {spool} still runs"


def _attempts_end(history: History) -> Iterator[str]:
    open_now = {(one.task_id, one.number) for one in history.attempts if one.ended_at is None}
    for task_id, number in open_now:
        yield f"attempt {number} of task {task_id} never ended"
    for turn in history.turns:
        if turn.ended_at is None and (turn.task_id, turn.attempt) not in open_now:
            yield f"turn {turn.number} of attempt {turn.attempt} never ended"


def _commands_are_answered(history: History) -> Iterator[str]:
    """In order, and each: only those that came at the very end may wait."""
    answered = [command.applied_at is not None for command in history.commands]
    if True in answered:
        last = len(answered) - answered[::-1].index(True)
        for command in history.commands[:last]:
            if command.applied_at is None:
                yield f"command {command.id} ({command.name}) was passed over"
    for command in history.commands:
        if command.applied_at is not None and command.answer is None and not command.error:
            yield f"command {command.id} ({command.name}) has no answer"


def _stops_are_kept(history: History) -> Iterator[str]:
    """Who is told that a task is being stopped finds it so, or integrated."""
    for wish in history.commands:
        if not (wish.answer or {}).get("stopping") or wish.applied_at is None:
            continue
        task_id = (wish.answer or {})["task"]
        cancels = wish.name == StopWhy.CANCEL
        held = {TaskStatus.CANCELLED, TaskStatus.COMPLETED}
        held |= set() if cancels else {TaskStatus.BLOCKED}
        after = _next_move(history, wish.id, task_id)
        if after is not None and after not in held:
            yield f"task {task_id} was to {wish.name}, and is {after}"


def _next_move(history: History, command_id: int, task_id: object) -> TaskStatus | None:
    """Return where a task went first after a command had been applied."""
    count = 0
    for line in history.journal:
        if line.kind.startswith("command."):
            count += 1
        elif (
            count >= _place(history, command_id)
            and line.task_id == task_id
            and line.target is not None
        ):
            return line.target
    return None


def _place(history: History, command_id: int) -> int:
    """Return how many commands had been answered by then, this one included."""
    applied = [one.id for one in history.commands if one.applied_at is not None]
    return applied.index(command_id) + 1


def _people_find_what_they_look_for(history: History) -> Iterator[str]:
    yield from history.world.astray


def _answers_are_final(history: History) -> Iterator[str]:
    granted = Counter(
        command.arguments["breakpoint"]
        for command in history.commands
        if command.name == "resolve" and command.answer is not None
    )
    for number, times in granted.items():
        if times > 1:
            yield f"breakpoint {number} was answered {times} times"


def _no_defects(history: History) -> Iterator[str]:
    for line in history.journal:
        refused = line.kind.startswith("command.")
        if not refused and any(words in line.reason for words in _DEFECTS):
            yield f"journal line {line.seq}: {line.reason}"


_DEFECTS: Final = ("internal error", "no such worktree", "cannot go from")
"""Words that no failure of the world's has."""

PROMISES: Final[tuple[Callable[[History], Iterator[str]], ...]] = (
    _ends,
    _one_agent_at_a_time,
    _not_too_many_agents,
    _integrated_once,
    _target_is_known,
    _work_is_there,
    _edits_are_there,
    _nothing_is_thrown_away,
    _transitions_follow_one_another,
    _epochs_grow,
    _dependencies_come_first,
    _nothing_is_left_behind,
    _attempts_end,
    _commands_are_answered,
    _stops_are_kept,
    _people_find_what_they_look_for,
    _answers_are_final,
    _no_defects,
    keeps_to_budgets,
    counts_once,
)
"""All promises."""
