"""Every promise can be broken: a small forgery of a good history, and it says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from banksman.core.breakpoints import BreakpointType, Resolution, Severity
from banksman.core.budget import Limits
from banksman.core.plan import PlanItem
from banksman.core.records import Attempt, BreakpointEvent, Command, JournalEntry, Run
from banksman.core.task import Instant, ProjectId, TaskId, TaskSpec, TaskStatus
from banksman.state.codec import from_plain, to_plain
from banksman.testing.promises import PROMISES, broken_promises
from banksman.testing.scenarios import Scenario
from banksman.testing.simulation import History, Simulation
from banksman.testing.world import Faults, SimProcess, SimWorktree

Forgery = Callable[[History], None]

COMMAND = Command(
    id=1,
    project_id=ProjectId(1),
    key="1",
    name="cancel",
    by="people",
    at=Instant(0),
    applied_at=Instant(1),
    answer={"task": 1, "stopping": True},
)
ATTEMPT = Attempt(
    task_id=TaskId(1), number=1, project_id=ProjectId(1), epoch=1, started_at=Instant(0)
)


def a_good_history(path: Path) -> History:
    """Return the history of two tasks, one after the other, with which all is well."""
    items = (
        PlanItem(spec=TaskSpec(key="a", title="A")),
        PlanItem(spec=TaskSpec(key="b", title="B"), needs=("a",)),
    )
    quiet = Scenario(items=items, faults=Faults(), parallel=1, whims=None)
    return Simulation(quiet, 1, path / "state.db").run()


def line(history: History, kind: str, task_id: int) -> int:
    """Return the place of a line of the journal."""
    found = (
        place
        for place, one in enumerate(history.journal)
        if (one.kind, one.task_id) == (kind, task_id)
    )
    return next(found)


def forge(history: History, place: int, change: Callable[[JournalEntry], JournalEntry]) -> None:
    """Change one line of the journal."""
    lines = list(history.journal)
    lines[place] = change(lines[place])
    history.journal = tuple(lines)


def target(history: History) -> str:
    assert history.world.target is not None
    return history.world.target


def no_end(history: History) -> None:
    history.end = None


def still_running(history: History) -> None:
    first, *rest = history.tasks
    history.tasks = (replace(first, status=TaskStatus.RUNNING), *rest)


def two_agents(history: History) -> None:
    history.world.doubled.append(1)


def three_on_one_seat(history: History) -> None:
    history.world.most_at_once = 2


def integrated_twice(history: History) -> None:
    tip = target(history)
    commit = history.world.commits[tip]
    history.world.target = history.world.commit((tip,), commit.tree, commit.message)
    history.integrated = history.world.target


def not_integrated(history: History) -> None:
    history.world.target = history.world.commits[target(history)].parents[0]
    history.integrated = history.world.target


def unknown_integration(history: History) -> None:
    history.integrated = history.world.commits[target(history)].parents[0]


def integrated_elsewhere(history: History) -> None:
    history.integrated = history.world.commit((), {}, "elsewhere")


def work_reverted(history: History) -> None:
    tip = target(history)
    tree = dict(history.world.commits[tip].tree)
    del tree["task-a"]
    history.world.target = history.world.commit((tip,), tree, "by hand")


def wrong_work(history: History) -> None:
    tip = target(history)
    tree = {**history.world.commits[tip].tree, "task-a": "wrong p1-t1-a1-n1"}
    history.world.target = history.world.commit((tip,), tree, "by hand")


def bad_work_integrated(history: History) -> None:
    """What was captured is there, but no check can have let it pass."""
    attempt = history.attempts[0]
    bad = history.world.commit((), {"task-a": "wrong p1-t1-a1-n1"}, "bad")
    history.attempts = (replace(attempt, commit=bad), *history.attempts[1:])
    wrong_work(history)


def persons_work_not_integrated(history: History) -> None:
    event = BreakpointEvent(
        id=1,
        project_id=ProjectId(1),
        task_id=TaskId(1),
        attempt=1,
        type=BreakpointType.AGENT_QUESTION,
        severity=Severity.MEDIUM,
        message="which?",
        opened_at=Instant(0),
        resolution=Resolution.EDIT,
    )
    history.breakpoints = (event,)
    history.world.by_hand[1] = "right by hand"


def agents_work_lost(history: History) -> None:
    process = next(iter(history.world.processes.values()))
    process.wrote = "right but nowhere"


def persons_work_lost(history: History) -> None:
    history.world.by_hand[1] = "right by hand"


def a_leap(history: History) -> None:
    place = line(history, "task.claimed", 2)
    forge(history, place, lambda one: replace(one, source=TaskStatus.RETRYING))


def another_end(history: History) -> None:
    place = line(history, "task.integrated", 2)
    forge(history, place, lambda one: replace(one, target=TaskStatus.FAILED))


def completed_twice(history: History) -> None:
    place = line(history, "task.claimed", 1)
    forge(history, place, lambda one: replace(one, target=TaskStatus.COMPLETED))


def an_old_writer(history: History) -> None:
    forge(history, len(history.journal) - 1, lambda one: replace(one, epoch=0))


def claimed_too_early(history: History) -> None:
    """The claim of the second task is forged to have come before the first one's end."""
    lines: list[JournalEntry] = list(history.journal)
    claim = lines.pop(line(history, "task.claimed", 2))
    history.journal = (replace(claim, seq=1), *lines)


def a_worktree_left(history: History) -> None:
    history.world.worktrees[1, 1] = SimWorktree("c0000", {})


def an_agent_left(history: History) -> None:
    history.world.processes["p1-t1-a9-n1"] = SimProcess(
        task_id=1, attempt=9, kind="right", ended=asyncio.Event()
    )


def an_attempt_without_end(history: History) -> None:
    history.attempts = (*history.attempts, replace(ATTEMPT, number=9))


def a_turn_without_end(history: History) -> None:
    history.turns = (replace(history.turns[0], ended_at=None), *history.turns[1:])


def a_command_passed_over(history: History) -> None:
    history.commands = (
        replace(COMMAND, applied_at=None, answer=None),
        replace(COMMAND, id=2, answer={"task": 1}),
    )


def a_command_without_answer(history: History) -> None:
    history.commands = (replace(COMMAND, answer=None),)


def a_stop_forgotten(history: History) -> None:
    """The task is told to be stopped, and retried in the end."""
    place = line(history, "task.integrated", 1)
    lines = list(history.journal)
    lines.insert(place, replace(lines[0], kind="command.cancel", task_id=None))
    lines[place + 1] = replace(lines[place + 1], target=TaskStatus.FAILED)
    history.journal = tuple(lines)
    history.commands = (COMMAND,)


def a_workspace_gone(history: History) -> None:
    history.world.astray.append("the workspace of a is gone")


def answered_twice(history: History) -> None:
    answer = replace(COMMAND, name="resolve", arguments={"breakpoint": 1}, answer={"task": 1})
    history.commands = (answer, replace(answer, id=2))


def a_defect(history: History) -> None:
    forge(history, 0, lambda one: replace(one, reason="internal error: KeyError('x')"))


def limited_all_along(history: History) -> None:
    """The run is told to have had one turn, and had two."""
    place = next(at for at, one in enumerate(history.journal) if one.kind == "run.begun")
    forge(history, place, lambda one: replace(one, writes=(_with_limits(one),)))


def _with_limits(entry: JournalEntry) -> dict[str, object]:
    run = replace(from_plain(Run, _row(entry)), limits=Limits(turns=1))
    return {"table": "run", "row": to_plain(run)}


def _row(entry: JournalEntry) -> Mapping[str, object]:
    row = entry.writes[0]["row"]
    return cast("Mapping[str, object]", row)


def no_run(history: History) -> None:
    kept = (one for one in history.journal if one.kind != "run.begun")
    history.journal = tuple(kept)


def told_twice(history: History) -> None:
    """What the first turn cost is recorded once more."""
    place = line(history, "turn.ended", 1)
    lines = list(history.journal)
    lines.insert(place, lines[place])
    history.journal = tuple(lines)


def told_wrongly(history: History) -> None:
    usage = history.world.processes["p1-t1-a1-n1"].usage
    history.world.processes["p1-t1-a1-n1"].usage = replace(usage, cost_microusd=1)


def not_added_up(history: History) -> None:
    history.spent = replace(history.spent, turns=3)


FORGERIES: dict[Forgery, str] = {
    no_end: "came to no end",
    still_running: "are running",
    two_agents: "two agents at once",
    three_on_one_seat: "2 agents worked on 1 seats",
    integrated_twice: "the target has commits of tasks {1: 1, 2: 2}",
    not_integrated: "the target has commits of tasks {1: 1}",
    unknown_integration: "were integrated after what is known as the last",
    integrated_elsewhere: "what was integrated last is not on the target",
    work_reverted: "the work of a is not on the target",
    wrong_work: "the work of a is not on the target",
    bad_work_integrated: "the work of a on the target is 'wrong p1-t1-a1-n1'",
    persons_work_not_integrated: "'right by hand' was taken for a, and is not on the target",
    agents_work_lost: "what the agent in p1-t1-a1-n1 did is nowhere",
    persons_work_lost: "'right by hand' is nowhere",
    a_leap: "task 2 went from retrying when it was ready",
    another_end: "the journal ends task 2 as failed, not completed",
    completed_twice: "task 1 was completed more than once",
    an_old_writer: "was written by an engine that had lost the project",
    claimed_too_early: "task 2 was claimed before task 1 was completed",
    a_worktree_left: "attempt 1 of task 1 left its worktree",
    an_agent_left: "the agent in p1-t1-a9-n1 still runs",
    an_attempt_without_end: "attempt 9 of task 1 never ended",
    a_turn_without_end: "turn 1 of attempt 1 never ended",
    a_command_passed_over: "command 1 (cancel) was passed over",
    a_command_without_answer: "command 1 (cancel) has no answer",
    a_stop_forgotten: "task 1 was to cancel, and is failed",
    a_workspace_gone: "the workspace of a is gone",
    answered_twice: "breakpoint 1 was answered 2 times",
    a_defect: "internal error",
    limited_all_along: "a turn begins, though spent is 1 of 1 turn",
    no_run: "no run goes on",
    told_twice: "what turn (1, 1, 1) cost is recorded 2 times",
    told_wrongly: "a turn of task 1 cost 1, not ",
    not_added_up: "is not what 2 turns cost",
}


def test_the_history_that_is_forged_breaks_no_promise(tmp_path: Path) -> None:
    assert broken_promises(a_good_history(tmp_path)) == ()


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_a_forgery_is_told(forgery: Forgery, tmp_path: Path) -> None:
    history = a_good_history(tmp_path)
    forgery(history)
    told = broken_promises(history)
    assert any(FORGERIES[forgery] in sentence for sentence in told), told


def test_every_promise_is_broken_by_a_forgery(tmp_path: Path) -> None:
    broken = set[str]()
    for number, forgery in enumerate(FORGERIES):
        (tmp_path / str(number)).mkdir()
        history = a_good_history(tmp_path / str(number))
        forgery(history)
        broken.update(promise.__name__ for promise in PROMISES if list(promise(history)))
    assert broken == {promise.__name__ for promise in PROMISES}
