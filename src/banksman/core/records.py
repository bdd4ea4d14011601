"""What the store keeps beside tasks: one frozen value for each table.

A record is the whole row; to change one, `replace` it and hand it to `StateManager.record`.
All text that came from an agent, a tool or a repository is untrusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from banksman.core.breakpoints import BreakpointType, Resolution, Severity
from banksman.core.budget import Limits, Spent
from banksman.core.quality import CheckStatus, Stage
from banksman.core.retry import ErrorClass
from banksman.core.task import EntryStep, Instant, ProjectId, TaskId, TaskStatus


@dataclass(frozen=True, kw_only=True)
class Project:
    """One repository and the engine's hold on it.

    Attributes:
        base: The user's branch that the target branch starts from.
        target: The branch that accepted work is integrated into.
        epoch: Number of the present ownership; only grows.
        paused: Nothing is claimed while this holds.
        integrated: The last commit that the engine put on the target branch.
    """

    id: ProjectId
    name: str
    base: str
    target: str
    epoch: int = 0
    paused: bool = False
    integrated: str | None = None
    created_at: Instant = Instant(0)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What an engine may spend, from `banksman run` to its end, and how it ended.

    Attributes:
        number: 1, 2, … within the project.
        epoch: The ownership that it is the run of.
        limits: What it may spend; its time is by the clock on the wall.
        task_limits: What each task may spend, where the plan does not say it.
        project_limits: What all runs together may spend.
        before: What the project had spent when it began; the difference is its own.
        end: How it ended; none while it goes on, or if its engine died.
        reason: Why, if it was a limit.
    """

    project_id: ProjectId
    number: int
    epoch: int
    begun_at: Instant
    limits: Limits = field(default_factory=Limits)
    task_limits: Limits = field(default_factory=Limits)
    project_limits: Limits = field(default_factory=Limits)
    before: Spent = field(default_factory=Spent)
    ended_at: Instant | None = None
    end: str | None = None
    reason: str = ""


class Step(StrEnum):
    """Where an attempt is; recovery enters here again."""

    AGENT = "agent"
    CAPTURE = "capture"
    CHECKS = "checks"
    INTEGRATION = "integration"
    ENDED = "ended"


class Ending(StrEnum):
    """How an attempt ended."""

    INTEGRATED = "integrated"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    LOST = "lost"


class StopWhy(StrEnum):
    """Why a running attempt is to be stopped; the intent is recorded before the act."""

    CANCEL = "cancel"
    BLOCK = "block"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One execution of a task.

    Attributes:
        number: 1, 2, …; fences the attempt's results.
        epoch: The ownership that drives it now; stamped again when it is re-attached.
        entry: Where it started.
        resumes: The attempt it continues.
        step: Where it is.
        base: The commit its workspace started from; set with the intent to make it.
        branch: Its branch, `banksman/task-<id>-<slug>/<attempt>`.
        turns: Turns begun.
        guidance: What the next turn's prompt must say.
        start: A commit whose work is laid into the workspace when it is made.
        conflicts: Merge conflicts met at integration.
        commit: The captured work, as one commit on `base`.
        tree: The captured tree.
        expected: Integration's intent: the tip it expects.
        new: Integration's intent: the commit to publish.
        superseded: Earlier intents, each of which may have been published after all.
        stop: The intent to stop it, and why.
        stop_reason: In words.
        stop_by: Who asked.
    """

    task_id: TaskId
    number: int
    project_id: ProjectId
    epoch: int
    started_at: Instant
    entry: EntryStep = EntryStep.AGENT
    resumes: int | None = None
    step: Step = Step.AGENT
    agent: str = ""
    base: str | None = None
    branch: str | None = None
    turns: int = 0
    guidance: str = ""
    start: str | None = None
    conflicts: int = 0
    commit: str | None = None
    tree: str | None = None
    expected: str | None = None
    new: str | None = None
    superseded: tuple[str, ...] = ()
    stop: StopWhy | None = None
    stop_reason: str = ""
    stop_by: str = ""
    ended_at: Instant | None = None
    ending: Ending | None = None
    error: ErrorClass | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One prompt and its answer.

    Attributes:
        spool: Name of the folder in which the runner spools it.
        outcome: Name of the outcome's class in lower case; none while it runs.
        text: The end of what the agent said.
        granted_microusd: What it may cost, taken from what others may spend while it goes on;
            none if money is not limited.
    """

    task_id: TaskId
    attempt: int
    number: int
    spool: str
    prompt: str
    started_at: Instant
    ended_at: Instant | None = None
    outcome: str | None = None
    text: str = ""
    granted_microusd: int | None = None


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check found on one tree; found again by (tree, check, tool).

    Attributes:
        tree: The tree that was checked.
        check: The check's name.
        tool: Digest of the check's command, configuration and tool version.
        passed: Tests (or files) that passed.
        failed: … that failed.
        skipped: … that were skipped.
        errors: … that broke.
        message: One sentence.
        details: Finding by name, at most a few hundred, for the next prompt.
        artefact: Path of the full output below the artefact folder.
        digest: SHA-256 of the artefact.
    """

    project_id: ProjectId
    tree: str
    check: str
    tool: str
    stage: Stage
    status: CheckStatus
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: int = 0
    message: str = ""
    details: tuple[str, ...] = ()
    artefact: str = ""
    digest: str = ""
    duration_ms: int = 0
    at: Instant = Instant(0)


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """A decision with all it was made from, so that it can be explained and replayed."""

    task_id: TaskId
    attempt: int
    number: int
    at: Instant
    action: str
    rule: str
    version: str
    confidence: float
    calibrated: bool
    evidence: Mapping[str, object] = field(default_factory=dict[str, object])
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    explanation: str = ""


@dataclass(frozen=True, kw_only=True)
class BreakpointEvent:
    """One firing of a breakpoint rule; open until it is resolved.

    Attributes:
        task_id: The task it stops; for `dependency_failed`, the task that failed.
        attempt: The attempt that it fired in; 0 before the first.
        tasks: For `dependency_failed`, the direct dependents that it stops.
        reason: Why it was resolved as it was.
        guidance: What the person told the agent for its next attempt.
    """

    id: int
    project_id: ProjectId
    task_id: TaskId
    attempt: int
    type: BreakpointType
    severity: Severity
    message: str
    opened_at: Instant
    details: tuple[str, ...] = ()
    tasks: tuple[TaskId, ...] = ()
    resolution: Resolution | None = None
    resolved_at: Instant | None = None
    resolved_by: str = ""
    reason: str = ""
    guidance: str = ""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Work saved under a private ref, so that nothing is ever thrown away."""

    task_id: TaskId
    attempt: int
    number: int
    at: Instant
    ref: str
    commit: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class FileChange:
    r"""One path that an attempt changed, read from git.

    Attributes:
        turn: The attempt's turn after which it was read; a later turn may undo it.
        path: Escaped: printable, with `\xNN` for what is not.
        change: `added`, `modified`, `deleted`, `renamed` or `type`.
        old_path: Where a renamed file was.
        mode: Git's new mode, octal, `000000` if it is gone.
    """

    task_id: TaskId
    attempt: int
    path: str
    change: str
    turn: int = 0
    old_path: str = ""
    mode: str = "100644"
    added: int = 0
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class UsageRecord:
    """What one turn cost; `retries` is how often the agent's provider was asked again."""

    task_id: TaskId
    attempt: int
    turn: int
    agent: str
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    duration_ms: int = 0
    retries: int = 0


Record = (
    Project
    | Run
    | Attempt
    | Turn
    | CheckResult
    | DecisionRecord
    | BreakpointEvent
    | Checkpoint
    | FileChange
    | UsageRecord
)


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """One line of the journal: what happened, to what, when, by whom and why.

    Attributes:
        seq: Given by the store, 1, 2, … without gaps.
        kind: Dotted name of the fact, such as `task.claimed` or `turn.ended`.
        writes: The rows that the fact wrote, as plain data: all tables but the command inbox
            can be rebuilt from these alone.
    """

    project_id: ProjectId
    at: Instant
    kind: str
    actor: str
    epoch: int
    seq: int = 0
    task_id: TaskId | None = None
    attempt: int | None = None
    source: TaskStatus | None = None
    target: TaskStatus | None = None
    reason: str = ""
    writes: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Command:
    """A wish in the inbox: the only thing that anyone but the engine inserts.

    Attributes:
        key: Idempotency key: a second insert with the same key is the first one.
        name: What is wished, such as `cancel`, `resolve`, `pause`.
        arguments: Plain data by name.
        answer: What the engine answered; set with `applied_at`.
        error: Why it was refused, if it was.
    """

    project_id: ProjectId
    key: str
    name: str
    by: str
    at: Instant
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    id: int = 0
    applied_at: Instant | None = None
    withdrawn_at: Instant | None = None
    answer: Mapping[str, object] | None = None
    error: str = ""
