"""`banksman init`: a first plan and configuration."""

from __future__ import annotations

import click

from banksman.app.starting import Beginning, begin, beginning
from banksman.cli.answers import InitAnswer
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import print_json
from banksman.cli.text import clean


@click.command(
    epilog=examples("banksman init", "banksman init --print", "banksman init --force")
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--print", "only_print", is_flag=True, help="Print the files, write nothing.")
@json_option(InitAnswer)
@click.pass_obj
def init(here: Here, *, force: bool, only_print: bool, as_json: bool) -> None:
    """Write plan.yaml and banksman.toml to begin with.

    Looks at the repository for its language, the command of its tests and its lock files, and
    on this machine for agents. Nothing is run, and nothing is replaced without --force.
    """
    place = here.place()
    start = beginning(place, here.environ)
    if not only_print:
        begin(place, start, force=force)
    if as_json:
        print_json(_answer(start, written=not only_print))
    elif only_print:
        for path, text in start.texts.items():
            click.echo(f"### {path.name}\n{text}")
    else:
        _tell(start)


def _answer(start: Beginning, *, written: bool) -> InitAnswer:
    return InitAnswer(
        plan=str(start.plan),
        config=str(start.config),
        languages={runner.language: runner.name for runner in start.detected.runners},
        agents=start.detected.agents,
        written=written,
    )


def _tell(start: Beginning) -> None:
    found = start.detected
    for runner in found.runners:
        how = " ".join(runner.command) or f"no check yet: {runner.advice}"
        click.echo(clean(f"Found {runner.language}, tested by {runner.name}: {how}"))
    agents = ", ".join(found.agents) or "none; say in banksman.toml how yours is started"
    click.echo(f"Agents installed: {agents}")
    click.echo(f"Wrote {start.plan.name} and {start.config.name}.")
    click.echo(
        "Next: describe your tasks in plan.yaml, then `banksman plan lint`, `banksman run`."
    )
