"""`banksman run --detach`: the run goes on without the terminal.

The command starts itself once more in the background and hears it out until the engine owns
the project and has read the plan: then that process steps back behind a log. If it is refused,
its words and its exit code are those of the command.
"""

from __future__ import annotations

import sys
from typing import Final

import click

from banksman.app.reads import Place
from banksman.cli.answers import DetachAnswer, EventAnswer
from banksman.cli.following import Screen
from banksman.cli.here import Here
from banksman.cli.run_log import NAME, RunLog
from banksman.cli.tables import print_json_line
from banksman.cli.text import clean
from banksman.cli.views import Progress
from banksman.exceptions import InputException
from banksman.executors.background import begin_behind

BEHIND: Final = "banksman.cli.behind"
EXIT_KILLED: Final = 1

_READY: Final = "ready"


def detach_run(place: Place, *, as_json: bool) -> int:
    """Start this very command in the background, tell how it began; return the exit code."""
    begun = begin_behind(BEHIND, sys.argv[1:])
    click.echo(begun.told, nl=False, err=True)
    if begun.code is not None:
        # Less than 0 is a signal; what a shell would make of it says nothing to anybody.
        return begun.code if begun.code >= 0 else EXIT_KILLED
    answer = DetachAnswer(pid=begun.pid, log=str(place.log / NAME))
    if as_json:
        print_json_line(answer)
        return 0
    click.echo(
        f"The plan runs in the background: process {answer.pid}, log {clean(answer.log)}."
    )
    click.echo("How it goes: `banksman status`, `banksman watch`. To end it: `banksman stop`.")
    return 0


def announce(here: Here, screen: Screen) -> Screen:
    """Tell the command that a person called that the run has begun, and step back.

    Returns:
        A screen that keeps the log within bounds.

    Raises:
        InputException: The log cannot be written.
    """
    try:
        run_log = RunLog(here.place())
    except OSError as error:
        raise InputException(
            message=f"the log {error.filename} cannot be written ({error.strerror}).",
            hint="Make room or mend its permissions, or run without --detach.",
        ) from error
    click.echo(_READY)
    run_log.take_over()
    return _Logged(screen, run_log)


class _Logged:
    """A screen that ends up in a log."""

    def __init__(self, screen: Screen, run_log: RunLog) -> None:
        self._screen = screen
        self._log = run_log

    def show(self, events: tuple[EventAnswer, ...], progress: Progress) -> None:
        """Show it, and see to the size of the log."""
        self._screen.show(events, progress)
        self._log.turn_over()
