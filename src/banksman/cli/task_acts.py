"""`banksman task cancel`, `banksman task block` and `banksman task retry`."""

from __future__ import annotations

from collections.abc import Mapping

import click

from banksman.cli.here import examples
from banksman.cli.sending import send, task_key, wish_options
from banksman.cli.task_names import task_argument


@click.command(
    epilog=examples("banksman task cancel parser", 'banksman task cancel 7 --reason "obsolete"')
)
@task_argument()
@click.option("--reason", metavar="TEXT", default="", help="Why; kept in the journal.")
@wish_options
@click.pass_context
def cancel(ctx: click.Context, name: str, *, reason: str, request: str, as_json: bool) -> None:
    """Cancel TASK, given by its key or number.

    An agent that works on it is stopped, and its work is saved. What depends on the task does
    what its `on_dependency_failure` says.
    """
    arguments = {"task": task_key(ctx.obj, name), "reason": reason}
    send(ctx, "cancel", arguments, request=request, tell=_tell, as_json=as_json)


@click.command(
    epilog=examples('banksman task block parser --reason "I want to look at this first"')
)
@task_argument()
@click.option("--reason", metavar="TEXT", default="", help="Why; kept in the journal.")
@wish_options
@click.pass_context
def block(ctx: click.Context, name: str, *, reason: str, request: str, as_json: bool) -> None:
    """Stop TASK at a breakpoint, until somebody resolves it.

    An agent that works on it is stopped, and its work is saved.
    """
    arguments = {"task": task_key(ctx.obj, name), "reason": reason}
    send(ctx, "block", arguments, request=request, tell=_tell, as_json=as_json)


@click.command(
    epilog=examples(
        "banksman task retry parser",
        'banksman task retry parser -m "The fixture is in tests/data."',
    )
)
@task_argument()
@click.option(
    "-m", "--guidance", metavar="TEXT", default="", help="What the agent is told this time."
)
@wish_options
@click.pass_context
def retry(ctx: click.Context, name: str, *, guidance: str, request: str, as_json: bool) -> None:
    """Grant TASK, which has failed, exactly one more attempt."""
    arguments = {"task": task_key(ctx.obj, name), "guidance": guidance}
    send(ctx, "retry", arguments, request=request, tell=_tell, as_json=as_json)


def _tell(answer: Mapping[str, object]) -> str:
    if answer.get("stopping"):
        return f"{answer.get('key')} is being stopped; its work is saved first."
    return f"{answer.get('key')} is {answer.get('status')} now."
