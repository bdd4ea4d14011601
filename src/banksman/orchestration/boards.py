"""The boards of all projects in memory, kept in step with the store.

A board is read from the store when it is first asked for, hears of every change inside the
transaction that makes it, and is thrown away if that transaction rolls back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from banksman.core.board import Board
from banksman.core.task import ProjectId, Task
from banksman.ports import Transaction

T = TypeVar("T")


class Boards:
    """Listens to the `StateManager` (a `TaskListener`); safe to use from several threads."""

    def __init__(self) -> None:
        self._boards: dict[ProjectId, Board] = {}
        # Protects the boards and nothing else: two threads never change or read one at the same
        # time. It is held for one look or one change, never over SQL.
        self._lock = threading.RLock()

    def read(self, tx: Transaction, project_id: ProjectId, look: Callable[[Board], T]) -> T:
        """Return what one look at a project's board gives; `look` is pure and short."""
        board = self.board(tx, project_id)
        with self._lock:
            return look(board)

    def board(self, tx: Transaction, project_id: ProjectId) -> Board:
        """Return a project's board, read from the transaction if it is not known."""
        known = self.known(project_id)
        if known is not None:
            return known
        fresh = Board(tx.tasks(project_id))
        with self._lock:
            return self._boards.setdefault(project_id, fresh)

    def known(self, project_id: ProjectId) -> Board | None:
        """Return a project's board if it is in memory."""
        with self._lock:
            return self._boards.get(project_id)

    def task_changed(self, task: Task) -> None:
        """Take a task as it stands after a change; called inside the transaction."""
        with self._lock:
            board = self._boards.get(task.project_id)
            if board is not None:
                board.put(task)

    def reset(self) -> None:
        """Throw all boards away: the transaction rolls back."""
        with self._lock:
            self._boards.clear()
