"""What is simulated: plans, faults and people, from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from banksman.core.budget import Limits
from banksman.core.plan import PlanItem
from banksman.core.task import DependencyPolicy, Gate, TaskSpec
from banksman.orchestration.budgets import Caps
from banksman.orchestration.protocol import Point
from banksman.testing.sim_agent import Plot, by_chance
from banksman.testing.world import Faults


@dataclass(frozen=True, kw_only=True)
class Whims:
    """How often people do what; shares of all the times that they look in, in [0, 1].

    Attributes:
        pauses: They pause the project; they resume it at their next look.
        stops: They cancel, block or retry some task, whatever its state.
        nonsense: They hand in what makes no sense.
        adds: They add a task.
        pushes: They commit onto the target branch by hand.
        rewrites: They throw commits of the target branch away.
        interrupts: They interrupt the engine, once or twice; counted in lives.
        serves: They send commands while no engine runs; counted in lives.
        replans: They change the plan before they begin again; counted in lives.
    """

    pauses: float = 0.05
    stops: float = 0.05
    nonsense: float = 0.02
    adds: float = 0.01
    pushes: float = 0.02
    rewrites: float = 0.0
    interrupts: float = 0.1
    serves: float = 0.1
    replans: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What a seed means.

    Attributes:
        items: The plan.
        faults: What goes wrong, and how often.
        parallel: Attempts at once.
        rivals: Whether a second engine may take over while the first lives.
        crash_at: A point at which the first engine to reach it dies.
        whims: What people do; none if nobody is there, not even to answer a breakpoint.
        plot: What becomes of each turn of an agent.
        caps: What may be spent.
    """

    items: tuple[PlanItem, ...]
    faults: Faults
    parallel: int = 2
    rivals: bool = False
    crash_at: Point | None = None
    whims: Whims | None = Whims()
    plot: Plot = by_chance
    caps: Caps = field(default_factory=Caps)


def caps_of(seed: int) -> Caps:
    """Return what may be spent under a seed: in every third world it is not enough."""
    if seed % 3:
        return Caps()
    random = Random(f"caps {seed}")
    return Caps(
        task=_limits(random, turns=3),
        # Enough for something in each run: they end, and people begin again.
        run=replace(_limits(random, turns=8), time_ms=random.choice((None, 600_000))),
        project=_limits(random, turns=30),
    )


def _limits(random: Random, *, turns: int) -> Limits:
    """Return limits that about as many usual turns reach, of some kinds and not of others."""
    return Limits(
        turns=random.choice((None, turns)),
        time_ms=random.choice((None, turns * 60_000)),
        tokens=random.choice((None, turns * 6_000)),
        cost_microusd=random.choice((None, turns * 60_000)),
    )


def scenario_of(seed: int) -> Scenario:
    """Return the scenario of a seed: things go wrong as they do."""
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
            git=random.choice((0.0, 0.005)),
            jump=random.choice((0.0, 0.02)),
            sleep=random.choice((0.0, 0.02)),
        ),
        parallel=random.choice((1, 1, 2, 2, 3, 4, 8)),
        rivals=random.random() < 0.3,
        caps=caps_of(seed),
    )


def wild_scenario_of(seed: int) -> Scenario:
    """Return a scenario in which everything goes wrong much oftener than it does."""
    random = Random(f"wild {seed}")
    # Both at once leave no life long enough to get anywhere.
    crash, commit = random.choice(
        ((0.0, 0.0), (0.005, 0.02), (0.015, 0.0), (0.02, 0.0), (0.0, 0.1), (0.002, 0.05))
    )
    return Scenario(
        items=tuple(_item(number, random) for number in range(random.randint(2, 12))),
        faults=Faults(
            crash=crash,
            commit=commit,
            lost=random.choice((0.0, 0.1, 0.3)),
            error=random.choice((0.0, 0.1, 0.3)),
            wrong=random.choice((0.0, 0.3, 0.6)),
            stall=random.choice((0.0, 0.1)),
            question=random.choice((0.0, 0.1, 0.3)),
            rate_limit=random.choice((0.0, 0.1, 0.3)),
            git=random.choice((0.0, 0.01, 0.05)),
            jump=random.choice((0.0, 0.1, 0.3)),
            sleep=random.choice((0.0, 0.1)),
        ),
        parallel=random.randint(1, 8),
        rivals=random.random() < 0.5,
        whims=Whims(
            pauses=random.choice((0.0, 0.1)),
            stops=random.choice((0.0, 0.1, 0.4)),
            nonsense=random.choice((0.0, 0.1)),
            adds=random.choice((0.0, 0.05)),
            pushes=random.choice((0.0, 0.1)),
            rewrites=random.choice((0.0, 0.0, 0.05)),
            interrupts=random.choice((0.0, 0.3)),
            serves=random.choice((0.0, 0.5)),
            replans=random.choice((0.0, 0.3)),
        ),
        caps=caps_of(seed),
    )


def replanned(items: tuple[PlanItem, ...], random: Random) -> tuple[PlanItem, ...]:
    """Return a plan as somebody has changed it: words, needs, an item that is gone."""
    changed = list(items)
    place = random.randrange(len(changed))
    known = [one.spec.key for one in items]
    match random.randrange(3):
        case 0:
            spec = replace(changed[place].spec, title="Another title", priority=1)
            changed[place] = replace(changed[place], spec=spec)
        case 1:
            needs = random.sample(known, k=min(len(known), 2))  # This may close a cycle.
            changed[place] = replace(changed[place], needs=tuple(sorted(needs)))
        case _:
            gone = changed.pop(place).spec.key
            changed = [
                replace(one, needs=tuple(need for need in one.needs if need != gone))
                for one in changed
            ]
    return tuple(changed)


def _item(number: int, random: Random) -> PlanItem:
    earlier = [f"t{one}" for one in range(number)]
    policies = (DependencyPolicy.BLOCK, DependencyPolicy.BLOCK, *DependencyPolicy)
    return PlanItem(
        spec=TaskSpec(
            key=f"t{number}",
            title=f"Task {number}",
            priority=random.randint(1, 10),
            estimate_min=random.choice((1.0, 5.0, 30.0)),
            touches=("shared",) if random.random() < 0.3 else (),
            turns_max=random.randint(1, 3),
            retries_max=random.choice((0, 1, 2, 3, 3)),
            on_dependency_failure=random.choice(policies),
            gate=Gate.MANUAL if random.random() < 0.1 else Gate.NONE,
        ),
        needs=tuple(random.sample(earlier, k=min(len(earlier), random.randint(0, 2)))),
    )
