"""A simulated agent: its processes live in the world, and outlive the engine."""

from __future__ import annotations

import asyncio

from banksman.core.outcome import (
    Answered,
    Exited,
    Lost,
    Outcome,
    RateLimited,
    Stalled,
    Stopped,
)
from banksman.ports import Brief
from banksman.testing.world import Hand, SimProcess, World

SILENCE_S = 900.0
WORK_S = 120.0


class SimAgent:
    """Works well, badly or not at all, as the world's seed says."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    @property
    def _world(self) -> World:
        return self._hand.world

    async def run(self, brief: Brief) -> Outcome:
        """Start the agent, once for each spool, and wait for it."""
        await self._hand.take()
        if brief.spool not in self._world.processes and brief.spool not in self._world.sealed:
            self._start(brief)
        await self._hand.take()
        return await self._ending(brief.spool)

    async def attach(self, brief: Brief) -> Outcome:
        """Find the agent again; a spool that nobody holds is sealed."""
        await self._hand.take()
        if brief.spool not in self._world.processes:
            self._world.sealed.add(brief.spool)
            return Lost()
        return await self._ending(brief.spool)

    async def stop(self, spool: str, why: str) -> None:
        """End the agent's processes."""
        await self._hand.take()
        process = self._world.processes.get(spool)
        if process is None:
            self._world.sealed.add(spool)
        elif not process.ended.is_set():
            process.how = why
            process.kind = "stopped"
            process.ended.set()

    def forget(self, spool: str) -> None:
        """Drop nothing: the world keeps all processes for its invariants."""
        self._hand.touch()

    def _start(self, brief: Brief) -> None:
        if self._world.living(brief.task.id):
            self._world.doubled.append(brief.task.id)
        process = SimProcess(task_id=brief.task.id, attempt=brief.attempt, kind=self._fate())
        self._world.processes[brief.spool] = process
        wait_s = (
            SILENCE_S if process.kind == "stalled" else WORK_S * self._world.random.random()
        )
        asyncio.get_running_loop().call_later(wait_s, self._end, brief, process)

    def _fate(self) -> str:
        faults = self._world.faults
        for kind, share in (
            ("lost", faults.lost),
            ("error", faults.error),
            ("stalled", faults.stall),
            ("question", faults.question),
            ("rate_limited", faults.rate_limit),
            ("wrong", faults.wrong),
        ):
            if self._world.strikes(share):
                return kind
        return "right"

    def _end(self, brief: Brief, process: SimProcess) -> None:
        """What the agent does at the end of its time; nobody has to be there."""
        if process.ended.is_set():
            return
        worktree = self._world.worktrees.get((brief.task.id, brief.attempt))
        if worktree is not None and process.kind in {"right", "wrong"}:
            worktree.files[f"task-{brief.task.spec.key}"] = (
                "wrong" if process.kind == "wrong" else f"done {brief.task.spec.key}"
            )
            if "shared" in brief.task.spec.touches:
                worktree.files["shared"] = brief.spool
        process.ended.set()

    async def _ending(self, spool: str) -> Outcome:
        process = self._world.processes[spool]
        await process.ended.wait()
        self._hand.touch()
        match process.kind:
            case "stopped":
                return Stopped(why=process.how)
            case "lost":
                return Lost()
            case "error":
                return Exited(code=1, text="it broke")
            case "stalled":
                return Stalled(silent_s=SILENCE_S)
            case "question":
                return Answered(text="which?", questions=("Which one?",))
            case "rate_limited":
                return RateLimited()
            case _:
                return Answered(text="done")
