"""Projects, tasks and records for the promises of a store."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Final

import pytest

from banksman.core.breakpoints import BreakpointType, Severity
from banksman.core.budget import Limits
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    Command,
    Project,
)
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec
from banksman.ports import Store, Transaction

NOW: Final = Instant(1_700_000_000_000)
HALF: Final = "half \udce9 of a pair, \x00 and \x1b[31m"
"""Text as file systems and agents hand it over."""


def new_project(tx: Transaction, name: str = "crane") -> Project:
    """Return a project that was inserted."""
    project = Project(id=ProjectId(0), name=name, base="main", target="banksman/target")
    return tx.insert_project(replace(project, created_at=NOW))


def new_task(tx: Transaction, project: Project, key: str, *needs: TaskId) -> Task:
    """Return a task that was inserted."""
    limits = Limits(turns=2, cost_microusd=3)
    spec = TaskSpec(key=key, title=key.title(), checks=("tests", "types"), limits=limits)
    extra = {"origin": "plan"}
    return tx.insert_task(
        Task(id=TaskId(0), project_id=project.id, spec=spec, needs=needs, extra=extra)
    )


def new_attempt(tx: Transaction, task: Task, number: int = 1) -> Attempt:
    """Return an attempt that was put."""
    attempt = Attempt(
        task_id=task.id, number=number, project_id=task.project_id, epoch=1, started_at=NOW
    )
    tx.put(attempt)
    return attempt


def new_event(tx: Transaction, task: Task) -> BreakpointEvent:
    """Return an open breakpoint event that was put."""
    event = BreakpointEvent(
        id=tx.next_breakpoint_id(),
        project_id=task.project_id,
        task_id=task.id,
        attempt=0,
        type=BreakpointType.MANUAL,
        severity=Severity.HIGH,
        message="asks a person",
        opened_at=NOW,
        details=("one", "two"),
        tasks=(task.id,),
    )
    tx.put(event)
    return event


def wish(project: Project, key: str) -> Command:
    """Return a command that was not inserted yet."""
    return Command(
        project_id=project.id,
        key=key,
        name="pause",
        by="ann",
        at=NOW,
        arguments={"after": [1, 2], "now": True},
    )


class Refused:
    """A transaction that ends with one of these errors, and so leaves nothing."""

    def __init__(self, store: Store, *errors: type[Exception]) -> None:
        self._store = store
        self._errors = errors
        self._stack = ExitStack()

    def __enter__(self) -> Transaction:
        self._stack.enter_context(pytest.raises(self._errors))
        return self._stack.enter_context(self._store.transaction())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        return bool(self._stack.__exit__(kind, error, trace))
