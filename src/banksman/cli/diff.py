"""`banksman diff`: what an attempt changed."""

from __future__ import annotations

from typing import Final

import click

from banksman.app.patches import Patch, patch_of
from banksman.app.reads import find_task, open_project
from banksman.cli.answers import DiffAnswer
from banksman.cli.here import Here, Number, examples, json_option
from banksman.cli.tables import on_terminal, print_json, print_rows
from banksman.cli.task_names import task_argument
from banksman.cli.text import clean

_HEADER: Final = ("CHANGE", "ADDED", "DELETED", "PATH")


@click.command(
    epilog=examples(
        "banksman diff parser",
        "banksman diff parser --attempt 1 --stat",
        "banksman diff parser | git apply",
    )
)
@task_argument()
@click.option("--attempt", "number", type=Number(min=1), help="The last one by default.")
@click.option("--stat", is_flag=True, help="Show the paths and how much of them changed.")
@json_option(DiffAnswer)
@click.pass_obj
def diff(here: Here, name: str, *, number: int | None, stat: bool, as_json: bool) -> None:
    """Show what an attempt of TASK changed.

    While the attempt runs, that is its workspace as it is now. A terminal gets it coloured and
    without what could harm it; a file or a program gets the very bytes, ready for `git apply`.
    """
    place = here.place()
    with open_project(place) as (reader, project):
        details = reader.task(find_task(reader, project.id, name))
    patch = patch_of(place, here.environ, details, number=number)
    if as_json:
        print_json(_answer(details.task.spec.key, patch))
    elif stat:
        rows = ((one.change, one.added, one.deleted, one.path) for one in patch.changes)
        print_rows(_HEADER, rows)
    elif on_terminal():
        for line in patch.text.decode("utf-8", "replace").splitlines():
            click.echo(_coloured(clean(line)))
    else:
        click.echo(patch.text, nl=False)


def _answer(key: str, patch: Patch) -> DiffAnswer:
    return DiffAnswer(
        task=key,
        attempt=patch.attempt,
        live=patch.live,
        base=patch.base,
        commit=patch.commit,
        changes=patch.changes,
        patch=patch.text.decode("utf-8", "replace"),
    )


def _coloured(line: str) -> str:
    match line[:2]:
        case "@@":
            return click.style(line, fg="cyan")
        case "++" | "--" | "di" | "in":
            return click.style(line, bold=True)
        case _ if line.startswith("+"):
            return click.style(line, fg="green")
        case _ if line.startswith("-"):
            return click.style(line, fg="red")
        case _:
            return line
