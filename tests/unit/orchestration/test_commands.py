"""What people wish for: done and answered, or refused with a sentence and nothing written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from banksman.core.breakpoints import BreakpointType
from banksman.core.budget import Limits
from banksman.core.records import Attempt, Command, StopWhy
from banksman.core.task import DependencyPolicy, Gate, ProjectId, Task, TaskSpec, TaskStatus
from banksman.exceptions import RecordNotFoundException, StaleWriterException, StoreException
from banksman.orchestration.commands import (
    CleanTask,
    StopAttempt,
    find_task,
)
from banksman.state.codec import to_plain
from banksman.state.state_manager import StateManager
from tests.unit.orchestration.counter import Counter

S = TaskStatus
SPEC = to_plain(TaskSpec(key="new", title="Something new"))


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path / "state.db")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Counter:
    """Return a counter with a gated task, for many refusals: each is seen to change nothing."""
    counter = Counter(tmp_path_factory.mktemp("refusing") / "state.db")
    counter.add("t", gate=Gate.MANUAL)
    return counter


@pytest.mark.parametrize("status", [s for s in S if s not in {S.COMPLETED, S.CANCELLED}])
def test_what_has_not_ended_is_cancelled_by_key_and_tidied_up(
    counter: Counter, status: TaskStatus
) -> None:
    task = counter.in_status(status)
    command, effects = counter.wish("cancel", task=task.spec.key, reason="no longer wanted")
    assert command.answer is not None
    if status is S.RUNNING:
        assert command.answer["stopping"] is True
        assert effects == (StopAttempt(task_id=task.id),)
        attempt = counter.attempt(task, 1)
        assert (attempt.stop, attempt.stop_by) == (StopWhy.CANCEL, "ada")
        assert attempt.stop_reason == "no longer wanted"
        assert counter.status(task) == [S.RUNNING], "until its processes have ended"
        assert counter.journal()[-2].kind == "stop.intended"
        assert counter.journal()[-2].actor == "ada"
    else:
        assert command.answer["status"] == "cancelled"
        assert effects == (CleanTask(task_id=task.id),)
        assert counter.task(task).reason == "no longer wanted"
        assert counter.status(task) == [S.CANCELLED]


@pytest.mark.parametrize("status", [S.COMPLETED, S.CANCELLED])
def test_what_has_ended_is_not_cancelled(counter: Counter, status: TaskStatus) -> None:
    task = counter.in_status(status)
    told = counter.refused("cancel", task=task.spec.key)
    assert f"task '{task.spec.key}' ({task.id}) cannot go from {status}" in told


@pytest.mark.parametrize("status", [S.PENDING, S.READY, S.RETRYING])
def test_a_task_that_does_not_run_is_blocked_at_once(
    counter: Counter, status: TaskStatus
) -> None:
    task = counter.in_status(status)
    answer = counter.granted("block", task=task.id, reason="let me look first")
    assert answer["status"] == "blocked"
    event = counter.only_event()
    assert (event.type, event.message) == (BreakpointType.MANUAL, "let me look first")


def test_a_running_task_is_blocked_once_it_has_stopped(counter: Counter) -> None:
    task = counter.in_status(S.RUNNING)
    command, effects = counter.wish("block", task="t")
    assert command.answer == {"task": 1, "key": "t", "status": "running", "stopping": True}
    assert effects == (StopAttempt(task_id=task.id),)
    attempt = counter.attempt(task, 1)
    assert (attempt.stop, attempt.stop_reason) == (StopWhy.BLOCK, "stopped by ada")
    assert counter.open_events() == ()


@pytest.mark.parametrize("status", [S.BLOCKED, S.COMPLETED, S.FAILED, S.CANCELLED])
def test_what_stands_still_is_not_blocked(counter: Counter, status: TaskStatus) -> None:
    task = counter.in_status(status)
    assert f"cannot go from {status}" in counter.refused("block", task=task.spec.key)


def intend(counter: Counter, task: Task, why: StopWhy) -> None:
    with counter.state.transaction() as tx:
        row = replace(
            tx.attempt(task.id, 1), stop=why, stop_reason="it was asked", stop_by="eve"
        )
        counter.state.record(tx, "stop.intended", row)


@pytest.mark.parametrize(
    ("first", "then", "holds"),
    [
        (StopWhy.BLOCK, "cancel", (StopWhy.CANCEL, "ada")),
        (StopWhy.SHUTDOWN, "cancel", (StopWhy.CANCEL, "ada")),
        (StopWhy.CANCEL, "cancel", (StopWhy.CANCEL, "ada")),
        (StopWhy.CANCEL, "block", (StopWhy.CANCEL, "eve")),
        (StopWhy.SHUTDOWN, "block", (StopWhy.BLOCK, "ada")),
        (StopWhy.BLOCK, "block", (StopWhy.BLOCK, "ada")),
    ],
)
def test_of_two_wishes_to_stop_a_cancel_holds_and_else_the_later_one(
    counter: Counter, first: StopWhy, then: str, holds: tuple[StopWhy, str]
) -> None:
    task = counter.in_status(S.RUNNING)
    intend(counter, task, first)
    _, effects = counter.wish(then, task="t")
    assert effects == (StopAttempt(task_id=task.id),)
    attempt = counter.attempt(task, 1)
    assert (attempt.stop, attempt.stop_by) == holds


def test_a_failed_task_is_granted_one_more_attempt_with_words(counter: Counter) -> None:
    task = counter.in_status(S.FAILED)
    assert counter.granted("retry", task="t", guidance="look again")["status"] == "retrying"
    again = counter.claim()
    assert (again.id, again.guidance, again.retries_left) == (task.id, "look again", 0)


@pytest.mark.parametrize("status", [s for s in S if s is not S.FAILED])
def test_only_what_has_failed_is_tried_again(counter: Counter, status: TaskStatus) -> None:
    task = counter.in_status(status)
    assert f"cannot go from {status}" in counter.refused("retry", task=task.spec.key)


@pytest.mark.parametrize("name", ["cancel", "block", "retry"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"task": "tt"}, "there is no task 'tt'. Did you mean 't'?"),
        ({"task": 99}, "there is no task '99'."),
        ({"task": "x\n\x1b[31my"}, "there is no task 'x\\ny'."),
        ({"task": 10**40}, "there is no task"),
        ({}, "there is no task ''."),
        ({"task": None}, "there is no task ''."),
        ({"task": True}, "task must be a text, not True."),
        ({"task": 1.5}, "task must be a text, not 1.5."),
        ({"task": ["t"]}, "task must be a text, not ['t']."),
        ({"task": {"key": "t"}}, "task must be a text, not {'key': 't'}."),
        ({"task": "x" * 70_000}, "task has 70,000 characters, and may have 65,536."),
    ],
)
def test_a_task_that_is_not_there_is_named(
    refusing: Counter, name: str, arguments: dict[str, object], told: str
) -> None:
    assert told in refusing.refused(name, **arguments)


@pytest.mark.parametrize("reason", [["x"], {"a": 1}, False, 1.5, "x" * 70_000])
def test_words_are_a_text_of_bounded_length(refusing: Counter, reason: object) -> None:
    assert "reason" in refusing.refused("cancel", task="t", reason=reason)


def test_words_are_kept_without_what_a_terminal_would_obey(counter: Counter) -> None:
    task = counter.add("t")
    counter.granted("cancel", task="t", reason=" \x1b[2Jno\x00 more\n")
    assert counter.task(task).reason == "no more"


def test_a_key_goes_before_a_number(counter: Counter) -> None:
    first, second = counter.add("2"), counter.add("t")
    with counter.state.transaction() as tx:
        assert find_task(tx, counter.project.id, "2").id == first.id
        assert find_task(tx, counter.project.id, "1").id == first.id
        assert find_task(tx, counter.project.id, "t").id == second.id
        with pytest.raises(RecordNotFoundException, match=r"no task '3'\.$"):
            find_task(tx, counter.project.id, "3")


def test_the_project_is_paused_and_resumed(counter: Counter) -> None:
    counter.add("t")
    assert counter.granted("pause") == {"project": "demo", "paused": True}
    assert counter.scheduler.get_next_task(counter.project.id) is None
    assert counter.granted("pause") == {"project": "demo", "paused": True}
    assert counter.granted("resume") == {"project": "demo", "paused": False}
    assert counter.claim().spec.key == "t"


@pytest.mark.parametrize("name", ["", "destroy", "__init__", "_cancel", "x" * 500])
def test_a_command_that_nobody_knows_is_answered(refusing: Counter, name: str) -> None:
    told = refusing.refused(name)
    assert told.startswith("no command is named ")
    assert "There are: cancel, retry, resolve, block, pause, resume, stop, add." in told
    assert len(told) < 500


def test_a_task_is_added_with_what_it_needs(counter: Counter) -> None:
    first, second = counter.add("a"), counter.add("b")
    spec = TaskSpec(
        key="new.1",
        title="Something new",
        instructions="Do it.\n",
        priority=9,
        checks=("tests",),
        on_dependency_failure=DependencyPolicy.RUN,
        gate=Gate.MANUAL,
        limits=Limits(turns=2, cost_microusd=3),
    )
    answer = counter.granted("add", spec=to_plain(spec), needs=["a", 2, "2"])
    assert answer == {"task": 3, "key": "new.1", "status": "pending"}
    with counter.state.transaction() as tx:
        task = find_task(tx, counter.project.id, "new.1")
    assert (task.spec, task.needs) == (spec, (first.id, second.id))
    assert counter.journal()[-2].actor == "ada"


def test_a_task_that_needs_nothing_is_ready_at_once(counter: Counter) -> None:
    assert counter.granted("add", spec=SPEC)["status"] == "ready"
    assert counter.granted("add", spec={"key": "b", "title": "B"}, needs=[])["status"] == (
        "ready"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "a new task needs a spec."),
        ({"spec": None}, "a new task needs a spec."),
        ({"spec": "new"}, "a new task needs a spec."),
        ({"spec": ["new"]}, "a new task needs a spec."),
        ({"spec": {}}, "a new task needs a key."),
        ({"spec": {"key": "new"}}, "a new task needs a title."),
        ({"spec": {**SPEC, "key": "t"}}, "there is a task 't' already."),
        ({"spec": {**SPEC, "key": ""}}, "a key is made of"),
        ({"spec": {**SPEC, "key": "../x"}}, "a key is made of"),
        ({"spec": {**SPEC, "key": "A"}}, "a key is made of"),
        ({"spec": {**SPEC, "key": "x" * 65}}, "a key is made of"),
        ({"spec": {**SPEC, "key": "a\n"}}, "a key is made of"),
        ({"spec": {**SPEC, "key": 7}}, "key = 7"),
        ({"spec": {**SPEC, "title": " "}}, "a title is one line"),
        ({"spec": {**SPEC, "title": "a\nb"}}, "a title is one line"),
        ({"spec": {**SPEC, "title": "a\x1b[2J"}}, "a title is one line"),
        ({"spec": {**SPEC, "title": "x" * 201}}, "a title is one line"),
        ({"spec": {**SPEC, "title": None}}, "title = None"),
        ({"spec": {**SPEC, "instructions": "x" * 70_000}}, "instructions may have"),
        ({"spec": {**SPEC, "colour": "red"}}, "has colour, which"),
        ({"spec": {**SPEC, "priority": 0}}, "priority must be 1 to 10, not 0."),
        ({"spec": {**SPEC, "priority": 11}}, "priority must be 1 to 10, not 11."),
        ({"spec": {**SPEC, "priority": "high"}}, "priority = 'high'"),
        ({"spec": {**SPEC, "priority": None}}, "priority = None"),
        ({"spec": {**SPEC, "estimate_min": 0}}, "estimate_min must be"),
        ({"spec": {**SPEC, "estimate_min": "nan"}}, "estimate_min must be"),
        ({"spec": {**SPEC, "estimate_min": 1e300}}, "estimate_min must be"),
        ({"spec": {**SPEC, "deadline": 2**80}}, "deadline must be"),
        ({"spec": {**SPEC, "deadline": -1}}, "deadline must be"),
        ({"spec": {**SPEC, "deadline": "tomorrow"}}, "deadline = 'tomorrow'"),
        ({"spec": {**SPEC, "retries_max": -1}}, "retries_max must be"),
        ({"spec": {**SPEC, "retries_max": 101}}, "retries_max must be"),
        ({"spec": {**SPEC, "turns_max": 0}}, "turns_max must be"),
        ({"spec": {**SPEC, "limits": [1]}}, "limits must be numbers by name, not [1]."),
        ({"spec": {**SPEC, "limits": 5}}, "limits must be numbers by name, not 5."),
        ({"spec": {**SPEC, "limits": {"turns": 0}}}, "limits.turns must be a whole number, 1"),
        ({"spec": {**SPEC, "limits": {"tokens": -1}}}, "limits.tokens must be a whole number"),
        ({"spec": {**SPEC, "limits": {"turns": 1.5}}}, "or more, not 1.5."),
        ({"spec": {**SPEC, "limits": {"turns": True}}}, "or more, not True."),
        ({"spec": {**SPEC, "limits": {"turns": 2**53 + 1}}}, "limits.turns must be"),
        ({"spec": {**SPEC, "limits": {"turns": "many"}}}, "or more, not 'many'."),
        ({"spec": {**SPEC, "limits": {"hours": 3}}}, "has hours, which"),
        ({"spec": {**SPEC, "checks": "tests"}}, "checks must be a list, not 'tests'."),
        ({"spec": {**SPEC, "checks": [1]}}, "checks = [1]"),
        ({"spec": {**SPEC, "touches": ["a"] * 10_001}}, "touches has 10,001 items"),
        ({"spec": {**SPEC, "gate": "locked"}}, "gate = 'locked'"),
        ({"spec": {**SPEC, "kind": ["fix"]}}, "kind = ['fix']"),
        ({"spec": {**SPEC, "on_dependency_failure": "shrug"}}, "shrug"),
        ({"spec": SPEC, "needs": "t"}, "needs must be a list, not 't'."),
        ({"spec": SPEC, "needs": {"t": 1}}, "needs must be a list"),
        ({"spec": SPEC, "needs": [["t"]]}, "needs must be a list of keys"),
        ({"spec": SPEC, "needs": [True]}, "needs must be a list of keys"),
        ({"spec": SPEC, "needs": ["t", "u"]}, "there is no task 'u'."),
        ({"spec": SPEC, "needs": ["new"]}, "there is no task 'new'."),
    ],
)
def test_a_new_task_that_cannot_be_is_refused(
    refusing: Counter, arguments: dict[str, object], told: str
) -> None:
    assert told in refusing.refused("add", **arguments)


def test_two_commands_of_one_round_see_each_other(counter: Counter) -> None:
    counter.add("t")
    with counter.state.transaction() as tx:
        commands = [
            tx.insert_command(
                Command(
                    project_id=counter.project.id,
                    key=f"{name}",
                    name=name,
                    by="ada",
                    at=counter.clock.now(),
                    arguments={"task": "t"},
                )
            )
            for name in ("cancel", "block")
        ]
        for command in commands:
            counter.desk.apply(tx, command)
        cancelled, blocked = (tx.command(command.id) for command in commands)
    assert cancelled.error == ""
    assert "cannot go from cancelled" in blocked.error


def test_a_store_that_fails_or_is_taken_over_is_no_answer_to_a_command(
    counter: Counter,
) -> None:
    counter.add("t")
    StateManager(counter.store, counter.clock).own(counter.project.id)
    with pytest.raises(StaleWriterException):
        counter.wish("cancel", task="t")
    counter.store.close()
    with pytest.raises(StoreException):
        counter.wish("cancel", task="t")


def test_another_projects_tasks_are_not_there(counter: Counter) -> None:
    counter.add("t")
    other = counter.state.create_project("other", base="main", target="target")
    with counter.state.transaction() as tx, pytest.raises(RecordNotFoundException):
        find_task(tx, ProjectId(other.id), "t")


def test_a_stop_intent_keeps_the_rest_of_the_attempt(counter: Counter) -> None:
    task = counter.in_status(S.RUNNING)
    before: Attempt = counter.capture(task)
    counter.granted("cancel", task="t")
    after = counter.attempt(task, 1)
    assert replace(after, stop=None, stop_reason="", stop_by="") == before
