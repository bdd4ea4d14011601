"""A simulated agent: its processes live in the world, and outlive the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from banksman.core.outcome import (
    Answered,
    Capped,
    Exited,
    Lost,
    Outcome,
    RateLimited,
    Refused,
    Stalled,
    Stopped,
    TimedOut,
    Usage,
)
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant
from banksman.ports import Brief
from banksman.testing.world import Hand, SimProcess, World

SILENCE_S = 900.0
WORK_S = 120.0
ENDINGS: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "error": Exited(code=1, text="it broke"),
        "stalled": Stalled(silent_s=SILENCE_S),
        "question": Answered(text="which?", questions=("Which one?",)),
        "denied": Answered(text="done", denials=("run make",)),
        "refused": Refused(error=ErrorClass.AUTHENTICATION, message="log in"),
        "capped": Capped(message="enough is enough"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of one turn of an agent.

    Attributes:
        kind: `right` and `wrong` write work that passes and fails its check; `idle` writes
            nothing; `lost`, `rate_limited` and those of `ENDINGS` end as they say.
        after_s: How long it takes.
        files: More that it writes, by path, whatever its kind; see `SimCheck` for what fails.
        reset_at: Until when the rate is limited, if the agent tells.
        usage: What it costs, whatever its kind but `lost`; how long it took is added.
    """

    kind: str = "right"
    after_s: float = 60.0
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    reset_at: Instant | None = None
    usage: Usage = field(default_factory=Usage)


Plot = Callable[[World, Brief], Fate]
"""Decides what becomes of each turn."""


def by_chance(world: World, _: Brief) -> Fate:
    """Return a fate as often as the world's faults say."""
    faults = world.faults
    for kind, share in (
        ("lost", faults.lost),
        ("error", faults.error),
        ("stalled", faults.stall),
        ("question", faults.question),
        ("rate_limited", faults.rate_limit),
        ("wrong", faults.wrong),
    ):
        if world.strikes(share):
            after_s = SILENCE_S if kind == "stalled" else WORK_S * world.random.random()
            return Fate(kind=kind, after_s=after_s, usage=usual(after_s))
    after_s = WORK_S * world.random.random()
    return Fate(after_s=after_s, usage=usual(after_s))


def usual(after_s: float) -> Usage:
    """Return what a turn of this length costs as a rule."""
    return Usage(
        model="simulated",
        input_tokens=round(after_s * 100),
        output_tokens=round(after_s),
        cost_microusd=round(after_s * 1000),
    )


class SimAgent:
    """Works well, badly or not at all, as its plot says; by default as its world does."""

    def __init__(self, hand: Hand, plot: Plot = by_chance) -> None:
        self._hand = hand
        self._plot = plot

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
        return await self._ending(brief.spool)

    async def stop(self, spool: str, why: str) -> Usage:
        """End the agent's processes."""
        await self._hand.take()
        process = self._world.processes.get(spool)
        if process is None:
            self._world.sealed.add(spool)
        elif not process.ended.is_set():
            process.how = why
            process.kind = "stopped"
            process.ended.set()
        return Usage() if process is None else process.usage

    def forget(self, spool: str) -> None:
        """Drop what is kept: whoever asks for this turn again finds it lost."""
        self._hand.touch()
        self._world.forgotten.add(spool)

    def _start(self, brief: Brief) -> None:
        if self._world.living(brief.task.id):
            self._world.doubled.append(brief.task.id)
        fate = self._plot(self._world, brief)
        if fate.after_s > brief.timeout_s:
            fate = replace(fate, kind="timed_out", after_s=brief.timeout_s)
        process = SimProcess(
            task_id=brief.task.id,
            attempt=brief.attempt,
            kind=fate.kind,
            files=fate.files,
            reset_at=fate.reset_at,
            usage=replace(fate.usage, duration_ms=round(fate.after_s * 1000)),
        )
        self._world.processes[brief.spool] = process
        self._world.most_at_once = max(self._world.most_at_once, self._world.working())
        asyncio.get_running_loop().call_later(fate.after_s, self._end, brief, process)

    def _end(self, brief: Brief, process: SimProcess) -> None:
        """What the agent does at the end of its time; nobody has to be there."""
        if process.ended.is_set():
            return
        worktree = self._world.worktrees.get((brief.task.id, brief.attempt))
        if worktree is not None:
            worktree.files.update(process.files)
        if worktree is not None and process.kind in {"right", "wrong"}:
            process.wrote = f"{process.kind} {brief.spool}"
            worktree.files[f"task-{brief.task.spec.key}"] = process.wrote
            if "shared" in brief.task.spec.touches:
                worktree.files["shared"] = brief.spool
        process.ended.set()

    async def _ending(self, spool: str) -> Outcome:
        if spool not in self._world.processes or spool in self._world.forgotten:
            return Lost()
        process = self._world.processes[spool]
        await process.ended.wait()
        self._hand.touch()
        if process.kind == "lost":  # Nobody is left to tell what it cost.
            return Lost()
        return replace(_ended(process), usage=process.usage)


def _ended(process: SimProcess) -> Outcome:
    match process.kind:
        case "stopped":
            return Stopped(why=process.how)
        case "timed_out":
            return TimedOut(after_s=process.usage.duration_ms / 1000)
        case "rate_limited":
            return RateLimited(reset_at=process.reset_at)
        case kind:
            return ENDINGS.get(kind, Answered(text="done"))
