"""What `--json` prints where no record of the engine says it already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from banksman.core.budget import Limits, Spent
from banksman.core.records import BreakpointEvent, FileChange, Project
from banksman.core.task import Instant, TaskStatus
from banksman.stores.views import TaskView


@dataclass(frozen=True, kw_only=True)
class SpentAnswer:
    """What was spent of what may be.

    Attributes:
        run: By the run that goes on, or the last one; its time is how long it went on.
        run_limits: What that run may spend.
        project: By all runs together; its time is that of the agents.
        project_limits: What they may spend.
    """

    run: Spent
    run_limits: Limits
    project: Spent
    project_limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True)
class StatusAnswer:
    """Where a project stands.

    Attributes:
        project: The project.
        engine: Whether an engine runs it now.
        held: Why that engine starts nothing more, if it does not; a pause is told by itself.
        confined: Whether agents and checks run in the sandbox, in the last run.
        revision: Grows with every change; equal revisions are equal answers.
        counts: Number of tasks by state, zeros included.
        tasks: All tasks by number.
        breakpoints: The breakpoints that are open.
        commands: Commands in the inbox that wait for an engine.
        spent: What was spent of what may be.
    """

    project: Project
    engine: bool
    held: str
    confined: bool
    revision: int
    counts: Mapping[TaskStatus, int]
    tasks: tuple[TaskView, ...]
    breakpoints: tuple[BreakpointEvent, ...]
    commands: int
    spent: SpentAnswer


@dataclass(frozen=True, kw_only=True)
class CommandAnswer:
    """What became of a command that writes.

    Attributes:
        id: Its number in the inbox.
        name: What was wished.
        applied: Whether it was applied; if not, it waits in the inbox for an engine.
        answer: What the engine answered, by name.
    """

    id: int
    name: str
    applied: bool
    answer: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class DetachAnswer:
    """An engine that goes on in the background.

    Attributes:
        pid: Its process.
        log: The file that it tells its progress to.
    """

    pid: int
    log: str


@dataclass(frozen=True, kw_only=True)
class StopAnswer:
    """What became of the wish that the run ends.

    Attributes:
        ran: Whether an engine ran.
        asked: Whether it has taken the wish; if not, it does as soon as it looks.
        ended: Whether none runs any more.
    """

    ran: bool
    asked: bool
    ended: bool


@dataclass(frozen=True, kw_only=True)
class InitAnswer:
    """What `init` found and wrote.

    Attributes:
        plan: The plan's path.
        config: The configuration's path.
        languages: Languages found, with the runner of their tests.
        agents: Programs of agents that are installed.
        written: Whether the files were written.
    """

    plan: str
    config: str
    languages: Mapping[str, str]
    agents: tuple[str, ...]
    written: bool


@dataclass(frozen=True, kw_only=True)
class LintAnswer:
    """What is wrong with a plan and its configuration.

    Attributes:
        plan: The plan's path.
        tasks: Number of tasks, 0 if there are problems.
        problems: One sentence for each, with its place.
    """

    plan: str
    tasks: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GraphAnswer:
    """A plan as a graph.

    Attributes:
        levels: Keys of tasks; each level needs only tasks of those before it.
        edges: For each task, the keys of the tasks that it needs.
    """

    levels: tuple[tuple[str, ...], ...]
    edges: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class EventAnswer:
    """One thing that happened: a line of the journal.

    Attributes:
        seq: Its number in the journal.
        at: When, in ms since 1970-01-01 UTC.
        kind: Dotted name of the fact.
        task: Key of the task that it is about, if it is about one.
        attempt: Number of the attempt, if it is about one.
        source: The task's state before, if it moved.
        target: The task's state after, if it moved.
        what: The fact in words.
        reason: Why, for people; untrusted.
        actor: Who: `engine`, `plan`, or a person.
    """

    seq: int
    at: Instant
    kind: str
    task: str | None
    attempt: int | None
    source: TaskStatus | None
    target: TaskStatus | None
    what: str
    reason: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class EndedTask:
    """A task at the end of a run.

    Attributes:
        key: Its key.
        title: Its title.
        state: Where it stands.
        attempts: Number of attempts so far.
        duration_ms: What its attempts took together.
        commit: The commit on the target branch, if it is completed.
        reason: Why it is not, for people.
    """

    key: str
    title: str
    state: TaskStatus
    attempts: int
    duration_ms: int
    commit: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EndAnswer:
    """The last line of `run --json`.

    Attributes:
        kind: `run.ended`.
        end: `completed`, `waiting`, `capped` (it has spent what it may), `failed` or
            `interrupted`.
        tasks: All tasks by number.
        breakpoints: Numbers of the breakpoints that are open.
        reason: Which limit was reached, if one was.
        spent: What was spent of what may be.
    """

    kind: str
    end: str
    tasks: tuple[EndedTask, ...]
    breakpoints: tuple[int, ...]
    reason: str
    spent: SpentAnswer


@dataclass(frozen=True, kw_only=True)
class BreakpointAnswer:
    """A breakpoint, and how it can be answered.

    Attributes:
        event: The breakpoint.
        task: Key of the task that it is about.
        stops: Keys of the tasks that it stops.
        answers: The answers that make sense; none if it has been answered.
        command: The command that answers it, with the answers to choose from.
        workspace: Folder of the stopped attempt, in which a person may edit.
    """

    event: BreakpointEvent
    task: str
    stops: tuple[str, ...]
    answers: tuple[str, ...]
    command: str
    workspace: str


@dataclass(frozen=True, kw_only=True)
class DiffAnswer:
    """What an attempt changed.

    Attributes:
        task: The task's key.
        attempt: The attempt's number.
        live: Whether this is the workspace as it is now, and not yet what was captured.
        base: The commit that the attempt started from.
        commit: What it is compared with: a commit, or a tree if it is live.
        changes: What is different, by path.
        patch: The difference as text; what is not UTF-8 is replaced.
    """

    task: str
    attempt: int
    live: bool
    base: str
    commit: str
    changes: tuple[FileChange, ...]
    patch: str


@dataclass(frozen=True, kw_only=True)
class LandAnswer:
    """What landing did, or would do.

    Attributes:
        branch: The user's branch.
        target: The target branch.
        way: `nothing`, `fast-forward`, `merge` or `conflict`.
        landed: Whether it was done.
        commits: The commits that the branch gets, newest first.
        foreign: Those of them that came onto the target by no task.
        changes: What changes on it, by path.
        conflicts: Paths in conflict.
        obstacles: Paths that would be overwritten, so that nothing can be done.
        unfinished: What is half-done there, such as `a rebase`.
    """

    branch: str
    target: str
    way: str
    landed: bool
    commits: tuple[str, ...]
    foreign: tuple[str, ...]
    changes: tuple[FileChange, ...]
    conflicts: tuple[str, ...]
    obstacles: tuple[str, ...]
    unfinished: str
