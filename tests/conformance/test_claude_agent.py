"""Claude Code keeps the promises of the port, remembers, and gets what it needs.

A stand-in for the program plays it here; the end-to-end tests run the real one.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from banksman.agents.claude_code import (
    OLDEST,
    ClaudeCode,
    find_program,
    from_settings,
    session_of,
)
from banksman.core.budget import Limits
from banksman.core.outcome import Answered, Outcome, Refused, Stopped
from banksman.core.retry import ErrorClass
from banksman.ports import Brief
from banksman.testing.agent_contract import (
    PROMPT,
    AgentContract,
    Behaviour,
    alive,
    brief_for,
)
from banksman.testing.executor_programs import until
from tests.conformance.test_command_agent import host_in

STAND_IN = f"""#!{sys.executable} -IS
import json, os, sys, time
if sys.argv[1:] == ["--version"]:
    print(os.environ.get("VERSION", "2.1.330 (Claude Code)"))
    raise SystemExit
def tell(**event):
    print(json.dumps(event), flush=True)
def say(text):
    blocks = [{{"type": "text", "text": text}}]
    tell(type="assistant", message={{"id": text, "content": blocks}})
def write(name, text):
    with open(name, "w") as file:
        file.write(text)
facts = {{"argv": sys.argv[1:], "env": dict(os.environ), "stdin": sys.stdin.read()}}
arguments = dict(zip(sys.argv, sys.argv[1:]))
session = arguments.get("--session-id") or arguments["--resume"]
talks = os.path.join(os.environ["HOME"], ".claude", "projects", "here")
os.makedirs(talks, exist_ok=True)
write(os.path.join(talks, session + ".jsonl"), "")
behaviour = os.environ.get("BEHAVIOUR", "tells")
if behaviour == "hangs":
    say("begun")
    write("begun", "")
    if os.fork() == 0:
        os.setsid()
        time.sleep(999)
    time.sleep(999)
if behaviour == "tells":
    tell(type="result", subtype="success", is_error=False, result=json.dumps(facts))
    raise SystemExit
say("answered")
write("answer", "answered")
if behaviour == "fails":
    raise SystemExit(3)
tell(result="answered", subtype="success", is_error=False, type="result")
if behaviour == "lingers":
    time.sleep(999)
"""


def stand_in(place: Path) -> str:
    """Return the path of a program that plays Claude Code."""
    program = place / "claude"
    program.write_text(STAND_IN)
    program.chmod(0o700)
    return str(program)


def agent_in(place: Path, *, sandboxed: bool = False, **settings: object) -> ClaudeCode:
    """Return an agent whose user's home is below a folder, and its own if it is sandboxed."""
    host = host_in(place)
    home = str(place / ("home" if sandboxed else "user"))
    host = replace(
        host, environment={**host.environment, "HOME": str(place / "user")}, sandboxed=sandboxed
    )
    env = {"HOME": home, **cast("Mapping[str, str]", settings.pop("env", {}))}
    return from_settings({"program": stand_in(place), **settings, "env": env}, host)


class TestClaudeCode(AgentContract):
    def agent(self, place: Path, behaviour: Behaviour) -> ClaudeCode:
        return agent_in(place, env={"BEHAVIOUR": behaviour.value})


@pytest.fixture
def brief(tmp_path: Path) -> Brief:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return replace(brief_for(workspace), home=tmp_path / "home")


def seen(agent: ClaudeCode, brief: Brief) -> tuple[list[str], Mapping[str, str], str]:
    """Return arguments, environment and standard input of a turn."""
    outcome = asyncio.run(agent.run(brief))
    assert isinstance(outcome, Answered), outcome
    facts = json.loads(outcome.text)
    return facts["argv"], facts["env"], facts["stdin"]


def later(brief: Brief, turn: int, followup: str) -> Brief:
    """Return what a later turn of the same attempt gets."""
    execution = brief.execution.rpartition(":")[0]
    return replace(
        brief,
        turn=turn,
        execution=f"{execution}:{turn}",
        spool=f"{brief.spool}-{turn}",
        followup=followup,
    )


def option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_the_prompt_is_on_standard_input_whatever_it_begins_with(
    tmp_path: Path, brief: Brief
) -> None:
    prompt = "--version\n" + "x" * 10_000
    argv, _, stdin = seen(agent_in(tmp_path), replace(brief, prompt=prompt))
    assert stdin == prompt
    assert argv[0] == "-p"


def test_a_later_turn_goes_on_with_the_conversation_and_is_told_what_is_new(
    tmp_path: Path, brief: Brief
) -> None:
    agent = agent_in(tmp_path)
    first, _, _ = seen(agent, brief)
    second, _, told = seen(agent, later(brief, 2, "what is new"))
    assert told == "what is new"
    assert option(first, "--session-id") == option(second, "--resume") == session_of(brief)
    assert "--session-id" not in second


def test_a_conversation_that_is_gone_is_begun_anew_with_the_whole_prompt(
    tmp_path: Path, brief: Brief
) -> None:
    argv, _, told = seen(agent_in(tmp_path), later(brief, 2, "what is new"))
    assert told == PROMPT
    assert "--resume" not in argv


@pytest.mark.parametrize("sandboxed", [True, False])
def test_a_conversation_goes_on_after_a_turn_that_was_ended(
    tmp_path: Path, brief: Brief, *, sandboxed: bool
) -> None:
    hanging = agent_in(tmp_path, sandboxed=sandboxed, env={"BEHAVIOUR": "hangs"})

    async def stop() -> Outcome:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(hanging.run(brief))
            await until((brief.workspace / "begun").exists)
            await hanging.stop(brief.spool, "enough")
        return running.result()

    assert isinstance(asyncio.run(stop()), Stopped)
    again = agent_in(tmp_path, sandboxed=sandboxed)
    argv, _, told = seen(again, later(brief, 2, "go on"))
    assert (option(argv, "--resume"), told) == (session_of(brief), "go on")


def test_a_first_turn_never_goes_on_with_what_an_earlier_project_left(
    tmp_path: Path, brief: Brief
) -> None:
    seen(agent_in(tmp_path), brief)
    argv, _, _ = seen(agent_in(tmp_path), replace(brief, spool="another"))
    assert "--session-id" in argv


def test_each_attempt_has_a_conversation_of_its_own(brief: Brief) -> None:
    attempts = [replace(brief, execution=f"1:7:{number}:1") for number in (1, 2)]
    elsewhere = replace(attempts[0], workspace=Path("/elsewhere"))
    names = {session_of(one) for one in (*attempts, elsewhere)}
    assert len(names) == 3


def test_a_program_that_hangs_after_its_result_has_answered(
    tmp_path: Path, brief: Brief
) -> None:
    agent = agent_in(tmp_path, env={"BEHAVIOUR": "lingers"})
    outcome = asyncio.run(agent.run(replace(brief, silence_s=5.0)))
    assert isinstance(outcome, Answered)
    assert not alive(brief)


def test_without_a_sandbox_it_may_only_edit_and_runs_no_hooks(
    tmp_path: Path, brief: Brief
) -> None:
    argv, env, _ = seen(agent_in(tmp_path), brief)
    assert option(argv, "--permission-mode") == "acceptEdits"
    assert json.loads(option(argv, "--settings")) == {"disableAllHooks": True}
    assert "IS_SANDBOX" not in env


def test_in_a_sandbox_it_may_do_all_that_the_sandbox_lets_it(
    tmp_path: Path, brief: Brief
) -> None:
    argv, env, _ = seen(agent_in(tmp_path, sandboxed=True), brief)
    assert option(argv, "--permission-mode") == "bypassPermissions"
    assert "--settings" not in argv
    assert env["IS_SANDBOX"] == "1"


def test_a_sandboxed_agent_gets_a_private_copy_of_its_login_and_once(
    tmp_path: Path, brief: Brief
) -> None:
    login = tmp_path / "user" / ".claude" / ".credentials.json"
    login.parent.mkdir(parents=True)
    login.write_text("token")
    seen(agent_in(tmp_path, sandboxed=True), brief)
    copy = brief.home / ".claude" / ".credentials.json"
    assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == ("token", 0o600)
    # What an agent puts there is written through by nobody.
    copy.unlink()
    copy.symlink_to(tmp_path / "victim")
    seen(agent_in(tmp_path, sandboxed=True), later(brief, 2, "more"))
    assert not (tmp_path / "victim").exists()


def test_settings_become_options_and_variables(tmp_path: Path, brief: Brief) -> None:
    agent = agent_in(
        tmp_path,
        model="opus",
        permission_mode="dontAsk",
        allowed_tools=["Bash(make test:*)", "Edit"],
        max_turns=30,
        env={"API_TIMEOUT_MS": "5"},
        pass_env=["SECRET", "MISSING"],
        extra_args=["--effort", "high"],
    )
    limited = replace(brief, allowance=Limits(cost_microusd=1_250_000))
    argv, env, _ = seen(agent, limited)
    told = {name: option(argv, f"--{name}") for name in ("model", "max-turns", "effort")}
    assert told == {"model": "opus", "max-turns": "30", "effort": "high"}
    assert option(argv, "--max-budget-usd") == "1.250000"
    assert option(argv, "--permission-mode") == "dontAsk"
    at = argv.index("--allowedTools")
    assert argv[at + 1 : at + 3] == ["Bash(make test:*)", "Edit"]
    assert "--strict-mcp-config" in argv
    variables = [env[name] for name in ("API_TIMEOUT_MS", "SECRET", "DISABLE_TELEMETRY")]
    assert variables == ["5", "s3cret", "1"]
    assert not {"MISSING", "OTHER_SECRET"} & set(env)


def test_a_program_that_is_missing_is_told_with_how_to_get_it(
    tmp_path: Path, brief: Brief
) -> None:
    for program in (str(tmp_path / "nobody"), "nobody-of-this-name"):
        outcome = asyncio.run(agent_in(tmp_path, program=program).run(brief))
        assert isinstance(outcome, Refused)
        assert outcome.error is ErrorClass.NOT_FOUND
        assert outcome.message.startswith("Claude Code cannot be started: cannot run ")
        assert "npm install -g @anthropic-ai/claude-code" in outcome.message


def test_a_program_that_is_too_old_is_told_with_the_version_that_is_needed(
    tmp_path: Path, brief: Brief
) -> None:
    agent = agent_in(tmp_path, env={"VERSION": "1.0.128 (Claude Code)"})
    outcome = asyncio.run(agent.run(brief))
    assert isinstance(outcome, Refused)
    need = ".".join(map(str, OLDEST))
    told = f"Claude Code 1.0.128 is too old: {need} is needed at least; update it"
    assert outcome.message == f"{told} (`claude update`)"
    assert outcome.error is ErrorClass.VALIDATION


def test_a_program_that_tells_no_version_is_let_try(tmp_path: Path, brief: Brief) -> None:
    seen(agent_in(tmp_path, env={"VERSION": "unreleased"}), brief)


def test_the_users_own_program_goes_before_the_one_of_the_package(tmp_path: Path) -> None:
    own = stand_in(tmp_path)
    assert find_program("", str(tmp_path)) == own
    assert find_program("other", str(tmp_path)) == "other"
    packaged = find_program("", os.devnull)
    assert packaged is None or packaged.endswith("claude_agent_sdk/_bundled/claude")
