"""A plan that nothing can move any more says why."""

from __future__ import annotations

from dataclasses import replace

from banksman.core.task import TaskStatus
from banksman.orchestration.engine import RunEnd
from banksman.state.state_manager import StateManager
from tests.unit.orchestration.plots import item
from tests.unit.orchestration.stage import Staging


def test_tasks_that_wait_for_one_another_are_named_in_the_journal(staging: Staging) -> None:
    stage = staging()
    state = StateManager(stage.store, stage.clock)
    first = state.create_task(stage.project_id, item("first").spec)
    second = state.create_task(stage.project_id, item("second").spec, needs=(first.id,))
    state.create_task(stage.project_id, item("apart").spec)
    with stage.store.transaction() as tx:
        # Only stored or imported data can have a circle: whatever adds an edge refuses it.
        tx.save_spec(replace(first, needs=(second.id,)))
    assert stage.run_plan() is RunEnd.FAILED
    assert stage.task("apart").status is TaskStatus.COMPLETED
    told = [line.reason for line in stage.journal() if line.kind == "plan.stalled"]
    assert len(told) == 1
    assert "each of these tasks waits for the next" in told[0]


def test_a_plan_that_comes_to_its_end_tells_no_cause(staging: Staging) -> None:
    stage = staging(item("only"))
    assert stage.run_plan() is RunEnd.COMPLETED
    assert all(line.kind != "plan.stalled" for line in stage.journal())
