"""What every `Agent` promises, as tests.

Subclass `AgentContract` in a test module, say how your agent is made to behave in the ways of
`Behaviour`, and run pytest.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from banksman.core.outcome import Answered, Exited, Lost, Outcome, Stalled, Stopped, TimedOut
from banksman.core.task import ProjectId, Task, TaskId, TaskSpec
from banksman.ports import Agent, Brief
from banksman.testing.executor_programs import until

PROMPT: Final = "Make it so. → ünïcode\n$HOME `id` {title}\n"
SPOOL: Final = "p1-t7-a1-n1"


class Behaviour(StrEnum):
    """What an agent under test does with any brief."""

    ANSWERS = "answers"
    """Writes the file `answer` with the text `answered` into the workspace, prints `answered`,
    and ends without an error."""
    FAILS = "fails"
    """Does the same, and ends with code 3."""
    HANGS = "hangs"
    """Writes the file `begun`, prints `begun`, leaves a daemon behind and never ends."""


def brief_for(workspace: Path, **changes: float) -> Brief:
    """Return a brief for the task `7`, called `make-it`, in a workspace.

    Args:
        workspace: It names the execution too, which is unique for a test then.
        changes: `timeout_s` and `silence_s`, in seconds.
    """
    spec = TaskSpec(key="make-it", title="Make it {workspace} so")
    return Brief(
        execution=f"{workspace}:7:1:1",
        spool=SPOOL,
        task=Task(id=TaskId(7), project_id=ProjectId(1), spec=spec),
        attempt=1,
        turn=1,
        prompt=PROMPT,
        workspace=workspace,
        home=workspace.with_name(f"{workspace.name}-home"),
        env={"LEASED_PORT": "20001"},
        timeout_s=changes.get("timeout_s", 60.0),
        silence_s=changes.get("silence_s"),
    )


def alive(brief: Brief) -> list[int]:
    """Return the processes of an execution, by the mark in their environment (Linux)."""
    mark = f"BANKSMAN_EXECUTION={brief.execution}\0".encode()
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if mark in environment:
            found.append(int(process.name))
    return found


class AgentContract(ABC):
    """Promises of `banksman.ports.Agent`."""

    @abstractmethod
    def agent(self, place: Path, behaviour: Behaviour) -> Agent:
        """Return a new agent that keeps its state in `place`, as a new engine has one."""

    @pytest.fixture
    def brief(self, tmp_path: Path) -> Brief:
        """Return a brief in a new workspace."""
        return self.brief_in(tmp_path)

    def brief_in(self, tmp_path: Path, **changes: float) -> Brief:
        """Return a brief in a new workspace, with other limits of time."""
        workspace = tmp_path / "workspace"
        workspace.mkdir(exist_ok=True)
        return brief_for(workspace, **changes)

    def test_an_agent_answers_and_its_work_is_in_the_workspace(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        outcome = asyncio.run(self.agent(tmp_path, Behaviour.ANSWERS).run(brief))
        assert isinstance(outcome, Answered)
        assert "answered" in outcome.text
        assert outcome.usage.duration_ms > 0
        assert (brief.workspace / "answer").read_text() == "answered"

    def test_an_agent_writes_nothing_but_its_work_into_the_workspace(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        asyncio.run(self.agent(tmp_path, Behaviour.ANSWERS).run(brief))
        assert [path.name for path in brief.workspace.rglob("*")] == ["answer"]

    def test_an_error_of_an_agent_is_a_value_and_its_work_stays(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        outcome = asyncio.run(self.agent(tmp_path, Behaviour.FAILS).run(brief))
        assert isinstance(outcome, Exited)
        assert outcome.code == 3
        assert "answered" in outcome.text
        assert (brief.workspace / "answer").read_text() == "answered"

    def test_a_time_out_ends_all_processes_and_keeps_the_work(self, tmp_path: Path) -> None:
        brief = self.brief_in(tmp_path, timeout_s=2.0)
        outcome = asyncio.run(self.agent(tmp_path, Behaviour.HANGS).run(brief))
        assert isinstance(outcome, TimedOut)
        assert outcome.after_s == 2.0
        assert "begun" in outcome.text
        assert (brief.workspace / "begun").exists()
        assert not alive(brief)

    def test_a_silent_agent_is_stalled_and_all_processes_end(self, tmp_path: Path) -> None:
        brief = self.brief_in(tmp_path, silence_s=2.0)
        outcome = asyncio.run(self.agent(tmp_path, Behaviour.HANGS).run(brief))
        assert isinstance(outcome, Stalled)
        assert outcome.silent_s == 2.0
        assert not alive(brief)

    def test_a_stop_ends_all_processes_and_may_be_repeated(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        agent = self.agent(tmp_path, Behaviour.HANGS)

        async def stop() -> Outcome:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(agent.run(brief))
                await until((brief.workspace / "begun").exists)
                await agent.stop(brief.spool, "enough")
                await agent.stop(brief.spool, "once more")
            return running.result()

        outcome = asyncio.run(stop())
        assert isinstance(outcome, Stopped)
        assert outcome.why == "enough"
        assert not alive(brief)

    def test_a_stopped_turn_that_never_started_does_not_start_later(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        agent = self.agent(tmp_path, Behaviour.ANSWERS)

        async def stop_first() -> Outcome:
            await agent.stop(brief.spool, "not wanted")
            return await agent.run(brief)

        assert isinstance(asyncio.run(stop_first()), Stopped)
        assert not list(brief.workspace.iterdir())

    def test_an_agent_outlives_the_engine_and_is_found_again(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        async def cancel() -> Outcome:
            agent = self.agent(tmp_path, Behaviour.HANGS)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(agent.run(brief))
                await until((brief.workspace / "begun").exists)
                running.cancel()
            assert running.cancelled()
            assert alive(brief)
            later = self.agent(tmp_path, Behaviour.HANGS)
            async with asyncio.TaskGroup() as group:
                attached = group.create_task(later.attach(brief))
                await later.stop(brief.spool, "enough")
            return attached.result()

        assert isinstance(asyncio.run(cancel()), Stopped)
        assert not alive(brief)

    @pytest.mark.parametrize("behaviour", [Behaviour.ANSWERS, Behaviour.FAILS])
    def test_an_ending_is_there_for_any_later_engine(
        self, tmp_path: Path, brief: Brief, behaviour: Behaviour
    ) -> None:
        first = asyncio.run(self.agent(tmp_path, behaviour).run(brief))
        assert asyncio.run(self.agent(tmp_path, behaviour).attach(brief)) == first

    def test_a_turn_that_runs_twice_works_once(self, tmp_path: Path, brief: Brief) -> None:
        first = asyncio.run(self.agent(tmp_path, Behaviour.ANSWERS).run(brief))
        (brief.workspace / "answer").unlink()
        assert asyncio.run(self.agent(tmp_path, Behaviour.ANSWERS).run(brief)) == first
        assert not (brief.workspace / "answer").exists()

    def test_a_turn_that_never_started_is_lost_and_never_starts(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        assert isinstance(
            asyncio.run(self.agent(tmp_path, Behaviour.ANSWERS).attach(brief)), Lost
        )
        assert isinstance(asyncio.run(self.agent(tmp_path, Behaviour.ANSWERS).run(brief)), Lost)
        assert not list(brief.workspace.iterdir())

    def test_what_is_kept_of_a_turn_can_be_forgotten_and_that_twice(
        self, tmp_path: Path, brief: Brief
    ) -> None:
        agent = self.agent(tmp_path, Behaviour.ANSWERS)
        asyncio.run(agent.run(brief))
        agent.forget(brief.spool)
        agent.forget(brief.spool)
        kept = list(tmp_path.rglob(f"*{brief.spool}*"))
        assert kept == []
        assert (brief.workspace / "answer").exists()
