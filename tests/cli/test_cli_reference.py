"""The reference page is fresh, and `--json` prints what it says."""

from __future__ import annotations

import json
import re
from typing import Protocol, cast

import click
import pytest
from jsonschema import Draft202012Validator

from banksman.app.cleaning import Cleaned
from banksman.app.doctor import Finding
from banksman.app.reporting import Report
from banksman.cli import answers
from banksman.cli.lazy import LazyGroup
from banksman.config.planned import PlannedTask
from banksman.core.breakpoints import BreakpointType
from banksman.core.records import BreakpointEvent
from banksman.stores.views import TaskDetails
from tests.cli.recorded import Recorded
from tools.cli_reference import PAGE, ROOT, page, schema, walk

COMMANDS = dict(walk())


def test_the_page_is_fresh() -> None:
    assert (ROOT / PAGE).read_text() == page(), "run: python -m tools.cli_reference"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_a_help_with_examples(path: str) -> None:
    command = COMMANDS[path].command
    assert command.get_short_help_str(200)
    if not isinstance(command, click.Group):
        assert command.epilog is not None
        shown = command.epilog.partition("Examples:\n")[2].splitlines()
        assert shown
        assert all(path in line or "banksman" in line for line in shown)


@pytest.mark.parametrize("path", COMMANDS)
def test_a_summary_says_what_the_help_says(path: str) -> None:
    group = COMMANDS[path].command
    if isinstance(group, LazyGroup):
        for name, entry in group.table.items():
            command = COMMANDS[f"{path} {name}"].command
            first = (command.help or "").partition("\n")[0]
            assert entry.summary.endswith(".")
            assert command.name == name
            assert first


@pytest.mark.parametrize("path", COMMANDS)
def test_what_examples_show_is_what_the_command_takes(path: str) -> None:
    epilog = COMMANDS[path].command.epilog or ""
    options = {
        name for parameter in COMMANDS[path].command.params for name in parameter.opts
    } | {"-C"}
    for line in epilog.partition("Examples:\n")[2].splitlines():
        called = re.split(r"\s[|>]{1,2}\s", line.strip())[0]
        if called.startswith(path):
            assert set(re.findall(r"(?<!\S)--?[a-z-]+", called)) <= options, line


SHAPES = [
    (["status"], answers.StatusAnswer, ""),
    (["task", "show", "first"], TaskDetails, ""),
    (["breakpoint", "list"], BreakpointEvent, "list"),
    (["breakpoint", "list", "--all"], BreakpointEvent, "list"),
    (["breakpoint", "show", "1"], answers.BreakpointAnswer, ""),
    (["log"], answers.EventAnswer, "lines"),
    (["watch"], answers.EventAnswer, "lines"),
    (["diff", "first"], answers.DiffAnswer, ""),
    (["land", "--preview"], answers.LandAnswer, ""),
    (["clean", "--dry-run"], Cleaned, ""),
    (["doctor"], Finding, "list"),
    (["init", "--print"], answers.InitAnswer, ""),
    (["plan", "lint"], answers.LintAnswer, ""),
    (["plan", "show"], PlannedTask, "list"),
    (["plan", "graph"], answers.GraphAnswer, ""),
    (["stop"], answers.StopAnswer, ""),
    (["report"], Report, ""),
    (["pause"], answers.CommandAnswer, ""),
    (["task", "cancel", "second"], answers.CommandAnswer, ""),
    (["run", "--no-wait"], answers.EventAnswer, "run"),
]


@pytest.mark.parametrize(("command", "shape", "form"), SHAPES, ids=str)
def test_json_is_what_the_page_describes(
    recorded: Recorded, command: list[str], shape: type, form: str
) -> None:
    _prepare(recorded)
    said = recorded.repo.banksman(*command, "--json")
    lines = said.out.splitlines()
    match form:
        case "list":
            printed = said.json
        case "lines":
            printed = [json.loads(line) for line in lines]
        case "run":
            *printed, last = [json.loads(line) for line in lines]
            assert _validator(answers.EndAnswer).is_valid(last)
        case _:
            printed = [said.json]
    assert all(_validator(shape).is_valid(one) for one in printed)
    assert printed or command == ["watch"], said.err


class _Validator(Protocol):
    def is_valid(self, instance: object) -> bool: ...


def _validator(shape: type) -> _Validator:
    # Its types know plain JSON only; what it is shown may be anything.
    return cast("_Validator", Draft202012Validator(dict(schema(shape))))


def _prepare(recorded: Recorded) -> None:
    """Leave a project as an engine would that died: one attempt captured, one breakpoint."""
    shell = recorded.repo
    base = shell.git("rev-parse", "HEAD")
    shell.git("switch", "-q", "-c", "banksman/target")
    commit = shell.commit({"new.py": "x = 1\n"}, "Do the first thing")
    shell.git("switch", "-q", "main")
    plan = {"version": 1, "tasks": [{"key": "third", "title": "A third", "gate": "manual"}]}
    (shell.folder / "plan.yaml").write_text(json.dumps(plan))
    (shell.folder / "banksman.toml").write_text(
        '[agents.none]\ntype = "command"\ncommand = ["true"]\n'
    )
    first, second = recorded.tasks
    recorded.finish(first, base=base, commit=commit)
    event = recorded.stop(second, "may it start?")
    assert event.type is BreakpointType.MANUAL
    recorded.store.close()
