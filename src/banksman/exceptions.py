"""The tree of errors. Each says what happened (facts), and what a person can do (recovery).

    BanksmanException
    ├── InputException                   bad input: exit code 2
    │   ├── PlanException                a plan or configuration file, with its problems
    │   ├── RepositoryException          a repository that cannot be worked on as it is
    │   ├── CommandRefusedException      a command that makes no sense now
    │   └── RecordNotFoundException      no such task, attempt, breakpoint …
    ├── TaskDependencyException          an edge that is unknown, doubled back or closes a cycle
    ├── TaskStateException               a transition that the table does not have
    ├── StaleReportException             a report on an attempt that is over
    ├── StaleWriterException             another engine owns the project by now
    ├── StaleVersionException            a row changed since it was read
    ├── OwnershipException               another engine owns the project
    ├── StoreException                   the database failed
    │   ├── StoreUnusableException       it cannot be used as it is: exit code 2
    │   └── StoreFullException           its disk is full: the same can be tried again
    ├── WorkspaceException               git or the file system refused
    │   ├── TargetBusyException          somebody has the target branch checked out
    │   └── GitChangedException          git's configuration or hooks changed under us
    ├── ExecutorException                a process could not be started or found
    └── CheckException                   a check could not be run

Raised where the defect is seen, caught at the four edges only: command line, HTTP, the worker
of one attempt, and the plug-in boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Final


@dataclass(eq=False, kw_only=True)
class BanksmanException(Exception):
    """Base of the tree; catch it at an edge, never in between."""

    code: ClassVar[str] = "banksman.exception"
    recovery: ClassVar[str] = "Report this with the last lines of `banksman log`."

    @property
    def context(self) -> dict[str, object]:
        """The facts of this error, by field name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value!r}" for name, value in self.context.items())
        return f"{self.code}: {facts}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only constructors do not survive pickling by themselves, and errors cross
        # process boundaries here (parallel tests, executors).
        return _rebuild, (type(self), self.context)


def _rebuild(kind: type[BanksmanException], context: dict[str, object]) -> BanksmanException:
    return kind(**context)


@dataclass(eq=False, kw_only=True)
class InputException(BanksmanException):
    """Something a person gave is not usable; nothing was done."""

    code: ClassVar[str] = "input"
    recovery: ClassVar[str] = "Correct what the message names and run the command again."

    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


@dataclass(eq=False, kw_only=True)
class PlanException(InputException):
    """A plan or configuration file has problems; `problems` has one sentence for each."""

    code: ClassVar[str] = "input.plan"
    recovery: ClassVar[str] = "Correct the lines named and run `banksman plan lint`."

    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.problems) or super().__str__()


@dataclass(eq=False, kw_only=True)
class RepositoryException(InputException):
    """The repository cannot be worked on as it is."""

    code: ClassVar[str] = "input.repository"


@dataclass(eq=False, kw_only=True)
class CommandRefusedException(InputException):
    """A command makes no sense in the present state."""

    code: ClassVar[str] = "input.refused"
    recovery: ClassVar[str] = "See `banksman status` for what can be done now."


@dataclass(eq=False, kw_only=True)
class RecordNotFoundException(InputException):
    """There is no record of this kind with this name."""

    code: ClassVar[str] = "input.not_found"
    recovery: ClassVar[str] = "List what there is with `banksman status`."

    message: str = ""
    record: str
    name: str

    def __str__(self) -> str:
        return f"there is no {self.record} {self.name!r}. {self.hint}".rstrip()


@dataclass(eq=False, kw_only=True)
class TaskDependencyException(BanksmanException):
    """A dependency was refused: unknown task, the task itself, or a cycle."""

    code: ClassVar[str] = "task.dependency"
    recovery: ClassVar[str] = "Remove one of the edges named, or add the missing task first."

    task_id: int
    depends_on: int
    problem: str
    cycle: tuple[int, ...] = ()

    def __str__(self) -> str:
        walk = f": {' -> '.join(map(str, self.cycle))}" if self.cycle else ""
        # A task that is being made has no number yet.
        who = f"task {self.task_id}" if self.task_id else "the new task"
        return f"{who} cannot depend on task {self.depends_on}: {self.problem}{walk}"


@dataclass(eq=False, kw_only=True)
class TaskStateException(BanksmanException):
    """The table of transitions has no row for this status and event."""

    code: ClassVar[str] = "task.state"
    recovery: ClassVar[str] = "See `banksman status` for what can be done now."

    task_id: int
    key: str
    status: str
    event: str
    target: str
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        *most, last = self.allowed or ("",)
        ways = f"{', '.join(most)} or {last}" if most else last
        else_ = f"it can become {ways}." if ways else f"what is {self.status} stays so."
        who = f"task {self.key!r} ({self.task_id})"
        return f"{who} cannot go from {self.status} to {self.target}; {else_}"


@dataclass(eq=False, kw_only=True)
class StaleReportException(BanksmanException):
    """A report names an attempt that is over; another one runs or has run."""

    code: ClassVar[str] = "task.stale_report"
    recovery: ClassVar[str] = "Drop the report: a newer attempt has taken over."

    task_id: int
    attempt: int
    reported: int


@dataclass(eq=False, kw_only=True)
class StaleWriterException(BanksmanException):
    """Another engine has taken the project over; this one may not write any more."""

    code: ClassVar[str] = "project.stale_writer"
    recovery: ClassVar[str] = "Let this process end; the newer engine has all of the state."

    project_id: int
    epoch: int
    current: int


@dataclass(eq=False, kw_only=True)
class StaleVersionException(BanksmanException):
    """A row changed since it was read: read again and decide again."""

    code: ClassVar[str] = "store.stale_version"
    recovery: ClassVar[str] = "Read the record again, then decide again."

    record: str
    name: str
    version: int


@dataclass(eq=False, kw_only=True)
class OwnershipException(BanksmanException):
    """Another live engine owns the project."""

    code: ClassVar[str] = "project.owned"
    recovery: ClassVar[str] = (
        "Watch it with `banksman watch`, or stop that engine before you start another."
    )

    owner: str

    def __str__(self) -> str:
        return f"another engine owns this project ({self.owner})"


@dataclass(eq=False, kw_only=True)
class StoreException(BanksmanException):
    """The database failed."""

    code: ClassVar[str] = "store"
    recovery: ClassVar[str] = (
        "Check the disk with `banksman doctor`; nothing committed is lost."
    )

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, kw_only=True)
class StoreUnusableException(StoreException):
    """The database, or the place for it, cannot be used as it is; the message says the way out.

    Nothing was changed, and nothing is wrong with us.
    """

    code: ClassVar[str] = "store.unusable"
    recovery: ClassVar[str] = ""


@dataclass(eq=False, kw_only=True)
class StoreFullException(StoreException):
    """The disk under the database is full; what was to be written can be tried again."""

    code: ClassVar[str] = "store.full"
    recovery: ClassVar[str] = "Make room on the disk and run the command again."


@dataclass(eq=False, kw_only=True)
class WorkspaceException(BanksmanException):
    """Git or the file system refused what a workspace needs.

    Attributes:
        message: One sentence for people.
        output: The end of what git or a setup command printed, bounded and without control
            characters.
    """

    code: ClassVar[str] = "workspace"
    recovery: ClassVar[str] = "Run the command named by hand to see why, or `banksman doctor`."

    message: str
    output: str = ""

    def __post_init__(self) -> None:
        # For logs: people are told the message, and `output` where there is room for it.
        if self.output:
            self.add_note(self.output)

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, kw_only=True)
class TargetBusyException(WorkspaceException):
    """The target branch is checked out, so moving it would make the files there look changed.

    Nothing is wrong with the work: it can be integrated as soon as the branch is free.
    """

    code: ClassVar[str] = "workspace.target_busy"
    recovery: ClassVar[str] = (
        "Check out another branch in that worktree; the work is integrated then."
    )

    branch: str
    worktree: str


GIT_CHANGED: Final = (
    "git's configuration or hooks were changed while agents ran: undo what you do not want, "
    "then answer"
)
"""The one sentence of it; what changed is said beside it."""


@dataclass(eq=False, kw_only=True)
class GitChangedException(WorkspaceException):
    """What git may run in this repository changed since it was trusted.

    Attributes:
        changes: What changed, one line each, escaped.
    """

    code: ClassVar[str] = "workspace.git_changed"
    recovery: ClassVar[str] = "Look at what it names, and undo what you do not want."

    message: str = GIT_CHANGED
    changes: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class ExecutorException(BanksmanException):
    """A process could not be started, or its spool cannot be read."""

    code: ClassVar[str] = "executor"

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, kw_only=True)
class CheckException(BanksmanException):
    """A check could not be run; it counts as an error, never as a pass."""

    code: ClassVar[str] = "check"
    recovery: ClassVar[str] = "Run the check's command by hand in a clean checkout."

    check: str
    message: str

    def __str__(self) -> str:
        return f"check {self.check!r}: {self.message}"
