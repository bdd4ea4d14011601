"""`banksman task add`: one more task for a plan that is under way."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import click
from pydantic import ValidationError

from banksman.app.starting import known_checks
from banksman.cli.here import Here, examples
from banksman.cli.sending import refuse_unreadable, send, task_key, wish_options
from banksman.config.json_lines import LineDocument
from banksman.config.limits_model import LimitsTable
from banksman.config.plan_model import TaskEntry
from banksman.config.problems import KeyPath, Problems
from banksman.config.sentences import Teller, dotted, known_keys
from banksman.config.settings import Flags, Settings, load_settings
from banksman.config.shapes import as_group, as_list
from banksman.config.words import quoted, suggestion
from banksman.core.task import DependencyPolicy, Gate, TaskKind, TaskSpec
from banksman.exceptions import InputException
from banksman.state.codec import plain, to_plain

_INSTRUCTIONS_BYTES_MAX: Final = 1 << 20


@click.command(
    epilog=examples(
        'banksman task add docs "Describe the new option" --needs parser --kind docs',
        "banksman task add fix-7 'Repair issue 7' --instructions - < issue.md",
    )
)
@click.argument("key")
@click.argument("title")
@click.option("--instructions", metavar="TEXT", help="For the agent; - reads standard input.")
@click.option("--needs", metavar="TASK", multiple=True, help="A task that it depends on.")
@click.option("--priority", metavar="1-10", type=int, help="10 goes first; 5 by default.")
@click.option("--deadline", metavar="TIME", help="Such as 2030-01-31T17:00:00Z.")
@click.option("--estimate", metavar="TIME", help='Expected work, such as "30m".')
@click.option("--agent", metavar="NAME", help="An agent of banksman.toml.")
@click.option("--check", "checks", metavar="NAME", multiple=True, help="Only these checks.")
@click.option("--acceptance", metavar="TEXT", multiple=True, help="A criterion in words.")
@click.option("--retries", metavar="N", type=int, help="Further attempts; 3 by default.")
@click.option("--turns", metavar="N", type=int, help="Prompts in one attempt; 3 by default.")
@click.option("--touches", metavar="GLOB", multiple=True, help="What it should change.")
@click.option("--may-change", metavar="GLOB", multiple=True, help="Tests it may change.")
@click.option("--limit", "limits", metavar="KEY=N", multiple=True, help="Such as cost=2.50.")
@click.option("--kind", type=click.Choice([str(kind) for kind in TaskKind]))
@click.option("--gate", type=click.Choice([str(gate) for gate in Gate]))
@click.option(
    "--on-dependency-failure", type=click.Choice([str(policy) for policy in DependencyPolicy])
)
@wish_options
@click.pass_context
def add(
    ctx: click.Context, /, *, request: str, as_json: bool, **fields: str | int | tuple[str, ...]
) -> None:
    """Add a task with this KEY and TITLE; it is started when its turn comes.

    The plan's file stays as it is: add the task there, too, if others shall know of it.
    """
    here: Here = ctx.obj
    needs = fields.pop("needs")
    assert isinstance(needs, tuple), "it may be given many times"
    refuse_unreadable(fields)
    spec = _spec(here, fields)
    arguments = {
        "spec": to_plain(spec),
        "needs": [task_key(here, name) for name in dict.fromkeys(needs)],
    }
    send(ctx, "add", arguments, request=request, tell=_tell, as_json=as_json)


def _spec(here: Here, fields: Mapping[str, object]) -> TaskSpec:
    """Return the task that the options describe, or refuse it with all that is wrong."""
    given = {name: plain(value) for name, value in fields.items() if value not in {None, ()}}
    if "limits" in given:
        given["limits"] = dict(map(_limit, as_list(given["limits"]) or ()))
    if given.get("instructions") == "-":
        given["instructions"] = _standard_input()
    problems = Problems("the task")
    teller = Teller(
        document=LineDocument(given, 0),
        problems=problems,
        subject=dotted,
        keys=_known,
        sources=_sources(given),
    )
    try:
        spec = TaskEntry.model_validate(given).spec()
    except ValidationError as error:
        teller.tell(error)
        raise InputException(message=str(problems.exception())) from None
    _check_names(here, spec)
    return spec


def _standard_input() -> str:
    given = sys.stdin.buffer.read(_INSTRUCTIONS_BYTES_MAX + 1)
    if len(given) > _INSTRUCTIONS_BYTES_MAX:
        most = f"{_INSTRUCTIONS_BYTES_MAX >> 10} KiB"
        raise InputException(message=f"the standard input is longer than {most}.")
    try:
        return given.decode()
    except UnicodeDecodeError:
        raise InputException(
            message="the standard input is not UTF-8 text.",
            hint="Give the instructions in words; files belong into the repository.",
        ) from None


def _check_names(here: Here, spec: TaskSpec) -> None:
    config = None if here.config is None else here.path(here.config)
    settings = load_settings(here.place().work_tree, Flags(config=config), here.environ)
    if spec.agent:
        _must_be_one_of(spec.agent, "agent", settings)
    for check in spec.checks:
        _must_be_one_of(check, "check", settings)
    if not spec.agent:
        settings.require_agent()


def _must_be_one_of(name: str, kind: str, settings: Settings) -> None:
    known = settings.agents if kind == "agent" else known_checks(settings)
    if name not in known:
        near = suggestion(name, known) or "."
        raise InputException(message=f"there is no {kind} {quoted(name)} in the settings{near}")


def _known(path: KeyPath) -> tuple[str, ...]:
    return known_keys(LimitsTable if path else TaskEntry)


def _sources(given: Mapping[str, object]) -> dict[KeyPath, str]:
    """Return which option gave each value, and each item of those given many times."""
    sources: dict[KeyPath, str] = {}
    for name, value in given.items():
        sources[name,] = _option(name)
        for place in (*range(len(as_list(value) or ())), *(as_group(value) or ())):
            sources[name, place] = _option(name)
    return sources


def _option(name: str) -> str:
    if name in {"key", "title"}:
        return name.upper()
    return f"--{_MANY.get(name, name).replace('_', '-')}"


_MANY: Final = {"checks": "check", "limits": "limit"}


def _limit(said: object) -> tuple[str, object]:
    """Return a limit by its name; a text of digits is a number, as in a file."""
    name, _, text = str(said).partition("=")
    for read in (int, float):
        with suppress(ValueError):
            return name, read(text)
    return name, text


def _tell(answer: Mapping[str, object]) -> str:
    return f"{answer.get('key')} is task {answer.get('task')}, {answer.get('status')}."
