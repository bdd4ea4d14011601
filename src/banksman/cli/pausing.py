"""`banksman pause` and `banksman resume`: whether tasks are started."""

from __future__ import annotations

from collections.abc import Mapping

import click

from banksman.cli.here import examples
from banksman.cli.sending import send, wish_options


@click.command(epilog=examples("banksman pause", "banksman pause --json"))
@wish_options
@click.pass_context
def pause(ctx: click.Context, *, request: str, as_json: bool) -> None:
    """Start no further tasks; attempts that run go on to their end."""
    send(ctx, "pause", {}, request=request, tell=_tell, as_json=as_json)


@click.command(epilog=examples("banksman resume"))
@wish_options
@click.pass_context
def resume(ctx: click.Context, *, request: str, as_json: bool) -> None:
    """Start tasks again after a pause; `banksman run` has to run for that."""
    send(ctx, "resume", {}, request=request, tell=_tell, as_json=as_json)


def _tell(answer: Mapping[str, object]) -> str:
    state = "paused" if answer.get("paused") else "not paused"
    return f"{answer.get('project')} is {state}."
