"""What `banksman.toml` may hold, as models: checks, defaults and the schema come from them."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from banksman.config.fields import (
    ITEM_MAX,
    LIST_MAX,
    VARIABLE_PATTERN,
    InnerPath,
    Listed,
    Name,
    Paths,
    Said,
    SchemaPlace,
    Span,
    SpanOrNone,
    Title,
    choice,
    distinct,
    fault,
    many_lines,
    one_line,
)
from banksman.config.limits_model import LimitsSection
from banksman.config.sandbox_model import SandboxTable
from banksman.config.shapes import as_list
from banksman.config.sizes import Size
from banksman.config.words import described

PARALLEL_MAX: Final = 256
SPARES_MAX: Final = 64

_BRANCH_BAD: Final = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[-/.]|/\.|[/.]$|\.lock(/|$)|^@$|^HEAD$"
)


class IntegrationStyle(StrEnum):
    """How accepted work gets onto the target branch."""

    REBASE = "rebase"
    MERGE = "merge"


def _branch(name: str) -> str:
    if _BRANCH_BAD.search(name):
        raise fault("no branch name")
    return name


def _own_branch(name: str) -> str:
    if name == "banksman" or name.startswith("banksman/task-"):
        raise fault("taken by the branches of attempts")
    return name


def _words(value: object) -> object:
    """Refuse a command line: no shell reads it, so it must be cut into words."""
    items = as_list(value)
    if items:
        return items
    more = f"; write {_cut(value)}" if isinstance(value, str) else ""
    raise fault(
        f'must be a program and its arguments such as ["npm", "ci"], '
        f"not {'an empty list' if items == [] else described(value)}{more}"
    )


def _cut(line: str) -> str:
    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    return json.dumps(words or ["program", "argument"])


def _cores() -> int:
    return max(1, min(PARALLEL_MAX, os.cpu_count() or 1))


_Branch = Annotated[
    str, Field(strict=True, min_length=1, max_length=200), AfterValidator(_branch)
]

_Word = Annotated[
    str,
    Field(strict=True, max_length=ITEM_MAX),
    AfterValidator(many_lines),
    Said(f"text without control characters, at most {ITEM_MAX:,} characters"),
]

_Commands = Annotated[
    tuple[
        Annotated[
            tuple[_Word, ...], Field(min_length=1, max_length=LIST_MAX), BeforeValidator(_words)
        ],
        ...,
    ],
    Field(max_length=LIST_MAX),
    Listed('commands such as [["npm", "ci"]]', wrap=_cut),
]

_Variable = Annotated[
    str,
    Field(strict=True, pattern=VARIABLE_PATTERN),
    Said('the name of a variable such as "PORT", of A-Z, 0-9 and "_"'),
]


_Filter = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=ITEM_MAX),
    AfterValidator(one_line),
    Said('the name of a git filter such as "crypt"'),
]


class ProjectTable(BaseModel):
    """The project and its branches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Title | None = Field(
        default=None, description="Name of the project; the folder's name if it is left out."
    )
    base: Annotated[_Branch, Said('the name of a branch such as "main"')] | None = Field(
        default=None,
        description="Branch that the target branch starts from; the one that is checked out "
        "when the project is first run, if it is left out.",
    )
    target: Annotated[
        _Branch,
        AfterValidator(_own_branch),
        Said('the name of a branch such as "banksman/target", outside "banksman/task-…"'),
    ] = Field(
        default="banksman/target",
        description="Branch that accepted work is integrated into; never one of your own.",
    )
    style: Annotated[IntegrationStyle, choice(IntegrationStyle)] = Field(
        default=IntegrationStyle.REBASE,
        description="How work gets onto the target branch: as one commit on its tip "
        "(`rebase`), or with a merge commit (`merge`).",
    )


class RunTable(BaseModel):
    """How a plan is run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parallel: Annotated[
        int,
        Field(strict=True, ge=1, le=PARALLEL_MAX),
        Said(f"1 to {PARALLEL_MAX}"),
    ] = Field(
        default_factory=_cores,
        description="Attempts at the same time; as many as the machine has processors, if it "
        "is left out.",
    )
    agent: Name | None = Field(
        default=None,
        description="Agent of the tasks that name none; may be left out if there is only one.",
    )
    plan: InnerPath = Field(
        default="plan.yaml", description="The plan, from the folder of this file."
    )
    attempt_timeout: Span = Field(
        default=60, description='Longest time of an attempt: minutes, or a text such as "2h".'
    )
    silence_timeout: SpanOrNone = Field(
        default=15,
        description="Longest time an agent may print nothing: minutes, or a text; 0: no limit.",
    )
    jitter: Annotated[bool, Field(strict=True), Said("true or false")] = Field(
        default=False,
        description="Whether the delay before a retry is drawn between 0 and its full length.",
    )
    disk_free_min: Size = Field(
        default=1_000_000_000,
        description="Room on the disks of state and workspaces below which no attempt is "
        'started: bytes, or a text such as "500MB"; 0: no limit.',
    )

    @property
    def attempt_timeout_s(self) -> float:
        """Longest time of an attempt, in seconds, above 0."""
        return self.attempt_timeout * 60

    @property
    def silence_timeout_s(self) -> float | None:
        """Longest time without output, in seconds; none for no limit."""
        return self.silence_timeout * 60 or None


class WorkspacesTable(BaseModel):
    """What makes a fresh checkout a place where one can build and test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: (
        Annotated[
            str,
            Field(strict=True, min_length=1, max_length=ITEM_MAX),
            AfterValidator(one_line),
            Said('a path such as "~/worktrees"'),
        ]
        | None
    ) = Field(
        default=None,
        description="Folder for worktrees and checkouts, outside the repository; absolute, "
        "from `~`, or from the folder of this file. A folder of the user's state if left out.",
    )
    setup: _Commands = Field(
        default=(),
        description="Commands that prepare each worktree and checkout, one after the other; "
        "each a program and its arguments, read by no shell.",
    )
    setup_timeout: Span = Field(
        default=15,
        description='Longest time of one of these commands: minutes, or a text such as "90s".',
    )
    copied: Paths = Field(
        default=(),
        alias="copy",
        description="Untracked files that are copied from your work tree, such as `.env`.",
    )
    linked: Paths = Field(
        default=(),
        alias="link",
        description="Untracked folders that are linked from your work tree. In the sandbox "
        "they can be read; without it, agents can write to what is linked.",
    )
    ports: Annotated[
        tuple[_Variable, ...],
        Field(max_length=100, json_schema_extra={"uniqueItems": True}),
        AfterValidator(distinct),
        Listed('names of variables such as ["PORT"]', items_max=100),
    ] = Field(
        default=(),
        description="Variables that each get the number of a free port, one of its own in "
        "each worktree and checkout.",
    )
    filters: Annotated[
        tuple[_Filter, ...],
        Field(max_length=100, json_schema_extra={"uniqueItems": True}),
        AfterValidator(distinct),
        Listed('names of git filters such as ["crypt"]', items_max=100),
    ] = Field(
        default=(),
        description="Filters of your git configuration, besides Git LFS, that run on what "
        "agents write: outside the sandbox and in the worktree, so only those whose program "
        "takes nothing from the files beside it.",
    )

    spares: Annotated[
        int, Field(strict=True, ge=0, le=SPARES_MAX), Said(f"0 to {SPARES_MAX}")
    ] = Field(
        default=2,
        description="Worktrees that are kept ready ahead while agents work, and used again "
        "after a reset; 0: each is made when it is needed, and deleted afterwards.",
    )

    @property
    def setup_timeout_s(self) -> float:
        """Longest time of one setup command, in seconds, above 0."""
        return self.setup_timeout * 60


class PluginTable(BaseModel):
    """An agent or a check: the plug-in that makes it, and the plug-in's own settings."""

    model_config = ConfigDict(frozen=True, extra="allow", title="Plug-in")

    type: Name = Field(description="Name of the plug-in.")

    @property
    def table(self) -> dict[str, object]:
        """The whole table, as it stands in the file."""
        return {"type": self.type, **self.options}

    @property
    def options(self) -> Mapping[str, object]:
        """The plug-in's own settings, as they stand in the file; it checks them itself."""
        return MappingProxyType(dict(self.model_extra or {}))


_Tables = Annotated[
    dict[Name, PluginTable], Field(json_schema_extra={"additionalProperties": False})
]


class ConfigFile(BaseModel):
    """The settings of a project; everything may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Banksman configuration")

    schema_: SchemaPlace = Field(
        default="",
        alias="$schema",
        description="Where the JSON Schema is, for editors; not read.",
    )
    project: ProjectTable = Field(
        default_factory=ProjectTable, description="The project and its branches."
    )
    run: RunTable = Field(default_factory=RunTable, description="How a plan is run.")
    limits: LimitsSection = Field(
        default_factory=LimitsSection,
        description="What may be spent before a person is asked.",
    )
    workspaces: WorkspacesTable = Field(
        default_factory=WorkspacesTable,
        description="What makes a fresh checkout a place where one can build and test.",
    )
    sandbox: SandboxTable = Field(
        default_factory=SandboxTable,
        description="What agents, checks and setup commands can touch of your machine.",
    )
    agents: _Tables = Field(
        default_factory=dict[str, PluginTable], description="Agents by name."
    )
    checks: _Tables = Field(
        default_factory=dict[str, PluginTable], description="Checks by name."
    )
