"""What all commands that write have in common: a wish to the inbox, and its answer."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar, cast

import click

from banksman.app.inbox import Wish, submit
from banksman.app.reads import find_task, open_project
from banksman.cli.answers import CommandAnswer
from banksman.cli.here import Here, json_option
from banksman.cli.lazy import load
from banksman.cli.tables import print_json
from banksman.cli.text import clean
from banksman.config.words import quoted
from banksman.core.records import Command
from banksman.exceptions import InputException

F = TypeVar("F", bound=Callable[..., Any])

EXIT_SILENT: Final = 1


def wish_options(command: F) -> F:
    """Give a command `--json`, and `--request` for callers that may have to repeat it."""
    key = click.option(
        "--request",
        metavar="KEY",
        default="",
        help="A name for this request: sent twice under the same one, it is done once.",
    )
    return key(json_option(CommandAnswer)(command))


def task_key(here: Here, name: str) -> str:
    """Return the key of the task with this key or number (`RecordNotFoundException`)."""
    with open_project(here.place()) as (reader, project):
        task_id = find_task(reader, project.id, name)
        return next(t.key for t in reader.status(project.id).tasks if t.id == task_id)


def refuse_unreadable(given: Mapping[str, object]) -> None:
    """Refuse what the command line did not give as text (`InputException`)."""
    for name, value in given.items():
        parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        for part in parts:
            if isinstance(part, str) and not _is_text(part):
                raise InputException(
                    message=f"{name} is not UTF-8 text: {quoted(part)}.",
                    hint="Write it in UTF-8.",
                )


def send(
    ctx: click.Context,
    name: str,
    arguments: Mapping[str, object],
    *,
    request: str,
    tell: Callable[[Mapping[str, object]], str],
    as_json: bool,
) -> None:
    """Send a wish, wait for its answer and print it.

    Args:
        ctx: The command's context.
        name: What is wished.
        arguments: Plain data by name.
        request: Idempotency key; empty for a new one.
        tell: Makes a sentence of the engine's answer.
        as_json: Print JSON instead.
    """
    here: Here = ctx.obj
    refuse_unreadable({**arguments, "request": request})
    wish = Wish(name=name, by=getpass.getuser(), arguments=arguments, key=request)
    # Only without an engine: this imports all that an engine needs.
    serve = partial(_serve, here)
    command = submit(here.place(), wish, serve=serve)
    if as_json:
        print_json(_answer(command))
    elif command.applied_at is not None:
        click.echo(clean(tell(command.answer or {})))
    if command.applied_at is None:
        click.echo(
            f"No engine has answered yet. Command {command.id} ({command.name}) stays in the "
            "inbox and is applied as soon as one does.",
            err=True,
        )
        ctx.exit(EXIT_SILENT)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _serve(here: Here) -> None:
    load("banksman.cli.logs", "open_log")(here.place())
    environ = dict(here.environ)
    if here.config is not None:
        environ["BANKSMAN_CONFIG"] = str(here.path(here.config))
    load("banksman.app.running", "serve_once")(here.start, environ)


def _answer(command: Command) -> CommandAnswer:
    return CommandAnswer(
        id=command.id,
        name=command.name,
        applied=command.applied_at is not None,
        answer=command.answer or {},
    )
