"""What is made from the models of plan and configuration: JSON Schemas and reference pages.

`python -m tools.model_pages` writes them again; a test compares them with the models.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from banksman.agents.settings import ClaudeSettings, CommandSettings, ScriptedSettings
from banksman.config.fields import LIST_MAX, Listed, Said
from banksman.config.json_lines import FILE_BYTES_MAX, LINE_BYTES_MAX
from banksman.config.limits_model import LimitsSection, LimitsTable
from banksman.config.plan import YAML_BYTES_MAX
from banksman.config.plan_model import TASKS_MAX, PlanHead, TaskEntry
from banksman.config.sandbox_model import SandboxTable
from banksman.config.schemas import SCHEMAS, made_text
from banksman.config.settings import CONFIG_BYTES_MAX
from banksman.config.settings_model import (
    PluginTable,
    ProjectTable,
    RunTable,
    WorkspacesTable,
)
from banksman.config.shapes import as_list
from banksman.config.yaml_reading import DEPTH_MAX

ROOT: Final = Path(__file__).parents[1]

_AGENTS: Final[dict[str, type[BaseModel]]] = {
    "claude-code": ClaudeSettings,
    "command": CommandSettings,
    "scripted": ScriptedSettings,
}
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)

_PLAN: Final = """\
# The plan

<!-- Made by `python -m tools.model_pages`; change the models instead. -->

A plan names tasks and what they need of one another. It is read from `plan.yaml`:

```yaml
# yaml-language-server: $schema=.git/banksman/plan.schema.json
version: 1
tasks:
  - key: parser
    title: Read dates with a time zone
    instructions: |
      `parse_date` drops the offset. Keep it, and add tests for it.
    kind: fix
    priority: 8
    estimate: 30m
    touches: ["src/**", "tests/**"]
  - key: manual
    title: Describe time zones in the manual
    needs: [parser]
    kind: docs
    acceptance:
      - The page shows one example with an offset.
  - key: release
    title: Write the notes of the release
    needs: [parser, manual]
    deadline: 2030-01-31T17:00:00+01:00
    gate: manual
```

or, when it is huge, from a file whose name ends in `.jsonl`, with one task on each line; the
first line may be a head:

```jsonl
{"version": 1}
{"key": "parser", "title": "Read dates with a time zone", "priority": 8}
{"key": "manual", "title": "Describe time zones in the manual", "needs": ["parser"]}
```

Loading a plan opens this one file and runs nothing. `banksman plan lint` tells all of its
problems at once, each with its line.
"""

_PLAN_NOTES: Final = f"""\
## What is read how

- A plain word is a number, `true`, `false` or nothing only where all readers of YAML agree;
  `yes`, `on`, `012` and `2030-01-31` are text. Quotes always make text.
- Anchors, aliases, merge keys, tags and a second document are refused: a plan says plainly
  what it says.
- Tasks may stand in any order. Keys and names are lower case, so that they are safe in branch
  names and on every file system.

## Limits

A plan has at most {TASKS_MAX:,} tasks and {DEPTH_MAX} levels; a list {LIST_MAX:,} items. YAML
may be {YAML_BYTES_MAX >> 20} MiB long, JSON Lines {FILE_BYTES_MAX >> 20} MiB, each line of them
{LINE_BYTES_MAX >> 20} MiB.
"""

_CONFIG: Final = """\
# The configuration

<!-- Made by `python -m tools.model_pages`; change the models instead. -->

`banksman.toml` lies in the top folder of the repository. All of it may be left out, but to run
a plan it takes an agent:

```toml
#:schema .git/banksman/config.schema.json

[run]
parallel = 4
agent = "claude"

[workspaces]
setup = [["npm", "ci"]]
copy = [".env"]
ports = ["PORT"]

[agents.claude]
type = "claude-code"

[agents.gemini]
type = "command"
command = ["gemini", "--approval-mode", "auto_edit"]
pass_env = ["GEMINI_API_KEY"]

[checks.syntax]
type = "syntax"

[checks.tests]
type = "tests"
command = ["npx", "vitest", "run", "--reporter=junit", "--outputFile={junit}"]
```

An agent of the type `claude-code` is [Claude Code](../how-to/claude-code.md). One of the type
`command` is any program that reads its task from standard input and changes files in the folder
where it is started. In its arguments `{title}` stands for the task's title, which may begin
with `-`: put `--` before it, or write `--title={title}`.

A check of the type `tests` runs your own runner, which writes JUnit XML to the path that
`{junit}` stands for.

A flag counts more than the environment, and that more than the file.
"""

_CONFIG_NOTES: Final = f"""\
## Variables

- `BANKSMAN_CONFIG`: the configuration file, instead of `banksman.toml`.
- `BANKSMAN_STATE_DIR`: absolute path of the folder for the state, instead of `banksman` in
  git's own folder.
- `XDG_STATE_HOME`: where the folder for worktrees and checkouts lies, if `[workspaces] root`
  does not say it.
- `BANKSMAN_SANDBOX`: `on` or `off`, instead of `[sandbox] mode`; `--no-sandbox` counts more.
- `NO_COLOR`: set to anything, it turns colours off.

Agents and checks inherit `PATH`, `HOME`, `LANG`, `LANGUAGE`, `LC_*`, `TZ`, `TMPDIR`, `USER`,
`LOGNAME`, `SHELL`, `TERM`, the `XDG_` variables of caches, configuration, data and state, and
those that say where certificates are (`SSL_CERT_FILE`, `SSL_CERT_DIR`, `NODE_EXTRA_CA_CERTS`,
`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `GIT_SSL_CAINFO`); everything else stays out of their
sight. In the sandbox `HOME` is another, and those that name places of yours are missing (see
the [page about it](../explanation/sandbox.md)).

## Limits

The file may be {CONFIG_BYTES_MAX >> 20} MiB long, with {DEPTH_MAX} levels.
"""


def made_files() -> dict[str, str]:
    """Return the text of each file by its path in the repository."""
    schemas = {f"src/banksman/config/schemas/{name}": made_text(name) for name in SCHEMAS}
    return schemas | {
        "docs/reference/plan.md": plan_page(),
        "docs/reference/configuration.md": configuration_page(),
    }


def plan_page() -> str:
    """Return `docs/reference/plan.md`."""
    head = _section("Top level", PlanHead)
    limits = _section("`limits` of a task", LimitsTable)
    return "\n".join((_PLAN, head, _section("A task", TaskEntry), limits, _PLAN_NOTES))


def configuration_page() -> str:
    """Return `docs/reference/configuration.md`."""
    sections = (
        _section("`[project]`", ProjectTable),
        _section("`[run]`", RunTable),
        _section("`[limits]`", LimitsSection),
        _section("`[limits.task]`, `[limits.run]` and `[limits.project]`", LimitsTable),
        _section("`[workspaces]`", WorkspacesTable),
        _section("`[sandbox]`", SandboxTable),
        _section("`[agents.<name>]` and `[checks.<name>]`", PluginTable),
        *(_plugin(kind, model) for kind, model in _AGENTS.items()),
    )
    return "\n".join((_CONFIG, *sections, _CONFIG_NOTES))


def _section(title: str, model: type[BaseModel]) -> str:
    rows = "\n".join(_rows(model))
    return f"""\
## {title}

{model.__doc__}

| key | value | default | meaning |
| --- | --- | --- | --- |
{rows}
"""


def _plugin(kind: str, model: type[BaseModel]) -> str:
    """Return the section on an agent of one type, as the docstring of its settings has it."""
    said, _, attributes = (inspect.getdoc(model) or "").partition("\n\nAttributes:\n")
    rows = "\n".join(
        f"| `{name}` | {_default(model.model_fields[name])} | {' '.join(text.split())} |"
        for name, text in _ATTRIBUTE.findall(attributes)
    )
    what = said.partition(": ")[2]
    return f"""\
### An agent with `type = "{kind}"`

{what[:1].upper()}{what[1:]}

| key | default | meaning |
| --- | --- | --- |
{rows}
"""


def _rows(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        cells = (f"`{field.alias or name}`", _value(field), _default(field), field.description)
        yield f"| {' | '.join(map(str, cells))} |"


def _value(field: FieldInfo) -> str:
    if field.annotation is LimitsTable:
        return "limits, by what they limit"
    inner = (part for kind in get_args(field.annotation) for part in _metadata(kind))
    for part in (*field.metadata, *inner):
        match part:
            case Listed(expected=expected):
                return f"a list of {expected}"
            case Said(expected=expected):
                return expected
            case _:
                pass
    raise AssertionError(field)


def _metadata(kind: object) -> tuple[object, ...]:
    return tuple(getattr(kind, "__metadata__", ()))


def _default(field: FieldInfo) -> str:
    default: object = field.get_default()
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, int | float):
        return f"`{default:g}`"
    items = as_list(default)
    if items:
        return f"`{json.dumps(items)}`"
    return f"`{default}`" if default and items is None else ""


def main() -> None:
    """Write them all."""
    for path, text in made_files().items():
        (ROOT / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
