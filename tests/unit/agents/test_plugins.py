"""Plug-ins are found by name, and what breaks in one is told with its name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from banksman.agents.command import CommandAgent
from banksman.exceptions import InputException
from banksman.executors.local import LocalExecutor
from banksman.plugins import AGENTS, BUILT_IN, agent_factory, agent_plugins, make_agent
from banksman.ports import Agent, AgentHost
from banksman.testing.fakes import FakeClock


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=AGENTS)


def broken(_table: Mapping[str, object], _host: AgentHost) -> Agent:
    """Break, as a plug-in may."""
    agents: list[Agent] = []
    return agents[1]


@pytest.fixture
def host(tmp_path: Path) -> AgentHost:
    return AgentHost(
        executor=LocalExecutor(tmp_path, FakeClock()),
        environment={},
        variables={},
        root=tmp_path,
        scratch=tmp_path,
    )


def test_the_built_in_agents_are_there_without_an_installation() -> None:
    assert list(agent_plugins(())) == ["claude-code", "command", "scripted"]
    for name in agent_plugins(()):
        assert callable(agent_factory(name, ()))


def test_a_plugin_is_found_by_its_name() -> None:
    mine = point("mine", f"{__name__}:broken")
    assert list(agent_plugins([mine])) == ["claude-code", "command", "mine", "scripted"]


def test_the_same_plugin_seen_twice_is_one() -> None:
    assert list(agent_plugins(BUILT_IN)) == ["claude-code", "command", "scripted"]


def test_two_plugins_of_one_name_are_an_error() -> None:
    with pytest.raises(InputException, match=r"'command': .*:from_settings and other:agent"):
        agent_plugins([point("command", "other:agent")])


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(InputException, match=r"plug-in 'comand'\. Did you mean 'command'\?"):
        agent_factory("comand", ())
    with pytest.raises(
        InputException, match=r"plug-in 'x'\. There is claude-code, command, scr"
    ):
        agent_factory("x", ())


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no_such_module:agent", "'mine' .* cannot be imported: ModuleNotFoundError"),
        ("banksman.plugins:none", "'mine' .* cannot be imported: AttributeError"),
        ("banksman.plugins:AGENTS", "'mine' .* is no function"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(value: str, told: str) -> None:
    with pytest.raises(InputException, match=told):
        agent_factory("mine", [point("mine", value)])


def test_settings_make_an_agent(host: AgentHost) -> None:
    assert isinstance(make_agent("command", {"shell": "true"}, host), CommandAgent)


def test_what_a_plugin_refuses_is_told_as_it_is(host: AgentHost) -> None:
    with pytest.raises(InputException, match="'shel' is not known"):
        make_agent("command", {"shel": "true"}, host)


def test_a_plugin_that_breaks_is_named(host: AgentHost) -> None:
    with pytest.raises(InputException, match="'mine' broke: IndexError"):
        make_agent("mine", {}, host, installed=[point("mine", f"{__name__}:broken")])
