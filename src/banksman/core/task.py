"""A task: what is to be done, and where it stands.

`TaskSpec` is what a plan says and changes only when the plan is read again; `Task` adds what
the engine knows. Both are values: a change is a new value (`core.transitions.advance`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

from banksman.core.budget import Limits

Instant = NewType("Instant", int)
"""A point in time: milliseconds since 1970-01-01 UTC."""

TaskId = NewType("TaskId", int)
ProjectId = NewType("ProjectId", int)

PRIORITY_MIN: Final = 1
PRIORITY_MAX: Final = 10
PRIORITY_DEFAULT: Final = 5


class TaskStatus(StrEnum):
    """Where a task stands; `core.transitions` has the ways between."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RETRYING = "retrying"


STATE_PENDING: Final = TaskStatus.PENDING
STATE_READY: Final = TaskStatus.READY
STATE_RUNNING: Final = TaskStatus.RUNNING
STATE_BLOCKED: Final = TaskStatus.BLOCKED
STATE_COMPLETED: Final = TaskStatus.COMPLETED
STATE_FAILED: Final = TaskStatus.FAILED
STATE_CANCELLED: Final = TaskStatus.CANCELLED
STATE_RETRYING: Final = TaskStatus.RETRYING


class DependencyPolicy(StrEnum):
    """What a task does when one it depends on ends for good without completing."""

    BLOCK = "block"
    CANCEL = "cancel"
    RUN = "run"


class TaskKind(StrEnum):
    """What sort of work a task is; checks may ask more of one than of another."""

    FEATURE = "feature"
    FIX = "fix"
    REFACTOR = "refactor"
    TEST = "test"
    DOCS = "docs"
    CHORE = "chore"


class Gate(StrEnum):
    """A start rule that the plan itself writes."""

    NONE = "none"
    MANUAL = "manual"


class EntryStep(StrEnum):
    """Where an attempt starts."""

    AGENT = "agent"
    CHECKS = "checks"
    INTEGRATION = "integration"


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """What a plan says of one task.

    Attributes:
        key: Name in the plan, unique in the project.
        title: One line for people, branch names and commit messages.
        instructions: What the agent is told.
        priority: 1 to 10, 10 first.
        deadline: When it should be done, if that is said.
        estimate_min: Expected minutes of work, above 0; weighs the critical path.
        agent: Name of a configured agent; empty means the project's default.
        checks: Names of configured checks that must hold; empty means all of the project's.
        acceptance: Criteria in words, for the agent and the person who accepts.
        retries_max: Retries that the engine may use by itself, 0 or more.
        turns_max: Turns within one attempt, 1 or more.
        on_dependency_failure: What happens if a dependency ends for good.
        touches: Globs of paths the task is expected to change; empty means any.
        may_change: Globs of existing tests the task may change.
        kind: What sort of work it is.
        gate: `manual` asks a person before the task may start.
        limits: What it may spend; where it says nothing, the project's limit for a task holds.
    """

    key: str
    title: str
    instructions: str = ""
    priority: int = PRIORITY_DEFAULT
    deadline: Instant | None = None
    estimate_min: float = 1.0
    agent: str = ""
    checks: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()
    retries_max: int = 3
    turns_max: int = 3
    on_dependency_failure: DependencyPolicy = DependencyPolicy.BLOCK
    touches: tuple[str, ...] = ()
    may_change: tuple[str, ...] = ()
    kind: TaskKind = TaskKind.FEATURE
    gate: Gate = Gate.NONE
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        # Outside input is checked with good words in `banksman.config`; this guards our own.
        assert self.key, "a task has a key"
        assert PRIORITY_MIN <= self.priority <= PRIORITY_MAX, "priority is 1 to 10"
        assert 0 < self.estimate_min < float("inf"), "an estimate is above 0 and finite"
        assert self.retries_max >= 0, "retries are 0 or more"
        assert self.turns_max >= 1, "turns are 1 or more"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One unit of work and where it stands.

    Attributes:
        id: Number in the store; lower ids are older.
        project_id: The project it belongs to.
        spec: What the plan says.
        needs: Ids of the tasks it depends on, ascending; edges are the canonical form.
        status: Where it stands.
        version: Counts its transitions; writes compare and set it.
        attempt: Number of the present or last attempt; 0 before the first.
        retries_used: Retries used so far; each lowers the effective priority by one.
        retries_granted: Attempts that people granted on top of `spec.retries_max`.
        rate_limits: Rate limits hit in a row, for the doubling of the wait.
        not_before: When a retrying task may be claimed; set exactly while it is retrying.
        entry: Where the next attempt starts.
        resumes: The attempt that the next one continues, if any.
        guidance: What the next prompt must tell the agent: evidence of failure, or a person's
            words.
        gate_passed: A person has let it through its manual gate.
        reason: Why it failed, was cancelled or is blocked, for people.
    """

    id: TaskId
    project_id: ProjectId
    spec: TaskSpec
    needs: tuple[TaskId, ...] = ()
    status: TaskStatus = TaskStatus.PENDING
    version: int = 1
    attempt: int = 0
    retries_used: int = 0
    retries_granted: int = 0
    rate_limits: int = 0
    not_before: Instant | None = None
    entry: EntryStep = EntryStep.AGENT
    resumes: int | None = None
    guidance: str = ""
    gate_passed: bool = False
    reason: str = ""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def metadata(self) -> dict[str, str]:
        """Free facts by name, with the dependencies in their text form (`"12, 15"`)."""
        return {**self.extra, "dependencies": ", ".join(map(str, self.needs))}

    @property
    def retries_left(self) -> int:
        """Retries that may still be used."""
        return max(0, self.spec.retries_max + self.retries_granted - self.retries_used)


def parse_dependencies(text: str) -> tuple[TaskId, ...]:
    """Return the ids of the text form `"12, 15"`, ascending and without repeats.

    Raises:
        ValueError: A part is not a whole number.

    Examples:
        >>> parse_dependencies("15, 12,15")
        (12, 15)
        >>> parse_dependencies("")
        ()
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(sorted({TaskId(int(part)) for part in parts if part}))
