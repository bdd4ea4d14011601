"""Recorded edits keep the promises of the port, as a real tree of processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from banksman.agents.scripted import ScriptedAgent, from_settings
from banksman.core.outcome import Answered, Exited, Outcome
from banksman.testing.agent_contract import AgentContract, Behaviour, alive, brief_for
from tests.conformance.test_command_agent import host_in

ANSWER: list[object] = [
    {"write": {"path": "answer", "text": "answered"}},
    {"print": "answered"},
]
STEPS: dict[Behaviour, list[object]] = {
    Behaviour.ANSWERS: ANSWER,
    Behaviour.FAILS: [*ANSWER, {"exit": 3}],
    Behaviour.HANGS: [
        {"daemonize": True},
        {"print": "begun"},
        {"write": {"path": "begun", "text": ""}},
        {"hang": True},
    ],
}


def agent_with(place: Path, script: object) -> ScriptedAgent:
    """Return an agent that plays a script for the task of `brief_for`."""
    (place / "scripts").mkdir(exist_ok=True)
    (place / "scripts" / "make-it.yaml").write_text(yaml.safe_dump(script))
    return from_settings({"scripts": "scripts"}, host_in(place))


class TestScriptedAgent(AgentContract):
    def agent(self, place: Path, behaviour: Behaviour) -> ScriptedAgent:
        return agent_with(place, [[STEPS[behaviour]]])


def play(place: Path, *steps: object) -> Outcome:
    """Play steps as the only turn of the only attempt."""
    workspace = place / "workspace"
    workspace.mkdir(exist_ok=True)
    return asyncio.run(agent_with(place, [[list(steps)]]).run(brief_for(workspace)))


def test_files_are_edited_step_by_step(tmp_path: Path) -> None:
    outcome = play(
        tmp_path,
        {"write": {"path": "a/b.txt", "text": "one\ntwo\n"}},
        {"append": {"path": "a/b.txt", "text": "two\n"}},
        {"append": {"path": "new.txt", "text": "ü"}},
        {"replace": {"path": "a/b.txt", "old": "two", "new": "2", "count": 2}},
        {"write": {"path": "gone", "text": ""}},
        {"delete": "gone"},
        {"rename": {"path": "a/b.txt", "new": "c/d.txt"}},
        {"mkdir": "e/f"},
        {"sleep_s": 0.01},
        {"print": "done"},
    )
    assert isinstance(outcome, Answered)
    assert outcome.text == "done\n"
    found = {
        str(path.relative_to(tmp_path / "workspace")): path.read_text()
        if path.is_file()
        else ""
        for path in (tmp_path / "workspace").rglob("*")
    }
    assert found == {
        "a": "", "c": "", "c/d.txt": "one\n2\n2\n", "e": "", "e/f": "", "new.txt": "ü",
    }  # fmt: skip


def test_a_question_is_asked_and_what_is_printed_is_none(tmp_path: Path) -> None:
    outcome = play(tmp_path, {"print": "question?"}, {"ask": "Which\n»one«?"}, {"ask": "Why?"})
    assert isinstance(outcome, Answered)
    assert outcome.questions == ("Which\n»one«?", "Why?")


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"replace": {"path": "a", "old": "x", "new": "y"}}, "has the old text 0 times, not 1"),
        ({"delete": "a"}, "cannot delete: "),
        ({"write": {"path": "out/a", "text": "x"}}, "out/a leads out of the workspace"),
        ({"mkdir": "out/a"}, "out/a leads out of the workspace"),
        ({"delete": "out/kept"}, "out/kept leads out of the workspace"),
        ({"append": {"path": "link", "text": "x"}}, "link is a symbolic link"),
    ],
)
def test_a_step_that_cannot_be_played_is_an_error(
    tmp_path: Path, step: object, told: str
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "workspace" / "link").symlink_to(tmp_path / "outside" / "kept")
    outcome = play(tmp_path, step, {"print": "not reached"})
    assert isinstance(outcome, Exited)
    assert outcome.code == 1
    assert told in outcome.text
    assert "not reached" not in outcome.text
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["kept"]
    assert (tmp_path / "outside" / "kept").read_text() == ""


def test_attempts_and_turns_follow_the_script_and_its_last_is_repeated(tmp_path: Path) -> None:
    script = [[[{"print": "1.1"}], [{"print": "1.2"}]], [[{"print": "2.1"}]]]
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    agent = agent_with(tmp_path, script)
    brief = brief_for(workspace)

    def text(attempt: int, turn: int) -> str:
        spool = f"a{attempt}-n{turn}"
        numbered = replace(brief, attempt=attempt, turn=turn, spool=spool)
        return asyncio.run(agent.run(numbered)).text.strip()

    assert [text(1, 1), text(1, 2), text(1, 3)] == ["1.1", "1.2", "1.2"]
    assert [text(2, 1), text(2, 2), text(5, 1)] == ["2.1", "2.1", "2.1"]


def test_a_daemon_does_not_outlive_the_turn(tmp_path: Path) -> None:
    outcome = play(tmp_path, {"daemonize": True}, {"print": "done"})
    assert isinstance(outcome, Answered)
    assert not alive(brief_for(tmp_path / "workspace"))


def test_a_task_without_a_script_is_not_found(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    agent = agent_with(tmp_path, [[[{"print": "x"}]]])
    brief = brief_for(workspace)
    other = replace(brief, task=replace(brief.task, spec=replace(brief.task.spec, key="else")))
    outcome = asyncio.run(agent.run(other))
    assert isinstance(outcome, Exited)
    assert outcome.code == 127
    assert outcome.text == "there is no script else.yaml\n"
