"""Simulated people: they answer breakpoints, edit workspaces, and change their minds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

from banksman.core.breakpoints import Resolution, sensible
from banksman.core.records import BreakpointEvent, Command, Ending
from banksman.core.task import ProjectId, Task, TaskStatus
from banksman.orchestration.attempts import works_in
from banksman.ports import Store, Transaction
from banksman.testing.scenarios import Whims
from banksman.testing.virtual_time import LoopClock
from banksman.testing.world import World

Wish = tuple[str, dict[str, object]]

_NONSENSE: tuple[Wish, ...] = (
    ("cancel", {"task": "nobody"}),
    ("cancel", {}),
    ("retry", {"task": ["t0"]}),
    ("resolve", {"breakpoint": 2**80, "resolution": "accept"}),
    ("resolve", {"breakpoint": 1, "resolution": "shrug"}),
    ("add", {"spec": {"key": "x", "title": "X", "priority": 99}}),
    ("add", {"spec": {"key": "x", "title": "X", "colour": "red"}, "needs": ["t0"]}),
    ("destroy", {"everything": True}),
)


class People:
    """Everybody but the engines.

    Attributes:
        wishes: How many commands were handed in.
    """

    def __init__(
        self,
        store: Store,
        project_id: ProjectId,
        *,
        world: World,
        clock: LoopClock,
        random: Random,
        whims: Whims,
    ) -> None:
        self._store = store
        self._project_id = project_id
        self._world = world
        self._clock = clock
        self._random = random
        self._whims = whims
        self.wishes = 0

    async def live(self) -> None:
        """Look in again and again, until cancelled."""
        while True:
            await asyncio.sleep(60 + self._random.random() * 600)
            self.look_in()

    def look_in(self) -> None:
        """Answer one breakpoint, and follow some whims."""
        with self._store.transaction() as tx:
            wishes = list(self._wishes(tx))
            for name, arguments in wishes:
                self._submit(tx, name, arguments)
        if self._feels_like(self._whims.pushes) and self._world.target:
            self._push()
        if self._feels_like(self._whims.rewrites) and self._world.target:
            self._rewrite()

    def _wishes(self, tx: Transaction) -> Iterator[Wish]:
        events = tx.open_breakpoints(self._project_id)
        tasks = tx.tasks(self._project_id)
        if events:
            yield "resolve", self._answer(tx, self._random.choice(events))
        if tx.project(self._project_id).paused:
            yield "resume", {}
        elif self._feels_like(self._whims.pauses):
            yield "pause", {}
        if tasks and self._feels_like(self._whims.stops):
            yield from self._stop(tasks)
        if self._feels_like(self._whims.nonsense):
            yield self._random.choice(_NONSENSE)
        if tasks and self._feels_like(self._whims.adds):
            key = f"more{len(tasks)}"
            needs = [self._random.choice(tasks).spec.key]
            yield "add", {"spec": {"key": key, "title": f"Task {key}"}, "needs": needs}

    def _stop(self, tasks: tuple[Task, ...]) -> Iterator[Wish]:
        running = [task for task in tasks if task.status is TaskStatus.RUNNING]
        name = self._random.choice(("cancel", "block", "block", "retry"))
        task = self._random.choice(running or tasks)
        yield name, {"task": task.spec.key, "reason": "a whim"}
        if self._random.random() < 0.2:  # Second thoughts, in the same round.
            yield "cancel", {"task": task.spec.key, "reason": "second thoughts"}

    def _answer(self, tx: Transaction, event: BreakpointEvent) -> dict[str, object]:
        answer = self._random.choice(sensible(event.type))
        if answer is Resolution.EDIT:
            self._edit(tx, event)
        return {
            "breakpoint": event.id,
            "resolution": answer.value,
            "guidance": "try again",
            "reason": "why not",
        }

    def _edit(self, tx: Transaction, event: BreakpointEvent) -> None:
        """Change the work where it is, as whoever answers `edit` has done."""
        task = tx.task(event.task_id)
        attempts = tx.attempts(task.id)
        if task.status is not TaskStatus.BLOCKED or not attempts:
            return
        last, place = attempts[-1], works_in(attempts[-1], attempts)
        if event.attempt != last.number or last.ending is not Ending.BLOCKED or not place.turns:
            return  # It was stopped before there was anything to edit.
        worktree = self._world.worktrees.get((task.id, place.number))
        if worktree is None:
            self._world.astray.append(f"the workspace of {task.spec.key} is gone")
            return
        path = f"task-{task.spec.key}"
        # What was there is told, too: a person who writes over it has seen it.
        text = f"right by hand {event.id}, not {worktree.files.get(path, 'empty')}"
        worktree.files |= {path: text, f"edit-{event.id}": text}
        self._world.by_hand[event.id] = text

    def _push(self) -> None:
        target = self._world.target
        assert target is not None, "there is one"
        tree = {**self._world.commits[target].tree, "by hand": f"at {self._clock.now()}"}
        self._world.target = self._world.commit((target,), tree, "by hand")

    def _rewrite(self) -> None:
        history = self._world.history(self._world.target)
        self._world.target = self._random.choice(history)
        self._world.rewritten = True

    def _feels_like(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _submit(self, tx: Transaction, name: str, arguments: dict[str, object]) -> None:
        self.wishes += 1
        tx.insert_command(
            Command(
                project_id=self._project_id,
                key=f"wish-{self.wishes}",
                name=name,
                by="people",
                at=self._clock.now(),
                arguments=arguments,
            )
        )
