"""An agent that plays recorded edits, as a real tree of processes: for demos and tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

from banksman.agents import player
from banksman.agents.script import Script, read_scripts, steps_of
from banksman.agents.settings import ScriptedSettings, read_settings
from banksman.agents.turns import Turns, by_code
from banksman.core.outcome import Answered, Outcome, Usage
from banksman.ports import AgentHost, Brief


class ScriptedAgent:
    """Implements `banksman.ports.Agent`."""

    def __init__(self, scripts: Mapping[str, Script], host: AgentHost) -> None:
        """Play `scripts`, which are named after the keys of tasks."""
        self._scripts = scripts
        self._turns = Turns(host, read=by_code)
        self._env = host.environment

    async def run(self, brief: Brief) -> Outcome:
        """Play the turn; see `Agent.run`. A task without a script ends with code 127."""
        argv = (sys.executable, "-I", "-S", player.__file__)
        steps = json.dumps(self._steps(brief)).encode()
        return _heard(await self._turns.run(brief, argv, env=self._env, stdin=steps))

    async def attach(self, brief: Brief) -> Outcome:
        """Return how an earlier turn ends; see `Agent.attach`."""
        return _heard(await self._turns.attach(brief))

    async def stop(self, spool: str, why: str) -> Usage:
        """End the whole tree of a turn; see `Agent.stop`."""
        return await self._turns.stop(spool, why)

    def forget(self, spool: str) -> None:
        """Drop what is kept of a turn; see `Agent.forget`."""
        self._turns.forget(spool)

    def _steps(self, brief: Brief) -> list[dict[str, object]]:
        script = self._scripts.get(brief.task.spec.key)
        if script is None:
            missing = f"there is no script {brief.task.spec.key}.yaml"
            return [{"print": missing}, {"exit": 127}]
        return [
            step.played for step in steps_of(script, attempt=brief.attempt, turn=brief.turn)
        ]


def from_settings(table: Mapping[str, object], host: AgentHost) -> ScriptedAgent:
    """Return an agent from its table of settings: the entry point `scripted`.

    Raises:
        InputException: A setting is unknown or not usable, or a script is not.
    """
    settings = read_settings(ScriptedSettings, table, "scripted")
    return ScriptedAgent(read_scripts(host.root / settings.scripts), host)


def _heard(outcome: Outcome) -> Outcome:
    """Return the outcome with the questions that the player asked."""
    if isinstance(outcome, Answered):
        return replace(outcome, questions=tuple(_questions(outcome.text)))
    return outcome


def _questions(text: str) -> Iterator[str]:
    # Not `splitlines`: it would cut at the mark itself.
    for line in text.split("\n"):
        _, mark, question = line.partition(player.QUESTION)
        if mark:
            yield str(json.loads(question))
