"""What people are shown of a project: pure functions from rows to words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from banksman.cli.budget_words import spent_answer
from banksman.cli.budget_words import words as spent_words
from banksman.cli.phrases import NOTABLE, phrase
from banksman.cli.screens import drawn
from banksman.cli.views import Totals, doing, progress_of, question_of
from banksman.core.breakpoints import BreakpointType, Left, Severity
from banksman.core.budget import Limits, Spent
from banksman.core.events import Event
from banksman.core.records import BreakpointEvent, JournalEntry, Project, Run
from banksman.core.task import Instant, ProjectId, TaskId, TaskStatus
from banksman.core.transitions import TRANSITIONS
from banksman.state.journal import event_kind
from banksman.stores.views import StatusView, TaskView

NOW = Instant(1_000_000)
TASK = TaskView(
    id=TaskId(1),
    key="parser",
    title="Read dates",
    kind="fix",
    status=TaskStatus.PENDING,
    priority=5,
    deadline=None,
    attempt=0,
    retries_used=0,
    needs=(),
    not_before=None,
    reason="",
    agent="codex",
    step=None,
    stop=None,
    turns=0,
    started_at=None,
    breakpoints=(),
)
RUNNING = replace(
    TASK,
    status=TaskStatus.RUNNING,
    attempt=2,
    step="agent",
    turns=1,
    started_at=Instant(NOW - 130_000),
)
EVENT = BreakpointEvent(
    id=3,
    project_id=ProjectId(1),
    task_id=TaskId(1),
    attempt=2,
    type=BreakpointType.CONFIDENCE_TOO_LOW,
    severity=Severity.MEDIUM,
    message="look at \x1b[2J it",
    opened_at=NOW,
)


def status(*tasks: TaskView, paused: bool = False) -> StatusView:
    project = Project(id=ProjectId(1), name="demo", base="main", target="t", paused=paused)
    counts = {one: sum(task.status is one for task in tasks) for one in TaskStatus}
    return StatusView(project=project, revision=1, counts=counts, tasks=tasks)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (RUNNING, "agent codex, turn 1, 2m10s"),
        (replace(RUNNING, agent=""), "agent, turn 1, 2m10s"),
        (replace(RUNNING, step="checks"), "checks, turn 1, 2m10s"),
        (replace(RUNNING, step="integration", turns=0), "integration, 2m10s"),
        (replace(RUNNING, stop="cancel"), "being cancelled, turn 1, 2m10s"),
        (replace(RUNNING, stop="shutdown"), "being stopped, turn 1, 2m10s"),
        # The clock was set back.
        (replace(RUNNING, started_at=Instant(NOW + 9)), "agent codex, turn 1, 0s"),
        (
            replace(TASK, status=TaskStatus.RETRYING, not_before=Instant(NOW + 61_000)),
            "again in 1m01s",
        ),
        (
            replace(TASK, status=TaskStatus.BLOCKED, breakpoints=(3, 4), reason="why"),
            "breakpoint 3, 4: why",
        ),
        (replace(TASK, status=TaskStatus.FAILED, reason="exit code 1"), "exit code 1"),
        (TASK, ""),
    ],
)
def test_a_task_tells_what_it_does(task: TaskView, words: str) -> None:
    assert doing(task, NOW) == words


def test_progress_has_attempts_delays_questions_and_totals() -> None:
    delayed = replace(
        TASK,
        id=TaskId(2),
        key="later",
        status=TaskStatus.RETRYING,
        not_before=Instant(NOW + 5_000),
        reason="rate limit",
    )
    progress = progress_of(status(RUNNING, delayed, paused=True), [EVENT], NOW)
    (line,) = progress.attempts
    assert (line.key, line.attempt, line.turn, line.elapsed_s) == ("parser", 2, 1, 130)
    (delay,) = progress.delays
    assert (delay.key, delay.in_s, delay.reason) == ("later", 5, "rate limit")
    assert progress.totals == Totals(running=1, waiting=1)
    assert progress.questions[0].command == "banksman resolve 3 accept|retry|edit|cancel"
    assert progress.paused


RUN = Run(
    project_id=ProjectId(1),
    number=1,
    epoch=1,
    begun_at=Instant(NOW - 90_000),
    limits=Limits(cost_microusd=20_000_000),
    project_limits=Limits(turns=50),
    before=Spent(turns=2, time_ms=5, cost_microusd=1_000_000),
)
SPENT = Spent(turns=5, time_ms=30_000, tokens=1200, cost_microusd=3_500_000)


def test_a_look_tells_what_the_run_has_spent_of_what_it_may() -> None:
    view = replace(status(RUNNING), run=RUN, spent=SPENT)
    progress = progress_of(view, [], NOW)
    assert progress.spent == "3 turns, 1.5 minutes, 1,200 tokens, $2.50 of $20.00"
    assert progress_of(status(RUNNING), [], NOW).spent == ""
    console = Console(width=150, force_terminal=False, color_system=None)
    with console.capture() as captured:
        console.print(drawn(progress))
    assert f"; spent {progress.spent}" in captured.get()


@pytest.mark.parametrize(
    ("run", "live", "time_ms"),
    [
        (RUN, True, 90_000),
        # Nobody knows when an engine died.
        (RUN, False, 0),
        (replace(RUN, ended_at=Instant(NOW - 30_000), end="capped"), False, 60_000),
        (replace(RUN, ended_at=Instant(NOW - 30_000), end="capped"), True, 60_000),
        # The clock was set back.
        (replace(RUN, begun_at=Instant(NOW + 1)), True, 0),
    ],
)
def test_a_run_takes_from_its_begin_to_its_end(run: Run, *, live: bool, time_ms: int) -> None:
    answer = spent_answer(replace(status(), run=run, spent=SPENT), NOW, live=live)
    assert answer.run == Spent(turns=3, time_ms=time_ms, tokens=1200, cost_microusd=2_500_000)
    assert (answer.project, answer.project_limits) == (SPENT, Limits(turns=50))


def test_before_the_first_run_nothing_was_spent() -> None:
    answer = spent_answer(status(), NOW, live=False)
    assert (answer.run, answer.run_limits) == (Spent(), Limits())
    assert spent_words(answer.run, answer.run_limits) == "nothing yet"


def test_totals_count_every_task_once() -> None:
    tasks = [replace(TASK, status=one) for one in TaskStatus]
    totals = progress_of(status(*tasks), [], NOW).totals
    assert sum(getattr(totals, name) for name in totals.__dataclass_fields__) == len(TaskStatus)
    assert totals.words() == (
        "1 done, 1 running, 1 ready, 2 waiting, 1 blocked, 1 failed, 1 cancelled"
    )
    assert Totals().words() == "0 done, 0 running, 0 ready, 0 waiting"


def test_a_question_offers_only_answers_that_make_sense() -> None:
    nothing_left = question_of(EVENT, {}, Left.NOTHING)
    assert nothing_left.answers == ("retry", "cancel")
    before_the_first = replace(EVENT, attempt=0, type=BreakpointType.MANUAL)
    assert question_of(before_the_first, {TaskId(1): "x"}).answers == ("accept", "cancel")


def test_the_live_picture_has_everything_and_obeys_no_escape_or_markup() -> None:
    hostile = replace(RUNNING, key="[red]parser", agent="co\x1b]0;x\x07dex")
    progress = progress_of(status(hostile), [EVENT], NOW)
    console = Console(width=100, force_terminal=False, color_system=None)
    with console.capture() as captured:
        console.print(drawn(progress))
    shown = captured.get()
    assert "\x1b" not in shown
    for words in ("[red]parser", "attempt 2, turn 1", "2m10s", "agent codex", "1 running"):
        assert words in shown
    assert "look at  it" in shown
    assert "banksman resolve 3" in shown


@pytest.mark.parametrize("event", dict.fromkeys(event for _, event in TRANSITIONS))
def test_every_transition_has_a_phrase(event: type[Event]) -> None:
    kind = event_kind(event.__new__(event))
    entry = JournalEntry(project_id=ProjectId(1), at=NOW, kind=kind, actor="", epoch=1)
    assert phrase(entry) != kind.replace(".", " ").replace("_", " ")


def test_what_is_notable_has_a_phrase() -> None:
    for kind in NOTABLE:
        entry = JournalEntry(project_id=ProjectId(1), at=NOW, kind=kind, actor="", epoch=1)
        assert phrase(entry) != kind.replace(".", " ")
