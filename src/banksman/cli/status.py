"""`banksman status`: where the project stands."""

from __future__ import annotations

from typing import Final

import click

from banksman.app.reads import engine_lives, now, open_project
from banksman.cli.answers import StatusAnswer
from banksman.cli.budget_words import spent_answer, words
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import on_terminal, print_json, print_rows, state_colour
from banksman.cli.text import clean
from banksman.cli.views import doing, question_of, totals_of

UNCONFINED: Final = "NO SANDBOX: agents and checks can do all that you can do."
_HEADER: Final = ("TASK", "STATE", "ATTEMPT", "NOW", "TITLE")


@click.command(
    epilog=examples(
        "banksman status",
        "banksman status --json | jq .counts",
        """banksman status | awk -F'\\t' '$2 == "failed" { print $1 }'""",
    )
)
@json_option(StatusAnswer)
@click.pass_obj
def status(here: Here, *, as_json: bool) -> None:
    """Show where the project stands: its tasks, and what waits for you."""
    answer = _read(here)
    if as_json:
        print_json(answer)
        return
    if on_terminal():
        _print_head(answer)
    at = now()
    rows = (
        (task.key, task.status.value, task.attempt or "", doing(task, at), task.title)
        for task in answer.tasks
    )
    print_rows(_HEADER, rows, colour=state_colour(1))
    if on_terminal():
        _print_questions(answer)


def _read(here: Here) -> StatusAnswer:
    place = here.place()
    with open_project(place) as (reader, project):
        view = reader.status(project.id)
        live = engine_lives(place)
        return StatusAnswer(
            project=view.project,
            engine=live,
            held=reader.held(project.id) if live else "",
            confined=view.confined,
            revision=view.revision,
            counts=view.counts,
            tasks=view.tasks,
            breakpoints=reader.breakpoints(project.id),
            commands=view.commands,
            spent=spent_answer(view, now(), live=live),
        )


def _print_head(answer: StatusAnswer) -> None:
    project = answer.project
    engine = "an engine runs it" if answer.engine else "no engine runs it"
    paused = ", paused: `banksman resume` goes on" if project.paused else ""
    click.echo(clean(f"{project.name}: {project.base} → {project.target}, {engine}{paused}"))
    if answer.held:
        click.echo(clean(f"Nothing more is started: {answer.held}."))
    if not answer.confined:
        click.echo(click.style(UNCONFINED, fg="red"))
    waiting = f"; {answer.commands} commands wait for an engine" if answer.commands else ""
    click.echo(f"{len(answer.tasks)} tasks: {totals_of(answer.counts).words()}{waiting}")
    spent = answer.spent
    click.echo(f"Spent by the {'run' if answer.engine else 'last run'}: ", nl=False)
    click.echo(words(spent.run, spent.run_limits))
    click.echo(f"Spent by the project: {words(spent.project, spent.project_limits)}\n")


def _print_questions(answer: StatusAnswer) -> None:
    keys = {task.id: task.key for task in answer.tasks}
    for event in answer.breakpoints:
        question = question_of(event, keys)
        head = f"Breakpoint {question.id} ({question.type}) stops {question.key}:"
        click.echo(f"\n{click.style(clean(head), bold=True)} {clean(question.message)}")
        click.echo(f"  {question.command}")
