"""The agent's step: workspace → prompt → turn → what came of it.

Entered fresh or after a crash, it does the same: it makes sure of the workspace, then either
begins a turn (intent first) or, if one was begun before the crash, finds out how it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from banksman.core.breakpoints import BreakpointType
from banksman.core.budget import Limits, Spent
from banksman.core.failures import failure_of
from banksman.core.names import branch_name
from banksman.core.outcome import (
    Answered,
    Capped,
    Lost,
    Outcome,
    Stalled,
    Stopped,
    TimedOut,
)
from banksman.core.prompt import first_prompt
from banksman.core.records import Attempt, Step, Turn, UsageRecord
from banksman.core.retry import ErrorClass, Failure
from banksman.core.task import Task
from banksman.orchestration.attempts import Desk, Extra, Stop, cost_of, works_in
from banksman.orchestration.protocol import Point
from banksman.orchestration.target_watch import look_at_target
from banksman.ports import Agent, Brief, Transaction, Workspace


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """How long agents may take, in seconds; `silence_s` none means no limit."""

    attempt_s: float = 3600.0
    silence_s: float | None = 900.0


class AgentStep:
    """Takes an attempt through one turn of its agent."""

    def __init__(
        self, desk: Desk, agents: Mapping[str, Agent], *, default: str, limits: TimeLimits
    ) -> None:
        self._desk = desk
        self._agents = agents
        self._default = default
        self._limits = limits

    async def run(self, attempt: Attempt) -> Attempt:
        """Return the attempt after its turn: to be captured, or ended."""
        agent = self._agents.get(attempt.agent or self._default)
        if agent is None:
            return await self._desk.fail(attempt, _no_agent(attempt.agent or self._default))
        grounded = await self._grounded(attempt)
        if isinstance(grounded, Stop):
            return await self._desk.block(attempt, grounded)
        workspace = await self._desk.workspaces.prepare(grounded)
        task = await self._desk.task(grounded)
        turned = await self._turn(task, grounded)
        if isinstance(turned, Stop):
            return await self._desk.block(grounded, turned)
        grounded, turn, begun = turned
        self._desk.reach(Point.START_INTENDED)
        brief = self._brief(task, grounded, turn, workspace)
        brief = await self._limited(brief, grounded, turn)
        outcome = await (agent.attach(brief) if begun else agent.run(brief))
        if isinstance(outcome, TimedOut):
            # This turn, or this life of ours, had only what was left of it.
            outcome = replace(outcome, after_s=self._limits.attempt_s)
        self._desk.reach(Point.START_ACTED)
        after = await self._record(grounded, turn, outcome)
        self._desk.reach(Point.START_RECORDED)
        agent.forget(turn.spool)
        return after

    async def _grounded(self, attempt: Attempt) -> Attempt | Stop:
        """Return the attempt with base and branch, or what is to be asked about the target."""
        task = await self._desk.task(attempt)
        branch = branch_name(task.id, task.spec.title, attempt.number)
        if attempt.base is not None:
            if attempt.branch == branch:
                return attempt
            # It began with another attempt's work, and gets a workspace of its own only now.
            return await self._desk.move(replace(attempt, branch=branch), "workspace.intended")
        project = await self._desk.ledger.commit(lambda tx: tx.project(attempt.project_id))
        target = await look_at_target(self._desk, project)
        if target.doubt is not None:
            return target.doubt
        start = await self._start(attempt)
        return await self._desk.move(
            replace(attempt, base=target.tip, branch=branch, start=start), "workspace.intended"
        )

    async def _start(self, attempt: Attempt) -> str | None:
        """Return the work that the attempt goes on with: what the resumed one left.

        A person may have worked on in its workspace since it was saved, so as long as there is
        one, that counts.
        """
        number = attempt.resumes
        if number is None:
            return attempt.start
        attempts = await self._desk.ledger.commit(lambda tx: tx.attempts(attempt.task_id))
        resumed = next(one for one in attempts if one.number == number)
        place = works_in(resumed, attempts)
        saved = await self._desk.workspaces.save(place, f"attempt {attempt.number} goes on")
        return saved or resumed.commit or resumed.start

    async def _turn(self, task: Task, attempt: Attempt) -> tuple[Attempt, Turn, bool] | Stop:
        """Return the turn to work on, and whether it was begun before; a stop if none may."""

        def write(tx: Transaction) -> tuple[Attempt, Turn, bool] | Stop:
            earlier = tx.turns(attempt.task_id, attempt.number)
            if earlier and earlier[-1].ended_at is None:
                return attempt, earlier[-1], True
            # In the transaction that begins the turn: no other one can come in between.
            budgets = self._desk.budgets
            over = budgets.over(tx, task) or budgets.held(tx)
            if over is not None:
                return _over(over, attempt)
            number = attempt.turns + 1
            turn = Turn(
                task_id=attempt.task_id,
                attempt=attempt.number,
                number=number,
                spool=f"p{attempt.project_id}-t{attempt.task_id}-a{attempt.number}-n{number}",
                # Whole each time: an agent is a new process, and remembers nothing.
                prompt=first_prompt(task, guidance=attempt.guidance or task.guidance),
                started_at=self._desk.clock.now(),
                granted_microusd=budgets.grant(tx, task),
            )
            counted = replace(
                attempt,
                turns=number,
                agent=attempt.agent or self._default,
                # An earlier capture is not what this turn will leave.
                commit=None,
                tree=None,
            )
            self._desk.note(tx, counted, "turn.intended", turn)
            return counted, turn, False

        return await self._desk.ledger.commit(write)

    async def _limited(self, brief: Brief, attempt: Attempt, turn: Turn) -> Brief:
        """Return the brief with what may still be spent, and how long the agent may work."""

        def read(tx: Transaction) -> tuple[Spent, Limits]:
            # Checks, waiting and the sleep of the machine are not the agent's time.
            spent = tx.spent_on(attempt.task_id, after=attempt.number - 1)
            return spent, self._desk.budgets.allowance(tx, brief.task)

        spent, allowance = await self._desk.ledger.commit(read)
        left_s = self._limits.attempt_s - spent.time_ms / 1000
        if allowance.time_ms is not None:
            left_s = min(left_s, allowance.time_ms / 1000)
        allowance = replace(allowance, cost_microusd=turn.granted_microusd)
        # What is given is more than nothing: a turn that may not begin was stopped before.
        return replace(brief, timeout_s=max(1.0, left_s), allowance=allowance)

    def _brief(  # noqa: PLR0917 - whose, which, and where
        self, task: Task, attempt: Attempt, turn: Turn, place: Workspace
    ) -> Brief:
        return Brief(
            execution=f"{attempt.project_id}:{task.id}:{attempt.number}:{turn.number}",
            spool=turn.spool,
            task=task,
            attempt=attempt.number,
            turn=turn.number,
            prompt=turn.prompt,
            followup=attempt.guidance if turn.number > 1 else "",
            workspace=place.path,
            home=place.home,
            env=place.env,
            silence_s=self._limits.silence_s,
        )

    async def _record(self, attempt: Attempt, turn: Turn, outcome: Outcome) -> Attempt:
        ended = replace(
            turn,
            ended_at=self._desk.clock.now(),
            outcome=type(outcome).__name__.lower(),
            text=outcome.text[-8000:],
        )
        usage = cost_of(attempt, turn, outcome.usage)
        if isinstance(outcome, TimedOut | Stalled | Stopped | Lost):
            told = usage
            usage = await self._desk.ledger.commit(
                lambda tx: self._desk.budgets.charged(tx, turn, told)
            )

        def write_turn(tx: Transaction) -> None:
            self._desk.note(tx, attempt, "turn.ended", ended, usage)

        if await self._spent_its_share(attempt, turn, outcome, usage):
            return await self._go_on(attempt, write_turn)
        over = await self._over_with(attempt, outcome, usage)
        if over is not None:
            return await self._desk.block(attempt, _over(over, attempt), write_turn)
        failure = failure_of(outcome)
        if failure is not None:
            if await self._ended_alike(attempt, failure) >= LOSSES_MAX:
                return await self._desk.block(attempt, _lost_again(failure), write_turn)
            return await self._desk.fail(attempt, failure, write_turn)
        assert isinstance(outcome, Answered), "what is no failure and no limit is an answer"
        return await self._answered(attempt, outcome, write_turn)

    async def _spent_its_share(  # noqa: PLR0917 - whose, which, and what came of it
        self, attempt: Attempt, turn: Turn, outcome: Outcome, usage: UsageRecord
    ) -> bool:
        """Return whether a turn was cut by its own grant alone, and no limit is reached."""
        granted = turn.granted_microusd
        if not isinstance(outcome, Capped) or granted is None or usage.cost_microusd < granted:
            return False
        return await self._reached(attempt, usage) is None

    async def _go_on(self, attempt: Attempt, also: Extra) -> Attempt:
        """Return the attempt with another turn before it, which gets a grant of its own."""

        def write(tx: Transaction) -> Attempt:
            also(tx)
            task = tx.task(attempt.task_id)
            words = attempt.guidance or task.guidance
            guidance = words if GO_ON in words else f"{words}\n{GO_ON}".strip()
            return self._desk.note(tx, replace(attempt, guidance=guidance), "attempt.sent_back")

        return await self._desk.ledger.commit(write)

    async def _over_with(
        self, attempt: Attempt, outcome: Outcome, usage: UsageRecord
    ) -> str | None:
        """Return which limit has cut a turn short that is not recorded yet; none if none has.

        That is no failure: what it did is to be gone on with.
        """
        if isinstance(outcome, Capped):
            return outcome.message
        if not isinstance(outcome, TimedOut):
            return None
        return await self._reached(attempt, usage)

    async def _reached(self, attempt: Attempt, usage: UsageRecord) -> str | None:
        """Return which limit is reached once this usage is recorded, too; none if none is."""
        more = Spent(
            time_ms=usage.duration_ms,
            tokens=usage.input_tokens + usage.output_tokens,
            cost_microusd=usage.cost_microusd,
        )
        return await self._desk.ledger.commit(
            lambda tx: self._desk.budgets.over(tx, tx.task(attempt.task_id), more)
        )

    async def _ended_alike(self, attempt: Attempt, failure: Failure) -> int:
        """Return how many attempts in a row were lost in this way; they use no retries."""
        if failure.error is not ErrorClass.LOST:
            return 0
        attempts = await self._desk.ledger.commit(lambda tx: tx.attempts(attempt.task_id))
        earlier = [one for one in attempts if one.number < attempt.number]
        alike = takewhile(lambda one: one.message == failure.message, reversed(earlier))
        return 1 + sum(1 for _ in alike)

    async def _answered(self, attempt: Attempt, answer: Answered, also: Extra) -> Attempt:
        if answer.questions:
            question = Stop(
                type=BreakpointType.AGENT_QUESTION,
                message=f"the agent asks: {answer.questions[0][:200]}",
                details=answer.questions,
            )
            return await self._desk.block(attempt, question, also)
        if answer.denials:
            return await self._desk.block(attempt, _not_permitted(answer.denials), also)

        def write(tx: Transaction) -> Attempt:
            also(tx)
            told = replace(attempt, step=Step.CAPTURE, guidance="")
            return self._desk.note(tx, told, "capture.intended")

        return await self._desk.ledger.commit(write)


def _not_permitted(denials: tuple[str, ...]) -> Stop:
    return Stop(
        type=BreakpointType.AGENT_QUESTION,
        message=f"the agent was not permitted to: {denials[0][:200]}",
        details=denials,
    )


GO_ON: Final = "Your last turn was ended at its share of the budget: go on where it stopped."
LOSSES_MAX: Final = 5
"""Attempts lost in the same way, one after the other, before a person is asked."""


def _lost_again(failure: Failure) -> Stop:
    return Stop(
        type=BreakpointType.CONSECUTIVE_FAILURES,
        message=f"{LOSSES_MAX} attempts in a row were lost: {failure.message}",
    )


def _over(why: str, attempt: Attempt) -> Stop:
    """Return the stop of an attempt whose budget is spent."""
    # What the next turn would have been told, the next attempt has to be told.
    return Stop(
        type=BreakpointType.BUDGET_EXCEEDED,
        message=why,
        details=tuple(attempt.guidance.splitlines()),
    )


def _no_agent(name: str) -> Failure:
    wish = f"agent {name!r} is not configured" if name else "no agent is configured"
    return Failure(error=ErrorClass.NOT_FOUND, message=wish)
