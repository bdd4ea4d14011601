"""The tables. Their CHECKs repeat the invariants of the core, so that no writer can break them.

The enumerations are drawn from the core; a new member is a new migration, and a test compares
these tables with what all migrations make. A record's fields are columns, nested ones as JSON
text. What is bound to SQLite says so (`sqlite_…`); triggers stand in the migrations alone.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    REAL,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    and_,
    column,
    or_,
)

from banksman.core.breakpoints import BreakpointType, Resolution, Severity
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import Ending, Step, StopWhy
from banksman.core.retry import ErrorClass
from banksman.core.task import (
    PRIORITY_MAX,
    PRIORITY_MIN,
    DependencyPolicy,
    EntryStep,
    Gate,
    TaskKind,
    TaskStatus,
)
from banksman.stores.columns import (
    LONG,
    at_least,
    check,
    flag,
    identity,
    number,
    number_or_none,
    of_attempt,
    of_project,
    of_task,
    one_of,
    table,
    text,
    text_or_none,
    together,
)

CLAIMED: Final = (
    TaskStatus.RUNNING,
    TaskStatus.COMPLETED,
    TaskStatus.FAILED,
    TaskStatus.RETRYING,
)
"""What only a task that was claimed at least once can be."""

CHANGES: Final = ("added", "modified", "deleted", "renamed", "type")

PROJECT: Final = table(
    "project",
    identity(),
    text("name"),
    text("base"),
    text("target"),
    number("epoch"),
    number("paused"),
    text_or_none("integrated"),
    number("created_at"),
    at_least("project", 0, "epoch"),
    flag("project", "paused"),
)

RUN: Final = table(
    "run",
    of_project(),
    number("number"),
    number("epoch"),
    number("begun_at"),
    text("limits"),
    text("task_limits"),
    text("project_limits"),
    text("before"),
    number_or_none("ended_at"),
    text_or_none("end"),
    text("reason"),
    PrimaryKeyConstraint("project_id", "number"),
    at_least("run", 0, "epoch"),
    at_least("run", 1, "number"),
    together("run", "ended_at", "end"),
)

TASK: Final = table(
    "task",
    identity(),
    of_project(),
    text("status"),
    number("version"),
    number("attempt"),
    number("retries_used"),
    number("retries_granted"),
    number("rate_limits"),
    number_or_none("not_before"),
    text("entry"),
    number_or_none("resumes"),
    text("guidance"),
    number("gate_passed"),
    text("reason"),
    one_of("task", "status", TaskStatus),
    one_of("task", "entry", EntryStep),
    flag("task", "gate_passed"),
    at_least("task", 1, "version", "resumes"),
    at_least("task", 0, "attempt", "retries_used", "retries_granted", "rate_limits"),
    # A delay exists exactly while the task waits for it.
    check(
        "task_waits_while_retrying",
        (column("status") == TaskStatus.RETRYING.value) == column("not_before").is_not(None),
    ),
    # What runs, or has run, was claimed.
    check(
        "task_claimed_has_attempt",
        or_(
            column("status").not_in([status.value for status in CLAIMED]),
            column("attempt") >= 1,
        ),
    ),
    Index("task_by_project", "project_id", "status"),
)

TASK_SPEC: Final = table(
    "task_spec",
    Column("task_id", LONG, ForeignKey("task.id"), primary_key=True),
    of_project(),
    text("key"),
    text("title"),
    text("instructions"),
    number("priority"),
    number_or_none("deadline"),
    Column("estimate_min", REAL, nullable=False),
    text("agent"),
    text("checks"),
    text("acceptance"),
    number("retries_max"),
    number("turns_max"),
    text("on_dependency_failure"),
    text("touches"),
    text("may_change"),
    text("kind"),
    text("gate"),
    text("limits"),
    text("extra"),
    UniqueConstraint("project_id", "key", name="task_spec_key_once"),
    check("task_spec_key_there", column("key") != ""),
    check("task_spec_priority", column("priority").between(PRIORITY_MIN, PRIORITY_MAX)),
    check("task_spec_estimate", column("estimate_min") > 0),
    at_least("task_spec", 0, "retries_max"),
    at_least("task_spec", 1, "turns_max"),
    one_of("task_spec", "on_dependency_failure", DependencyPolicy),
    one_of("task_spec", "kind", TaskKind),
    one_of("task_spec", "gate", Gate),
)

DEPENDENCY: Final = table(
    "dependency",
    of_task(),
    Column("needs_id", LONG, ForeignKey("task.id"), nullable=False),
    PrimaryKeyConstraint("task_id", "needs_id"),
    check("dependency_on_another", column("task_id") != column("needs_id")),
)

JOURNAL: Final = table(
    "journal",
    Column("seq", LONG, primary_key=True),
    of_project(),
    number("at"),
    text("kind"),
    text("actor"),
    number("epoch"),
    Column("task_id", LONG, ForeignKey("task.id")),
    number_or_none("attempt"),
    text_or_none("source"),
    text_or_none("target"),
    text("reason"),
    text("writes"),
    one_of("journal", "source", TaskStatus),
    one_of("journal", "target", TaskStatus),
    Index("journal_by_task", "task_id", "seq"),
)

ATTEMPT: Final = table(
    "attempt",
    of_task(),
    number("number"),
    of_project(),
    number("epoch"),
    number("started_at"),
    text("entry"),
    number_or_none("resumes"),
    text("step"),
    text("agent"),
    text_or_none("base"),
    text_or_none("branch"),
    number("turns"),
    text("guidance"),
    text_or_none("start"),
    number("conflicts"),
    text_or_none("commit"),
    text_or_none("tree"),
    text_or_none("expected"),
    text_or_none("new"),
    text("superseded"),
    text_or_none("stop"),
    text("stop_reason"),
    text("stop_by"),
    number_or_none("ended_at"),
    text_or_none("ending"),
    text_or_none("error"),
    text("message"),
    PrimaryKeyConstraint("task_id", "number"),
    at_least("attempt", 1, "number", "resumes"),
    at_least("attempt", 0, "epoch", "turns", "conflicts"),
    together("attempt", "ended_at", "ending"),
    one_of("attempt", "entry", EntryStep),
    one_of("attempt", "step", Step),
    one_of("attempt", "stop", StopWhy),
    one_of("attempt", "ending", Ending),
    one_of("attempt", "error", ErrorClass),
)
# Few attempts are open among many; recovery and every status ask for them.
Index(
    "attempt_open",
    ATTEMPT.c.project_id,
    ATTEMPT.c.task_id,
    ATTEMPT.c.number,
    sqlite_where=ATTEMPT.c.ended_at.is_(None),
)

TURN: Final = table(
    "turn",
    *of_attempt(),
    number("number"),
    text("spool"),
    text("prompt"),
    number("started_at"),
    number_or_none("ended_at"),
    text_or_none("outcome"),
    text("text"),
    number_or_none("granted_microusd"),
    PrimaryKeyConstraint("task_id", "attempt", "number"),
    at_least("turn", 1, "number"),
    together("turn", "ended_at", "outcome"),
)

CHECK_RESULT: Final = table(
    "check_result",
    of_project(),
    text("tree"),
    text("check"),
    text("tool"),
    text("stage"),
    text("status"),
    number("passed"),
    number("failed"),
    number("skipped"),
    number("errors"),
    text("message"),
    text("details"),
    text("artefact"),
    text("digest"),
    number("duration_ms"),
    number("at"),
    PrimaryKeyConstraint("project_id", "tree", "check", "tool"),
    one_of("check_result", "stage", Stage),
    one_of("check_result", "status", CheckStatus),
    at_least("check_result", 0, "passed", "failed", "skipped", "errors", "duration_ms"),
)

DECISION: Final = table(
    "decision",
    *of_attempt(),
    number("number"),
    number("at"),
    text("action"),
    text("rule"),
    text("version"),
    Column("confidence", REAL, nullable=False),
    number("calibrated"),
    text("evidence"),
    text("features"),
    text("weights"),
    text("explanation"),
    PrimaryKeyConstraint("task_id", "attempt", "number"),
    check("decision_confidence", column("confidence").between(0, 1)),
    flag("decision", "calibrated"),
)

BREAKPOINT_EVENT: Final = table(
    "breakpoint_event",
    identity(),
    of_project(),
    of_task(),
    number("attempt"),
    text("type"),
    text("severity"),
    text("message"),
    number("opened_at"),
    text("details"),
    text("tasks"),
    text_or_none("resolution"),
    number_or_none("resolved_at"),
    text("resolved_by"),
    text("reason"),
    text("guidance"),
    check("breakpoint_event_has_id", column("id") >= 1),
    at_least("breakpoint_event", 0, "attempt"),
    together("breakpoint_event", "resolution", "resolved_at"),
    one_of("breakpoint_event", "type", BreakpointType),
    one_of("breakpoint_event", "severity", Severity),
    one_of("breakpoint_event", "resolution", Resolution),
)
Index(
    "breakpoint_event_open",
    BREAKPOINT_EVENT.c.project_id,
    BREAKPOINT_EVENT.c.id,
    sqlite_where=BREAKPOINT_EVENT.c.resolved_at.is_(None),
)

CHECKPOINT: Final = table(
    "checkpoint",
    *of_attempt(),
    number("number"),
    number("at"),
    text("ref"),
    text("commit"),
    text("reason"),
    PrimaryKeyConstraint("task_id", "attempt", "number"),
)

FILE_CHANGE: Final = table(
    "file_change",
    *of_attempt(),
    text("path"),
    text("change"),
    number("turn"),
    text("old_path"),
    text("mode"),
    number("added"),
    number("deleted"),
    PrimaryKeyConstraint("task_id", "attempt", "turn", "path"),
    one_of("file_change", "change", CHANGES),
    at_least("file_change", 0, "added", "deleted"),
)

USAGE: Final = table(
    "usage",
    *of_attempt(),
    number("turn"),
    text("agent"),
    text("model"),
    number("input_tokens"),
    number("output_tokens"),
    number("cost_microusd"),
    number("duration_ms"),
    number("retries"),
    PrimaryKeyConstraint("task_id", "attempt", "turn"),
    at_least(
        "usage", 0, "input_tokens", "output_tokens", "cost_microusd", "duration_ms", "retries"
    ),
)

COMMAND: Final = table(
    "command",
    identity(),
    of_project(),
    text("key"),
    text("name"),
    text("by"),
    number("at"),
    text("arguments"),
    number_or_none("applied_at"),
    number_or_none("withdrawn_at"),
    text_or_none("answer"),
    text("error"),
    UniqueConstraint("project_id", "key", name="command_key_once"),
    # Applied or withdrawn, never both.
    check(
        "command_one_end", or_(column("applied_at").is_(None), column("withdrawn_at").is_(None))
    ),
)
Index(
    "command_pending",
    COMMAND.c.project_id,
    COMMAND.c.id,
    sqlite_where=and_(COMMAND.c.applied_at.is_(None), COMMAND.c.withdrawn_at.is_(None)),
)
