"""What follows by itself from what changed: promotes, blocks and cancels until nothing is left.

The board names the tasks for which something may follow (`Board.take_agenda`); what does follow
is `core.consequence`. Each pass writes its events, which put further tasks on the agenda.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from banksman.core.board import Board
from banksman.core.breakpoints import BreakpointType
from banksman.core.consequence import Consequence, consequence
from banksman.core.events import (
    BreakpointOpened,
    Cancelled,
    DependenciesMet,
    DependencyAdded,
    Event,
)
from banksman.core.tally import End, end_of
from banksman.core.task import ProjectId, Task, TaskId, TaskStatus
from banksman.orchestration.boards import Boards
from banksman.orchestration.breakpoint_manager import BreakpointManager
from banksman.orchestration.losses import Losses, lost_needs, why_lost
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager

GATE_WORDS: Final = "the plan asks for a person before this task starts"


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass has to do.

    Attributes:
        moves: Tasks that something follows for, with what it is.
        lost: Tasks that ended for good and have blocked dependents.
        doubtful: Whether an event about a lost task may have lost its object.
    """

    moves: tuple[tuple[Task, Consequence], ...]
    lost: tuple[Task, ...]
    doubtful: bool

    def of(self, kind: Consequence) -> tuple[Task, ...]:
        """Return the tasks with this consequence."""
        return tuple(task for task, what in self.moves if what is kind)


class Settling:
    """Works off the agendas of the boards."""

    def __init__(
        self, state: StateManager, breakpoints: BreakpointManager, boards: Boards
    ) -> None:
        self._state = state
        self._breakpoints = breakpoints
        self._boards = boards
        self._losses = Losses(state, breakpoints)
        # May name too many, after a commit that failed; whoever cleans up looks again.
        self._abandoned: set[TaskId] = set()

    def settle(self, tx: Transaction, project_id: ProjectId) -> tuple[Task, ...]:
        """Return the tasks that moved, as they stand now, by id."""
        moved: dict[TaskId, Task] = {}
        while agenda := self._boards.read(tx, project_id, Board.take_agenda):
            look = partial(_look, agenda=agenda)
            todo = self._boards.read(tx, project_id, look)
            moved.update((task.id, task) for task in self._write(tx, todo))
            if todo.doubtful:
                freed = self._losses.review(tx, project_id)
                moved.update((task.id, task) for task in freed)
        return tuple(moved[task_id] for task_id in sorted(moved))

    def take_abandoned(self) -> tuple[TaskId, ...]:
        """Return the begun tasks that were cancelled since this was asked last."""
        taken = tuple(sorted(self._abandoned))
        self._abandoned.clear()
        return taken

    def let_go(
        self, tx: Transaction, project_id: ProjectId, task_ids: Collection[TaskId]
    ) -> None:
        """Let tasks go that an event stopped, unless another open one stops them, too."""
        self._losses.let_go(tx, project_id, task_ids)

    def _write(self, tx: Transaction, todo: Pass) -> Iterator[Task]:
        self._abandoned |= {task.id for task in todo.of(Consequence.CANCEL) if task.attempt}
        yield from self._state.apply(tx, _events(tx, todo))
        yield from self._losses.stop(tx, todo.of(Consequence.STOP), todo.lost)
        for task in todo.of(Consequence.ASK):
            self._breakpoints.trigger_breakpoint(tx, task, BreakpointType.MANUAL, GATE_WORDS)
            yield from self._state.apply(tx, [(task.id, BreakpointOpened(reason=GATE_WORDS))])


def _look(board: Board, agenda: Collection[TaskId]) -> Pass:
    tasks = [board.task(task_id) for task_id in agenda]
    moves = ((task, consequence(task, board.standing(task.id))) for task in tasks)
    return Pass(
        moves=tuple(move for move in moves if move[1] is not Consequence.NOTHING),
        lost=tuple(
            task
            for task in tasks
            if end_of(task.status) is End.LOST and _stops_somebody(board, task)
        ),
        doubtful=any(_is_doubtful(board, task) for task in tasks),
    )


def _is_doubtful(board: Board, task: Task) -> bool:
    """Return whether this task's change may have made an event about a lost task untrue."""
    if task.status is TaskStatus.COMPLETED:
        return _stops_somebody(board, task)
    if task.status is TaskStatus.CANCELLED:
        return any(board.standing(task.id))
    return task.status is TaskStatus.BLOCKED


def _stops_somebody(board: Board, task: Task) -> bool:
    dependents = (board.task(each) for each in board.graph.dependents(task.id))
    return any(each.status is TaskStatus.BLOCKED for each in dependents)


def _events(tx: Transaction, todo: Pass) -> Iterator[tuple[TaskId, Event]]:
    for task, what in todo.moves:
        match what:
            case Consequence.PROMOTE:
                yield task.id, DependenciesMet()
            case Consequence.WAIT:
                yield task.id, DependencyAdded()
            case Consequence.CANCEL:
                yield task.id, Cancelled(reason=why_lost(lost_needs(tx, task)))
            case _:
                pass
