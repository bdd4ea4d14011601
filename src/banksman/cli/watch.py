"""`banksman watch`: the progress of a run in another process."""

from __future__ import annotations

import asyncio

import click

from banksman.app.reads import Place, engine_lives, open_project
from banksman.cli.answers import EventAnswer
from banksman.cli.following import Look, Screen, look_at, pause_or
from banksman.cli.here import Here, examples, json_option
from banksman.cli.screens import screen_for


@click.command(epilog=examples("banksman watch", "banksman watch --json | jq -r .what"))
@json_option(EventAnswer, lines=True)
@click.pass_context
def watch(ctx: click.Context, *, as_json: bool) -> None:
    """Show the progress of a run as it goes.

    It ends when no engine runs any more; Ctrl-C ends it, too, and does nothing to the run.
    """
    here: Here = ctx.obj
    place = here.place()
    with open_project(place) as (reader, project):
        with screen_for(as_json=as_json, colour=ctx.color is not False) as screen:
            asyncio.run(_watch(place, look_at(reader, project.id), screen))
        if not as_json:
            click.echo("No engine runs now; `banksman status` shows where things stand.")


async def _watch(place: Place, look: Look, screen: Screen) -> None:
    never = asyncio.Event()
    while engine_lives(place):
        look.at(screen)
        await pause_or(never)
    look.at(screen)
