"""Programs that work on a brief, and what makes them from settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from banksman.core.budget import Limits
from banksman.core.outcome import Outcome, Usage
from banksman.core.task import Task
from banksman.ports.processes import Executor


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What an agent gets for one turn.

    Attributes:
        execution: `project:task:attempt:turn`.
        spool: Folder name for the executor, the same after a restart.
        task: The task.
        attempt: Number of the attempt.
        turn: Number of the turn, 1 first.
        prompt: All that the agent is told, whole at each turn.
        followup: Instead, what is new since the attempt's last turn, for an agent that
            remembers their conversation; empty at the first turn.
        workspace: Where it may write, and nowhere else but in its home.
        home: A private folder for its `HOME`, the same in all turns of the attempt.
        env: Variables of the workspace (leased ports, paths), to be added to the agent's own.
        timeout_s: Wall time for the turn.
        silence_s: Time without output before it counts as stalled; none for no limit.
        allowance: What is left to be spent, for agents that can hold themselves to it: the
            engine asks only before a turn. Turns that go on at the same time share it.
    """

    execution: str
    spool: str
    task: Task
    attempt: int
    turn: int
    prompt: str
    followup: str = ""
    workspace: Path
    home: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout_s: float = 3600.0
    silence_s: float | None = None
    allowance: Limits = field(default_factory=Limits)


class Agent(Protocol):
    """A program that works on a brief in a workspace."""

    async def run(self, brief: Brief) -> Outcome:
        """Work on the brief; return how it ended. All of its processes are gone then.

        Cancelling this call leaves the agent running: it outlives the engine.
        """
        ...

    async def attach(self, brief: Brief) -> Outcome:
        """Return how an earlier `run` of the same brief ends, or `Lost`; starts nothing."""
        ...

    async def stop(self, spool: str, why: str) -> Usage:
        """End the whole tree of the turn with this `Brief.spool`; return what it cost.

        That is as far as it is known. `run` and `attach` return `Stopped`. Safe to repeat, and
        for a turn that never started.
        """
        ...

    def forget(self, spool: str) -> None:
        """Drop what is kept of a turn whose ending has been recorded. Safe to repeat."""
        ...


@dataclass(frozen=True, kw_only=True)
class AgentHost:
    """What an agent may use of its surroundings; made by the engine, given to each plug-in.

    Attributes:
        executor: Starts its processes.
        environment: The variables that every agent inherits; no secret is among them.
        variables: All there are, for the settings of an agent to pass some on by name.
        root: Folder that relative paths in settings start from.
        scratch: Private folder outside every workspace, for what is told to an agent in files.
        sandboxed: Whether its processes are confined, and have `Brief.home` as their `HOME`.
    """

    executor: Executor
    environment: Mapping[str, str]
    variables: Mapping[str, str]
    root: Path
    scratch: Path
    sandboxed: bool = False


class AgentFactory(Protocol):
    """What an entry point of the group `banksman.agents` names."""

    def __call__(self, table: Mapping[str, object], host: AgentHost) -> Agent:
        """Return an agent made from its own table of settings.

        Raises:
            InputException: The table is not usable; the message names the key.
        """
        ...
