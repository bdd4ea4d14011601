"""Claude Code as an agent: the real program, headless, one process for each turn.

The prompt is its standard input, so that it may be of any length and begin with anything. All
turns of an attempt are one conversation, whose name is made from the attempt: a later turn is
told only what is new, and everything where the conversation is not there any more.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from banksman.agents.claude_endings import outcome_of
from banksman.agents.claude_stream import LAST_WORDS, read_stream
from banksman.agents.home import Needs
from banksman.agents.settings import ClaudeSettings, read_settings
from banksman.agents.turns import Turns
from banksman.core.outcome import Outcome, Refused, Usage
from banksman.core.retry import ErrorClass
from banksman.ports import AgentHost, Brief, Confinement, ProcessEnd, ProcessSpec

OLDEST: Final = (2, 0, 30)
"""The first version with all options of a turn; `--max-budget-usd` came last."""
HOW_TO_GET: Final = (
    "install it (`npm install -g @anthropic-ai/claude-code`, or the extra `banksman[claude]`), "
    "or name it in `program` of the agent"
)

_SDK: Final = "claude_agent_sdk"
_VERSION: Final = re.compile(rb"(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b")
_VERSION_S_MAX: Final = 30.0
_MICRO: Final = 1_000_000
_QUIET: Final[Mapping[str, str]] = {
    # No word to anybody but the provider, and the version that was tested stays.
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}
_IN_SANDBOX: Final[Mapping[str, str]] = {"IS_SANDBOX": "1"}
_NO_HOOKS: Final = '{"disableAllHooks": true}'


class ClaudeCode:
    """Implements `banksman.ports.Agent`."""

    def __init__(self, settings: ClaudeSettings, host: AgentHost) -> None:
        self._settings = settings
        self._host = host
        needs = Needs(network=settings.network, home=settings.home)
        self._turns = Turns(host, read=_read, last_words=LAST_WORDS, needs=needs)
        passed = {
            name: host.variables[name] for name in settings.pass_env if name in host.variables
        }
        sandbox = _IN_SANDBOX if host.sandboxed else {}
        self._env = {**host.environment, **_QUIET, **sandbox, **passed, **settings.env}
        self._program = find_program(settings.program, self._env.get("PATH", ""))
        self._is_fit = False

    async def run(self, brief: Brief) -> Outcome:
        """Run Claude Code as this turn; see `Agent.run`."""
        if self._program is None:
            return _missing("it is not on the PATH")
        unfit = await self._unfit(brief, self._program)
        if unfit is not None:
            return unfit
        goes_on = self._goes_on(brief)
        told = brief.followup if goes_on and brief.followup else brief.prompt
        argv = (self._program, *self._options(brief, goes_on=goes_on))
        return await self._turns.run(
            brief, argv, env=self._env, stdin=told.encode(errors="replace")
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

    async def _unfit(self, brief: Brief, program: str) -> Refused | None:
        """Return why this program cannot be used; none if it can. It is asked once."""
        if self._is_fit:
            return None
        spec = version_spec(program, cwd=brief.workspace, env=self._env, marker=brief.execution)
        sees = (brief.workspace,)
        spec = replace(spec, confinement=Confinement(home=brief.home, readable=sees))
        spool = f"{brief.spool}-version"
        end = await self._host.executor.run(spool, spec)
        self._host.executor.discard(spool)
        version = version_in(end.output)
        if end.why:
            return _missing(end.why)
        if version is not None and version < OLDEST:
            return Refused(error=ErrorClass.VALIDATION, message=too_old(version))
        # Whoever tells no version is let try: what goes wrong then is told by the turn.
        self._is_fit = True
        return None

    def _options(self, brief: Brief, *, goes_on: bool) -> Iterator[str]:
        settings = self._settings
        yield from ("-p", "--output-format", "stream-json", "--verbose")
        # With every piece of an answer, silence is silence however long the answer gets.
        yield "--include-partial-messages"
        yield from ("--permission-mode", self._mode())
        yield "--strict-mcp-config"
        if not self._host.sandboxed:
            # What the agent itself writes into the settings of the project runs nothing here.
            yield from ("--settings", _NO_HOOKS)
        yield from (("--model", settings.model) if settings.model else ())
        yield from (("--max-turns", str(settings.max_turns)) if settings.max_turns else ())
        yield from _budget(brief)
        yield from ("--resume" if goes_on else "--session-id", session_of(brief))
        if settings.allowed_tools:
            yield from ("--allowedTools", *settings.allowed_tools)
        yield from settings.extra_args

    def _mode(self) -> str:
        by_default = "bypassPermissions" if self._host.sandboxed else "acceptEdits"
        return self._settings.permission_mode or by_default

    def _goes_on(self, brief: Brief) -> bool:
        """Return whether the conversation of this attempt is there to go on with."""
        talks = self._talks(brief)
        if brief.turn > 1:
            return bool(talks)
        for talk in talks:
            # Of a project that was begun anew in the same place: nobody knows of it any more.
            talk.unlink(missing_ok=True)
        return False

    def _talks(self, brief: Brief) -> list[Path]:
        home = brief.home if self._host.sandboxed else Path(self._env.get("HOME", "/"))
        folder = Path(self._env.get("CLAUDE_CONFIG_DIR") or home / ".claude")
        return list(folder.glob(f"projects/*/{session_of(brief)}.jsonl"))


def from_settings(table: Mapping[str, object], host: AgentHost) -> ClaudeCode:
    """Return an agent from its table of settings: the entry point `claude-code`.

    Raises:
        InputException: A setting is unknown or not usable.
    """
    return ClaudeCode(read_settings(ClaudeSettings, table, "claude-code"), host)


def find_program(named: str, path: str) -> str | None:
    """Return the program of Claude Code, or none if there is none.

    Args:
        named: Its name or path, if a person chose it.
        path: The variable PATH.
    """
    if named:
        # Not looked for here: whoever chose it is told by name that it is missing.
        return named
    found = shutil.which("claude", path=path)
    if found is not None:
        return found
    package = find_spec(_SDK)
    folders = package.submodule_search_locations if package is not None else None
    bundled = [Path(folder) / "_bundled" / "claude" for folder in folders or ()]
    return next((str(program) for program in bundled if program.is_file()), None)


def session_of(brief: Brief) -> str:
    """Return the name of an attempt's conversation, the same for all of its turns."""
    attempt = brief.execution.rpartition(":")[0]
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"banksman:{brief.workspace}:{attempt}"))


def version_spec(
    program: str, *, cwd: Path, env: Mapping[str, str], marker: str = ""
) -> ProcessSpec:
    """Return how to ask a program for its version; `version_in` reads the answer."""
    return ProcessSpec(
        argv=(program, "--version"),
        cwd=cwd,
        env=env,
        timeout_s=_VERSION_S_MAX,
        marker=marker,
    )


def version_in(output: bytes) -> tuple[int, int, int] | None:
    """Return the first version in what a program printed.

    Examples:
        >>> version_in(b"2.1.330 (Claude Code)")
        (2, 1, 330)
    """
    found = _VERSION.search(output)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def too_old(version: tuple[int, int, int]) -> str:
    """Return the sentence for a program that is too old."""
    have, need = (".".join(map(str, one)) for one in (version, OLDEST))
    return (
        f"Claude Code {have} is too old: {need} is needed at least; update it (`claude update`)"
    )


def _budget(brief: Brief) -> Iterator[str]:
    left = brief.allowance.cost_microusd
    if left is not None:
        # Nothing at all is refused by the program; the engine asks before the turn anyway.
        yield from ("--max-budget-usd", f"{max(1, left) / _MICRO:.6f}")


def _missing(why: str) -> Refused:
    message = f"Claude Code cannot be started: {why}; {HOW_TO_GET}"
    return Refused(error=ErrorClass.NOT_FOUND, message=message)


def _read(end: ProcessEnd) -> Outcome:
    stream = read_stream(end.output, duration_ms=end.duration_ms)
    return outcome_of(stream, end.code)
