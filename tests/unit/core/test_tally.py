"""The numbers of a plan, and whom a change touches."""

from __future__ import annotations

from dataclasses import replace

from banksman.core.consequence import Standing
from banksman.core.tally import Tally
from banksman.core.task import TaskId, TaskStatus
from tests.unit.core.plans import a_task, ids


def test_a_change_that_ends_nothing_touches_nobody() -> None:
    tally = Tally()
    tally.put(a_task(1), dependents=())
    tally.put(a_task(2, 1), dependents=())
    touched = tally.put(a_task(2, 1, status=TaskStatus.READY), dependents=())
    assert (touched.dependents, touched.needs) == ((), ())


def test_an_end_touches_those_before_and_those_behind() -> None:
    tally = Tally()
    for task in (a_task(1), a_task(2, 1), a_task(3, 2)):
        tally.put(task, dependents=())
    done = replace(a_task(2, 1), status=TaskStatus.COMPLETED)
    touched = tally.put(done, dependents=ids([3]))
    assert (list(touched.dependents), list(touched.needs)) == ([3], [1])
    assert tally.standing(TaskId(3)) == Standing(needs_open=0, needs_lost=0)
    assert not tally.is_waited_for(TaskId(1))
    assert tally.is_waited_for(TaskId(2))
