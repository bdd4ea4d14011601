"""A command desk over a bench, and how to ask it for things."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path

from banksman.core.records import Command
from banksman.core.retry import ErrorClass
from banksman.core.task import Task, TaskStatus
from banksman.orchestration.commands import (
    CommandDesk,
    Effect,
)
from tests.unit.orchestration.bench import Bench

S = TaskStatus


class Counter(Bench):
    """A project, and a counter at which commands are handed in."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.desk = CommandDesk(self.state, self.flow, self.breakpoints)
        self._numbers = count(1)

    def wish(self, name: str, **arguments: object) -> tuple[Command, tuple[Effect, ...]]:
        """Hand a command in and have it applied; return it as it was answered."""
        with self.state.transaction() as tx:
            command = tx.insert_command(
                Command(
                    project_id=self.project.id,
                    key=f"wish-{next(self._numbers)}",
                    name=name,
                    by="ada",
                    at=self.clock.now(),
                    arguments=arguments,
                )
            )
            effects = self.desk.apply(tx, command)
            return tx.command(command.id), effects

    def granted(self, name: str, **arguments: object) -> Mapping[str, object]:
        command, _ = self.wish(name, **arguments)
        assert command.error == ""
        assert command.answer is not None
        return command.answer

    def refused(self, name: str, **arguments: object) -> str:
        """Return why a command is refused; nothing but the refusal may be written."""
        before = self.store.tables()
        command, effects = self.wish(name, **arguments)
        after = self.store.tables()
        assert effects == ()
        assert command.answer is None
        assert command.applied_at is not None, "it is answered, or it would come again"
        assert len(after.pop("journal")) == len(before.pop("journal")) + 1
        assert after == before
        sentence = command.error
        assert sentence.strip()
        assert "Traceback" not in sentence
        return sentence

    def in_status(self, status: TaskStatus) -> Task:
        """Return a task that stands there, by lawful steps."""
        task = self.add("t", retries_max=0)
        match status:
            case S.PENDING:
                return self.add("waits", task)
            case S.READY:
                return task
            case S.BLOCKED:
                return self.block_attempt(self.claim())
            case S.COMPLETED:
                return self.finish(task)
            case S.FAILED:
                return self.lose(task)
            case S.RETRYING:
                return self.fail(self.claim(), ErrorClass.RATE_LIMIT)
            case S.CANCELLED:
                return self.scheduler.cancel_task(task.id, "no more", by="ada")
            case S.RUNNING:
                return self.claim()
