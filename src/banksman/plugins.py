"""Plug-ins: from a name in the configuration to an agent.

A plug-in is an entry point of the group `banksman.agents` in the package that brings it:

    [project.entry-points."banksman.agents"]
    mine = "my_package.my_agent:from_settings"

    def from_settings(table: Mapping[str, object], host: AgentHost) -> Agent: ...

It gets the keys below `[agents.<name>]` except `type`, checks them itself (`InputException` for
what is not usable), and returns an object that keeps the promises of `banksman.ports.Agent`;
`banksman.testing.agent_contract` holds it to them. Nothing is imported before it is wanted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from banksman.exceptions import BanksmanException, InputException
from banksman.ports import Agent, AgentFactory, AgentHost

AGENTS: Final = "banksman.agents"
"""Group of entry points."""

BUILT_IN: Final = (
    EntryPoint(
        name="claude-code", value="banksman.agents.claude_code:from_settings", group=AGENTS
    ),
    EntryPoint(name="command", value="banksman.agents.command:from_settings", group=AGENTS),
    EntryPoint(name="scripted", value="banksman.agents.scripted:from_settings", group=AGENTS),
)
"""Known even where the package runs from its sources, without being installed."""


def make_agent(
    kind: str,
    table: Mapping[str, object],
    host: AgentHost,
    *,
    installed: Iterable[EntryPoint] | None = None,
) -> Agent:
    """Return the agent that the plug-in called `kind` makes of its settings.

    Args:
        kind: Name of the plug-in.
        table: Its own settings.
        host: What it may use.
        installed: Entry points to choose from; without it, those of all installed packages.

    Raises:
        InputException: There is no such plug-in, it breaks, or refuses its settings.
    """
    factory = agent_factory(kind, installed)
    try:
        return factory(table, host)
    except BanksmanException:
        raise
    except Exception as error:
        # A plug-in is other people's code: whatever breaks in it is told with its name.
        raise InputException(
            message=f"the agent plug-in {kind!r} broke: {type(error).__name__}: {error}",
            hint="Update it, or tell its author.",
        ) from error


def agent_factory(kind: str, installed: Iterable[EntryPoint] | None = None) -> AgentFactory:
    """Return what makes agents of this kind.

    Args:
        kind: Name of the plug-in.
        installed: Entry points to choose from; without it, those of all installed packages.

    Raises:
        InputException: None or more than one has this name, or it cannot be imported.
    """
    known = agent_plugins(installed)
    if kind not in known:
        near = difflib.get_close_matches(kind, known, n=1)
        raise InputException(
            message=f"there is no agent plug-in {kind!r}.",
            hint=f"Did you mean {near[0]!r}?" if near else f"There is {', '.join(known)}.",
        )
    return _loaded(known[kind])


def agent_plugins(installed: Iterable[EntryPoint] | None = None) -> dict[str, EntryPoint]:
    """Return the agent plug-ins by name, in alphabetical order; none is imported.

    Raises:
        InputException: Two different ones have the same name.
    """
    found = entry_points(group=AGENTS) if installed is None else installed
    known: dict[str, EntryPoint] = {}
    for point in sorted((*BUILT_IN, *found), key=lambda point: point.name):
        other = known.setdefault(point.name, point)
        # An editable installation may be seen twice: the same thing twice is one.
        if other.value != point.value:
            raise InputException(
                message=f"two agent plug-ins are called {point.name!r}: "
                f"{other.value} and {point.value}.",
                hint="Uninstall the package of one of them.",
            )
    return known


def _loaded(point: EntryPoint) -> AgentFactory:
    try:
        factory: object = point.load()
    except Exception as error:
        # Importing runs other people's code: whatever breaks in it is told with its name.
        raise InputException(
            message=f"the agent plug-in {point.name!r} ({point.value}) cannot be imported: "
            f"{type(error).__name__}: {error}",
            hint="Install it again, or tell its author.",
        ) from error
    if not callable(factory):
        raise InputException(
            message=f"the agent plug-in {point.name!r} ({point.value}) is no function.",
            hint="Tell its author.",
        )
    return cast("AgentFactory", factory)
