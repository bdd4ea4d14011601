"""What was spent of what may be, as people are told it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from banksman.cli.answers import SpentAnswer
from banksman.core.budget import Limits, Spent, told
from banksman.core.task import Instant
from banksman.stores.views import StatusView

NOTHING: Final = "nothing yet"


def spent_answer(view: StatusView, now: Instant, *, live: bool) -> SpentAnswer:
    """Return what the last run and the project have spent.

    Args:
        view: Where the project stands.
        now: The time of day.
        live: Whether the run goes on; of one that died nobody knows how long it lived.
    """
    run = view.run
    if run is None:
        return SpentAnswer(run=Spent(), run_limits=Limits(), project=view.spent)
    until = now if live and run.ended_at is None else run.ended_at
    # The time of day may jump back.
    took = 0 if until is None else max(0, until - run.begun_at)
    # What is spent while no engine runs is nothing: the last run's is all since it began.
    return SpentAnswer(
        run=replace(view.spent.since(run.before), time_ms=took),
        run_limits=run.limits,
        project=view.spent,
        project_limits=run.project_limits,
    )


def words(spent: Spent, limits: Limits) -> str:
    """Return what was spent of what may be, in one piece."""
    return ", ".join(told(spent, limits)) or NOTHING
