"""`banksman stop`: end the run, wherever it was started."""

from __future__ import annotations

import getpass

import click

from banksman.app.reads import engine_lives
from banksman.app.stopping import ask_to_end, wait_for_end
from banksman.cli.answers import StopAnswer
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import print_json


@click.command(epilog=examples("banksman stop", "banksman stop --now --wait"))
@click.option("--now", is_flag=True, help="Stop the attempts that run, and save their work.")
@click.option("--wait", is_flag=True, help="Return when the engine has ended.")
@json_option(StopAnswer)
@click.pass_obj
def stop(here: Here, *, now: bool, wait: bool, as_json: bool) -> None:
    """End the run: attempts that run come to their end, and nothing more is started.

    It is what Ctrl-C does to a run in the foreground, and `--now` what a second one does;
    `banksman run` goes on from there. If no engine runs, nothing is to be done.
    """
    place = here.place()
    command = ask_to_end(place, now=now, by=getpass.getuser())
    asked = command is not None and command.applied_at is not None
    if not as_json:
        click.echo(_sentence(ran=command is not None, asked=asked, now=now))
    if command is not None and wait:
        wait_for_end(place)
        if not as_json:
            click.echo("The engine has ended; `banksman run` goes on from here.")
    if as_json:
        ran, ended = command is not None, not engine_lives(place)
        print_json(StopAnswer(ran=ran, asked=asked, ended=ended))


def _sentence(*, ran: bool, asked: bool, now: bool) -> str:
    if not ran:
        return "No engine runs here; there is nothing to stop."
    if not asked:
        return "The engine is busy; it has been asked to end, and does when it looks next."
    if now:
        return "The engine stops the attempts that run, and saves their work."
    return "The engine ends after the attempts that run; `banksman stop --now` stops them."
