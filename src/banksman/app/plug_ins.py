"""Agents and checks made of their settings, each of which reads its own table."""

from __future__ import annotations

from collections.abc import Mapping

from banksman.app.clock import SystemClock
from banksman.app.reads import Place
from banksman.checks import checks_from, outfit_digest
from banksman.config.settings import Settings
from banksman.exceptions import InputException
from banksman.executors.local import LocalExecutor
from banksman.plugins import make_agent
from banksman.ports import Agent, AgentHost, Check


def try_plug_ins(place: Place, settings: Settings, environ: Mapping[str, str]) -> None:
    """Have all agents and checks read their settings; nothing is started or written.

    Raises:
        InputException: One is missing or refuses them.
    """
    executor = LocalExecutor(place.state_dir / "spool", SystemClock())
    wanted = settings.sandbox.confined
    agents_of(place, settings, environ, executor=executor, sandboxed=wanted)
    checks_of(place, settings, executor)


def agents_of(
    place: Place,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    executor: LocalExecutor,
    sandboxed: bool,
) -> dict[str, Agent]:
    """Return the agents by name, which are told whether a sandbox is around them.

    Raises:
        InputException: A plug-in is missing or refuses its settings; with the place of them.
    """
    host = AgentHost(
        executor=executor,
        environment=settings.environment,
        variables=environ,
        root=settings.file.parent if settings.file else place.work_tree,
        scratch=place.state_dir / "scratch",
        sandboxed=sandboxed,
    )
    agents: dict[str, Agent] = {}
    for name, plugin in settings.agents.items():
        try:
            agents[name] = make_agent(plugin.type, plugin.options, host)
        except InputException as error:
            where = settings.place("agents", name)
            message = f"{where}: agent {name!r}: {error.message}"
            raise InputException(message=message, hint=error.hint) from error
    return agents


def check_tables(settings: Settings) -> dict[str, Mapping[str, object]]:
    """Return the settings of the checks; that changed files parse is always asked."""
    tables: dict[str, Mapping[str, object]] = {
        name: plugin.table for name, plugin in settings.checks.items()
    }
    asked = any(table["type"] == "syntax" for table in tables.values())
    return tables if asked else {"syntax": {"type": "syntax"}, **tables}


def checks_of(place: Place, settings: Settings, executor: LocalExecutor) -> tuple[Check, ...]:
    """Return the checks, in their order.

    Raises:
        InputException: One is of no known type, or refuses its settings.
    """
    return checks_from(
        check_tables(settings),
        executor=executor,
        artefacts=place.state_dir / "artefacts",
        environment=settings.environment,
        outfit=outfit_digest(
            place.work_tree,
            setup=settings.workspaces.setup,
            copied=settings.workspaces.copied,
            linked=settings.workspaces.linked,
            ports=settings.workspaces.ports,
            environment=settings.environment,
            confined=settings.sandbox.confined,
        ),
    )
