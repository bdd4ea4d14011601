"""Turns of an agent that is one program for each turn.

The spool of the executor is the only memory: what a turn is, how it ends and what it printed is
found again by any later engine from the brief alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from banksman.agents.home import Needs, furnish
from banksman.agents.usage_file import VARIABLE, UsageFile
from banksman.core.outcome import (
    Answered,
    Exited,
    Lost,
    Outcome,
    RateLimited,
    Stalled,
    Stopped,
    TimedOut,
    Usage,
)
from banksman.ports import AgentHost, Brief, Confinement, ProcessEnd, ProcessSpec

RATE_LIMITED: Final = 75
"""Exit code by which a program says "try again later" (EX_TEMPFAIL of sysexits.h)."""
TEXT_CHARS_MAX: Final = 64_000
"""What is kept of the output in an outcome, from its end."""

Read = Callable[[ProcessEnd], Outcome]
"""How a program's turn went if it ended by itself; else, only text and usage are taken."""


class Turns:
    """Starts, finds, stops and forgets the turns of an agent."""

    def __init__(
        self,
        host: AgentHost,
        *,
        read: Read,
        last_words: str = "",
        needs: Needs | None = None,
        tells_cost: bool = False,
    ) -> None:
        """Turns end as `read` says of their programs, which may have last words (see there).

        Programs that tell what they cost do so in a file (`banksman.agents.usage_file`).
        """
        self._needs = needs or Needs()
        self._user_home = Path(host.environment.get("HOME", "/")) if host.sandboxed else None
        self._tells_cost = tells_cost
        self._executor = host.executor
        self._scratch = host.scratch.absolute()
        self._read = read
        self._last_words = last_words

    def prompt_file(self, brief: Brief) -> Path:
        """Return where the prompt of a turn lies: outside of every workspace, and private."""
        return self._file(brief.spool)

    def variables(self, brief: Brief) -> Mapping[str, str]:
        """Return the variables that tell a program about its turn."""
        told = {VARIABLE: str(self._usage_file(brief.spool).path)} if self._tells_cost else {}
        return {
            **brief.env,
            **told,
            "BANKSMAN_PROMPT_FILE": str(self.prompt_file(brief)),
            "BANKSMAN_WORKSPACE": str(brief.workspace),
            "BANKSMAN_TASK_KEY": brief.task.spec.key,
            "BANKSMAN_TASK_TITLE": brief.task.spec.title,
            "BANKSMAN_ATTEMPT": str(brief.attempt),
            "BANKSMAN_TURN": str(brief.turn),
        }

    async def run(
        self, brief: Brief, argv: tuple[str, ...], *, env: Mapping[str, str], stdin: bytes
    ) -> Outcome:
        """Run a program as this turn, with `env` and the variables of the turn."""
        self._write_prompt(brief)
        if self._tells_cost:
            self._usage_file(brief.spool).prepare()
        if self._user_home is not None:
            # At every turn: an earlier one may have been outside of the sandbox.
            furnish(brief.home, self._user_home, self._needs.home)
        spec = ProcessSpec(
            argv=argv,
            cwd=brief.workspace,
            env={**env, **self.variables(brief)},
            stdin=stdin,
            timeout_s=brief.timeout_s,
            silence_s=brief.silence_s,
            last_words=self._last_words,
            marker=brief.execution,
            confinement=Confinement(
                home=brief.home,
                writable=(brief.workspace, *self._told_in(brief)),
                readable=(self.prompt_file(brief),),
                network=self._needs.network,
            ),
        )
        await self._executor.start(brief.spool, spec)
        return self._outcome(brief, await self._executor.wait(brief.spool))

    async def attach(self, brief: Brief) -> Outcome:
        """Return how the turn ends; `Lost` if it never started, and then it never will."""
        await self._executor.attach(brief.spool)
        return self._outcome(brief, await self._executor.wait(brief.spool))

    async def stop(self, spool: str, why: str) -> Usage:
        """End the turn; return what it cost, as far as that is known."""
        return self._ended(spool, await self._executor.stop(spool, why)).usage

    def forget(self, spool: str) -> None:
        """Remove what is kept of the turn."""
        self._executor.discard(spool)
        # It may have been made undeletable by the very agent it was for; it is in nobody's way.
        with suppress(OSError):
            self._file(spool).unlink(missing_ok=True)
        self._usage_file(spool).forget()

    def _told_in(self, brief: Brief) -> tuple[Path, ...]:
        """Return the folder that the program may write besides its workspace, if any."""
        return (self._usage_file(brief.spool).folder,) if self._tells_cost else ()

    def _usage_file(self, spool: str) -> UsageFile:
        return UsageFile(self._scratch / f"{spool}.usage")

    def _file(self, spool: str) -> Path:
        return self._scratch / f"{spool}.md"

    def _write_prompt(self, brief: Brief) -> None:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.prompt_file(brief), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(brief.prompt.encode(errors="replace"))

    def _ended(self, spool: str, end: ProcessEnd) -> Outcome:
        """Return how it ended, if by itself, with all that is known of what it cost."""
        ended = self._read(end)
        if not self._tells_cost:
            return ended
        return replace(ended, usage=self._usage_file(spool).added_to(ended.usage))

    def _outcome(self, brief: Brief, end: ProcessEnd) -> Outcome:
        by_itself = self._ended(brief.spool, end)
        text, usage = by_itself.text, by_itself.usage
        match end.how:
            case "exited" if end.code is not None:
                return by_itself
            case "lingered":
                return by_itself
            case "timeout":
                return TimedOut(text=text, usage=usage, after_s=brief.timeout_s)
            case "silence":
                return Stalled(text=text, usage=usage, silent_s=brief.silence_s or 0.0)
            case "stopped":
                return Stopped(text=text, usage=usage, why=end.why)
            case _:
                return Lost(text=text, usage=usage)


def by_code(end: ProcessEnd, *, ok_codes: tuple[int, ...] = (0,)) -> Outcome:
    """Return how a program ended by its exit code; one of `ok_codes` has no error to report."""
    text = printed(end)
    usage = Usage(duration_ms=end.duration_ms)
    if end.code in ok_codes:
        return Answered(text=text, usage=usage)
    if end.code == RATE_LIMITED:
        return RateLimited(text=text, usage=usage)
    return Exited(text=text, usage=usage, code=end.code or 0)


def printed(end: ProcessEnd) -> str:
    """Return the end of what a program printed, and why it could not be started, if so."""
    said = end.output.decode(errors="replace")[-TEXT_CHARS_MAX:]
    # Why a program could not be started, nobody else has said.
    return f"{said}\n{end.why}".strip() if end.how == "exited" and end.why else said
