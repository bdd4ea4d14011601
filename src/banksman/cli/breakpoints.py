"""`banksman breakpoint`: what waits for a person, and what has been answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import click

from banksman.app.reads import open_project, workspace_of
from banksman.cli.answers import BreakpointAnswer
from banksman.cli.here import Here, Number, examples, json_option
from banksman.cli.tables import print_json, print_pairs, print_rows
from banksman.cli.text import clean
from banksman.cli.views import moment, question_of
from banksman.core.records import BreakpointEvent
from banksman.orchestration.breakpoint_manager import left_after

_HEADER: Final = ("ID", "TASK", "TYPE", "SEVERITY", "SINCE", "ANSWER", "MESSAGE")


@click.group("breakpoint")
def breakpoint_() -> None:
    """Show what waits for a person."""


@breakpoint_.command(
    "list", epilog=examples("banksman breakpoint list", "banksman breakpoint list --all --json")
)
@click.option("--all", "resolved", is_flag=True, help="Also those that have been answered.")
@json_option(BreakpointEvent, many=True)
@click.pass_obj
def list_(here: Here, *, resolved: bool, as_json: bool) -> None:
    """List the breakpoints that are open."""
    with open_project(here.place()) as (reader, project):
        events = reader.breakpoints(project.id, resolved=resolved)
        keys = {task.id: task.key for task in reader.status(project.id).tasks}
    if as_json:
        print_json(events)
        return
    print_rows(
        _HEADER,
        (
            (
                event.id,
                keys.get(event.task_id, event.task_id),
                event.type.value,
                event.severity.value,
                moment(event.opened_at),
                event.resolution.value if event.resolution else "",
                event.message,
            )
            for event in events
        ),
    )


@breakpoint_.command(
    epilog=examples("banksman breakpoint show 3", "banksman breakpoint show 3 --json")
)
@click.argument("number", metavar="ID", type=Number(min=1))
@json_option(BreakpointAnswer)
@click.pass_obj
def show(here: Here, number: int, *, as_json: bool) -> None:
    """Show breakpoint ID: why it stops its task, and how it can be answered."""
    answer = _read(here, number)
    if as_json:
        print_json(answer)
        return
    event = answer.event
    answered = ""
    if event.resolution is not None and event.resolved_at is not None:
        by = f"{event.resolution} by {event.resolved_by} at {moment(event.resolved_at)}"
        answered = f"{by}: {event.reason}" if event.reason else by
    print_pairs(
        {
            "Breakpoint": event.id,
            "Type": event.type.value,
            "Severity": event.severity.value,
            "Task": answer.task,
            "Attempt": event.attempt or "",
            "Since": moment(event.opened_at),
            "Stops": ", ".join(answer.stops),
            "Workspace": answer.workspace,
            "Answered": answered,
            "Resolve with": answer.command,
        }
    )
    click.echo(f"\n{clean(event.message, lines=True)}")
    for line in event.details:
        click.echo(f"  {clean(line)}")


def _read(here: Here, number: int) -> BreakpointAnswer:
    place = here.place()
    with open_project(place) as (reader, project):
        event = reader.breakpoint(number)
        keys = {task.id: task.key for task in reader.status(project.id).tasks}
        left = left_after(event, reader.task(event.task_id).attempts)
    question = question_of(event, keys, left)
    if event.resolution is not None:
        question = replace(question, answers=())
    workspace = workspace_of(place, event.task_id, event.attempt)
    return BreakpointAnswer(
        event=event,
        task=question.key,
        stops=tuple(keys.get(task, str(task)) for task in event.tasks or (event.task_id,)),
        answers=question.answers,
        command=question.command if question.answers else "",
        workspace=str(workspace or ""),
    )
