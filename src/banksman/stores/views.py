"""What people are shown of a store: frozen rows, made by `banksman.stores.reader`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from banksman.core.budget import Limits, Spent
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    Checkpoint,
    CheckResult,
    DecisionRecord,
    FileChange,
    Project,
    Run,
    Turn,
    UsageRecord,
)
from banksman.core.task import Instant, Task, TaskId, TaskStatus


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """One line of a status.

    Attributes:
        kind: What sort of work it is.
        deadline: When it should be done, if that is said.
        agent: Who works on it, or worked on it last; the plan's name for it before that.
        step: Where the open attempt is; none if there is none.
        stop: Why the open attempt is being stopped; none if it is not.
        turns: Turns begun in the open attempt.
        started_at: When the open attempt began.
        breakpoints: Ids of its open breakpoint events.
    """

    id: TaskId
    key: str
    title: str
    kind: str
    status: TaskStatus
    priority: int
    deadline: Instant | None
    attempt: int
    retries_used: int
    needs: tuple[TaskId, ...]
    not_before: Instant | None
    reason: str
    agent: str
    step: str | None
    stop: str | None
    turns: int
    started_at: Instant | None
    breakpoints: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class StatusView:
    """Where a project stands.

    Attributes:
        revision: Grows with every change; equal revisions are equal views.
        counts: Number of tasks by status, zeros included.
        commands: Commands in the inbox that wait for an engine.
        run: The run that began last; none if there was none.
        spent: What the project has spent, by all runs.
        confined: Whether agents and checks run in the sandbox, in the last run.
    """

    project: Project
    revision: int
    counts: Mapping[TaskStatus, int]
    tasks: tuple[TaskView, ...]
    commands: int = 0
    run: Run | None = None
    spent: Spent = field(default_factory=Spent)
    confined: bool = True


@dataclass(frozen=True, kw_only=True)
class TaskDetails:
    """One task with all that is recorded of it, in the order in which it happened.

    Attributes:
        spent: What it has spent of its limits, since a person granted them anew.
        limits: What it may spend: what the plan says, else what the last run said for all.
    """

    task: Task
    attempts: tuple[Attempt, ...] = ()
    turns: tuple[Turn, ...] = ()
    decisions: tuple[DecisionRecord, ...] = ()
    results: tuple[CheckResult, ...] = ()
    changes: tuple[FileChange, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    usage: tuple[UsageRecord, ...] = ()
    breakpoints: tuple[BreakpointEvent, ...] = ()
    spent: Spent = field(default_factory=Spent)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True)
class AgentUsage:
    """What the turns of one agent have cost.

    Attributes:
        agent: Its name in the settings; empty for the sum over all agents.
        turns: How many there were.
        duration_ms: How long they took, by a clock that rests when the machine does.
    """

    agent: str
    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    duration_ms: int = 0
