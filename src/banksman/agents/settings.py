"""Settings of agents, checked by their models; every error names its key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from banksman.exceptions import InputException

Model = TypeVar("Model", bound=BaseModel)


VariableName = Annotated[StrictStr, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


OURS: Final = frozenset({
    "-p", "--print", "--output-format", "--input-format", "--verbose", "--permission-mode",
    "--include-partial-messages", "--dangerously-skip-permissions", "--strict-mcp-config",
    "--settings", "--session-id", "-r", "--resume", "-c", "--continue", "--fork-session",
    "--no-session-persistence", "--from-pr", "--teleport", "--model", "--max-turns",
    "--max-budget-usd", "--allowedTools", "--allowed-tools", "--bg", "--background", "--cloud",
    "--environment", "--remote-control", "--tmux", "-w", "--worktree", "--chrome", "--ide",
    "-h", "--help", "-v", "--version",
})  # fmt: skip
"""Options of Claude Code that are given by settings, or that a turn cannot do with."""


def _not_ours(argument: str) -> str:
    if argument.partition("=")[0] in OURS:
        message = f"{argument!r} is given by Banksman itself; see the agent's other settings"
        raise ValueError(message)
    return argument


def _inner(path: str) -> str:
    parts = PurePosixPath(path)
    if not parts.parts or parts.is_absolute() or ".." in parts.parts:
        message = f"{path!r} must be a path below your home folder, such as '.netrc'"
        raise ValueError(message)
    return path


class CommandSettings(BaseModel):
    """Settings of `command`: any program, or a line for the shell, as an agent.

    Attributes:
        command: Program and arguments, which no shell reads. `{prompt_file}`, `{workspace}`,
            `{key}` and `{title}` are replaced, anywhere in an argument. A title may begin with
            `-`: where the program would take it for an option, put `--` before it, or write
            `--title={title}`.
        shell: Instead, a line for `/bin/sh`; nothing is replaced in it, it has the variables.
        prompt: `stdin`, or `file` or `none` for an empty standard input; the file with the
            prompt and its variable are there in each case.
        env: Variables to set.
        pass_env: Variables to pass on from the engine's own environment.
        ok_codes: Exit codes of an agent that has no error to report.
        network: Whether it has a network in the sandbox.
        home: Files below your `HOME` that it gets a copy of in its own, in a sandbox, where
            they are missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: tuple[StrictStr, ...] = ()
    shell: StrictStr = ""
    prompt: Literal["stdin", "file", "none"] = "stdin"
    env: Mapping[VariableName, StrictStr] = Field(default_factory=dict[str, str])
    pass_env: tuple[VariableName, ...] = ()
    ok_codes: tuple[StrictInt, ...] = (0,)
    network: StrictBool = True
    home: tuple[Annotated[StrictStr, AfterValidator(_inner)], ...] = ()

    @model_validator(mode="after")
    def _names_one_program(self) -> CommandSettings:
        if bool(self.command) == bool(self.shell.strip()):
            message = "give either command = [program, argument, …] or shell = a line"
            raise ValueError(message)
        return self

    @property
    def argv(self) -> tuple[str, ...]:
        """Program and arguments as they stand."""
        return self.command or ("/bin/sh", "-c", self.shell)


PermissionMode = Literal["acceptEdits", "bypassPermissions", "dontAsk", "plan"]


class ClaudeSettings(BaseModel):
    """Settings of `claude-code`: Anthropic's Claude Code, without a person before it.

    Attributes:
        program: The program; by default `claude` on the PATH, else the one in the package
            `claude-agent-sdk`, if that is installed.
        model: The model, by name or alias; by default the one that Claude Code takes.
        permission_mode: What it may do unasked. By default `bypassPermissions` in a sandbox,
            which holds it, and `acceptEdits` without one: files may be edited, and commands
            run only if `allowed_tools` says so.
        allowed_tools: Tools that it may use in any mode, such as `Bash(npm test:*)`.
        max_turns: Calls of the model in one turn, above 0.
        env: Variables to set.
        pass_env: Variables to pass on from the engine's own environment.
        home: Files below your `HOME` that it gets a copy of in its own, in a sandbox.
        network: Whether it has a network in the sandbox; its provider needs one.
        extra_args: Further arguments, for what there is no setting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: StrictStr = ""
    model: StrictStr = ""
    permission_mode: PermissionMode | None = None
    allowed_tools: tuple[StrictStr, ...] = ()
    max_turns: StrictInt | None = Field(default=None, gt=0)
    env: Mapping[VariableName, StrictStr] = Field(default_factory=dict[str, str])
    pass_env: tuple[VariableName, ...] = (
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "CLAUDE_CODE_OAUTH_TOKEN",
    )
    home: tuple[Annotated[StrictStr, AfterValidator(_inner)], ...] = (
        ".claude/.credentials.json",
    )
    network: StrictBool = True
    extra_args: tuple[Annotated[StrictStr, AfterValidator(_not_ours)], ...] = ()


class ScriptedSettings(BaseModel):
    """Settings of `scripted`: plays recorded edits instead of thinking.

    Attributes:
        scripts: Folder with a `<key>.yaml` for each task, from the root of the project.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scripts: StrictStr = Field(min_length=1)


def read_settings(model: type[Model], table: Mapping[str, object], kind: str) -> Model:
    """Return the settings in a table.

    Raises:
        InputException: A key is unknown, missing or not usable; the message names all of them.
    """
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        problems = "; ".join(sentences(error, model))
        raise InputException(
            message=f"the settings of an agent of type {kind!r} are not usable: {problems}"
        ) from error


def sentences(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """Yield what is wrong, each with its key."""
    for problem in error.errors(include_url=False):
        yield sentence(problem, [str(part) for part in problem["loc"]], model)


def sentence(problem: ErrorDetails, path: Sequence[str], model: type[BaseModel]) -> str:
    """Return what is wrong at a path, the last part of which belongs to this model."""
    place = ".".join(path)
    told = problem["msg"]
    match problem["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(path[-1], model.model_fields, n=1)
            known = f"known: {', '.join(model.model_fields)}"
            return f"{place!r} is not known ({f'did you mean {near[0]!r}?' if near else known})"
        case "missing":
            return f"{place!r} is missing"
        case "value_error":
            return told.removeprefix("Value error, ")
        case _:
            return f"{f'{place!r}: ' if place else ''}{told[:1].lower()}{told[1:]}"
