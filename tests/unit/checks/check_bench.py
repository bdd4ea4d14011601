"""A program for checks without processes, and a checkout for it to run in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from banksman.core.records import FileChange
from banksman.core.task import ProjectId, TaskId
from banksman.exceptions import ExecutorException
from banksman.ports import Checkout, ProcessEnd, ProcessSpec, Subject

PROJECT = ProjectId(3)
TREE = "a" * 40


class FakeExecutor:
    """An executor (`banksman.ports.Executor`) whose programs are functions.

    Args:
        program: Called with what is to run; returns how it ended.
    """

    def __init__(self, program: Callable[[ProcessSpec], ProcessEnd]) -> None:
        self._program = program
        self.ran: list[ProcessSpec] = []
        self.kept: set[str] = set()

    async def start(self, spool: str, spec: ProcessSpec) -> None:
        """Refuse: a check that leaves a program running is wrong."""
        raise ExecutorException(message=f"{spool} was started and not waited for")

    async def attach(self, spool: str) -> bool:
        """Return whether the spool was used."""
        return spool in self.kept

    async def wait(self, spool: str) -> ProcessEnd:
        """Refuse, as nothing is started."""
        raise ExecutorException(message=f"nothing runs in {spool}")

    async def stop(self, spool: str, why: str) -> ProcessEnd:
        """Return that nothing runs."""
        return ProcessEnd(how="stopped", why=why)

    def tail(self, spool: str, size_bytes_max: int = 8192) -> bytes:
        """Return nothing: it prints at its end."""
        return b""

    def discard(self, spool: str) -> None:
        """Forget the spool."""
        self.kept.discard(spool)

    async def run(self, spool: str, spec: ProcessSpec) -> ProcessEnd:
        """Return how the program ended."""
        self.ran.append(spec)
        self.kept.add(spool)
        return self._program(spec)


def subject(root: Path, *changes: FileChange) -> Subject:
    checkout = Checkout(
        path=root,
        home=root.with_name("home"),
        commit="c" * 40,
        tree=TREE,
        env={"PORT": "4001"},
    )
    return Subject(checkout=checkout, changes=changes, spool="check-1")


def change(path: str, how: str = "modified", *, mode: str = "100644") -> FileChange:
    return FileChange(task_id=TaskId(1), attempt=1, path=path, change=how, mode=mode)
