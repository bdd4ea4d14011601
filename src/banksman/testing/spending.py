"""What must hold of what is spent, told from the journal alone; see `testing.promises`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from banksman.core.breakpoints import BreakpointType
from banksman.core.budget import Limits, Spent, exceeded, filled
from banksman.core.records import BreakpointEvent, JournalEntry, Run, UsageRecord
from banksman.core.task import Task, TaskId
from banksman.state.codec import from_plain
from banksman.testing.simulation import History

T = TypeVar("T")

_ONE_TURN: Final = Spent(turns=1)


@dataclass
class _Ledger:
    """What was spent up to a line of the journal.

    Attributes:
        run: The run that goes on.
        in_run: What it has spent, but for its time.
        in_all: What all runs have spent together.
        on_tasks: What each task has spent since a person granted it a budget.
    """

    run: Run | None = None
    in_run: Spent = field(default_factory=Spent)
    in_all: Spent = field(default_factory=Spent)
    on_tasks: defaultdict[TaskId, Spent] = field(default_factory=lambda: defaultdict(Spent))

    def take(self, line: JournalEntry) -> None:
        """Go on to after a line."""
        for run in _written(line, "run", Run):
            self.run, self.in_run = run, (self.in_run if run.end else Spent())
        if line.kind == "turn.intended" and line.task_id is not None:
            self._add(line.task_id, _ONE_TURN)
        for usage in _written(line, "usage", UsageRecord):
            self._add(usage.task_id, _cost(usage))
        for event in _written(line, "breakpoint_event", BreakpointEvent):
            if event.type is BreakpointType.BUDGET_EXCEEDED and event.resolution is not None:
                self.on_tasks[event.task_id] = Spent()

    def over(self, task: Task) -> Iterator[str]:
        """Yield what forbids the task another turn."""
        if self.run is None:
            yield "no run goes on"
            return
        limits = filled(task.spec.limits, self.run.task_limits)
        run = self.run.limits
        wall = Limits(turns=run.turns, tokens=run.tokens, cost_microusd=run.cost_microusd)
        for allowed, spent in (
            (limits, self.on_tasks[task.id]),
            (wall, self.in_run),
            (self.run.project_limits, self.in_all),
        ):
            words = exceeded(allowed, spent)
            if words:
                yield words

    def _add(self, task_id: TaskId, more: Spent) -> None:
        self.in_run = self.in_run.plus(more)
        self.in_all = self.in_all.plus(more)
        self.on_tasks[task_id] = self.on_tasks[task_id].plus(more)


def keeps_to_budgets(history: History) -> Iterator[str]:
    """No turn begins once a limit is reached."""
    ledger, tasks = _Ledger(), {task.id: task for task in history.tasks}
    for line in history.journal:
        if line.kind == "turn.intended" and line.task_id is not None:
            for words in ledger.over(tasks[line.task_id]):
                yield f"journal line {line.seq}: a turn begins, though spent is {words}"
        ledger.take(line)


def counts_once(history: History) -> Iterator[str]:
    """What a turn cost is recorded once, as it was, and all of it adds up."""
    told = [usage for line in history.journal for usage in _written(line, "usage", UsageRecord)]
    for turn, times in Counter((one.task_id, one.attempt, one.turn) for one in told).items():
        if times > 1:
            yield f"what turn {turn} cost is recorded {times} times"
    spools = {(turn.task_id, turn.attempt, turn.number): turn.spool for turn in history.turns}
    for usage in told:
        process = history.world.processes.get(spools[usage.task_id, usage.attempt, usage.turn])
        real = 0 if process is None else process.usage.cost_microusd
        if usage.cost_microusd not in {0, real}:
            yield f"a turn of task {usage.task_id} cost {real}, not {usage.cost_microusd}"
    cost = sum(usage.cost_microusd for usage in told)
    if history.spent.cost_microusd != cost or history.spent.turns != len(history.turns):
        yield f"{history.spent} is not what {len(history.turns)} turns cost, {cost}"


def _cost(usage: UsageRecord) -> Spent:
    return Spent(
        time_ms=usage.duration_ms,
        tokens=usage.input_tokens + usage.output_tokens,
        cost_microusd=usage.cost_microusd,
    )


def _written(line: JournalEntry, table: str, kind: type[T]) -> Iterator[T]:
    for write in line.writes:
        row = write["row"]
        if write["table"] == table and isinstance(row, Mapping):
            yield from_plain(kind, cast("Mapping[str, object]", row))
