"""The board of one project, told of changes one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from banksman.core.board import Board
from banksman.core.consequence import Standing
from banksman.core.stall import StallCause, StallKind, stall_causes
from banksman.core.task import DependencyPolicy, Task, TaskId, TaskStatus
from banksman.exceptions import TaskDependencyException
from tests.unit.core.plans import HOUR_MS, a_task, at, ids, specified

_S = TaskStatus


def moved(board: Board, number: int, status: TaskStatus) -> Task:
    """Put a task into another status, lawful or not: the board takes what it is told."""
    task = replace(
        board.task(TaskId(number)),
        status=status,
        not_before=at(0) if status is _S.RETRYING else None,
    )
    board.put(task)
    return task


def stuck(board: Board) -> frozenset[int]:
    return frozenset() if board.deadlock is None else board.deadlock.tasks


def numbers(board: Board, number: int) -> Standing:
    return board.standing(TaskId(number))


def test_at_first_every_task_is_on_the_agenda() -> None:
    board = Board([a_task(1), a_task(2, 1)])
    assert board.take_agenda() == ids([1, 2])
    assert board.take_agenda() == ()


def test_a_change_puts_on_the_agenda_only_whom_it_may_concern() -> None:
    board = Board([a_task(1), a_task(2, 1), a_task(3, 2), a_task(4)])
    board.take_agenda()
    moved(board, 1, _S.RUNNING)
    assert board.take_agenda() == ids([1])
    moved(board, 1, _S.COMPLETED)
    assert board.take_agenda() == ids([1, 2])


def test_standing_counts_open_and_lost_dependencies() -> None:
    board = Board([a_task(1), a_task(2), a_task(3, 1, 2)])
    assert numbers(board, 3) == Standing(needs_open=2, needs_lost=0)
    moved(board, 1, _S.COMPLETED)
    moved(board, 2, _S.FAILED)
    assert numbers(board, 3) == Standing(needs_open=0, needs_lost=1)
    moved(board, 2, _S.RETRYING)
    assert numbers(board, 3) == Standing(needs_open=1, needs_lost=0)


def test_tasks_may_be_stored_before_what_they_need() -> None:
    board = Board([a_task(1, 2), a_task(2, status=_S.COMPLETED)])
    assert numbers(board, 1) == Standing(needs_open=0, needs_lost=0)


def test_a_dependency_that_goes_counts_no_more() -> None:
    board = Board([a_task(1), a_task(2), a_task(3, 1, 2)])
    board.put(a_task(3, 2))
    assert numbers(board, 3) == Standing(needs_open=1, needs_lost=0)
    assert board.graph.needs(TaskId(3)) == {2}


def test_only_tasks_that_are_ready_or_due_can_be_claimed() -> None:
    tasks = [a_task(number, status=status) for number, status in enumerate(TaskStatus, 1)]
    late = replace(a_task(9, status=_S.RETRYING), not_before=at(50))
    board = Board([*tasks, late])
    claimable = {_S.READY, _S.RETRYING}
    expected = [task.id for task in tasks if task.status in claimable]
    assert [task.id for task in board.ready(at(49))] == expected
    assert board.next_due == 50
    assert [task.id for task in board.ready(at(50))] == [*expected, 9]
    assert board.next_due is None


def test_a_ready_task_with_an_open_dependency_is_never_offered() -> None:
    # Stored data may say so; nobody is given it.
    board = Board([a_task(1), a_task(2, 1, status=_S.READY)])
    assert board.first(at(0)) is None
    assert not board.has_ready


def test_a_lost_dependency_is_as_good_as_done_for_who_runs_regardless() -> None:
    second = specified(a_task(2, 1, status=_S.READY), policy=DependencyPolicy.RUN)
    board = Board([a_task(1, status=_S.FAILED), second])
    assert board.first(at(0)) == second


def test_a_task_that_others_wait_for_goes_first_until_they_have_ended() -> None:
    board = Board([a_task(1, status=_S.READY), a_task(2, status=_S.READY), a_task(3, 2)])
    assert board.first(at(0)) == board.task(TaskId(2))
    moved(board, 3, _S.CANCELLED)
    assert board.first(at(0)) == board.task(TaskId(1))
    board.put(a_task(4, 2))
    assert board.first(at(0)) == board.task(TaskId(2))


def test_the_longer_remaining_path_goes_first() -> None:
    plan = [a_task(1, status=_S.READY), a_task(2, status=_S.READY), a_task(3, 1), a_task(4, 2)]
    board = Board([*plan[:3], specified(plan[3], estimate_min=2.0)])
    assert board.first(at(0)) == plan[1]
    board.put(specified(plan[2], estimate_min=2.5))
    assert board.first(at(0)) == plan[0]


def test_a_new_edge_lengthens_the_path_before_it() -> None:
    board = Board([a_task(1, status=_S.READY), a_task(2, status=_S.READY), a_task(3, 2)])
    board.put(a_task(4, 1))
    board.put(specified(a_task(5), estimate_min=9.0))
    assert board.first(at(0)) == board.task(TaskId(1))
    board.put(specified(a_task(5, 2), estimate_min=9.0))
    assert board.first(at(0)) == board.task(TaskId(2))


def test_a_deadline_comes_near_without_anybody_touching_the_board() -> None:
    late = specified(a_task(2, status=_S.READY), deadline=3 * HOUR_MS)
    board = Board([specified(a_task(1, status=_S.READY), priority=6), late])
    assert [task.id for task in board.ready(at(0))] == [1, 2]
    assert [task.id for task in board.ready(at(3 * HOUR_MS))] == [2, 1]


def test_a_refused_change_leaves_the_board_as_it_was() -> None:
    board = Board([a_task(1), a_task(2, 1)])
    board.take_agenda()
    with pytest.raises(TaskDependencyException, match="1 -> 2 -> 1"):
        board.put(a_task(1, 2))
    with pytest.raises(TaskDependencyException, match="no such task"):
        board.put(a_task(3, 9))
    assert board.task(TaskId(1)) == a_task(1)
    assert board.graph.kahn_order() == ids([1, 2])
    assert board.take_agenda() == ()
    assert [task.id for task in board.tasks(_S.PENDING)] == [1, 2]


@pytest.mark.parametrize("status", TaskStatus)
def test_it_is_complete_when_every_task_is_completed(status: TaskStatus) -> None:
    board = Board([a_task(1, status=_S.COMPLETED), a_task(2)])
    moved(board, 2, status)
    assert board.is_complete is (status is _S.COMPLETED)


def test_a_stored_cycle_holds_its_own_tasks_and_those_behind_it() -> None:
    board = Board([a_task(1, 2), a_task(2, 1), a_task(3, 2), a_task(4, status=_S.READY)])
    deadlock = board.deadlock
    assert deadlock is not None
    assert deadlock.cycles == (ids([1, 2, 1]),)
    assert deadlock.behind == ids([3])
    assert board.first(at(0)) == board.task(TaskId(4))
    moved(board, 4, _S.RUNNING)
    assert board.deadlock is deadlock, "what is beside a cycle costs no second search"


def test_a_cycle_is_known_to_later_tasks_behind_it() -> None:
    board = Board([a_task(1, 1)])
    assert stuck(board) == {1}
    board.put(a_task(2, 1))
    assert stuck(board) == {1, 2}


def test_cancelling_one_of_its_tasks_ends_a_deadlock_and_reviving_it_begins_it_again() -> None:
    board = Board([a_task(1, 2), a_task(2, 1), a_task(3, 1, 2)])
    assert stuck(board) == {1, 2, 3}
    moved(board, 1, _S.FAILED)
    assert stuck(board) == frozenset()
    assert numbers(board, 2) == Standing(needs_open=0, needs_lost=1)
    moved(board, 1, _S.RETRYING)
    assert stuck(board) == {1, 2, 3}


def test_beside_a_broken_cycle_it_still_counts_who_waits_for_whom() -> None:
    # 1 needs 2, 2 needs 3, 3 needs 1. That 2 was lost lets 1 run, and 3 waits for it, though
    # the edge between them is part of no order.
    first = specified(a_task(1, 2, status=_S.READY), policy=DependencyPolicy.RUN)
    board = Board([first, a_task(2, 3, status=_S.FAILED), a_task(3, 1)])
    other = specified(a_task(4, status=_S.READY), estimate_min=1.5)
    board.put(other)
    assert board.first(at(0)) == first
    moved(board, 3, _S.CANCELLED)
    assert board.first(at(0)) == other


def test_cutting_an_edge_ends_a_deadlock() -> None:
    board = Board([a_task(1, 2), a_task(2, 1)])
    assert stuck(board) == {1, 2}
    board.put(a_task(1))
    assert stuck(board) == frozenset()
    assert not board.graph.tangled


def test_a_cycle_of_tasks_that_have_all_ended_is_no_deadlock() -> None:
    board = Board([a_task(1, 2, status=_S.COMPLETED), a_task(2, 1, status=_S.COMPLETED)])
    assert stuck(board) == frozenset()


@pytest.mark.parametrize("status", [_S.READY, _S.RUNNING, _S.RETRYING])
def test_a_plan_that_can_move_is_not_stalled(status: TaskStatus) -> None:
    assert stall_causes(Board([a_task(1, status=status), a_task(2, status=_S.BLOCKED)])) == ()


def test_a_plan_without_work_left_is_not_stalled() -> None:
    ended = (_S.COMPLETED, _S.CANCELLED, _S.FAILED)
    board = Board(a_task(number, status=status) for number, status in enumerate(ended, 1))
    assert stall_causes(board) == ()


def test_a_stall_is_told_with_all_its_causes() -> None:
    asked = replace(a_task(1, status=_S.BLOCKED), reason="which colour?")
    board = Board(
        [asked, a_task(2, 1), a_task(3, 4), a_task(4, 3), a_task(5, 3), a_task(6, 99)]
    )
    assert stall_causes(board) == (
        StallCause(kind=StallKind.BLOCKED, tasks=ids([1]), reason="which colour?"),
        StallCause(
            kind=StallKind.CYCLE,
            tasks=ids([3, 4, 3]),
            reason="each of these tasks waits for the next",
        ),
        StallCause(
            kind=StallKind.UNKNOWN_DEPENDENCY,
            tasks=ids([6, 99]),
            reason="task 99 is not in this project",
        ),
    )
