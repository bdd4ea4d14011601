"""What the engine asks of the world: one protocol for each thing that can be exchanged.

Each has a conformance suite in `banksman.testing`; an adapter is right when it passes. Store
methods are synchronous (one short transaction for each round of the engine); what waits for a
process is a coroutine, and cancelling it is how it stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from banksman.core.outcome import Outcome
from banksman.core.quality import Stage
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    CheckResult,
    Command,
    DecisionRecord,
    FileChange,
    JournalEntry,
    Project,
    Record,
    Turn,
)
from banksman.core.task import Instant, ProjectId, Task, TaskId


class Clock(Protocol):
    """Two clocks: one for what is stored, one for durations."""

    def now(self) -> Instant:
        """Return the time of day, ms UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds from some point; never goes back."""
        ...


class Chance(Protocol):
    """The random source: `random.Random` is one."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...


# --- the store ---------------------------------------------------------------------------


class Transaction(Protocol):
    """One atomic change of the store, and a consistent view of it. Only `banksman.state` writes."""

    def check_epoch(self, project_id: ProjectId, epoch: int) -> None:
        """Refuse a writer that is not the present owner (`StaleWriterException`)."""
        ...

    def insert_project(self, project: Project) -> Project:
        """Insert with the next id; the id given is ignored."""
        ...

    def insert_task(self, task: Task) -> Task:
        """Insert with the next id, with its edges; the id given is ignored."""
        ...

    def save_task(self, task: Task) -> None:
        """Write state over the version before (`StaleVersionException` if there is another)."""
        ...

    def save_spec(self, task: Task) -> None:
        """Write `spec`, `extra` and `needs` of a task, whatever its version."""
        ...

    def put(self, *records: Record) -> None:
        """Insert or overwrite whole rows; a `BreakpointEvent` with id 0 is refused."""
        ...

    def append(self, entry: JournalEntry) -> JournalEntry:
        """Append with the next sequence number; the number given is ignored."""
        ...

    def insert_command(self, command: Command) -> Command:
        """Insert with the next id, or return the earlier command with the same key."""
        ...

    def save_command(self, command: Command) -> None:
        """Record that a command was applied or withdrawn; refused if it was before."""
        ...

    def next_breakpoint_id(self) -> int:
        """Return an id that no breakpoint event has."""
        ...

    def projects(self) -> tuple[Project, ...]:
        """Return all projects by id."""
        ...

    def project(self, project_id: ProjectId) -> Project:
        """Return it (`RecordNotFoundException`)."""
        ...

    def task(self, task_id: TaskId) -> Task:
        """Return it (`RecordNotFoundException`)."""
        ...

    def tasks(self, project_id: ProjectId) -> tuple[Task, ...]:
        """Return all tasks of a project by id."""
        ...

    def attempt(self, task_id: TaskId, number: int) -> Attempt:
        """Return it (`RecordNotFoundException`)."""
        ...

    def attempts(self, task_id: TaskId) -> tuple[Attempt, ...]:
        """Return a task's attempts by number."""
        ...

    def open_attempts(self, project_id: ProjectId) -> tuple[Attempt, ...]:
        """Return the attempts that have not ended, by task and number."""
        ...

    def turns(self, task_id: TaskId, attempt: int) -> tuple[Turn, ...]:
        """Return an attempt's turns by number."""
        ...

    def check_result(
        self, project_id: ProjectId, tree: str, check: str, tool: str
    ) -> CheckResult | None:
        """Return what is known of this check on this tree."""
        ...

    def check_results(self, project_id: ProjectId, tree: str) -> tuple[CheckResult, ...]:
        """Return everything known of this tree, by stage and name."""
        ...

    def decisions(self, task_id: TaskId) -> tuple[DecisionRecord, ...]:
        """Return a task's decisions, oldest first."""
        ...

    def breakpoint(self, breakpoint_id: int) -> BreakpointEvent:
        """Return it (`RecordNotFoundException`)."""
        ...

    def open_breakpoints(self, project_id: ProjectId) -> tuple[BreakpointEvent, ...]:
        """Return the breakpoint events without a resolution, by id."""
        ...

    def breakpoints(self, project_id: ProjectId) -> tuple[BreakpointEvent, ...]:
        """Return all breakpoint events of a project, resolved ones too, by id."""
        ...

    def changes(self, task_id: TaskId, attempt: int) -> tuple[FileChange, ...]:
        """Return what an attempt changed, by path."""
        ...

    def journal(
        self, project_id: ProjectId, *, after: int = 0, limit: int = 1000
    ) -> tuple[JournalEntry, ...]:
        """Return journal entries with a sequence number above `after`, in order."""
        ...

    def pending_commands(
        self, project_id: ProjectId, *, limit: int = 100
    ) -> tuple[Command, ...]:
        """Return commands that are neither applied nor withdrawn, by id."""
        ...

    def command(self, command_id: int) -> Command:
        """Return it (`RecordNotFoundException`)."""
        ...

    def on_rollback(self, call: Callable[[], None]) -> None:
        """Call this if the transaction does not commit, before any other can begin."""
        ...


class Store(Protocol):
    """A database."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open the one writing transaction: commits on a clean exit, else rolls back.

        Transactions of several threads and processes follow one another; they do not nest.

        Raises:
            StoreException: The database is busy for too long, full, or broken.
        """
        ...

    def close(self) -> None:
        """Release the database; safe to call twice."""
        ...


class Ownership(Protocol):
    """The right to drive a project, released by death."""

    def acquire(self) -> None:
        """Take it (`OwnershipException` names the owner if another engine lives)."""
        ...

    def held(self) -> bool:
        """Return whether this process still has it."""
        ...

    def release(self) -> None:
        """Give it back; safe to call twice."""
        ...


# --- processes ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """A program to run as one tree of processes.

    Attributes:
        argv: Program and arguments; no shell reads them.
        cwd: Where it runs.
        env: Its whole environment.
        stdin: What it reads from its standard input, then end of file.
        timeout_s: Wall time it may take, monotonic, above 0.
        silence_s: Time it may print nothing, or none for no limit.
        output_bytes_max: Output kept; the middle of what is longer is dropped.
        ttl_s: How long the tree lives on when no engine watches it; 0 ends it with the engine.
        marker: Execution id `project:task:attempt…`, in the environment of the whole tree as
            `BANKSMAN_EXECUTION`, by which survivors are found.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes = b""
    timeout_s: float = 3600.0
    silence_s: float | None = None
    output_bytes_max: int = 4 << 20
    ttl_s: float = 600.0
    marker: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcessEnd:
    """How a tree of processes ended; all of it is gone.

    Attributes:
        how: `exited`, `timeout`, `silence`, `stopped` or `lost` (the runner died).
        code: Exit code, below 0 for a signal; none if it never ended by itself.
        output: Standard output and error as printed, from the start and to the end, with a
            line between that says how much was dropped.
        truncated: Whether some was dropped.
        duration_ms: Wall time.
        why: For `stopped`, what the engine said; for a program that could not be started
            (`how` is `exited`, code 127 or 126), the reason.
    """

    how: str
    code: int | None = None
    output: bytes = b""
    truncated: bool = False
    duration_ms: int = 0
    why: str = ""


class Executor(Protocol):
    """Starts trees of processes that outlive the engine, and finds them again by name.

    A spool is a folder name that is used once. Whoever starts a spool twice gets the first
    execution: a runner locks its spool before it executes the program, and the second one
    finds it locked or finished.
    """

    async def start(self, spool: str, spec: ProcessSpec) -> None:
        """Start the program; returns when its runner holds the spool.

        Raises:
            ExecutorException: The runner could not be started.
        """
        ...

    async def attach(self, spool: str) -> bool:
        """Return whether the spool has a live runner or a result.

        False seals the spool: a runner that comes late finds it ended and does nothing, and
        `wait` answers `lost`. What the dead runner left alive is ended first.
        """
        ...

    async def wait(self, spool: str) -> ProcessEnd:
        """Return how it ended, when it has. Cancelling this call leaves it running."""
        ...

    async def stop(self, spool: str, why: str) -> ProcessEnd:
        """End the whole tree, politely first; returns when it is gone. Safe to repeat."""
        ...

    def tail(self, spool: str, size_bytes_max: int = 8192) -> bytes:
        """Return the end of what it has printed so far."""
        ...

    def discard(self, spool: str) -> None:
        """Remove a finished spool; safe to repeat."""
        ...

    async def run(self, spool: str, spec: ProcessSpec) -> ProcessEnd:
        """Start and wait; cancelling this call ends the tree before it returns."""
        ...


# --- agents ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What an agent gets for one turn.

    Attributes:
        execution: `project:task:attempt:turn`.
        spool: Folder name for the executor, the same after a restart.
        task: The task.
        attempt: Number of the attempt.
        turn: Number of the turn, 1 first.
        prompt: All that the agent is told.
        workspace: Where it may write, and nowhere else.
        env: Variables of the workspace (leased ports, paths), to be added to the agent's own.
        timeout_s: Wall time for the turn.
        silence_s: Time without output before it counts as stalled; none for no limit.
    """

    execution: str
    spool: str
    task: Task
    attempt: int
    turn: int
    prompt: str
    workspace: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout_s: float = 3600.0
    silence_s: float | None = None


class Agent(Protocol):
    """A program that works on a brief in a workspace."""

    async def run(self, brief: Brief) -> Outcome:
        """Work on the brief; return how it ended. All of its processes are gone then.

        Cancelling this call leaves the agent running: it outlives the engine.
        """
        ...

    async def attach(self, brief: Brief) -> Outcome:
        """Return how an earlier `run` of the same brief ends, or `Lost`; starts nothing."""
        ...

    async def stop(self, spool: str, why: str) -> None:
        """End the whole tree of the turn with this `Brief.spool`.

        `run` and `attach` return `Stopped`. Safe to repeat, and for a turn that never started.
        """
        ...

    def forget(self, spool: str) -> None:
        """Drop what is kept of a turn whose ending has been recorded. Safe to repeat."""
        ...


@dataclass(frozen=True, kw_only=True)
class AgentHost:
    """What an agent may use of its surroundings; made by the engine, given to each plug-in.

    Attributes:
        executor: Starts its processes.
        environment: The variables that every agent inherits; no secret is among them.
        variables: All there are, for the settings of an agent to pass some on by name.
        root: Folder that relative paths in settings start from.
        scratch: Private folder outside every workspace, for what is told to an agent in files.
    """

    executor: Executor
    environment: Mapping[str, str]
    variables: Mapping[str, str]
    root: Path
    scratch: Path


class AgentFactory(Protocol):
    """What an entry point of the group `banksman.agents` names."""

    def __call__(self, table: Mapping[str, object], host: AgentHost) -> Agent:
        """Return an agent made from its own table of settings.

        Raises:
            InputException: The table is not usable; the message names the key.
        """
        ...


# --- workspaces --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A place to work.

    Attributes:
        path: The worktree's root.
        branch: Its branch.
        base: The commit it started from.
        env: Variables for everything that runs in it (leased ports, paths).
    """

    path: Path
    branch: str
    base: str
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Capture:
    """What an attempt made, read from git.

    Attributes:
        commit: One commit on `base`, kept under `refs/banksman/`.
        tree: Its tree.
        base: The commit it is compared with.
        changes: What is different, by path.
    """

    commit: str
    tree: str
    base: str
    changes: tuple[FileChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A fresh checkout of one commit, in which checks run."""

    path: Path
    commit: str
    tree: str
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Combined:
    """The tip with the work on it."""

    commit: str
    tree: str


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """The work cannot be put on the tip; `paths` are in conflict."""

    paths: tuple[str, ...]


class Workspaces(Protocol):
    """Git, as the engine needs it. Every act is idempotent or compare-and-swap."""

    async def ensure_target(self) -> str:
        """Return the target branch's tip; the branch is made at the user's base if missing."""
        ...

    async def tip(self) -> str | None:
        """Return the target branch's tip, or none if it is gone."""
        ...

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Return whether `ancestor` is `commit` or one of its ancestors."""
        ...

    async def prepare(self, attempt: Attempt) -> Workspace:
        """Return the attempt's workspace on `attempt.branch` from `attempt.base`, set up.

        `attempt.branch` and `attempt.base` are set: the intent is recorded. The work of the
        commit `attempt.start`, if there is one, is laid into a new workspace as uncommitted
        changes.

        Repeating it after a crash gives the same workspace; what an agent wrote there stays.
        A workspace of this attempt that was made from another base is saved, then made anew.

        Raises:
            WorkspaceException: Git refused, or a `setup` command failed (with its output).
        """
        ...

    async def capture(self, attempt: Attempt, message: str) -> Capture:
        """Write the workspace's content as one commit under the attempt's private ref.

        The ref is rewritten: an attempt's later turn captures again.
        """
        ...

    async def save(self, attempt: Attempt, reason: str) -> str | None:
        """Save the workspace under a private ref before it goes; returns the commit.

        None if there is no workspace. Nothing is saved twice.
        """
        ...

    async def remove(self, attempt: Attempt) -> None:
        """Remove the attempt's workspace, its work having been saved. Safe to repeat."""
        ...

    def checkout(self, commit: str, purpose: str) -> AbstractAsyncContextManager[Checkout]:
        """Open a fresh checkout of a commit, set up for checks; removed at the end."""
        ...

    async def combine(self, tip: str, commit: str, message: str) -> Combined | Conflict:
        """Put one commit's work on the tip, by the project's style; touches no ref."""
        ...

    async def publish(self, expected: str, new: str) -> bool:
        """Compare and swap the target branch; False if it is not at `expected`."""
        ...

    async def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """Return what differs between two commits (task 0, attempt 0)."""
        ...

    async def leftovers(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Return worktrees and checkouts on disk that belong to none of these attempts."""
        ...

    async def sweep(self, live: Iterable[Attempt]) -> tuple[Path, ...]:
        """Save what the leftovers hold, then remove them; return what was removed."""
        ...


# --- checks ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a check is asked about."""

    checkout: Checkout
    changes: tuple[FileChange, ...]
    spool: str


class Check(Protocol):
    """One question asked of a checkout.

    Attributes:
        name: Its name in the configuration.
        stage: The stage it belongs to.
        required: Whether the gate needs it.
        tool: Digest of command, settings and tool version; results are found again by it.
        compares: Whether its result on the base commit is needed to judge a change.
    """

    @property
    def name(self) -> str: ...
    @property
    def stage(self) -> Stage: ...
    @property
    def required(self) -> bool: ...
    @property
    def tool(self) -> str: ...
    @property
    def compares(self) -> bool: ...

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        """Answer for this checkout. A tool that breaks is a result with status `error`."""
        ...

    def cases(self, result: CheckResult) -> Mapping[str, str] | None:
        """Return outcome by test (`passed failed skipped error`) from the kept artefact.

        None if the artefact is gone or was altered: the check must run again.
        """
        ...
