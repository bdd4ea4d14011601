"""Short ways to write plans, and what becomes of their tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from banksman.core.budget import Limits
from banksman.core.plan import PlanItem
from banksman.core.task import DependencyPolicy, Gate, TaskSpec
from banksman.ports import Brief
from banksman.testing.sim_agent import Fate
from banksman.testing.world import World

HALF: Final = Fate(after_s=600, files={"half": "half-done"})
"""A turn that lasts long enough to be stopped in the middle."""


def item(
    key: str,
    *needs: str,
    priority: int = 5,
    retries_max: int = 3,
    turns_max: int = 3,
    gate: Gate = Gate.NONE,
    shared: bool = False,
    agent: str = "",
    policy: DependencyPolicy = DependencyPolicy.BLOCK,
    limits: Limits | None = None,
) -> PlanItem:
    """Return one task of a plan; `shared` ones all change the same file."""
    return PlanItem(
        spec=TaskSpec(
            key=key,
            title=f"Do {key}",
            priority=priority,
            retries_max=retries_max,
            turns_max=turns_max,
            gate=gate,
            agent=agent,
            on_dependency_failure=policy,
            touches=("shared",) if shared else (),
            limits=limits or Limits(),
        ),
        needs=needs,
    )


@dataclass
class Plot:
    """What becomes of each task's turns, one after another; the last one is repeated.

    Attributes:
        fates: By key, of all turns of all attempts.
        begun: Each turn that began: key, attempt and turn, in their order.
        followups: What was new to each of them.
        allowances: What was left for each of them.
    """

    fates: Mapping[str, Sequence[Fate]] = field(default_factory=dict[str, Sequence[Fate]])
    begun: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    followups: list[str] = field(default_factory=list[str])
    allowances: list[Limits] = field(default_factory=list[Limits])

    def __call__(self, _: World, brief: Brief) -> Fate:
        key = brief.task.spec.key
        number = sum(one[0] == key for one in self.begun)
        self.begun.append((key, brief.attempt, brief.turn))
        self.followups.append(brief.followup)
        self.allowances.append(brief.allowance)
        fates = self.fates.get(key, (Fate(),))
        return fates[min(number, len(fates) - 1)]
