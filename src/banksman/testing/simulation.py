"""Whole lives of the real engine on virtual time: plans, faults, crashes, people, from a seed.

`simulate(seed)` makes a plan and a set of faults from the seed, and runs the real engine over
the simulated world until the plan is done, beginning again after each crash, as the user would.
Now and then a second engine takes the project over while the first still believes that it owns
it, or somebody interrupts it. People answer breakpoints and change their minds. In the end the
promises are looked at (`broken_promises`). The same seed gives the same history, to the last
journal line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TypeVar

from banksman.core.budget import Limits, Spent
from banksman.core.records import Attempt, BreakpointEvent, Command, JournalEntry, Turn
from banksman.core.task import ProjectId, Task
from banksman.exceptions import (
    CommandRefusedException,
    OwnershipException,
    StaleWriterException,
    StoreException,
    TaskDependencyException,
)
from banksman.orchestration.assembly import Assembly, Manner, Ports
from banksman.orchestration.engine import Engine, RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeDisk
from banksman.testing.faulty_store import FaultyStore, SimOwnership
from banksman.testing.scenarios import Scenario, Whims, replanned, scenario_of
from banksman.testing.sim_agent import SimAgent
from banksman.testing.sim_check import SimCheck
from banksman.testing.sim_clock import disturb
from banksman.testing.sim_people import People
from banksman.testing.sim_workspaces import SimWorkspaces
from banksman.testing.virtual_time import LoopClock, VirtualTimeLoop
from banksman.testing.world import Hand, SimulatedCrash, World

LIVES_MAX = 400
DAY_S = 86_400.0
NO_WHIMS = Whims(interrupts=0.0, serves=0.0, replans=0.0)

T = TypeVar("T")


@dataclass(kw_only=True)
class History:
    """What came of a simulation."""

    end: RunEnd | None
    world: World
    tasks: tuple[Task, ...]
    journal: tuple[JournalEntry, ...]
    lives: int
    parallel: int = 1
    attempts: tuple[Attempt, ...] = ()
    turns: tuple[Turn, ...] = ()
    breakpoints: tuple[BreakpointEvent, ...] = ()
    commands: tuple[Command, ...] = ()
    integrated: str | None = None
    spent: Spent = field(default_factory=Spent)


class Simulation:
    """One scenario, run to its end."""

    def __init__(self, scenario: Scenario, seed: int, path: Path) -> None:
        self._scenario = scenario
        self._loop = VirtualTimeLoop()
        self._clock = LoopClock(self._loop)
        self._random = Random(f"{seed}/world")
        self._clock_random = Random(f"{seed}/clock")
        self.world = World(self._random, scenario.faults)
        self.store = SqliteStore.open(path, synchronous="OFF")
        self._crash_at = scenario.crash_at
        self.project_id = self._begin()
        self.lives = 0
        self._items = scenario.items
        self._caps = scenario.caps
        self._whims = scenario.whims or NO_WHIMS
        self._people = None if scenario.whims is None else self._persons(seed)

    def run(self) -> History:
        """Live until the plan is done."""
        try:
            end = self._loop.run_until_complete(self._lives())
            return self._history(end)
        finally:
            self._loop.close()
            self.store.close()

    def _begin(self) -> ProjectId:
        state = StateManager(self.store, self._clock)
        return state.create_project("simulated", base="main", target="banksman/target").id

    def _persons(self, seed: int) -> People:
        return People(
            self.store,
            self.project_id,
            world=self.world,
            clock=self._clock,
            random=Random(f"{seed}/people"),
            whims=self._whims,
        )

    async def _lives(self) -> RunEnd | None:
        others = [self._loop.create_task(one) for one in self._others()]
        try:
            while self.lives < LIVES_MAX and self._loop.time() < 30 * DAY_S:
                end = await self._life()
                if end not in {None, RunEnd.INTERRUPTED, RunEnd.CAPPED}:
                    return end
                if end is RunEnd.CAPPED:
                    # What each run may spend, the next one has; for all, somebody gives more.
                    self._caps = replace(self._caps, project=_doubled(self._caps.project))
                await asyncio.sleep(self._random.random() * 60)
                if self._happens(self._whims.serves):
                    await self._one_engine(Engine.serve_once)
            return None
        finally:
            for one in others:
                one.cancel()

    def _others(self) -> Iterator[Coroutine[None, None, None]]:
        """What goes on beside the engines."""
        if self._people is not None:
            yield self._people.live()
        yield disturb(self._clock, self._scenario.faults, self._clock_random)

    async def _life(self) -> RunEnd | None:
        """One engine from its start to its end; None if it died."""
        self.lives += 1
        first = self._loop.create_task(self._one_engine(self._run))
        if not self._scenario.rivals or self._random.random() < 0.5:
            return await first
        await asyncio.wait({first}, timeout=self._random.random() * 300)
        if first.done():
            return await first
        # The first engine is cut off without knowing it: its lock is gone, a rival takes over.
        self.world.owner = None
        second = self._loop.create_task(self._one_engine(self._run))
        ends = [await first, await second]
        return ends[1]

    async def _run(self, engine: Engine) -> RunEnd:
        """Run an engine; now and then somebody interrupts it, and then once more."""
        if self._happens(self._whims.interrupts):
            after_s = self._random.random() * 600
            self._loop.call_later(after_s, engine.drain)
            if self._random.random() < 0.7:
                self._loop.call_later(after_s + self._random.random() * 60, engine.stop)
        return await engine.run()

    async def _one_engine(self, work: Callable[[Engine], Awaitable[T]]) -> T | None:
        hand = Hand(self.world)
        try:
            done = await work(self._engine(hand))
        except (OwnershipException, StoreException, StaleWriterException):
            return None
        except BaseExceptionGroup as group:
            _only_what_may_kill_an_engine(group)
            return None
        except SimulatedCrash:
            return None
        else:
            self.world.astray.extend(
                f"an engine left its checkout {path}"
                for path, one in self.world.checkouts.items()
                if one.hand is hand
            )
            return done
        finally:
            hand.alive = False

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _engine(self, hand: Hand) -> Engine:
        SimOwnership(hand).acquire()
        store = FaultyStore(self.store, hand)
        agent = SimAgent(hand, self._scenario.plot)
        ports = Ports(
            store=store,
            clock=self._clock,
            chance=self._random,
            agents={"simulated": agent},
            workspaces=SimWorkspaces(hand),
            checks=(SimCheck(hand),),
            disk=FakeDisk(),
        )
        manner = Manner(
            default_agent="simulated",
            rules=RunRules(parallel=self._scenario.parallel, poll_s=20.0),
            caps=self._caps,
            reach=Reacher(self, hand),
        )
        assembly = Assembly(ports, self.project_id, manner)
        self._read_plan(assembly)
        return assembly.engine

    def _read_plan(self, assembly: Assembly) -> None:
        """Read the plan; now and then somebody has changed it, which may be refused."""
        if self._items and self._happens(self._whims.replans):
            changed = replanned(self._items, self._random)
            try:
                assembly.import_plan(changed, prune=self._happens(0.5))
            except (CommandRefusedException, TaskDependencyException):
                pass  # They put it back.
            else:
                self._items = changed
                self.world.replanned = True
        assembly.import_plan(self._items)

    def reached(self, point: Point, hand: Hand) -> None:
        """Die at the scenario's point, once, or by chance."""
        if point is self._crash_at and hand.alive:
            self._crash_at = None
            self.world.crashes += 1
            hand.alive = False
        hand.touch()

    def _history(self, end: RunEnd | None) -> History:
        with self.store.transaction() as tx:
            tasks = tx.tasks(self.project_id)
            attempts = [each for task in tasks for each in tx.attempts(task.id)]
            return History(
                end=end,
                world=self.world,
                tasks=tasks,
                journal=tx.journal(self.project_id, limit=1_000_000),
                lives=self.lives,
                parallel=self._scenario.parallel,
                attempts=tuple(attempts),
                turns=tuple(
                    turn for each in attempts for turn in tx.turns(each.task_id, each.number)
                ),
                breakpoints=tx.breakpoints(self.project_id),
                commands=self._commands(tx),
                integrated=tx.project(self.project_id).integrated,
                spent=tx.spent(self.project_id),
            )

    def _commands(self, tx: Transaction) -> tuple[Command, ...]:
        count = 0 if self._people is None else self._people.wishes
        return tuple(tx.command(number) for number in range(1, count + 1))


@dataclass(frozen=True)
class Reacher:
    """Where an engine of the simulation may die, by name."""

    simulation: Simulation
    hand: Hand

    def __call__(self, point: Point) -> None:
        """Pass the point, or die at it."""
        self.simulation.reached(point, self.hand)


def simulate(seed: int, path: Path) -> History:
    """Run the scenario of a seed on a new database at `path`."""
    return Simulation(scenario_of(seed), seed, path).run()


def _doubled(limits: Limits) -> Limits:
    return Limits(
        turns=limits.turns and 2 * limits.turns,
        time_ms=limits.time_ms and 2 * limits.time_ms,
        tokens=limits.tokens and 2 * limits.tokens,
        cost_microusd=limits.cost_microusd and 2 * limits.cost_microusd,
    )


_DEADLY = (SimulatedCrash, StoreException, StaleWriterException)


def _only_what_may_kill_an_engine(group: BaseExceptionGroup[BaseException]) -> None:
    """Raise again what is a defect: anything but a crash, a broken store, or a take-over."""
    defects = group.split(_DEADLY)[1]
    if defects is not None:
        raise defects
