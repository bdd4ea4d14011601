"""The tasks that can be claimed, in the order of their claim; O(log n) for every change.

Time changes the order by itself: a deadline comes near, the delay of a retry passes. Both
instants are known when the task is put in, so they stand in a second heap, and a look at the
queue works off those that have come instead of going through all tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from banksman.core.priority import SelectionKey
from banksman.core.task import Instant, TaskId

K = TypeVar("K", bound=tuple[float, ...])


class IndexedHeap(Generic[K]):
    """A binary heap with each task once; no two keys may be equal, so that order is certain."""

    def __init__(self) -> None:
        self._heap: list[tuple[K, TaskId]] = []
        self._place: dict[TaskId, int] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, task: object) -> bool:
        return task in self._place

    def put(self, task: TaskId, key: K) -> None:
        """Insert a task, or give it another key."""
        place = self._place.get(task, len(self._heap))
        if place == len(self._heap):
            self._heap.append((key, task))
        self._settle((key, task), place)

    def discard(self, task: TaskId) -> None:
        """Remove a task; one that is not there is ignored."""
        place = self._place.pop(task, None)
        if place is None:
            return
        last = self._heap.pop()
        if last[1] != task:
            self._settle(last, place)

    def first(self) -> tuple[K, TaskId] | None:
        """Return the smallest key and its task; none if the heap is empty."""
        return self._heap[0] if self._heap else None

    def ordered(self) -> tuple[TaskId, ...]:
        """Return all tasks by their keys; O(n log n)."""
        return tuple(task for _, task in sorted(self._heap))

    def _settle(self, entry: tuple[K, TaskId], place: int) -> None:
        """Move an entry from a free place to where it belongs."""
        place = self._rise(entry, place)
        place = self._sink(entry, place)
        self._set(entry, place)

    def _rise(self, entry: tuple[K, TaskId], place: int) -> int:
        while place and entry < self._heap[(place - 1) // 2]:
            self._set(self._heap[(place - 1) // 2], place)
            place = (place - 1) // 2
        return place

    def _sink(self, entry: tuple[K, TaskId], place: int) -> int:
        while (child := self._smaller_child(place)) is not None:
            if entry < self._heap[child]:
                break
            self._set(self._heap[child], place)
            place = child
        return place

    def _smaller_child(self, place: int) -> int | None:
        left, right = 2 * place + 1, 2 * place + 2
        if right < len(self._heap) and self._heap[right] < self._heap[left]:
            return right
        return left if left < len(self._heap) else None

    def _set(self, entry: tuple[K, TaskId], place: int) -> None:
        self._heap[place] = entry
        self._place[entry[1]] = place


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One task in the queue.

    Attributes:
        far: Its key before `near_from`.
        near: Its key from then on.
        near_from: When its deadline is near; none if it has no deadline.
        not_before: When it may be claimed; none if at once.
    """

    far: SelectionKey
    near: SelectionKey
    near_from: Instant | None = None
    not_before: Instant | None = None


class ReadyQueue:
    """Tasks that can be claimed, now or once a delay has passed."""

    def __init__(self) -> None:
        self._entries: dict[TaskId, Entry] = {}
        self._ready: IndexedHeap[SelectionKey] = IndexedHeap()
        self._boosts: IndexedHeap[tuple[Instant, TaskId]] = IndexedHeap()
        self._delays: IndexedHeap[tuple[Instant, TaskId]] = IndexedHeap()
        self._now = Instant(0)

    def __contains__(self, task: object) -> bool:
        return task in self._entries

    def put(self, entry: Entry) -> None:
        """Insert a task, or put another entry in its place."""
        task = entry.far.task_id
        self._entries[task] = entry
        self._delays.discard(task)
        self._boosts.discard(task)
        if entry.not_before is not None and entry.not_before > self._now:
            self._ready.discard(task)
            self._delays.put(task, (entry.not_before, task))
        elif entry.near_from is not None and entry.near_from > self._now:
            self._ready.put(task, entry.far)
            self._boosts.put(task, (entry.near_from, task))
        else:
            self._ready.put(task, entry.far if entry.near_from is None else entry.near)

    def discard(self, task: TaskId) -> None:
        """Remove a task; one that is not there is ignored."""
        self._entries.pop(task, None)
        for heap in (self._ready, self._boosts, self._delays):
            heap.discard(task)

    def first(self, now: Instant) -> TaskId | None:
        """Return the task to be claimed next, if there is one; it stays in the queue."""
        self._advance(now)
        found = self._ready.first()
        return None if found is None else found[1]

    def ordered(self, now: Instant) -> tuple[TaskId, ...]:
        """Return the tasks that can be claimed now, the next one first."""
        self._advance(now)
        return self._ready.ordered()

    @property
    def has_ready(self) -> bool:
        """Whether a task could be claimed at the last look."""
        return len(self._ready) > 0

    @property
    def next_due(self) -> Instant | None:
        """When the next delay passes; none if no task was delayed at the last look."""
        found = self._delays.first()
        return None if found is None else found[0][0]

    def _advance(self, now: Instant) -> None:
        """Let what time changes come into force; a clock that was set back undoes it."""
        turned_back, self._now = now < self._now, now
        if turned_back:
            for entry in self._entries.values():
                self.put(entry)
        for heap in (self._delays, self._boosts):
            while (due := heap.first()) is not None and due[0][0] <= now:
                self.put(self._entries[due[1]])
