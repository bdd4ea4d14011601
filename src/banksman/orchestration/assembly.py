"""The engine put together from ports: the same parts for a real run and for a simulated one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from banksman.core.plan import PlanItem
from banksman.core.records import Step
from banksman.core.task import ProjectId
from banksman.orchestration.agent_step import AgentStep, TimeLimits
from banksman.orchestration.attempts import Desk
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.budgets import Budgets, Caps
from banksman.orchestration.check_step import CaptureStep, CheckStep
from banksman.orchestration.commands import CommandDesk
from banksman.orchestration.decision_engine import DecisionEngine
from banksman.orchestration.engine import Engine, EngineParts, RunRules
from banksman.orchestration.group_commit import GroupCommit
from banksman.orchestration.halt import Halt
from banksman.orchestration.headroom import Headroom
from banksman.orchestration.integrator import Integrator
from banksman.orchestration.judge import Judge
from banksman.orchestration.plan_import import Imported, PlanImporter
from banksman.orchestration.protocol import Reach, pass_by
from banksman.orchestration.quality_controller import QualityController
from banksman.orchestration.task_flow import TaskFlow
from banksman.orchestration.task_scheduler import TaskScheduler
from banksman.orchestration.timekeeper import Timekeeper
from banksman.orchestration.worker import StepRunner, Worker
from banksman.ports import Agent, Chance, Check, Clock, Disk, Store, Workspaces
from banksman.state.state_manager import StateManager

UNCONFINED: Final = "agents and checks can do all that the user can do"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything outside the engine, as ports.

    Attributes:
        chance: Spreads the delays of retries; none keeps them whole.
        agents: By the names that tasks use.
    """

    store: Store
    clock: Clock
    chance: Chance | None
    agents: Mapping[str, Agent]
    workspaces: Workspaces
    checks: Sequence[Check]
    disk: Disk


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How an engine goes about its work.

    Attributes:
        default_agent: For tasks that name none; may be empty.
        rules: Of the run.
        limits: Of the agents' time.
        caps: What may be spent.
        reach: Called at each point of the protocol; for tests.
    """

    default_agent: str = ""
    rules: RunRules = field(default_factory=RunRules)
    limits: TimeLimits = field(default_factory=TimeLimits)
    caps: Caps = field(default_factory=Caps)
    reach: Reach = pass_by


class Assembly:
    """An engine that owns a project from now on, and the way to hand it a plan."""

    def __init__(self, ports: Ports, project_id: ProjectId, manner: Manner) -> None:
        self._state = StateManager(ports.store, ports.clock)
        self._project_id = project_id
        breakpoints = BreakpointManager(self._state, ports.clock)
        budgets = Budgets(
            self._state,
            project_id,
            caps=manner.caps,
            clock=ports.clock,
            seats=manner.rules.parallel,
        )
        self._flow = TaskFlow(
            self._state,
            breakpoints,
            ports.clock,
            chance=ports.chance,
            over=budgets.task_over,
        )
        scheduler = TaskScheduler(self._state, self._flow, ports.clock)
        decisions = DecisionEngine(self._state, ports.clock, tasks=scheduler)
        ledger = GroupCommit(self._state)
        desk = Desk(
            ledger=ledger,
            state=self._state,
            flow=self._flow,
            breakpoints=breakpoints,
            budgets=budgets,
            workspaces=ports.workspaces,
            clock=ports.clock,
            reach=manner.reach,
        )
        self._state.own(project_id)
        self.engine = Engine(
            EngineParts(
                project_id=project_id,
                state=self._state,
                flow=self._flow,
                decisions=decisions,
                ledger=ledger,
                budgets=budgets,
                worker=_worker(desk, decisions, ports=ports, manner=manner),
                commands=CommandDesk(self._state, self._flow, breakpoints),
                timekeeper=Timekeeper(self._state, self._flow, ports.clock),
                headroom=Headroom(
                    self._state,
                    ports.disk,
                    ports.clock,
                    free_bytes_min=manner.rules.disk_free_bytes_min,
                ),
                workspaces=ports.workspaces,
                rules=manner.rules,
            )
        )

    def import_plan(self, items: Iterable[PlanItem], *, prune: bool = False) -> Imported:
        """Bring a plan into the store, all or nothing; see `PlanImporter.import_plan`."""
        importer = PlanImporter(self._state, self._flow)
        with self._state.transaction() as tx:
            return importer.import_plan(tx, self._project_id, items, prune=prune)

    def note_confinement(self, *, confined: bool) -> None:
        """Journal that agents and checks are not confined, or that they are again."""
        kind, reason = ("sandbox.on", "") if confined else ("sandbox.off", UNCONFINED)
        with self._state.transaction() as tx:
            self._state.record(tx, kind, tx.project(self._project_id), reason=reason)


def _worker(desk: Desk, decisions: DecisionEngine, *, ports: Ports, manner: Manner) -> Worker:
    quality = QualityController(
        state=desk.state,
        ledger=desk.ledger,
        workspaces=ports.workspaces,
        checks=ports.checks,
        clock=ports.clock,
        reach=manner.reach,
    )
    judge = Judge(desk, decisions)
    integrator = Integrator(desk, quality, judge)
    agent_step = AgentStep(
        desk, ports.agents, default=manner.default_agent, limits=manner.limits
    )
    steps: dict[Step, StepRunner] = {
        Step.AGENT: agent_step,
        Step.CAPTURE: CaptureStep(desk),
        Step.CHECKS: CheckStep(desk, quality, judge),
        Step.INTEGRATION: integrator,
    }
    return Worker(desk, steps, Halt(desk, integrator, ports.agents))
