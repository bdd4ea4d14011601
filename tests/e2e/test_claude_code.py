"""The real Claude Code works on a plan by the front door, with a model that misbehaves.

Nothing outside the loopback is reached, and where the system permits nothing can be.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from banksman.agents.claude_code import find_program, from_settings
from banksman.core.budget import Limits
from banksman.core.outcome import Answered, Capped, Outcome
from banksman.ports import AgentHost, Brief
from banksman.testing.agent_contract import brief_for
from banksman.testing.model_server.script import Script, Step, shell
from banksman.testing.model_server.server import ModelServer
from tests.conformance.test_command_agent import host_in
from tests.conftest import CI
from tests.e2e.claude_night import SCRIPTS, SILENCE_S

ROOT: Final = Path(__file__).parents[2]
ALONE: Final = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')
"""What runs a program where only the loopback can be reached."""

DONE: Final = ("completed", "")
FATES: Final[dict[str, tuple[str, str]]] = {
    "happy": DONE,
    "mended": DONE,
    "busy": DONE,
    "lingering": DONE,
    "cut": DONE,
    "garbled": DONE,
    "haunted": DONE,
    "limited": ("retrying", "the agent's provider limits the rate"),
    "broken": ("failed", "the provider of Claude Code failed: API Error: 500 "),
    "stranger": ("failed", "Claude Code could not log in to its provider: "),
    "long": ("failed", "the conversation of Claude Code became too long for its model: "),
    "mute": (
        "failed",
        "the provider of Claude Code could not be reached, or did not answer in time: ",
    ),
    "stalled": ("failed", f"the agent was silent for {SILENCE_S} s"),
    "denied": ("blocked", "the agent was not permitted to: Write "),
    "bounded": ("blocked", "Claude Code reached its limit of model calls (`max_turns`)"),
}
"""The state of each task in the end, and the beginning of what a person is told."""

# What JSON holds, the test says.
Json = Any


@pytest.fixture(scope="session")
def program() -> str:
    """Return the program of Claude Code; without it the tests are skipped, or fail in CI."""
    found = find_program("", os.environ.get("PATH", os.defpath))
    if found is None:
        (pytest.fail if CI else pytest.skip)("NOT TESTED: Claude Code is not installed")
    return found


@pytest.fixture(scope="session")
def night(program: str, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Return what came of the plan; see `tests.e2e.claude_night`."""
    folder = tmp_path_factory.mktemp("night")
    probe = subprocess.run([*ALONE, "true"], capture_output=True, check=False)
    alone = ALONE if probe.returncode == 0 else ()
    played = subprocess.run(
        [*alone, sys.executable, "-m", "tests.e2e.claude_night", str(folder), program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert played.returncode == 0, played.stderr[-2000:]
    return {**json.loads((folder / "night.json").read_text()), "folder": str(folder)}


def test_every_task_has_its_fate(night: Json) -> None:
    assert set(FATES) == set(SCRIPTS)
    assert night["code"] == 130, "interrupted while a rate limit was waited for"


@pytest.mark.parametrize("key", FATES)
def test_each_turn_ends_in_the_right_state_with_the_right_words(night: Json, key: str) -> None:
    task = night["tasks"][key]["task"]
    status, told = FATES[key]
    assert task["status"] == status
    assert task["reason"].startswith(told)
    assert task["attempt"] == 1
    said = (Path(night["folder"]) / "said").read_text()
    assert told in said, "a person reads it too"


@pytest.mark.parametrize(
    ("key", "cure"),
    [
        ("stranger", "Log in with `claude`, or see that ANTHROPIC_API_KEY holds a valid key."),
        ("long", "Split the task, or have it read less at once."),
    ],
)
def test_what_a_person_must_do_is_told(night: Json, key: str, cure: str) -> None:
    assert night["tasks"][key]["task"]["reason"].endswith(cure)


def test_no_process_survives(night: Json) -> None:
    assert night["alive"] == []


@pytest.mark.parametrize(
    ("key", "retries"), [("busy", 2), ("limited", 2), ("broken", 2), ("happy", 0)]
)
def test_how_often_the_provider_was_asked_again_is_counted(
    night: Json, key: str, retries: int
) -> None:
    assert [usage["retries"] for usage in night["tasks"][key]["usage"]] == [retries]


def test_each_turn_costs_what_it_cost_and_not_what_those_before_did(night: Json) -> None:
    first, second = night["tasks"]["mended"]["usage"]
    assert first["model"]
    assert first["cost_microusd"] > 0
    for kind in ("cost_microusd", "input_tokens", "output_tokens"):
        assert second[kind] == first[kind], "two answers each"


def test_the_conversation_goes_on_when_work_is_sent_back(night: Json) -> None:
    turns = night["tasks"]["mended"]["turns"]
    assert [turn["outcome"] for turn in turns] == ["answered", "answered"]
    *_, last = night["asked"]["mended"]
    texts = [json.dumps(message["content"]) for message in last]
    (told,) = [at for at, text in enumerate(texts) if "is not accepted" in text]
    before, after = "".join(texts[:told]), texts[told]
    assert "# Task" in before, "the task was told in the first turn"
    assert "done = False" in before, "and what was done in it is remembered"
    assert "# Task" not in after, "only what is new is told"
    assert "t_mended.py is not done yet" in after


def test_work_that_a_limit_cut_short_is_kept(night: Json) -> None:
    task = night["tasks"]["bounded"]
    (event,) = task["breakpoints"]
    assert event["type"] == "budget_exceeded"
    (saved,) = task["checkpoints"]
    kept = subprocess.run(
        ["git", "show", f"{saved['commit']}:t_bounded.py"],
        cwd=Path(night["folder"]) / "project",
        capture_output=True,
        text=True,
        check=True,
    )
    assert kept.stdout == "done = True\n"


def test_what_was_denied_is_asked_by_name(night: Json) -> None:
    (event,) = night["tasks"]["denied"]["breakpoints"]
    assert event["type"] == "agent_question"
    (denial,) = event["details"]
    assert denial.startswith("Write ")


def play(program: str, place: Path, script: Script, *briefs: Brief) -> list[Outcome]:
    """Return how turns of one agent end, with a model of their own."""

    async def turns(agent_host: AgentHost, url: str) -> list[Outcome]:
        env = {
            "HOME": str(place),
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "dummy",
            "IS_SANDBOX": "1",
        }
        table = {"program": program, "permission_mode": "bypassPermissions", "env": env}
        agent = from_settings(table, agent_host)
        return [await agent.run(brief) for brief in briefs]

    with ModelServer({"it": script}) as server:
        return asyncio.run(turns(host_in(place), server.url("it")))


def brief_in(place: Path) -> Brief:
    workspace = place / "workspace"
    workspace.mkdir()
    return brief_for(workspace)


def test_money_that_a_turn_may_spend_is_held_by_the_program_itself(
    program: str, tmp_path: Path
) -> None:
    again = Step(calls=(shell("true"),))
    limited = replace(brief_in(tmp_path), allowance=Limits(cost_microusd=1000))
    (outcome,) = play(program, tmp_path, Script(steps=(again,)), limited)
    assert isinstance(outcome, Capped)
    assert outcome.message.startswith("Claude Code spent all the money that this turn had")
    assert outcome.usage.cost_microusd > 1000


def test_a_conversation_goes_on_after_a_turn_that_was_ended_in_the_middle(
    program: str, tmp_path: Path
) -> None:
    first = replace(brief_in(tmp_path), timeout_s=6.0)
    second = replace(
        first,
        turn=2,
        execution=f"{first.execution[:-1]}2",
        spool=f"{first.spool}-2",
        followup="Go on.",
        timeout_s=60.0,
    )
    hang = Step(calls=(shell("echo begun > begun; exec tail -f /dev/null"),))
    script = Script(steps=(hang, Step(text="Gone on.")))
    cut, done = play(program, tmp_path, script, first, second)
    assert not isinstance(cut, Answered)
    assert (first.workspace / "begun").exists()
    assert isinstance(done, Answered)
    assert done.text == "Gone on."
