"""Why a plan with work left does not go on by itself.

That is so if nothing runs, nothing is ready and no timer can move anything. Each cause stands
for itself; every other task that is left is behind one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from banksman.core.board import Board
from banksman.core.task import TaskId, TaskStatus

_MOVING: Final = (TaskStatus.READY, TaskStatus.RETRYING, TaskStatus.RUNNING)


class StallKind(StrEnum):
    """What has to happen before the plan goes on."""

    BLOCKED = "blocked"
    """A person has to resolve a breakpoint."""
    CYCLE = "cycle"
    """Tasks wait for one another; an edge has to go, or one of them has to be cancelled."""
    UNKNOWN_DEPENDENCY = "unknown_dependency"
    """A task waits for one that is not in the project."""


@dataclass(frozen=True, kw_only=True)
class StallCause:
    """One cause of a stall.

    Attributes:
        kind: What sort.
        tasks: The tasks that stand still by it; a cycle as it is walked, and for an unknown
            dependency the task and what it waits for.
        reason: In words, for people.
    """

    kind: StallKind
    tasks: tuple[TaskId, ...]
    reason: str


def stall_causes(board: Board) -> tuple[StallCause, ...]:
    """Return why nothing can move though work is left; empty if something can, or none is."""
    if any(board.tasks(status) for status in _MOVING):
        return ()
    return (*_blocked(board), *_cycles(board), *_unknown(board))


def _blocked(board: Board) -> Iterator[StallCause]:
    for task in board.tasks(TaskStatus.BLOCKED):
        yield StallCause(kind=StallKind.BLOCKED, tasks=(task.id,), reason=task.reason)


def _cycles(board: Board) -> Iterator[StallCause]:
    for cycle in board.deadlock.cycles if board.deadlock else ():
        reason = "each of these tasks waits for the next"
        yield StallCause(kind=StallKind.CYCLE, tasks=cycle, reason=reason)


def _unknown(board: Board) -> Iterator[StallCause]:
    for task in board.tasks(TaskStatus.PENDING):
        for need in sorted(set(task.needs) - board.graph.needs(task.id)):
            yield StallCause(
                kind=StallKind.UNKNOWN_DEPENDENCY,
                tasks=(task.id, need),
                reason=f"task {need} is not in this project",
            )
