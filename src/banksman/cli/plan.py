"""`banksman plan`: the plan as it is written, before anything is run."""

from __future__ import annotations

import os
from pathlib import Path

import click

from banksman.app.plug_ins import try_plug_ins
from banksman.app.starting import known_checks
from banksman.cli.answers import GraphAnswer, LintAnswer
from banksman.cli.drawing import dot, levels, mermaid
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import print_json, print_rows
from banksman.cli.text import clean
from banksman.config.plan import load_plan
from banksman.config.planned import Plan, PlannedTask
from banksman.config.settings import Flags, Settings, load_settings
from banksman.core.budget import allowed, filled
from banksman.exceptions import InputException, PlanException

_FILE = click.argument(
    "file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path)
)


@click.group()
def plan() -> None:
    """Check, show and draw the plan."""


@plan.command(epilog=examples("banksman plan lint", "banksman plan lint big.jsonl --json"))
@_FILE
@json_option(LintAnswer)
@click.pass_context
def lint(ctx: click.Context, file: Path | None, *, as_json: bool) -> None:
    """Check PLAN and the configuration; tell every problem with its line.

    PLAN is plan.yaml beside banksman.toml, unless one is named. Exit code 2 if there are
    problems.
    """
    here: Here = ctx.obj
    if not as_json:
        settings = _settings(here, file)
        count = len(_plan(settings).tasks)
        try_plug_ins(here.place(), settings, here.environ)
        click.echo(clean(f"{_shown(settings.plan)}: {count} tasks, no problems."))
        if not settings.agents:
            click.echo("No agent is configured yet: `banksman run` needs one.", err=True)
        return
    answer = _linted(here, file)
    print_json(answer)
    if answer.problems:
        ctx.exit(2)


@plan.command(
    epilog=examples("banksman plan show", "banksman plan show --json | jq '.[].needs'")
)
@_FILE
@json_option(PlannedTask, many=True)
@click.pass_obj
def show(here: Here, file: Path | None, *, as_json: bool) -> None:
    """Show the tasks of PLAN, in its order, with what each may spend."""
    settings = _settings(here, file)
    tasks, defaults = _plan(settings).tasks, settings.limits.task.limits
    if as_json:
        print_json(tasks)
        return
    print_rows(
        ("TASK", "PRIORITY", "MINUTES", "KIND", "NEEDS", "LIMITS", "TITLE"),
        (
            (
                task.spec.key,
                task.spec.priority,
                f"{task.spec.estimate_min:g}",
                task.spec.kind.value,
                ", ".join(task.needs),
                ", ".join(allowed(filled(task.spec.limits, defaults))),
                task.spec.title,
            )
            for task in tasks
        ),
    )


@plan.command(
    epilog=examples(
        "banksman plan graph",
        "banksman plan graph --dot | dot -Tsvg > plan.svg",
        "banksman plan graph --mermaid >> README.md",
    )
)
@_FILE
@click.option("--dot", "form", flag_value="dot", help="Print the language of Graphviz.")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print a Mermaid flowchart.")
@json_option(GraphAnswer)
@click.pass_obj
def graph(here: Here, file: Path | None, *, form: str | None, as_json: bool) -> None:
    """Draw what the tasks of PLAN need of one another.

    Tasks of one level can be worked on at the same time, when those above are completed.
    """
    tasks = _plan(_settings(here, file)).tasks
    edges = {task.spec.key: task.needs for task in tasks}
    if as_json:
        print_json(GraphAnswer(levels=levels(edges), edges=edges))
    elif form is not None:
        for line in (dot if form == "dot" else mermaid)(tasks):
            click.echo(line)
    else:
        rows = (
            (number, key, f"← {', '.join(edges[key])}" if edges[key] else "")
            for number, level in enumerate(levels(edges), start=1)
            for key in level
        )
        print_rows(("LEVEL", "TASK", "NEEDS"), rows)


def _settings(here: Here, file: Path | None) -> Settings:
    flags = Flags(
        config=None if here.config is None else here.path(here.config),
        plan=None if file is None else here.path(file),
    )
    return load_settings(here.place().work_tree, flags, here.environ)


def _plan(settings: Settings) -> Plan:
    return load_plan(
        settings.plan,
        agents=settings.agents,
        checks=known_checks(settings),
        shown=_shown(settings.plan),
    )


def _linted(here: Here, file: Path | None) -> LintAnswer:
    path = "" if file is None else str(file)
    try:
        settings = _settings(here, file)
        path = _shown(settings.plan)
        count = len(_plan(settings).tasks)
        try_plug_ins(here.place(), settings, here.environ)
        return LintAnswer(plan=path, tasks=count, problems=())
    except InputException as error:
        told = error.problems if isinstance(error, PlanException) else ()
        return LintAnswer(plan=path, tasks=0, problems=told or (str(error),))


def _shown(path: Path) -> str:
    """Return a path as seen from the present folder, if it is below it."""
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown
