"""`banksman doctor`: whether everything that a run needs is there."""

from __future__ import annotations

from typing import Final

import click

from banksman.app.doctor import Finding, Verdict, examine
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import print_json, print_rows

_COLOURS: Final = {"fine": "green", "note": "yellow", "bad": "red"}
_EXIT_BAD: Final = 2


@click.command(epilog=examples("banksman doctor", "banksman doctor --json"))
@json_option(Finding, many=True)
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Check that everything needed is there: git, repository, state, agents, disk.

    Nothing is changed. Exit code 2 if something would keep a plan from running.
    """
    here: Here = ctx.obj
    config = None if here.config is None else here.path(here.config)
    findings = examine(here.start, here.environ, config=config)
    if as_json:
        print_json(findings)
    else:
        print_rows(
            ("WHAT", "VERDICT", "FOUND"),
            ((one.name, one.verdict.value, one.message) for one in findings),
            colour=lambda row, place: _COLOURS.get(row[1]) if place == 1 else None,
        )
    if any(one.verdict is Verdict.BAD for one in findings):
        ctx.exit(_EXIT_BAD)
