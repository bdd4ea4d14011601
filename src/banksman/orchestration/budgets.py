"""What may still be spent: asked before each claim and before each turn.

What was spent is read from the store each time. A run begins when an engine takes the plan up,
and what the project had spent by then is recorded with it: all that is recorded from then on is
the run's own, also what an agent that an earlier engine started costs. Its time alone is by the
monotonic clock, since the time of day may jump.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from banksman.core.breakpoint_rules import granted_after
from banksman.core.budget import Limits, Spent, exceeded, filled, least, left
from banksman.core.records import Run, Turn, UsageRecord
from banksman.core.task import ProjectId, Task, TaskStatus
from banksman.ports import Clock, Transaction
from banksman.state.state_manager import StateManager

NOTHING: Final = Spent()
_IDLE: Final = frozenset(
    {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.BLOCKED}
)
"""Of tasks that take no seat unless a person does something."""


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What may be spent.

    Attributes:
        task: By each task, where the plan does not say it.
        run: By the run; its time is how long it goes on.
        project: By all runs together.
    """

    task: Limits = field(default_factory=Limits)
    run: Limits = field(default_factory=Limits)
    project: Limits = field(default_factory=Limits)


class Budgets:
    """Keeps one engine's run within its limits, and each task within its own.

    Args:
        state: Records the run.
        project_id: Whose.
        caps: What may be spent.
        clock: Times the run.
        seats: How many turns may go on at once.
    """

    def __init__(
        self,
        state: StateManager,
        project_id: ProjectId,
        *,
        caps: Caps,
        clock: Clock,
        seats: int = 1,
    ) -> None:
        self._state = state
        self._project_id = project_id
        self._caps = caps
        self._clock = clock
        self._seats = seats
        self._run: Run | None = None
        self._began_s = clock.monotonic()

    def begin(self, tx: Transaction) -> Run:
        """Return the run that begins now, recorded."""
        last = tx.last_run(self._project_id)
        self._began_s = self._clock.monotonic()
        self._run = Run(
            project_id=self._project_id,
            number=1 if last is None else last.number + 1,
            epoch=tx.project(self._project_id).epoch,
            begun_at=self._clock.now(),
            limits=self._caps.run,
            task_limits=self._caps.task,
            project_limits=self._caps.project,
            before=tx.spent(self._project_id),
        )
        self._state.record(tx, "run.begun", self._run)
        return self._run

    def end(self, tx: Transaction, end: str, reason: str = "") -> None:
        """Record how the run ended; an engine that only serves the inbox began none."""
        if self._run is None:
            return
        over = replace(self._run, ended_at=self._clock.now(), end=end, reason=reason)
        self._state.record(tx, "run.ended", over, reason=end)

    def run_over(self, tx: Transaction) -> str | None:
        """Return in words which limit of the run or the project is reached; none if none is."""
        return self._run_over(tx, NOTHING)

    def task_over(self, tx: Transaction, task: Task) -> str | None:
        """Return which limit of a task is reached, in words; none if none is."""
        return self._task_over(tx, task, NOTHING)

    def held(self, tx: Transaction) -> str | None:
        """Return which limit of the run or the project leaves a new turn nothing, in words.

        What turns under way were granted is not there for another one until they end.
        """
        over = self.run_over(tx)
        if over is not None or self._least_left(tx) is None:
            return over
        granted = Spent(cost_microusd=sum(self._granted(tx)))
        for name, limits, spent in self._shared():
            money = Limits(cost_microusd=limits.cost_microusd)
            words = exceeded(money, spent(tx, granted))
            if words:
                return f"the {name} has spent, or granted to turns under way, {words}"
        return None

    def over(self, tx: Transaction, task: Task, more: Spent = NOTHING) -> str | None:
        """Return which limit forbids the task another turn, in words; none if none does.

        Args:
            tx: The transaction to read in.
            task: The task.
            more: What was spent and is not recorded yet.
        """
        return self._task_over(tx, task, more) or self._run_over(tx, more)

    def allowance(self, tx: Transaction, task: Task) -> Limits:
        """Return what is left for a turn of a task: the least of what all limits leave.

        Of money, a turn gets what it was granted when it began; see `grant`.
        """
        own = self._limits_of(task)
        # Most tasks have no limit; then nothing is asked.
        allowance = left(own, self._spent_on(tx, task)) if own.any else own
        for _, limits, spent in self._shared():
            if limits.any:
                allowance = least(allowance, left(limits, spent(tx)))
        return allowance

    def grant(self, tx: Transaction, task: Task) -> int | None:
        """Return what money the turn of a task gets that is about to begin; none for no limit.

        What the run and the project have left, and have not granted to turns under way, is for
        as many turns as there are free seats, and tasks that could take them. So all together
        cannot spend more than there is.
        """
        own = left(self._limits_of(task), self._spent_on(tx, task)).cost_microusd
        together = self._least_left(tx)
        if together is None:
            return own
        granted = self._granted(tx)
        free = max(0, together - sum(granted))
        tasks = sum(one.status not in _IDLE for one in tx.tasks(self._project_id))
        turns = max(1, min(self._seats, tasks) - len(granted))
        # Rounded up: a share of little is not nothing.
        share = -(-free // turns)
        return share if own is None else min(own, share)

    def charged(self, tx: Transaction, turn: Turn, usage: UsageRecord) -> UsageRecord:
        """Return what a turn that was cut short cost, with an estimate if it could not tell.

        Where money is limited, its tokens cost what those of the task's other turns did, or of
        the project's, and what it was granted at most, or if there are none.
        """
        tokens = usage.input_tokens + usage.output_tokens
        if turn.granted_microusd is None or usage.cost_microusd or not tokens:
            return usage
        for known in (tx.spent_on(turn.task_id), tx.spent(self._project_id)):
            if known.tokens:
                estimate = tokens * known.cost_microusd // known.tokens
                cost = min(estimate, turn.granted_microusd)
                return replace(usage, cost_microusd=cost)
        return replace(usage, cost_microusd=turn.granted_microusd)

    def _least_left(self, tx: Transaction) -> int | None:
        """Return the money that the run and the project leave; none if neither is limited."""
        return min(
            (
                max(0, limits.cost_microusd - spent(tx).cost_microusd)
                for _, limits, spent in self._shared()
                if limits.cost_microusd is not None
            ),
            default=None,
        )

    def _granted(self, tx: Transaction) -> tuple[int, ...]:
        """Return what each turn that goes on was granted."""
        return tuple(
            turn.granted_microusd or 0
            for attempt in tx.open_attempts(self._project_id)
            for turn in tx.turns(attempt.task_id, attempt.number)[-1:]
            if turn.ended_at is None
        )

    def _task_over(self, tx: Transaction, task: Task, more: Spent) -> str | None:
        limits = self._limits_of(task)
        words = exceeded(limits, self._spent_on(tx, task).plus(more)) if limits.any else None
        return words and f"the task has spent {words}"

    def _run_over(self, tx: Transaction, more: Spent) -> str | None:
        for name, limits, spent in self._shared():
            words = exceeded(limits, spent(tx, more)) if limits.any else None
            if words:
                return f"the {name} has spent {words}"
        return None

    def _shared(self) -> tuple[tuple[str, Limits, Callable[..., Spent]], ...]:
        """Return the limits that all tasks share, with what says what was spent of them."""
        return (
            ("run", self._caps.run, self._spent_in_run),
            ("project", self._caps.project, self._spent),
        )

    def _limits_of(self, task: Task) -> Limits:
        return filled(task.spec.limits, self._caps.task)

    def _spent_on(self, tx: Transaction, task: Task) -> Spent:
        granted = granted_after(task.id, tx.breakpoints(task.project_id))
        return tx.spent_on(task.id, after=granted)

    def _spent(self, tx: Transaction, more: Spent = NOTHING) -> Spent:
        return tx.spent(self._project_id).plus(more)

    def _spent_in_run(self, tx: Transaction, more: Spent = NOTHING) -> Spent:
        before = NOTHING if self._run is None else self._run.before
        # By the clock on the wall, whatever the agents took of it.
        time_ms = round((self._clock.monotonic() - self._began_s) * 1000)
        return replace(self._spent(tx, more).since(before), time_ms=time_ms)
