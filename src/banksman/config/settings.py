"""Merges file, flags and environment into one frozen value; nothing else reads them.

A flag counts more than the environment, and that more than the file; where all are silent, the
defaults of the models hold.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from banksman.config.environment import base_environment
from banksman.config.limits_model import LimitsSection, LimitsTable
from banksman.config.problems import NOWHERE, KeyPath, Problems, located
from banksman.config.reading import read_text
from banksman.config.sandbox_model import SandboxMode, SandboxTable
from banksman.config.sentences import Teller, dotted, known_keys
from banksman.config.settings_model import (
    ConfigFile,
    PluginTable,
    ProjectTable,
    RunTable,
    WorkspacesTable,
)
from banksman.config.shapes import as_group
from banksman.config.toml_reading import TomlDocument, read_toml
from banksman.config.words import quoted, suggestion
from banksman.exceptions import InputException

CONFIG_NAME: Final = "banksman.toml"
CONFIG_BYTES_MAX: Final = 1 << 20
_MISSING: Final = "write one with `banksman init`, or name another file"


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What the command line says; none is silence.

    Attributes:
        config: The configuration file, from the present folder.
        plan: The plan, from the present folder.
        parallel: Attempts at the same time.
        agent: Agent of the tasks that name none.
        limits: What the run may spend, by the names of `[limits] run`; a text of minutes may
            be a number.
        sandbox: Whether agents and checks are confined.
        color: Whether to print in colour.
    """

    config: Path | None = None
    plan: Path | None = None
    parallel: int | None = None
    agent: str | None = None
    limits: Mapping[str, object] = field(default_factory=dict[str, object])
    sandbox: bool | None = None
    color: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Confining:
    """How agents and checks are confined; all paths are absolute.

    Attributes:
        confined: Whether they are.
        hidden: What they do not see.
        writable: What they may write beside their own.
        user_home: The user's home.
    """

    confined: bool
    hidden: tuple[Path, ...]
    writable: tuple[Path, ...]
    user_home: Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one project.

    Attributes:
        root: The project's folder, absolute.
        file: The configuration file; none if there is none.
        plan: The plan's path.
        project: Names and branches; `name` is always set.
        run: How a plan is run.
        limits: What may be spent.
        workspaces: How worktrees are prepared.
        workspaces_root: Folder for worktrees and checkouts, absolute; none for the default.
        sandbox: How agents and checks are confined.
        agents: Agents by name.
        checks: Checks by name.
        state_dir: Folder for the state, absolute; none for the default.
        state_home: The user's folder for states of programs, absolute.
        environment: The variables that agents and checks inherit.
        color: Whether to print in colour; none to decide by the terminal.
        place: Gives where a key stands, such as `banksman.toml:12:1`, for messages of plug-ins.
    """

    root: Path
    file: Path | None
    plan: Path
    project: ProjectTable
    run: RunTable
    limits: LimitsSection
    workspaces: WorkspacesTable
    workspaces_root: Path | None
    sandbox: Confining
    agents: Mapping[str, PluginTable]
    checks: Mapping[str, PluginTable]
    state_dir: Path | None
    state_home: Path
    environment: Mapping[str, str] = field(repr=False)
    color: bool | None
    place: Callable[..., str] = field(repr=False, compare=False)

    @property
    def default_agent(self) -> str | None:
        """Agent of the tasks that name none: the one that is set, or the only one."""
        only = next(iter(self.agents)) if len(self.agents) == 1 else None
        return self.run.agent or only

    @property
    def workspaces_home(self) -> Path:
        """The folder below which each repository has a folder for its workspaces."""
        return self.workspaces_root or self.state_home / "banksman"

    def require_agent(self) -> str:
        """Return the default agent.

        Raises:
            InputException: There is no agent, or more than one and none is the default.
        """
        if self.default_agent is not None:
            return self.default_agent
        if not self.agents:
            raise InputException(
                message=f"no agent is configured in {CONFIG_NAME}.",
                hint="Add one below [agents.<name>], or let `banksman init` write the file.",
            )
        raise InputException(
            message=f"{len(self.agents)} agents are configured, and none is the default.",
            hint=f"Set [run] agent in {CONFIG_NAME}, or give --agent.",
        )


def load_settings(root: Path, flags: Flags, environ: Mapping[str, str]) -> Settings:
    """Return the settings of the project in a folder.

    Args:
        root: The top folder of the repository.
        flags: What the command line says.
        environ: The environment.

    Raises:
        PlanException: The file, a flag or a variable has problems; all of them are named.
    """
    root = root.absolute()
    named = flags.config or _path(environ, "BANKSMAN_CONFIG")
    file = named or root / CONFIG_NAME
    problems = Problems(str(named) if named else CONFIG_NAME)
    # A link that leads nowhere is there, and is told.
    is_there = named is not None or os.path.lexists(file)
    document = _read(file, problems) if is_there else TomlDocument({})
    sources = _overlay(document, flags)
    config = _validated(document, problems, sources)
    home = _home(environ)
    folder = file.absolute().parent
    root_text = config.workspaces.root
    workspaces_root = None if root_text is None else _from(folder, home, root_text)
    if workspaces_root and workspaces_root.resolve().is_relative_to(root.resolve()):
        sentence = (
            "[workspaces] root must lie outside the repository: tools look upwards for files"
        )
        problems.add(document.mark(("workspaces", "root")), sentence)
    confined = _confined(environ, config.sandbox, problems)
    state_dir = _absolute(environ, "BANKSMAN_STATE_DIR", problems)
    problems.check()
    return Settings(
        root=root,
        file=file if is_there else None,
        plan=flags.plan or folder / config.run.plan,
        project=config.project.model_copy(update={"name": config.project.name or root.name}),
        run=config.run,
        limits=config.limits,
        workspaces=config.workspaces,
        workspaces_root=workspaces_root,
        sandbox=Confining(
            confined=confined if flags.sandbox is None else flags.sandbox,
            hidden=tuple(_from(folder, home, text) for text in config.sandbox.hidden),
            writable=tuple(_from(folder, home, text) for text in config.sandbox.writable),
            user_home=home,
        ),
        agents=config.agents,
        checks=config.checks,
        state_dir=state_dir,
        state_home=_state_home(environ, home),
        environment=base_environment(environ),
        color=_color(flags, environ),
        place=lambda *path: located(problems.file, document.mark(path)),
    )


def _read(file: Path, problems: Problems) -> TomlDocument:
    text = read_text(file, problems, bytes_max=CONFIG_BYTES_MAX, missing=_MISSING)
    return read_toml(text, problems)


def _overlay(document: TomlDocument, flags: Flags) -> dict[KeyPath, str]:
    """Put the flags over the file; return which paths they gave."""
    sources: dict[KeyPath, str] = {}
    for key, value in (("parallel", flags.parallel), ("agent", flags.agent)):
        table = as_group(document.value.setdefault("run", {}))
        if value is not None and table is not None:
            table[key] = value
            sources["run", key] = f"--{key}"
    given = {name: value for name, value in flags.limits.items() if value is not None}
    table = as_group(document.value.setdefault("limits", {})) if given else None
    run = None if table is None else as_group(table.setdefault("run", {}))
    if run is not None:
        run |= given
        sources |= {("limits", "run", name): f"--max-{name}" for name in given}
    return sources


def _validated(
    document: TomlDocument, problems: Problems, sources: Mapping[KeyPath, str]
) -> ConfigFile:
    teller = Teller(
        document=document,
        problems=problems,
        subject=_subject,
        keys=_keys,
        sources=sources,
        elsewhere={key: f"[{table}]" for table, keys in _TABLES.items() for key in keys},
    )
    try:
        config = ConfigFile.model_validate(document.value)
    except ValidationError as error:
        teller.tell(error)
        raise problems.exception() from None
    agent = config.run.agent
    if agent is not None and agent not in config.agents:
        near = suggestion(agent, config.agents) or f"; add [agents.{agent}]"
        teller.say(
            ("run", "agent"),
            f"[run] agent is {quoted(agent)}, and there is no such agent{near}",
        )
    if config.project.base == config.project.target:
        sentence = (
            "[project] target must be another branch than base; it is written by Banksman"
        )
        teller.say(("project", "target"), sentence)
    return config


def _subject(path: KeyPath) -> str:
    """Return a path as people know it: the table in brackets, then the key."""
    path = tuple(step for step in path if step != "[key]")
    depth = 2 if path[:1] in {("agents",), ("checks",)} else 1
    if len(path) == 1 and path[0] == "$schema":
        return "$schema"
    table, key = dotted(path[:depth]), dotted(path[depth:])
    return " ".join(part for part in (f"[{table}]" if table else "", key) if part)


_TABLES: Final = {
    "project": known_keys(ProjectTable),
    "run": known_keys(RunTable),
    "workspaces": known_keys(WorkspacesTable),
    "sandbox": known_keys(SandboxTable),
}


def _keys(path: KeyPath) -> tuple[str, ...]:
    if path[:1] == ("limits",):
        return known_keys(LimitsTable if path[1:] else LimitsSection)
    return _TABLES[str(path[0])] if path else known_keys(ConfigFile)


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name, "")
    return Path(text) if text else None


def _absolute(environ: Mapping[str, str], name: str, problems: Problems) -> Path | None:
    path = _path(environ, name)
    if path is not None and not path.is_absolute():
        sentence = f"must be an absolute path, not {quoted(str(path))}"
        problems.add(NOWHERE, sentence, source=f"the variable {name}")
    return path


def _home(environ: Mapping[str, str]) -> Path:
    """Return the user's home; without the variable, what the system knows of the user."""
    home = _path(environ, "HOME")
    if home is not None and home.is_absolute():
        return home
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise InputException(
            message="the variable HOME is not set, and the system does not know this user.",
            hint="Set HOME to a folder of yours.",
        ) from None


def _state_home(environ: Mapping[str, str], home: Path) -> Path:
    # Its specification says that a relative path counts as none.
    path = _path(environ, "XDG_STATE_HOME")
    return path if path is not None and path.is_absolute() else home / ".local" / "state"


def _from(folder: Path, home: Path, text: str) -> Path:
    """Return a path that a file in this folder names."""
    if text == "~" or text.startswith("~/"):
        return home / text[2:]
    return Path(os.path.normpath(folder / text))


def _confined(environ: Mapping[str, str], table: SandboxTable, problems: Problems) -> bool:
    text = environ.get("BANKSMAN_SANDBOX", "")
    if text and text not in set(SandboxMode):
        sentence = f'must be "on" or "off", not {quoted(text)}'
        problems.add(NOWHERE, sentence, source="the variable BANKSMAN_SANDBOX")
    return (text or table.mode) != SandboxMode.OFF


def _color(flags: Flags, environ: Mapping[str, str]) -> bool | None:
    if flags.color is not None:
        return flags.color
    return False if environ.get("NO_COLOR") else None
