"""Whole lives of the real engine on virtual time: plans, faults, crashes, people, from a seed.

`simulate(seed)` makes a plan and a set of faults from the seed, and runs the real engine over
the simulated world until the plan is done, beginning again after each crash, as the user would.
Now and then a second engine takes the project over while the first still believes that it owns
it. People answer breakpoints and change their minds. In the end the promises are looked at
(`broken_promises`). The same seed gives the same history, to the last journal line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from banksman.core.breakpoints import sensible
from banksman.core.plan import PlanItem
from banksman.core.records import BreakpointEvent, Command, JournalEntry
from banksman.core.task import ProjectId, Task, TaskSpec, TaskStatus
from banksman.exceptions import OwnershipException, StaleWriterException, StoreException
from banksman.orchestration.assembly import Assembly, Manner, Ports
from banksman.orchestration.engine import Engine, RunEnd, RunRules
from banksman.orchestration.protocol import Point
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.faulty_store import FaultyStore, SimOwnership
from banksman.testing.sim_agent import Plot, SimAgent, by_chance
from banksman.testing.sim_check import SimCheck
from banksman.testing.sim_workspaces import SimWorkspaces
from banksman.testing.virtual_time import LoopClock, VirtualTimeLoop
from banksman.testing.world import Faults, Hand, SimulatedCrash, World

LIVES_MAX = 400
DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What a seed means.

    Attributes:
        items: The plan.
        faults: What goes wrong, and how often.
        parallel: Attempts at once.
        rivals: Whether a second engine may take over while the first lives.
        crash_at: A point at which the first engine to reach it dies.
        people: Whether anyone answers breakpoints and changes their mind.
        plot: What becomes of each turn of an agent.
    """

    items: tuple[PlanItem, ...]
    faults: Faults
    parallel: int = 2
    rivals: bool = False
    crash_at: Point | None = None
    people: bool = True
    plot: Plot = by_chance


@dataclass(kw_only=True)
class History:
    """What came of a simulation."""

    end: RunEnd | None
    world: World
    tasks: tuple[Task, ...]
    journal: tuple[JournalEntry, ...]
    lives: int
    epochs: list[int] = field(default_factory=list[int])


def scenario_of(seed: int) -> Scenario:
    """Return the scenario of a seed."""
    random = Random(seed)
    count = random.randint(3, 10)
    return Scenario(
        items=tuple(_item(number, random) for number in range(count)),
        faults=Faults(
            crash=random.choice((0.0, 0.002, 0.01)),
            commit=random.choice((0.0, 0.02)),
            lost=random.choice((0.0, 0.1)),
            error=random.choice((0.0, 0.1)),
            wrong=random.choice((0.0, 0.3)),
            stall=random.choice((0.0, 0.1)),
            question=random.choice((0.0, 0.1)),
            rate_limit=random.choice((0.0, 0.1)),
            git=random.choice((0.0, 0.01)),
        ),
        parallel=random.randint(1, 4),
        rivals=random.random() < 0.3,
    )


def _item(number: int, random: Random) -> PlanItem:
    earlier = [f"t{one}" for one in range(number)]
    return PlanItem(
        spec=TaskSpec(
            key=f"t{number}",
            title=f"Task {number}",
            priority=random.randint(1, 10),
            estimate_min=random.choice((1.0, 5.0, 30.0)),
            touches=("shared",) if random.random() < 0.3 else (),
            turns_max=random.randint(1, 3),
        ),
        needs=tuple(random.sample(earlier, k=min(len(earlier), random.randint(0, 2)))),
    )


class Simulation:
    """One scenario, run to its end."""

    def __init__(self, scenario: Scenario, seed: int, path: Path) -> None:
        self._scenario = scenario
        self._loop = VirtualTimeLoop()
        self._clock = LoopClock(self._loop)
        self._random = Random(f"{seed}/world")
        self._people = Random(f"{seed}/people")
        self.world = World(self._random, scenario.faults)
        self.store = SqliteStore.open(path, synchronous="OFF")
        self._crash_at = scenario.crash_at
        self.project_id = self._begin()
        self.lives = 0

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

    async def _lives(self) -> RunEnd | None:
        people = self._loop.create_task(self._answer_for_ever())
        try:
            while self.lives < LIVES_MAX and self._loop.time() < 30 * DAY_S:
                end = await self._life()
                if end is not None:
                    return end
                await asyncio.sleep(self._random.random() * 60)
            return None
        finally:
            people.cancel()

    async def _life(self) -> RunEnd | None:
        """One engine from its start to its end; None if it died."""
        self.lives += 1
        first = self._loop.create_task(self._one_engine())
        if not self._scenario.rivals or self._random.random() < 0.5:
            return await first
        await asyncio.wait({first}, timeout=self._random.random() * 300)
        if first.done():
            return await first
        # The first engine is cut off without knowing it: its lock is gone, a rival takes over.
        self.world.owner = None
        second = self._loop.create_task(self._one_engine())
        ends = [await first, await second]
        return ends[1]

    async def _one_engine(self) -> RunEnd | None:
        hand = Hand(self.world)
        try:
            return await self._engine(hand).run()
        except (OwnershipException, StoreException, StaleWriterException):
            return None
        except BaseExceptionGroup as group:
            _only_what_may_kill_an_engine(group)
            return None
        except SimulatedCrash:
            return None
        finally:
            hand.alive = False

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
        )
        manner = Manner(
            default_agent="simulated",
            rules=RunRules(parallel=self._scenario.parallel, poll_s=20.0),
            reach=Reacher(self, hand),
        )
        assembly = Assembly(ports, self.project_id, manner)
        assembly.import_plan(self._scenario.items)
        return assembly.engine

    def reached(self, point: Point, hand: Hand) -> None:
        """Die at the scenario's point, once, or by chance."""
        if point is self._crash_at and hand.alive:
            self._crash_at = None
            self.world.crashes += 1
            hand.alive = False
        hand.touch()

    async def _answer_for_ever(self) -> None:
        """People: answer breakpoints, try failed tasks again, now and then pause or cancel."""
        number = 0
        while True:
            await asyncio.sleep(60 + self._people.random() * 600)
            if not self._scenario.people:
                continue
            for name, arguments in self._wishes():
                number += 1
                self._submit(f"wish-{number}", name, arguments)

    def _wishes(self) -> Iterator[tuple[str, dict[str, object]]]:
        with self.store.transaction() as tx:
            events = tx.open_breakpoints(self.project_id)
            tasks = tx.tasks(self.project_id)
            paused = tx.project(self.project_id).paused
        if events:
            yield "resolve", self._answer(self._people.choice(events))
        if paused:
            yield "resume", {}
        elif self._people.random() < 0.05:
            yield "pause", {}
        running = [task for task in tasks if task.status is TaskStatus.RUNNING]
        if running and self._people.random() < 0.05:
            name = self._people.choice(("cancel", "block"))
            yield name, {"task": self._people.choice(running).spec.key, "reason": "a whim"}

    def _answer(self, event: BreakpointEvent) -> dict[str, object]:
        answers = sensible(event.type)
        return {
            "breakpoint": event.id,
            "resolution": self._people.choice(answers).value,
            "guidance": "try again",
            "reason": "why not",
        }

    def _submit(self, key: str, name: str, arguments: dict[str, object]) -> None:
        with self.store.transaction() as tx:
            tx.insert_command(
                Command(
                    project_id=self.project_id,
                    key=key,
                    name=name,
                    by="people",
                    at=self._clock.now(),
                    arguments=arguments,
                )
            )

    def _history(self, end: RunEnd | None) -> History:
        with self.store.transaction() as tx:
            return History(
                end=end,
                world=self.world,
                tasks=tx.tasks(self.project_id),
                journal=tx.journal(self.project_id, limit=1_000_000),
                lives=self.lives,
            )


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


_DEADLY = (SimulatedCrash, StoreException, StaleWriterException)


def _only_what_may_kill_an_engine(group: BaseExceptionGroup[BaseException]) -> None:
    """Raise again what is a defect: anything but a crash, a broken store, or a take-over."""
    defects = group.split(_DEADLY)[1]
    if defects is not None:
        raise defects
