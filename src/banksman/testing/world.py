"""A world in memory for the engine: git, processes and faults, on virtual time, from a seed.

The world outlives engines, as the real one does: commits, worktrees and running agents stay
when an engine dies. What an engine does to it takes time, may fail, and may be the last thing
that this engine does: `World.touch` is called at each act, and raises `SimulatedCrash` when the
seed says so. From then on the dead engine can do nothing more to the world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import MappingProxyType

from banksman.core.outcome import Usage
from banksman.core.task import Instant

Tree = Mapping[str, str]


class SimulatedCrash(BaseException):
    """The engine's process died; not an `Exception`, so that nothing handles it."""


@dataclass(frozen=True)
class SimCommit:
    """A commit: its parents, its content by path, and its message."""

    parents: tuple[str, ...]
    tree: Tree
    message: str


@dataclass
class SimWorktree:
    """A worktree on the simulated disk."""

    base: str
    files: dict[str, str]


@dataclass(frozen=True)
class SimCheckout:
    """A checkout on the simulated disk, and the engine that uses it."""

    commit: str
    hand: Hand


@dataclass
class SimProcess:
    """An agent's tree of processes; `ended` is set when all of it is gone.

    Attributes:
        kind: What becomes of it (`sim_agent.Fate`).
        how: Why it was stopped.
        files: More that it writes in the end.
        wrote: The work that it left, of which there is no other like it.
        usage: What it costs.
    """

    task_id: int
    attempt: int
    kind: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    how: str = ""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    wrote: str = ""
    reset_at: Instant | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often what goes wrong goes wrong; shares of all occasions, in [0, 1].

    Attributes:
        crash: The engine dies at an act.
        commit: The store refuses a commit.
        lost: A runner dies and leaves no result.
        error: An agent ends with an error code.
        wrong: An agent's work fails its check.
        stall: An agent is silent until it is stopped.
        question: An agent asks a person.
        rate_limit: An agent's provider refuses for a while.
        git: A git command fails.
        jump: The time of day is set, forward or back, or set right again.
        sleep: The machine sleeps: the time of day goes on, and nothing else does.
    """

    crash: float = 0.0
    commit: float = 0.0
    lost: float = 0.0
    error: float = 0.0
    wrong: float = 0.0
    stall: float = 0.0
    question: float = 0.0
    rate_limit: float = 0.0
    git: float = 0.0
    jump: float = 0.0
    sleep: float = 0.0


@dataclass
class World:
    """Everything outside the engines.

    Attributes:
        random: The only source of chance; the same seed gives the same history.
        target: The target branch's tip, or none before it is made.
        checkouts: Open ones by path, and those that died with their engine.
        opened: How many there ever were.
        processes: Agents by spool, running and ended.
        forgotten: Spools of which nothing is kept any more.
        owner: The engine that owns the project, as far as the operating system knows.
        doubled: Tasks that had two agents at once; must stay empty.
        most_at_once: The most agents that ever ran at once.
        crashes: How often an engine died.
        by_hand: What people wrote into workspaces, by the breakpoint that they answered.
        rewritten: Whether a person has thrown commits of the target away.
        replanned: Whether a person has changed the plan.
        astray: What somebody looked for, and did not find; must stay empty.
    """

    random: Random
    faults: Faults
    commits: dict[str, SimCommit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    worktrees: dict[tuple[int, int], SimWorktree] = field(default_factory=dict)
    checkouts: dict[Path, SimCheckout] = field(default_factory=dict)
    opened: int = 0
    processes: dict[str, SimProcess] = field(default_factory=dict)
    sealed: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    target: str | None = None
    owner: Hand | None = None
    doubled: list[int] = field(default_factory=list)
    most_at_once: int = 0
    crashes: int = 0
    by_hand: dict[int, str] = field(default_factory=dict[int, str])
    rewritten: bool = False
    replanned: bool = False
    astray: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.refs["base"] = self.commit((), {"README": "sample"}, "base")

    def commit(self, parents: tuple[str, ...], tree: Mapping[str, str], message: str) -> str:
        """Return the name of a new commit; the same content and parents give the same name."""
        for name, known in self.commits.items():
            if (known.parents, known.tree, known.message) == (parents, tree, message):
                return name
        name = f"c{len(self.commits):04}"
        self.commits[name] = SimCommit(parents, MappingProxyType(dict(tree)), message)
        return name

    def history(self, tip: str | None) -> list[str]:
        """Return a tip and all its ancestors, the tip first."""
        seen: dict[str, None] = {}
        queue = [tip] if tip else []
        while queue:
            name = queue.pop(0)
            if name not in seen:
                seen[name] = None
                queue.extend(self.commits[name].parents)
        return list(seen)

    def strikes(self, share: float) -> bool:
        """Return whether something that happens in this share of all cases happens now."""
        return self.random.random() < share

    def living(self, task_id: int) -> int:
        """Return how many agents of a task run now."""
        return sum(
            one.task_id == task_id and not one.ended.is_set() for one in self.processes.values()
        )

    def working(self) -> int:
        """Return how many agents run now."""
        return sum(not one.ended.is_set() for one in self.processes.values())


class Hand:
    """One engine's grip on the world: gone when the engine dies.

    Attributes:
        alive: Whether the engine can still act.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.alive = True

    def touch(self) -> None:
        """Act on the world, or die trying."""
        if self.alive and self.world.strikes(self.world.faults.crash):
            self.world.crashes += 1
            self.alive = False
        if not self.alive:
            raise SimulatedCrash

    async def take(self, most_s: float = 2.0) -> None:
        """Let some time pass with an act; the engine may die before or after it."""
        self.touch()
        await asyncio.sleep(self.world.random.random() * most_s)
        self.touch()
