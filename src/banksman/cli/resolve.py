"""`banksman resolve`: a person's answer to a breakpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from banksman.cli.here import Number, examples, listed
from banksman.cli.sending import send, wish_options
from banksman.core.breakpoints import Resolution

_ANSWERS: Final = listed(
    "Answers:",
    "accept  take the work as it is, or let the task begin",
    "retry   let the agent try once more, with your --guidance",
    "edit    take what you changed in the workspace",
    "cancel  cancel the task",
)
_EXAMPLES: Final = examples(
    "banksman resolve 3 accept",
    'banksman resolve 3 retry -m "Keep the old name of the option."',
    'banksman resolve 3 cancel --reason "done by hand"',
)


@click.command(epilog=f"{_ANSWERS}\n\n{_EXAMPLES}")
@click.argument("number", metavar="ID", type=Number(min=1))
@click.argument("resolution", type=click.Choice([str(answer) for answer in Resolution]))
@click.option("--reason", metavar="TEXT", default="", help="Why; kept in the journal.")
@click.option(
    "-m",
    "--guidance",
    metavar="TEXT",
    default="",
    help="What the agent is told in its next attempt.",
)
@wish_options
@click.pass_context
def resolve(
    ctx: click.Context,
    number: int,
    *,
    resolution: str,
    reason: str,
    guidance: str,
    request: str,
    as_json: bool,
) -> None:
    """Answer breakpoint ID; the answer is final.

    Which answers make sense depends on the breakpoint; `banksman breakpoint show ID` lists
    them.
    """
    arguments = {
        "breakpoint": number,
        "resolution": resolution,
        "reason": reason,
        "guidance": guidance,
    }
    send(ctx, "resolve", arguments, request=request, tell=_tell, as_json=as_json)


def _tell(answer: Mapping[str, object]) -> str:
    return (
        f"Breakpoint {answer.get('breakpoint')}: {answer.get('resolution')}. "
        f"{answer.get('key')} is {answer.get('status')} now."
    )
