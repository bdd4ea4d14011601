"""Any program as an agent: codemods, scripts, other people's command lines.

The prompt is in a file and on standard input, the facts of the turn are in variables, and the
exit code is the answer: 0 for done, 75 for "not now, my provider limits the rate".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from banksman.agents.home import Needs
from banksman.agents.settings import CommandSettings, read_settings
from banksman.agents.turns import Turns, by_code
from banksman.core.outcome import Outcome, Usage
from banksman.ports import AgentHost, Brief

_PLACE: Final = re.compile(r"\{(prompt_file|workspace|key|title)\}")


class CommandAgent:
    """Implements `banksman.ports.Agent`."""

    def __init__(self, settings: CommandSettings, host: AgentHost) -> None:
        self._settings = settings
        needs = Needs(network=settings.network, home=settings.home)
        read = partial(by_code, ok_codes=settings.ok_codes)
        self._turns = Turns(host, read=read, needs=needs, tells_cost=True)
        passed = {
            name: host.variables[name] for name in settings.pass_env if name in host.variables
        }
        self._env = {**host.environment, **passed, **settings.env}

    async def run(self, brief: Brief) -> Outcome:
        """Run the program as this turn; see `Agent.run`."""
        stdin = brief.prompt if self._settings.prompt == "stdin" else ""
        return await self._turns.run(
            brief, self._argv(brief), env=self._env, stdin=stdin.encode(errors="replace")
        )

    async def attach(self, brief: Brief) -> Outcome:
        """Return how an earlier turn ends; see `Agent.attach`."""
        return await self._turns.attach(brief)

    async def stop(self, spool: str, why: str) -> Usage:
        """End the whole tree of a turn; see `Agent.stop`."""
        return await self._turns.stop(spool, why)

    def forget(self, spool: str) -> None:
        """Drop what is kept of a turn; see `Agent.forget`."""
        self._turns.forget(spool)

    def _argv(self, brief: Brief) -> tuple[str, ...]:
        if not self._settings.command:
            # What a plan says never becomes a part of a line that a shell reads.
            return self._settings.argv
        values = {
            "prompt_file": str(self._turns.prompt_file(brief)),
            "workspace": str(brief.workspace),
            "key": brief.task.spec.key,
            "title": brief.task.spec.title,
        }
        # All at once: a title that looks like a place stays a title.
        return tuple(
            _PLACE.sub(lambda place: values[place[1]], part) for part in self._settings.argv
        )


def from_settings(table: Mapping[str, object], host: AgentHost) -> CommandAgent:
    """Return an agent from its table of settings: the entry point `command`.

    Raises:
        InputException: A setting is unknown or not usable.
    """
    return CommandAgent(read_settings(CommandSettings, table, "command"), host)
