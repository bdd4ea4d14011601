"""What follows for a task: every status, policy and kind of standing."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Final

import pytest

from banksman.core.consequence import Consequence, Standing, asks_first, consequence
from banksman.core.task import DependencyPolicy, Gate, TaskStatus
from tests.unit.core.plans import a_task, specified

_P = DependencyPolicy
_C = Consequence

# Open and lost dependencies -> what follows for a pending task, by its policy.
PENDING: Final = {
    (0, 0): {_P.BLOCK: _C.PROMOTE, _P.CANCEL: _C.PROMOTE, _P.RUN: _C.PROMOTE},
    (1, 0): {_P.BLOCK: _C.NOTHING, _P.CANCEL: _C.NOTHING, _P.RUN: _C.NOTHING},
    (0, 1): {_P.BLOCK: _C.STOP, _P.CANCEL: _C.CANCEL, _P.RUN: _C.PROMOTE},
    (1, 1): {_P.BLOCK: _C.STOP, _P.CANCEL: _C.CANCEL, _P.RUN: _C.NOTHING},
}
CLAIMABLE: Final = {
    (0, 0): {_P.BLOCK: _C.NOTHING, _P.CANCEL: _C.NOTHING, _P.RUN: _C.NOTHING},
    (1, 0): {_P.BLOCK: _C.WAIT, _P.CANCEL: _C.WAIT, _P.RUN: _C.WAIT},
    (0, 1): {_P.BLOCK: _C.WAIT, _P.CANCEL: _C.WAIT, _P.RUN: _C.NOTHING},
    (1, 1): {_P.BLOCK: _C.WAIT, _P.CANCEL: _C.WAIT, _P.RUN: _C.WAIT},
}
TABLES: Final = {
    TaskStatus.PENDING: PENDING,
    TaskStatus.READY: CLAIMABLE,
    TaskStatus.RETRYING: CLAIMABLE,
}
CASES: Final = tuple(product(TaskStatus, PENDING, DependencyPolicy))


@pytest.mark.parametrize(("status", "numbers", "policy"), CASES)
def test_every_case_has_its_consequence(
    status: TaskStatus, numbers: tuple[int, int], policy: DependencyPolicy
) -> None:
    task = specified(a_task(1, status=status), policy=policy)
    table = TABLES.get(status)
    expected = table[numbers][policy] if table else Consequence.NOTHING
    assert consequence(task, Standing(*numbers)) is expected


def test_a_gate_asks_only_as_the_task_becomes_ready_and_only_once() -> None:
    gated = specified(a_task(1), gate=Gate.MANUAL)
    assert asks_first(gated)
    assert consequence(gated, Standing(0, 0)) is Consequence.ASK
    assert consequence(gated, Standing(1, 0)) is Consequence.NOTHING
    assert consequence(gated, Standing(0, 1)) is Consequence.STOP
    passed = replace(gated, gate_passed=True)
    assert consequence(passed, Standing(0, 0)) is Consequence.PROMOTE
