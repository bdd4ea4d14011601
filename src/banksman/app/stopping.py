"""Asking the engine that runs to end, and waiting until it has."""

from __future__ import annotations

import time
from typing import Final

from banksman.app.inbox import Wish, submit
from banksman.app.reads import Place, engine_lives, open_project
from banksman.core.records import Command
from banksman.exceptions import CommandRefusedException

_LOOK_S: Final = 0.1


def ask_to_end(place: Place, *, now: bool, by: str) -> Command | None:
    """Ask the engine that runs to end; return the wish, or none if no engine runs.

    The wish names the engine by its epoch, so that no later engine takes it for its own. It has
    no answer (`applied_at` is none) if the engine was too busy to look.

    Args:
        place: The repository.
        now: Stop the attempts that work; otherwise they go on to their end.
        by: Who asks.

    Raises:
        InputException: Nothing has been run here yet.
    """
    while True:
        with open_project(place) as (_, project):
            epoch = project.epoch
        if not engine_lives(place):
            return None
        wish = Wish(name="stop", by=by, arguments={"epoch": max(1, epoch), "now": now})
        try:
            command = submit(place, wish, serve=_nobody)
        except CommandRefusedException:
            if engine_lives(place):
                raise
            return None
        if command.applied_at is None or (command.answer or {}).get("ending"):
            return command
        # An engine has taken the project over since the epoch was read: that one is meant.


def wait_for_end(place: Place) -> None:
    """Return when no engine runs any more, or another one than now."""
    with open_project(place) as (reader, project):
        while engine_lives(place) and reader.projects()[0].epoch == project.epoch:
            time.sleep(_LOOK_S)


def _nobody() -> None:
    raise CommandRefusedException(message="no engine runs any more.")
