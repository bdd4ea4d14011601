"""The queue of tasks that can be claimed, and how time changes it."""

from __future__ import annotations

from banksman.core.priority import near_from, selection_key
from banksman.core.ready_queue import Entry, IndexedHeap, ReadyQueue
from banksman.core.task import TaskId
from tests.unit.core.plans import HOUR_MS, a_task, at, ids, specified


def entry(
    number: int,
    *,
    priority: int = 5,
    deadline: int | None = None,
    not_before: int | None = None,
) -> Entry:
    task = specified(a_task(number), priority=priority, deadline=deadline)
    far, near = (
        selection_key(task, near=near, waited_for=False, path_min=1.0) for near in (False, True)
    )
    wait = None if not_before is None else at(not_before)
    return Entry(far=far, near=near, near_from=near_from(task), not_before=wait)


def queue_of(*entries: Entry) -> ReadyQueue:
    queue = ReadyQueue()
    for each in entries:
        queue.put(each)
    return queue


def test_the_most_urgent_task_comes_first() -> None:
    queue = queue_of(entry(1), entry(2, priority=9), entry(3, priority=7))
    assert queue.first(at(0)) == 2
    assert queue.ordered(at(0)) == ids([2, 3, 1])
    assert queue.has_ready


def test_an_empty_queue_has_no_first() -> None:
    queue = queue_of()
    assert queue.first(at(0)) is None
    assert queue.ordered(at(0)) == ()
    assert queue.next_due is None
    assert not queue.has_ready


def test_what_is_discarded_is_gone_and_may_be_discarded_again() -> None:
    queue = queue_of(entry(1), entry(2, not_before=50), entry(3, deadline=HOUR_MS * 9))
    for number in (1, 2, 3, 1):
        queue.discard(TaskId(number))
    assert queue.first(at(HOUR_MS * 9)) is None
    assert TaskId(2) not in queue


def test_another_entry_takes_the_place_of_the_first() -> None:
    queue = queue_of(entry(1), entry(2))
    queue.put(entry(2, priority=8))
    assert queue.ordered(at(0)) == ids([2, 1])


def test_a_deadline_that_comes_near_raises_its_task_by_itself() -> None:
    deadline = 5 * HOUR_MS
    queue = queue_of(entry(1, priority=6), entry(2, deadline=deadline))
    assert queue.first(at(deadline - HOUR_MS)) == 1
    assert queue.first(at(deadline - HOUR_MS + 1)) == 2


def test_a_task_that_is_put_in_late_is_raised_at_once() -> None:
    queue = queue_of(entry(1, priority=6))
    queue.first(at(5 * HOUR_MS))
    queue.put(entry(2, deadline=5 * HOUR_MS))
    assert queue.first(at(5 * HOUR_MS)) == 2


def test_a_delayed_task_waits_for_its_time() -> None:
    queue = queue_of(entry(1, priority=9, not_before=100), entry(2))
    assert queue.ordered(at(99)) == ids([2])
    assert queue.next_due == 100
    assert TaskId(1) in queue
    assert queue.ordered(at(100)) == ids([1, 2])
    assert queue.next_due is None


def test_a_delayed_task_whose_deadline_comes_near_meanwhile_is_raised_when_it_is_due() -> None:
    deadline = 5 * HOUR_MS
    queue = queue_of(
        entry(1, priority=6), entry(2, deadline=deadline, not_before=deadline - 10)
    )
    assert queue.ordered(at(deadline - 11)) == ids([1])
    assert queue.ordered(at(deadline - 10)) == ids([2, 1])


def test_a_clock_that_is_set_back_takes_boosts_and_delays_back() -> None:
    deadline = 5 * HOUR_MS
    queue = queue_of(
        entry(1, priority=6), entry(2, deadline=deadline), entry(3, not_before=deadline)
    )
    assert queue.ordered(at(deadline)) == ids([2, 1, 3])
    assert queue.ordered(at(0)) == ids([1, 2])
    assert queue.ordered(at(deadline)) == ids([2, 1, 3])


def test_the_heap_counts_its_tasks_once() -> None:
    heap: IndexedHeap[tuple[int, int]] = IndexedHeap()
    for number, key in [(1, 5), (2, 3), (1, 1)]:
        heap.put(TaskId(number), (key, number))
    assert len(heap) == 2
    assert heap.first() == ((1, 1), 1)
    assert heap.ordered() == ids([1, 2])
    assert TaskId(2) in heap


def test_a_task_is_taken_out_of_the_middle_without_harm_to_the_order() -> None:
    heap: IndexedHeap[tuple[int, int]] = IndexedHeap()
    for number in (1, 5, 2, 7, 6, 4, 3):
        heap.put(TaskId(number), (number, number))
    heap.discard(TaskId(7))
    heap.discard(TaskId(5))
    taken: list[int] = []
    while (first := heap.first()) is not None:
        taken.append(first[1])
        heap.discard(first[1])
    assert taken == [1, 2, 3, 4, 6]
