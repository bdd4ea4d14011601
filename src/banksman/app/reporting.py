"""What came of a run, gathered from the store: what was done, what waits, what it cost.

The lines of the journal say what happened in which order, so the time that is looked at begins
at a line: clocks may have been set meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    CheckResult,
    Ending,
    JournalEntry,
    Project,
)
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant, TaskId, TaskStatus
from banksman.stores.reader import Reader
from banksman.stores.views import AgentUsage, StatusView, TaskDetails, TaskView

_LINES_AT_ONCE: Final = 1000
_OVER: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})
TOLD: Final = frozenset(
    {
        "clock.jumped",
        "machine.slept",
        "claims.held",
        "claims.freed",
        "store.waited",
        "plan.stalled",
        "sandbox.off",
        "sandbox.on",
    }
)
"""Kinds of lines that a report tells: what held a run up, or shook its clocks."""


@dataclass(frozen=True, kw_only=True)
class TaskReport:
    """One task, with what it took.

    Attributes:
        key: Its key.
        title: Its title.
        status: Where it stands.
        commit: The commit on the target branch, if it is completed.
        attempts: Number of attempts so far.
        agent: Who worked on it last.
        duration_ms: What its turns took together.
        tokens: What they read and wrote.
        cost_microusd: What they cost, in millionths of a US dollar.
        checks: What the checks said of the last work that was captured.
        error: Class of the error that ended its last attempt, if one did.
        reason: Why it is where it is, for people; untrusted.
    """

    key: str
    title: str
    status: TaskStatus
    commit: str
    attempts: int
    agent: str
    duration_ms: int
    tokens: int
    cost_microusd: int
    checks: tuple[CheckResult, ...]
    error: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A breakpoint that waits for a person.

    Attributes:
        key: Key of the task that it is about.
        event: The breakpoint.
    """

    key: str
    event: BreakpointEvent


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something that held a run up, or shook its clocks.

    Attributes:
        at: When.
        kind: Dotted name of the fact.
        reason: What it was, for people.
    """

    at: Instant
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a run, or of all runs since some time.

    Attributes:
        project: The project.
        since: From when on.
        until: To when: now.
        engine: Whether an engine runs now.
        end: How the last run ended; empty if it goes on, or its engine died.
        limit: Which limit of its budget it had reached then, in words; empty if none.
        counts: Number of tasks by state, zeros included.
        done: Tasks that were completed.
        waiting: Breakpoints that wait for a person.
        failed: Tasks that have failed, and those that were cancelled meanwhile.
        left: Tasks that are not done yet.
        retries: Retries that were scheduled.
        rate_limits: Attempts that a rate limit ended.
        happenings: What held the run up, in its order.
        usage: What was spent, by agent.
        total: What was spent in all.
    """

    project: Project
    since: Instant
    until: Instant
    engine: bool
    end: str
    limit: str
    counts: Mapping[TaskStatus, int]
    done: tuple[TaskReport, ...]
    waiting: tuple[Waiting, ...]
    failed: tuple[TaskReport, ...]
    left: tuple[TaskReport, ...]
    retries: int
    rate_limits: int
    happenings: tuple[Happening, ...]
    usage: tuple[AgentUsage, ...]
    total: AgentUsage


@dataclass(kw_only=True)
class _Heard:
    """What the journal tells of a time."""

    since: Instant | None = None
    end: str = ""
    retries: int = 0
    ended: set[TaskId] = field(default_factory=set[TaskId])
    failures: set[tuple[TaskId, int]] = field(default_factory=set[tuple[TaskId, int]])
    happenings: list[Happening] = field(default_factory=list[Happening])

    def hear(self, line: JournalEntry) -> None:
        if self.since is None:
            self.since = line.at
        if line.kind == "run.begun":
            self.end = ""
        elif line.kind == "run.ended":
            self.end = line.reason
        elif line.kind == "task.retry_scheduled":
            self.retries += 1
        elif line.kind in TOLD:
            self.happenings.append(Happening(at=line.at, kind=line.kind, reason=line.reason))
        if line.task_id is not None:
            if line.target in {TaskStatus.COMPLETED, TaskStatus.CANCELLED}:
                self.ended.add(line.task_id)
            if line.kind == "task.attempt_failed" and line.attempt is not None:
                self.failures.add((line.task_id, line.attempt))


def report_since(
    reader: Reader, project: Project, line: int, *, now: Instant, engine: bool
) -> Report:
    """Return what has come of a project since a line of its journal.

    Args:
        reader: An open store.
        project: The project.
        line: The first line that counts.
        now: The time of day.
        engine: Whether an engine runs now.
    """
    heard = _Heard()
    for entry in _lines(reader, project, line):
        heard.hear(entry)
    status = reader.status(project.id)
    since = now if heard.since is None else heard.since
    usage = reader.usage(project.id, line)
    tasks = {view.id: _task(reader.task(view.id), view) for view in _told_of(status, heard)}
    keys = {view.id: view.key for view in status.tasks}
    return Report(
        project=status.project,
        since=since,
        until=now,
        engine=engine,
        end=heard.end,
        limit="" if status.run is None else status.run.reason,
        counts=status.counts,
        done=tuple(one for one in tasks.values() if one.status is TaskStatus.COMPLETED),
        waiting=tuple(
            Waiting(key=keys[event.task_id], event=event)
            for event in reader.breakpoints(project.id)
        ),
        failed=tuple(
            one
            for one in tasks.values()
            if one.status in {TaskStatus.FAILED, TaskStatus.CANCELLED}
        ),
        left=tuple(one for one in tasks.values() if one.status not in _OVER),
        retries=heard.retries,
        rate_limits=_rate_limits(reader, heard.failures),
        happenings=tuple(heard.happenings),
        usage=usage,
        total=_sum(usage),
    )


def _lines(reader: Reader, project: Project, first: int) -> Iterator[JournalEntry]:
    after = max(0, first - 1)
    while lines := reader.journal(project.id, after=after, limit=_LINES_AT_ONCE):
        yield from lines
        after = lines[-1].seq


def _told_of(status: StatusView, heard: _Heard) -> Iterator[TaskView]:
    """Yield the tasks of a report: what ended before is no news, but for failures."""
    for view in status.tasks:
        is_old = view.status in {TaskStatus.COMPLETED, TaskStatus.CANCELLED}
        if not is_old or view.id in heard.ended:
            yield view


def _task(details: TaskDetails, view: TaskView) -> TaskReport:
    integrated = [one for one in details.attempts if one.ending is Ending.INTEGRATED]
    last = details.attempts[-1] if details.attempts else None
    return TaskReport(
        key=view.key,
        title=view.title,
        status=view.status,
        commit=(integrated[-1].new or integrated[-1].commit or "") if integrated else "",
        attempts=len(details.attempts),
        agent=view.agent,
        duration_ms=sum(one.duration_ms for one in details.usage),
        tokens=sum(one.input_tokens + one.output_tokens for one in details.usage),
        cost_microusd=sum(one.cost_microusd for one in details.usage),
        checks=_checks(details, last),
        error=last.error.value if last is not None and last.error is not None else "",
        reason=view.reason,
    )


def _checks(details: TaskDetails, attempt: Attempt | None) -> tuple[CheckResult, ...]:
    if attempt is None or attempt.tree is None:
        return ()
    return tuple(one for one in details.results if one.tree == attempt.tree)


def _rate_limits(reader: Reader, failures: Collection[tuple[TaskId, int]]) -> int:
    """Return how many of these attempts a rate limit ended."""
    tasks = {task_id for task_id, _ in failures}
    attempts = (one for task_id in tasks for one in reader.task(task_id).attempts)
    return sum(
        one.error is ErrorClass.RATE_LIMIT and (one.task_id, one.number) in failures
        for one in attempts
    )


def _sum(usage: Iterable[AgentUsage]) -> AgentUsage:
    each = tuple(usage)
    return AgentUsage(
        agent="",
        turns=sum(one.turns for one in each),
        input_tokens=sum(one.input_tokens for one in each),
        output_tokens=sum(one.output_tokens for one in each),
        cost_microusd=sum(one.cost_microusd for one in each),
        duration_ms=sum(one.duration_ms for one in each),
    )
