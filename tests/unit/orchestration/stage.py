"""The real engine over a simulated world on virtual time, led step by step by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from banksman.core.breakpoints import Resolution
from banksman.core.plan import PlanItem
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    Command,
    JournalEntry,
    Project,
    Turn,
)
from banksman.core.task import Task, TaskStatus
from banksman.orchestration.assembly import Assembly, Manner, Ports
from banksman.orchestration.budgets import Caps
from banksman.orchestration.engine import Engine, RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.ports import Agent, Check, Store, Transaction, Workspaces, Written
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeDisk
from banksman.testing.faulty_store import FaultyStore, SimOwnership
from banksman.testing.sim_agent import Fate, SimAgent
from banksman.testing.sim_check import SimCheck
from banksman.testing.sim_workspaces import SimWorkspaces
from banksman.testing.virtual_time import LoopClock, VirtualTimeLoop
from banksman.testing.world import Faults, Hand, SimulatedCrash, World
from tests.unit.orchestration.plots import Plot

POLL_S = 1.0
"""How often the engine looks by itself: each look costs real time."""
PATIENCE_S = 10_000.0
"""Virtual seconds that anything may take."""


class Instantly(Random):
    """Chance that never strikes, and acts that take no time."""

    def random(self) -> float:
        return 0.0


class Trusting(SimWorkspaces):
    """What is pushed by hand passes for the work of other tasks: the tip has moved, no more."""

    async def commits(self, since: str, until: str) -> tuple[Written, ...]:
        return ()


class Stage:
    """One project in a simulated world.

    Args:
        path: Folder for the database.
        items: The plan.
        fates: What becomes of the turns of each task.
        rules: Of the runs.
        pace: A seed, if acts shall take time (up to 2 s each); else they take none.
    """

    def __init__(
        self,
        path: Path,
        *items: PlanItem,
        fates: Mapping[str, Sequence[Fate]] | None = None,
        rules: RunRules | None = None,
        pace: int | None = None,
    ) -> None:
        self.loop = VirtualTimeLoop()
        self.clock = LoopClock(self.loop)
        chance = Instantly() if pace is None else Random(pace)
        self.world = World(chance, Faults())
        self.store = SqliteStore.open(path / "state.db", synchronous="OFF")
        self.items = items
        self.disk = FakeDisk()
        self.plot = Plot(fates or {})
        self.rules = replace(rules or RunRules(parallel=1), poll_s=POLL_S)
        self.caps = Caps()
        self.workspaces: Callable[[Hand], Workspaces] = SimWorkspaces
        self.checks: Callable[[Hand], Check] = SimCheck
        self.agent: Callable[[Hand], Agent] = lambda hand: SimAgent(hand, self.plot)
        self.store_of: Callable[[Store, Hand], FaultyStore] = FaultyStore
        self.stores: list[FaultyStore] = []
        self.crash_at: Point | None = None
        self.reached: list[Point] = []
        state = StateManager(self.store, self.clock)
        self.project_id = state.create_project("staged", base="main", target="target").id
        self._wishes = 0

    def play(self, scene: Callable[[], Awaitable[None]]) -> None:
        """Play a scene to its end on virtual time."""

        async def main() -> None:
            await scene()

        self.loop.run_until_complete(main())

    def close(self) -> None:
        """Clear the stage."""
        self.loop.close()
        self.store.close()

    def run_plan(self) -> RunEnd:
        """Run the plan by one engine to its end."""

        async def main() -> RunEnd:
            async with asyncio.timeout(PATIENCE_S):
                return await self.engine().run()

        return self.loop.run_until_complete(main())

    def hand(self) -> Hand:
        """Return a new engine's grip on the world; it owns the project."""
        hand = Hand(self.world)
        SimOwnership(hand).acquire()
        return hand

    def next_engine(self) -> Engine:
        """Return an engine after another one has ended, or died."""
        self.world.owner = None
        return self.engine()

    def engine(self, *, hand: Hand | None = None, agents: bool = True) -> Engine:
        """Return a new engine that has read the plan."""
        grip = hand or self.hand()
        self.stores.append(self.store_of(self.store, grip))
        ports = Ports(
            store=self.stores[-1],
            clock=self.clock,
            chance=None,
            agents={"simulated": self.agent(grip)} if agents else {},
            workspaces=self.workspaces(grip),
            checks=(self.checks(grip),),
            disk=self.disk,
        )
        manner = Manner(
            default_agent="simulated",
            rules=self.rules,
            caps=self.caps,
            reach=lambda at: self._reach(at, grip),
        )
        assembly = Assembly(ports, self.project_id, manner)
        assembly.import_plan(self.items)
        return assembly.engine

    async def dies(self, engine: Engine, hand: Hand) -> None:
        """Run an engine that dies at `crash_at`."""
        try:
            await engine.run()
        except (SimulatedCrash, BaseExceptionGroup):
            assert not hand.alive, "nothing else than its death ends it"
            return
        raise AssertionError("it was to die")

    async def run_during(self, during: Callable[[Engine], Awaitable[None]]) -> RunEnd:
        """Run the plan, and do something meanwhile; return why the run was over."""
        engine = self.engine()
        async with asyncio.TaskGroup() as group:
            run = group.create_task(engine.run())
            await during(engine)
        return run.result()

    def half_way(self, key: str) -> None:
        """Let the agent at work on a task have written something already."""
        task = self.task(key)
        self.world.worktrees[task.id, task.attempt].files["half"] = "half-done"

    def saved(self, key: str, attempt: int = 1) -> str:
        """Return what is kept of that under the attempt's private ref."""
        commit = self.world.refs[f"saved/{self.task(key).id}/{attempt}"]
        return self.world.commits[commit].tree["half"]

    async def until(self, holds: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> None:
        """Wait until something holds; fail if it does not in time."""
        end = self.loop.time() + patience_s
        while not holds():
            assert self.loop.time() < end, "it does not happen"
            await asyncio.sleep(0.3)

    async def wish(self, name: str, **arguments: object) -> Command:
        """Hand a command in, and return it with its answer."""
        command = self.submit(name, **arguments)
        await self.until(lambda: self.command(command).applied_at is not None)
        return self.command(command)

    def submit(self, name: str, **arguments: object) -> Command:
        """Hand a command in."""
        self._wishes += 1
        with self.store.transaction() as tx:
            return tx.insert_command(
                Command(
                    project_id=self.project_id,
                    key=f"wish-{self._wishes}",
                    name=name,
                    by="ada",
                    at=self.clock.now(),
                    arguments=arguments,
                )
            )

    async def resolve(
        self, event: BreakpointEvent, resolution: Resolution, guidance: str = ""
    ) -> Command:
        """Answer a breakpoint."""
        command = await self.wish(
            "resolve", breakpoint=event.id, resolution=resolution.value, guidance=guidance
        )
        assert command.error == ""
        return command

    def command(self, command: Command) -> Command:
        """Return a command as it stands."""
        with self.store.transaction() as tx:
            return tx.command(command.id)

    def tasks(self) -> dict[str, Task]:
        """Return all tasks by key."""
        with self.store.transaction() as tx:
            return {task.spec.key: task for task in tx.tasks(self.project_id)}

    def task(self, key: str) -> Task:
        """Return a task."""
        return self.tasks()[key]

    def statuses(self) -> dict[str, str]:
        """Return where all tasks stand, by key."""
        return {key: task.status.value for key, task in self.tasks().items()}

    def stands(self, key: str, status: TaskStatus) -> Callable[[], bool]:
        """Return a question whether a task stands there."""
        return lambda: self.task(key).status is status

    def works(self, key: str) -> Callable[[], bool]:
        """Return a question whether an agent works on a task."""
        return lambda: self.world.living(self.task(key).id) > 0

    def attempts(self, key: str) -> tuple[Attempt, ...]:
        """Return a task's attempts by number."""
        with self.store.transaction() as tx:
            return tx.attempts(self.task_in(tx, key).id)

    def turns(self, key: str, attempt: int = 1) -> tuple[Turn, ...]:
        """Return an attempt's turns by number."""
        with self.store.transaction() as tx:
            return tx.turns(self.task_in(tx, key).id, attempt)

    def task_in(self, tx: Transaction, key: str) -> Task:
        """Return a task, read in a transaction."""
        return next(one for one in tx.tasks(self.project_id) if one.spec.key == key)

    def events(self) -> tuple[BreakpointEvent, ...]:
        """Return the open breakpoint events."""
        with self.store.transaction() as tx:
            return tx.open_breakpoints(self.project_id)

    def event(self) -> BreakpointEvent:
        """Return the only open breakpoint event."""
        (event,) = self.events()
        return event

    def project(self) -> Project:
        """Return the project."""
        with self.store.transaction() as tx:
            return tx.project(self.project_id)

    def journal(self) -> tuple[JournalEntry, ...]:
        """Return the whole journal."""
        with self.store.transaction() as tx:
            return tx.journal(self.project_id, limit=100_000)

    def kinds(self, key: str) -> list[str]:
        """Return the journal's kinds of facts about a task."""
        task_id = self.task(key).id
        return [line.kind for line in self.journal() if line.task_id == task_id]

    def claims(self) -> list[str]:
        """Return the keys of tasks in the order in which they were claimed."""
        keys = {task.id: key for key, task in self.tasks().items()}
        return [
            keys[line.task_id]
            for line in self.journal()
            if line.kind == "task.claimed" and line.task_id is not None
        ]

    def claimed_s(self, key: str) -> list[float]:
        """Return when a task was claimed, in virtual seconds."""
        task_id, start = self.task(key).id, self.journal()[0].at
        return [
            (line.at - start) / 1000
            for line in self.journal()
            if line.kind == "task.claimed" and line.task_id == task_id
        ]

    def files(self) -> Mapping[str, str]:
        """Return the files on the target branch."""
        target = self.world.target
        return self.world.commits[target].tree if target else {}

    def integrated(self) -> list[str]:
        """Return the titles of the commits on the target branch, oldest first."""
        names = self.world.history(self.world.target)
        titles = [self.world.commits[name].message.splitlines()[0] for name in names]
        return [title for title in reversed(titles) if title != "base"]

    def push(self, files: Mapping[str, str], *, over: str | None = None) -> str:
        """Commit onto the target branch, or onto another commit, as a person does by hand."""
        onto = over or self.world.target
        assert onto is not None
        tree = {**self.world.commits[onto].tree, **files}
        self.world.target = self.world.commit((onto,), tree, "base")
        return self.world.target

    def _reach(self, point: Point, hand: Hand) -> None:
        self.reached.append(point)
        if point is self.crash_at:
            self.crash_at = None
            hand.alive = False
        hand.touch()


class Staging:
    """Sets stages up in a folder, and clears them all in the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stages: list[Stage] = []

    def __call__(
        self,
        *items: PlanItem,
        fates: Mapping[str, Sequence[Fate]] | None = None,
        rules: RunRules | None = None,
        pace: int | None = None,
    ) -> Stage:
        """Return a stage for a plan (`Stage`)."""
        folder = self._folder / str(len(self._stages))
        folder.mkdir()
        stage = Stage(folder, *items, fates=fates, rules=rules, pace=pace)
        self._stages.append(stage)
        return stage

    def close(self) -> None:
        """Clear all stages."""
        for stage in self._stages:
            stage.close()
