"""The journal in words: what each kind of line says to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from banksman.cli.answers import EventAnswer
from banksman.core.records import JournalEntry
from banksman.core.task import TaskId

PHRASES: Final = {
    "project.created": "the project begins",
    "project.owned": "an engine takes the project over",
    "project.paused": "paused: nothing is started",
    "project.resumed": "goes on after the pause",
    "target.adopted": "the target branch is trusted as it is now",
    "target.moved": "the target branch has its work",
    "task.created": "added to the plan",
    "task.respecified": "changed in the plan",
    "task.dependencies_met": "ready to start",
    "task.dependency_added": "waits for one more task",
    "task.dependency_lost": "stopped: a task that it needs has failed",
    "task.claimed": "attempt {attempt} starts",
    "task.integrated": "completed",
    "task.attempt_failed": "attempt {attempt} failed",
    "task.attempt_blocked": "stopped for a person",
    "task.retry_scheduled": "will be tried again",
    "task.breakpoint_opened": "stopped for a person",
    "task.unblocked": "released",
    "task.unblocked_waiting": "released; waits for another task",
    "task.cancelled": "cancelled",
    "workspace.intended": "its workspace is made",
    "turn.intended": "the agent gets its task",
    "turn.ended": "the agent has ended its turn",
    "capture.intended": "what it changed is read",
    "capture.recorded": "what it changed is recorded",
    "work.saved": "its work is saved",
    "checkpoint.made": "a checkpoint is made",
    "decision.made": "decision",
    "attempt.begun": "attempt {attempt} is recorded",
    "attempt.reattached": "attempt {attempt} is found again",
    "attempt.accepted": "accepted: to be integrated",
    "attempt.sent_back": "sent back to the agent",
    "attempt.conflicted": "conflicts with the target branch",
    "attempt.ended": "attempt {attempt} has ended",
    "integration.intended": "is put onto the target branch",
    "run.begun": "a run begins",
    "run.ended": "the run is over",
    "claims.held": "nothing more is started",
    "claims.freed": "there is room again",
    "store.waited": "the disk was full",
    "sandbox.off": "NO SANDBOX from here on",
    "sandbox.on": "in the sandbox again",
    "clock.jumped": "the clock was set",
    "machine.slept": "the machine slept",
    "plan.stalled": "the plan stands still",
    "stop.intended": "is to be stopped",
    "command.stop": "the run is to end",
    "breakpoint.opened": "a breakpoint opens",
    "breakpoint.extended": "a breakpoint stops more tasks",
    "breakpoint.relisted": "a breakpoint lists its tasks anew",
    "breakpoint.resolved": "a breakpoint is answered",
    "breakpoint.settled": "a breakpoint has lost its object",
}

NOTABLE: Final = frozenset(
    {
        "project.paused",
        "project.resumed",
        "target.adopted",
        "task.claimed",
        "task.integrated",
        "task.attempt_failed",
        "task.attempt_blocked",
        "task.breakpoint_opened",
        "task.dependency_lost",
        "task.retry_scheduled",
        "task.unblocked",
        "task.unblocked_waiting",
        "task.cancelled",
        "attempt.reattached",
        "attempt.sent_back",
        "attempt.conflicted",
        "attempt.accepted",
        "stop.intended",
        "command.stop",
        "claims.held",
        "claims.freed",
        "store.waited",
        "sandbox.off",
        "sandbox.on",
        "clock.jumped",
        "machine.slept",
    }
)
"""What somebody who watches a run wants to hear of; the rest is in the log."""


def phrase(entry: JournalEntry) -> str:
    """Return what a line of the journal says, without its reason.

    A kind that has no phrase says its name.

    Examples:
        >>> from dataclasses import replace
        >>> from banksman.core.task import Instant, ProjectId
        >>> entry = JournalEntry(
        ...     project_id=ProjectId(1), at=Instant(0), actor="", epoch=1, kind="task.claimed"
        ... )
        >>> phrase(replace(entry, attempt=2)), phrase(replace(entry, kind="command.pause"))
        ('attempt 2 starts', 'command pause')
    """
    return phrase_of(entry.kind, entry.attempt)


def phrase_of(kind: str, attempt: int | None = None) -> str:
    """Return what a line of this kind says of an attempt, if it is of one."""
    words = PHRASES.get(kind) or kind.replace(".", " ").replace("_", " ")
    number = str(attempt or "")
    return " ".join(words.replace("{attempt}", number).split())


def event_of(entry: JournalEntry, keys: Mapping[TaskId, str]) -> EventAnswer:
    """Return a line of the journal as it is told; `keys` has the keys of tasks by number."""
    key = None if entry.task_id is None else keys.get(entry.task_id, str(entry.task_id))
    return EventAnswer(
        seq=entry.seq,
        at=entry.at,
        kind=entry.kind,
        task=key,
        attempt=entry.attempt,
        source=entry.source,
        target=entry.target,
        what=phrase(entry),
        reason=entry.reason,
        actor=entry.actor,
    )


def told(event: EventAnswer) -> str:
    """Return an event in one piece: what happened, and why."""
    return f"{event.what}: {event.reason}" if event.reason else event.what
