"""Programs and lines for the shell keep the promises of the port, and get what they need."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from banksman.agents.command import CommandAgent, from_settings
from banksman.core.outcome import Answered, Exited, Outcome, RateLimited, Usage
from banksman.executors.local import LocalExecutor
from banksman.ports import AgentHost
from banksman.testing.agent_contract import PROMPT, AgentContract, Behaviour, brief_for
from banksman.testing.executor_programs import until
from tests.conformance.layers import SystemClock

LINES = {
    Behaviour.ANSWERS: "cat > answer <<end; printf answered | tee answer\nend",
    Behaviour.FAILS: "printf answered | tee answer; exit 3",
    Behaviour.HANGS: "(setsid sleep 999 &); echo begun; touch begun; sleep 999; sleep 999",
}


def host_in(place: Path) -> AgentHost:
    """Return surroundings of agents in a folder."""
    return AgentHost(
        executor=LocalExecutor(place / "spools", SystemClock()),
        environment={"PATH": os.environ["PATH"], "INHERITED": "yes"},
        variables={**os.environ, "SECRET": "s3cret", "OTHER_SECRET": "no"},
        root=place,
        scratch=place / "scratch",
    )


class TestShellLine(AgentContract):
    def agent(self, place: Path, behaviour: Behaviour) -> CommandAgent:
        return from_settings({"shell": LINES[behaviour]}, host_in(place))


SEEN = """
import json, os, sys
told = open(os.environ["BANKSMAN_PROMPT_FILE"]).read()
facts = {"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "file": told}
print(json.dumps({**facts, "stdin": sys.stdin.read()}))
"""


def play(place: Path, table: Mapping[str, object]) -> Outcome:
    """Run one turn of an agent with these settings."""
    workspace = place / "workspace"
    workspace.mkdir()
    return asyncio.run(from_settings(table, host_in(place)).run(brief_for(workspace)))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a program sees that is run as an agent."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    file: str
    stdin: str


def seen(place: Path, *arguments: str, **settings: object) -> Seen:
    """Return what a program sees that is run as an agent."""
    table = {"command": [sys.executable, "-I", "-S", "-c", SEEN, *arguments], **settings}
    return Seen(**json.loads(play(place, table).text))


def test_the_prompt_is_on_standard_input_and_in_a_file(tmp_path: Path) -> None:
    facts = seen(tmp_path)
    assert facts.stdin == facts.file == PROMPT
    assert facts.cwd == str(tmp_path / "workspace")


@pytest.mark.parametrize("prompt", ["file", "none"])
def test_the_prompt_stays_in_its_file_if_the_program_is_not_to_read_it(
    tmp_path: Path, prompt: str
) -> None:
    facts = seen(tmp_path, prompt=prompt)
    assert facts.stdin == ""
    assert facts.file == PROMPT


def test_the_file_of_the_prompt_is_private_and_outside_of_the_workspace(tmp_path: Path) -> None:
    play(tmp_path, {"shell": ":"})
    file, folder = sorted((tmp_path / "scratch").iterdir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "for what it costs"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not list((tmp_path / "workspace").iterdir())


def test_places_in_arguments_are_filled_once_and_by_no_shell(tmp_path: Path) -> None:
    arguments = (
        "{workspace}",
        "--key={key}",
        "{title}",
        "{prompt_file}",
        "{other}{{}",
        "$HOME",
    )
    workspace = str(tmp_path / "workspace")
    assert seen(tmp_path, *arguments).argv == [
        workspace,
        "--key=make-it",
        "Make it {workspace} so",
        str(tmp_path / "scratch" / "p1-t7-a1-n1.md"),
        "{other}{{}",
        "$HOME",
    ]


def test_a_program_has_the_facts_of_its_turn_and_no_secret(tmp_path: Path) -> None:
    facts = seen(tmp_path, env={"MINE": "1"}, pass_env=["SECRET", "NOT_THERE"]).env
    facts.pop("LC_CTYPE", None)
    assert facts == {
        "PATH": os.environ["PATH"],
        "INHERITED": "yes",
        "MINE": "1",
        "SECRET": "s3cret",
        "LEASED_PORT": "20001",
        "BANKSMAN_PROMPT_FILE": str(tmp_path / "scratch" / "p1-t7-a1-n1.md"),
        "BANKSMAN_USAGE_FILE": str(tmp_path / "scratch" / "p1-t7-a1-n1.usage" / "usage.json"),
        "BANKSMAN_WORKSPACE": str(tmp_path / "workspace"),
        "BANKSMAN_TASK_KEY": "make-it",
        "BANKSMAN_TASK_TITLE": "Make it {workspace} so",
        "BANKSMAN_ATTEMPT": "1",
        "BANKSMAN_TURN": "1",
        "BANKSMAN_EXECUTION": f"{tmp_path}/workspace:7:1:1",
        "BANKSMAN_SPOOL": str(tmp_path / "spools" / "p1-t7-a1-n1"),
    }


def test_a_title_is_no_part_of_a_shell_line(tmp_path: Path) -> None:
    outcome = play(tmp_path, {"shell": 'printf "%s|" "$BANKSMAN_TASK_TITLE" "{title}"'})
    assert outcome.text == "Make it {workspace} so|{title}|"


def test_other_exit_codes_may_be_answers(tmp_path: Path) -> None:
    assert isinstance(play(tmp_path, {"shell": "exit 1", "ok_codes": [0, 1]}), Answered)


def test_the_exit_code_for_later_is_a_rate_limit(tmp_path: Path) -> None:
    outcome = play(tmp_path, {"shell": "echo slow down; exit 75"})
    assert isinstance(outcome, RateLimited)
    assert outcome.reset_at is None
    assert outcome.text == "slow down\n"


def test_a_missing_program_says_so(tmp_path: Path) -> None:
    outcome = play(tmp_path, {"command": ["no-such-agent"]})
    assert isinstance(outcome, Exited)
    assert outcome.code == 127
    assert "no-such-agent" in outcome.text


def test_output_that_is_no_text_is_replaced(tmp_path: Path) -> None:
    outcome = play(tmp_path, {"shell": r"printf '\377\033[2Jx'"})
    assert outcome.text == "\ufffd\x1b[2Jx"


def test_a_long_output_is_kept_from_its_end(tmp_path: Path) -> None:
    outcome = play(tmp_path, {"shell": "head -c 300000 /dev/zero | tr '\\0' x; printf end"})
    assert len(outcome.text) == 64_000
    assert outcome.text.endswith("xend")


def test_a_later_turn_has_its_own_number_and_prompt(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    agent = from_settings({"shell": "cat; echo $BANKSMAN_TURN"}, host_in(tmp_path))
    first = brief_for(workspace)
    second = replace(first, turn=2, spool="p1-t7-a1-n2", prompt="again ")
    assert asyncio.run(agent.run(first)).text == f"{PROMPT}1\n"
    assert asyncio.run(agent.run(second)).text == "again 2\n"


def test_a_turn_in_the_sandbox_after_one_without_finds_its_home_furnished(
    tmp_path: Path,
) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "login").write_text("token")
    first = replace(brief_for(tmp_path / "workspace"), home=tmp_path / "home")
    second = replace(first, turn=2, spool="p1-t7-a1-n2")
    host = host_in(tmp_path)
    host = replace(host, environment={**host.environment, "HOME": str(tmp_path / "user")})
    table = {"shell": ":", "home": ["login"]}
    asyncio.run(from_settings(table, host).run(first))
    assert not (tmp_path / "home" / "login").exists()
    asyncio.run(from_settings(table, replace(host, sandboxed=True)).run(second))
    assert (tmp_path / "home" / "login").read_text() == "token"


TELLS = """
import json, os, sys, time
with open(os.environ["BANKSMAN_USAGE_FILE"], "w") as file:
    said = {"model": "m", "input_tokens": 9, "output_tokens": 1, "cost_usd": 0.25}
    json.dump(said, file)
print("told", flush=True)
"""
COST = Usage(model="m", input_tokens=9, output_tokens=1, cost_microusd=250_000)


def telling(place: Path, *, then: str = "") -> CommandAgent:
    """Return an agent that tells what its turn cost, and then does something."""
    command = [sys.executable, "-I", "-S", "-c", TELLS + then]
    return from_settings({"command": command}, host_in(place))


@pytest.mark.parametrize("code", [0, 3, 75])
def test_a_program_may_tell_what_its_turn_cost_however_it_ends(
    tmp_path: Path, code: int
) -> None:
    brief = brief_for(tmp_path / "workspace")
    brief.workspace.mkdir()
    agent = telling(tmp_path, then=f"sys.exit({code})")
    outcome = asyncio.run(agent.run(brief))
    took_ms = outcome.usage.duration_ms
    assert took_ms > 0
    assert outcome.usage == replace(COST, duration_ms=took_ms)
    again = asyncio.run(telling(tmp_path).attach(brief))
    assert again.usage == outcome.usage, "a later engine hears the same"
    agent.forget(brief.spool)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_program_that_is_stopped_has_told_what_it_cost_by_then(tmp_path: Path) -> None:
    brief = brief_for(tmp_path / "workspace")
    brief.workspace.mkdir()
    agent = telling(tmp_path, then="time.sleep(999)")
    executor = host_in(tmp_path).executor

    async def scene() -> Usage:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(agent.run(brief))
            await until(lambda: b"told" in executor.tail(brief.spool))
            cost = await agent.stop(brief.spool, "enough")
        assert running.result().usage == cost
        return await agent.stop(brief.spool, "once more")

    cost = asyncio.run(scene())
    assert replace(cost, duration_ms=0) == COST
    assert cost.duration_ms > 0
