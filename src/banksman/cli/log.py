"""`banksman log`: what happened, from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import click

from banksman.app.reads import Feed, find_task, open_project
from banksman.cli.answers import EventAnswer
from banksman.cli.following import pause_or
from banksman.cli.here import Here, Number, examples, json_option
from banksman.cli.phrases import event_of
from banksman.cli.tables import print_json_line, print_rows, state_colour
from banksman.cli.task_names import task_argument
from banksman.cli.views import moment
from banksman.core.records import JournalEntry
from banksman.core.task import ProjectId
from banksman.stores.reader import Reader

_HEADER: Final = ("TIME", "TASK", "ATTEMPT", "STATE", "WHAT", "WHY")


@click.command(
    epilog=examples(
        "banksman log -n 100", "banksman log parser -f", "banksman log --json | jq -r .kind"
    )
)
@task_argument(required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as things happen, until Ctrl-C.")
@click.option(
    "-n",
    "--number",
    type=Number(0, 1_000_000),
    default=30,
    show_default=True,
    help="So many of the last lines.",
)
@json_option(EventAnswer, lines=True)
@click.pass_obj
def log(here: Here, name: str | None, *, follow: bool, number: int, as_json: bool) -> None:
    """Show the last lines of the journal, of TASK alone if it is named.

    The journal has everything that happened; times are UTC.
    """
    with open_project(here.place()) as (reader, project):
        task_id = None if name is None else find_task(reader, project.id, name)
        revision = reader.revision()
        lines = reader.journal(project.id, task_id=task_id, limit=number)
        _print(reader, project.id, lines, as_json=as_json)
        if follow:
            feed = Feed(reader, project.id, after=revision, task_id=task_id)
            asyncio.run(_follow(reader, project.id, feed, as_json=as_json))


async def _follow(reader: Reader, project_id: ProjectId, feed: Feed, *, as_json: bool) -> None:
    never = asyncio.Event()
    while True:
        lines = feed.news()
        if lines:
            _print(reader, project_id, lines, as_json=as_json)
        await pause_or(never)


def _print(
    reader: Reader, project_id: ProjectId, lines: Iterable[JournalEntry], *, as_json: bool
) -> None:
    keys = {task.id: task.key for task in reader.status(project_id).tasks}
    events = [event_of(line, keys) for line in lines]
    if as_json:
        for event in events:
            print_json_line(event)
        return
    rows = (
        (
            moment(event.at),
            event.task or "",
            event.attempt or "",
            event.target.value if event.target else "",
            event.what,
            event.reason,
        )
        for event in events
    )
    print_rows(_HEADER, rows, colour=state_colour(3))
