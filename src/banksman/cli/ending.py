"""The end of a run: what became of each task, and where to look next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from banksman.app.reads import now
from banksman.cli.answers import EndAnswer, EndedTask
from banksman.cli.budget_words import spent_answer, words
from banksman.cli.tables import on_terminal, print_json_line, print_rows, state_colour
from banksman.cli.text import clean
from banksman.cli.views import question_of
from banksman.core.clocks import span
from banksman.core.records import Ending, Project
from banksman.core.task import ProjectId, TaskStatus
from banksman.stores.reader import Reader
from banksman.stores.views import TaskDetails

_HEADER: Final = ("TASK", "STATE", "ATTEMPTS", "TIME", "COMMIT OR REASON")
_SHORT: Final = 10
_LISTED_MAX: Final = 1000


CAPPED: Final = (
    "Stopped: {reason}, which is the limit; `banksman run` goes on with a new one, all work is "
    "kept."
)


def ended_task(details: TaskDetails) -> EndedTask:
    """Return a task as it stands at the end of a run."""
    task = details.task
    took = (
        attempt.ended_at - attempt.started_at
        for attempt in details.attempts
        if attempt.ended_at is not None
    )
    commits = (
        attempt.new or attempt.commit or ""
        for attempt in details.attempts
        if attempt.ending is Ending.INTEGRATED
    )
    return EndedTask(
        key=task.spec.key,
        title=task.spec.title,
        state=task.status,
        attempts=len(details.attempts),
        # The time of day may jump back.
        duration_ms=max(0, sum(took)),
        commit=next(commits, ""),
        reason=task.reason,
    )


def print_end(reader: Reader, project_id: ProjectId, end: str, *, as_json: bool) -> None:
    """Print what became of the tasks, and where to look next."""
    status = reader.status(project_id)
    tasks = [ended_task(reader.task(task.id)) for task in status.tasks[:_LISTED_MAX]]
    stops = reader.breakpoints(project_id)
    reason = status.run.reason if status.run else ""
    spent = spent_answer(status, now(), live=False)
    if as_json:
        print_json_line(
            EndAnswer(
                kind="run.ended",
                end=end,
                tasks=tuple(tasks),
                breakpoints=tuple(event.id for event in stops),
                reason=reason,
                spent=spent,
            )
        )
        return
    click.echo()
    _print_table(tasks, left_out=len(status.tasks) - len(tasks))
    click.echo()
    keys = {task.id: task.key for task in status.tasks}
    for event in stops:
        question = question_of(event, keys)
        message = clean(f"{question.key} waits for you: {question.message}")
        click.echo(f"{message}\n  {question.command}")
    click.echo(f"Spent: {words(spent.run, spent.run_limits)}.")
    if end == "capped":
        click.echo(f"{CAPPED.format(reason=reason)}")
    for line in advice(end, tasks, status.project):
        click.echo(clean(line))


def advice(end: str, tasks: list[EndedTask], project: Project) -> Iterator[str]:
    """Yield where to look next, after a run that ended so."""
    if end == "interrupted":
        yield "Interrupted; nothing is lost. `banksman run` goes on from here."
    if project.paused:
        yield "The project is paused: `banksman resume`, then `banksman run` goes on."
    elif end == "waiting":
        yield "A person is waited for: answer as above, then `banksman run` goes on."
    failed = [task.key for task in tasks if task.state is TaskStatus.FAILED]
    if failed:
        yield f"What went wrong: `banksman task show {failed[0]}`."
        yield f"Once more: `banksman task retry {failed[0]}`, then `banksman run`."
    done = [task.key for task in tasks if task.commit]
    if done:
        yield f"What a task changed: `banksman diff {done[-1]}`."
        yield f"What would come onto {project.base}: `banksman land --preview`."
    yield "What happened: `banksman log`."


def _print_table(tasks: list[EndedTask], *, left_out: int) -> None:
    rows = [
        (
            task.key,
            task.state.value,
            task.attempts,
            span(task.duration_ms // 1000) if task.attempts else "",
            task.commit[:_SHORT] or task.reason,
        )
        for task in tasks
    ]
    if not on_terminal():
        # Between other lines, programs need the head to know where the table begins.
        click.echo("\t".join(_HEADER))
    print_rows(_HEADER, rows, colour=state_colour(1))
    if left_out:
        click.echo(f"… and {left_out} more: `banksman status`.")
