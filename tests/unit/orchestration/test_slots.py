"""Seats: how many attempts may work at once, and who is next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from banksman.orchestration.slots import Seat, Slots


def on_a_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test on an event loop of its own."""

    def run() -> None:
        async def main() -> None:
            await test()

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


async def let_others_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def standing(slots: Slots) -> Seat:
    """Return a seat that was given up."""
    seat = slots.grab()
    seat.leave()
    return seat


def test_there_is_at_least_one_seat() -> None:
    with pytest.raises(AssertionError):
        Slots(0)


def test_seats_are_taken_and_given_back() -> None:
    slots = Slots(2)
    first, second = slots.grab(), slots.grab()
    assert slots.free == 0
    first.leave()
    assert slots.free == 1
    second.leave()
    assert slots.free == 2


def test_a_seat_is_given_back_once_however_often_it_is_left() -> None:
    slots = Slots(2)
    slots.grab()
    seat = slots.grab()
    seat.leave()
    seat.leave()
    assert slots.free == 1


def test_more_than_the_limit_may_be_seated_and_then_none_is_free() -> None:
    slots = Slots(1)
    seats = [slots.grab() for _ in range(3)]
    assert slots.free == 0
    seats[0].leave()
    assert slots.free == 0
    seats[1].leave()
    assert slots.free == 0
    seats[2].leave()
    assert slots.free == 1


@on_a_loop
async def test_who_sits_already_needs_no_other_seat() -> None:
    slots = Slots(1)
    seat = slots.grab()
    await seat.sit()
    assert slots.free == 0
    seat.leave()
    assert slots.free == 1


@on_a_loop
async def test_a_free_seat_is_taken_at_once() -> None:
    slots = Slots(1)
    seat = standing(slots)
    await seat.sit()
    assert (seat.taken, slots.free) == (True, 0)


@on_a_loop
async def test_nobody_sits_down_beyond_the_limit_and_who_waited_longest_is_next() -> None:
    slots = Slots(2)
    waiting = [standing(slots) for _ in range(3)]
    taken = [slots.grab(), slots.grab(), slots.grab()]
    order: list[int] = []

    async def sit(number: int) -> None:
        await waiting[number].sit()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(sit(number))
        await let_others_run()
        assert order == []
        taken[0].leave()
        await let_others_run()
        assert order == [], "there were three on two seats"
        taken[1].leave()
        await let_others_run()
        assert order == [0]
        taken[2].leave()
        await let_others_run()
        assert order == [0, 1]
        waiting[0].leave()
    assert order == [0, 1, 2]
    assert slots.free == 0


@on_a_loop
async def test_who_waits_to_sit_down_again_goes_before_new_attempts() -> None:
    slots = Slots(2)
    seat = standing(slots)
    for _ in range(3):
        slots.grab()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(seat.sit())
        await let_others_run()
        slots.limit = 4  # One is free now, and somebody waits for it.
        assert slots.free == 0
        waiting.cancel()
        await let_others_run()
        assert slots.free == 1


@on_a_loop
async def test_nobody_overtakes_who_waits_already() -> None:
    slots = Slots(1)
    first, second = standing(slots), standing(slots)
    taken = slots.grab()
    order: list[str] = []

    async def sit(seat: Seat, name: str) -> None:
        await seat.sit()
        order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(sit(first, "first"))
        await let_others_run()
        taken.leave()
        # The seat was handed over, though nobody has woken up to sit on it.
        group.create_task(sit(second, "second"))
        await let_others_run()
        assert order == ["first"]
        first.leave()
    assert order == ["first", "second"]


@on_a_loop
async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    slots = Slots(1)
    one, other = standing(slots), standing(slots)
    taken = slots.grab()
    async with asyncio.TaskGroup() as group:
        giving_up = group.create_task(one.sit())
        waiting = group.create_task(other.sit())
        await let_others_run()
        giving_up.cancel()
        await let_others_run()
        assert giving_up.cancelled()
        taken.leave()
        await waiting
    assert (one.taken, other.taken, slots.free) == (False, True, 0)


@on_a_loop
async def test_a_seat_given_to_someone_who_gives_up_in_the_same_instant_is_passed_on() -> None:
    slots = Slots(1)
    one, other = standing(slots), standing(slots)
    taken = slots.grab()
    async with asyncio.TaskGroup() as group:
        giving_up = group.create_task(one.sit())
        waiting = group.create_task(other.sit())
        await let_others_run()
        taken.leave()  # It is the first one's now, who has not woken up yet.
        giving_up.cancel()
        await waiting
    assert giving_up.cancelled()
    assert (one.taken, other.taken, slots.free) == (False, True, 0)


@on_a_loop
async def test_a_seat_that_comes_free_as_its_next_owner_gives_up_goes_to_the_one_after() -> (
    None
):
    slots = Slots(1)
    one, other = standing(slots), standing(slots)
    taken = slots.grab()
    async with asyncio.TaskGroup() as group:
        giving_up = group.create_task(one.sit())
        waiting = group.create_task(other.sit())
        await let_others_run()
        giving_up.cancel()  # Still in the queue until it wakes up.
        taken.leave()
        await waiting
    assert giving_up.cancelled()
    assert (one.taken, other.taken, slots.free) == (False, True, 0)


@on_a_loop
async def test_a_seat_that_nobody_is_left_to_take_is_free() -> None:
    slots = Slots(1)
    one = standing(slots)
    taken = slots.grab()
    async with asyncio.TaskGroup() as group:
        giving_up = group.create_task(one.sit())
        await let_others_run()
        taken.leave()
        giving_up.cancel()
    assert giving_up.cancelled()
    assert slots.free == 1
