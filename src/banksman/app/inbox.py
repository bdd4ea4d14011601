"""Wishes for the engine: put into the inbox, and answered by whoever owns the project.

An engine that runs answers within a tenth of a second. If none runs, the caller takes the
project over for the moment that it needs; that costs its libraries, so it is done by a function
which is handed in.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from banksman.app.clock import SystemClock
from banksman.app.reads import Place, engine_lives, open_project
from banksman.core.records import Command
from banksman.exceptions import BanksmanException, CommandRefusedException, OwnershipException
from banksman.stores.inbox import Inbox

ANSWER_S: Final = 5.0
"""How long an engine may take to answer, before its silence is told."""

_LOOK_S: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants.

    Attributes:
        name: Of the command, such as `cancel`.
        by: Who wants it.
        arguments: Plain data by name.
        key: Idempotency key: with the same one, nothing is done twice. A new one if empty.
    """

    name: str
    by: str
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    key: str = ""


def submit(
    place: Place, wish: Wish, *, serve: Callable[[], None], patience_s: float = ANSWER_S
) -> Command:
    """Return a wish with its answer; without one (`applied_at` is none) it stays in the inbox.

    Args:
        place: The repository.
        wish: What is wanted.
        serve: Applies what lies in the inbox, if no engine runs.
        patience_s: How long to wait for an engine that runs.

    Raises:
        InputException: Nothing has been run here yet.
        CommandRefusedException: It makes no sense now; nothing was done.
    """
    inbox = Inbox(place.database)
    command = inbox.submit(_command(place, wish))
    command = _answered(place, inbox, command, serve=serve, patience_s=patience_s)
    if command.error:
        message, _, hint = command.error.partition("\n")
        raise CommandRefusedException(message=message, hint=hint)
    return command


def _command(place: Place, wish: Wish) -> Command:
    with open_project(place) as (_, project):
        return Command(
            project_id=project.id,
            key=wish.key or uuid.uuid4().hex,
            name=wish.name,
            by=wish.by,
            at=SystemClock().now(),
            arguments=wish.arguments,
        )


def _answered(
    place: Place,
    inbox: Inbox,
    command: Command,
    *,
    serve: Callable[[], None],
    patience_s: float,
) -> Command:
    clock = SystemClock()
    end = clock.monotonic() + patience_s
    while command.applied_at is None and clock.monotonic() < end:
        if engine_lives(place):
            time.sleep(_LOOK_S)
        else:
            _serve(inbox, command, serve)
        command = inbox.read(command.id)
    return command


def _serve(inbox: Inbox, command: Command, serve: Callable[[], None]) -> None:
    try:
        # An engine that has come in the meantime will answer.
        with suppress(OwnershipException):
            serve()
    except BanksmanException:
        # Who is told of a failure must not find the wish granted tomorrow. If it was granted
        # before the failure, it cannot be taken back, and the failure alone is told.
        with suppress(CommandRefusedException):
            inbox.withdraw(command.id, SystemClock().now())
        raise
