"""Group commit: one transaction for all, and each on its own if that one fails."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from banksman.core.records import Project
from banksman.core.task import TaskId
from banksman.exceptions import (
    RecordNotFoundException,
    StaleWriterException,
    StoreException,
    StoreFullException,
)
from banksman.orchestration.group_commit import GroupCommit
from banksman.orchestration.task_flow import TaskFlow
from banksman.ports import Transaction
from tests.unit.orchestration.bench import Bench
from tests.unit.orchestration.ledger_scene import Round, caught, let_others_run


def test_all_of_a_round_is_one_transaction(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(ring.ledger.commit(ring.adding(key))) for key in "abc"]
            await let_others_run()
            # The engine's own duties come last: they see what was handed in.
            assert ring.flush() == "3 tasks"
        assert [one.result() for one in waiting] == [1, 2, 3]
        assert ring.store.begun == 1

    asyncio.run(main())


def test_nobody_goes_on_before_the_commit(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        seen: list[str] = []

        async def hand_in() -> None:
            await ring.ledger.commit(ring.adding("a"))
            seen.append(f"went on with {ring.keys()}")

        def duties(tx: Transaction) -> None:
            seen.append("duties")

        async with asyncio.TaskGroup() as group:
            group.create_task(hand_in())
            await let_others_run()
            assert seen == []
            ring.ledger.flush(duties)
            assert seen == ["duties"]
        assert seen == ["duties", "went on with ['a']"]

    asyncio.run(main())


def test_a_round_is_wished_for_from_the_first_piece_until_the_flush(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        assert not ring.ledger.handed_in.is_set()
        async with asyncio.TaskGroup() as group:
            group.create_task(ring.ledger.commit(lambda _: None))
            await let_others_run()
            assert ring.ledger.handed_in.is_set()
            ring.flush()
            assert not ring.ledger.handed_in.is_set()

    asyncio.run(main())


def test_what_is_handed_in_while_others_go_on_waits_for_the_next_round(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)

        async def twice() -> None:
            await ring.ledger.commit(ring.adding("a"))
            await ring.ledger.commit(ring.adding("b"))

        async with asyncio.TaskGroup() as group:
            group.create_task(twice())
            await let_others_run()
            assert ring.flush() == "1 tasks"
            await let_others_run()
            assert ring.keys() == ["a"]
            assert ring.flush() == "2 tasks"

    asyncio.run(main())


def test_a_refused_piece_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)

        def half(tx: Transaction) -> None:
            ring.add(tx, "half")
            tx.task(TaskId(ring.add(tx, "more") + 1))

        async with asyncio.TaskGroup() as group:
            before = group.create_task(ring.ledger.commit(ring.adding("a")))
            refused = group.create_task(caught(ring.ledger, half))
            after = group.create_task(ring.ledger.commit(ring.adding("b")))
            await let_others_run()
            assert ring.flush() == "2 tasks"
        assert ring.keys() == ["a", "b"]
        assert (before.result(), after.result()) == (1, 2)
        assert isinstance(refused.result(), RecordNotFoundException)
        assert ring.store.begun == 1 + 4, "together, then each alone"

    asyncio.run(main())


def test_what_the_duties_raise_is_raised_and_the_pieces_are_written(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)

        def duties(tx: Transaction) -> None:
            raise StaleWriterException(project_id=1, epoch=1, current=2)

        async with asyncio.TaskGroup() as group:
            piece = group.create_task(ring.ledger.commit(ring.adding("a")))
            await let_others_run()
            with pytest.raises(StaleWriterException):
                ring.ledger.flush(duties)
        assert piece.result() == 1
        assert ring.keys() == ["a"]

    asyncio.run(main())


def test_a_commit_that_fails_is_tried_again_piece_by_piece(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        ring.store.refuse = {1}
        calls: list[str] = []

        def adding(key: str) -> Callable[[Transaction], int]:
            def work(tx: Transaction) -> int:
                calls.append(key)
                return ring.add(tx, key)

            return work

        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(ring.ledger.commit(adding(key))) for key in "ab"]
            await let_others_run()
            assert ring.flush() == "2 tasks"
        assert calls == ["a", "b", "a", "b"]
        assert [one.result() for one in waiting] == [1, 2]
        assert ring.keys() == ["a", "b"]

    asyncio.run(main())


def test_an_answer_of_a_round_that_failed_is_never_acted_on(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        ring.store.refuse = {1}
        answers = iter(["of the round that failed", "of the one that did not"])
        assert ring.ledger.flush(lambda _: next(answers)) == "of the one that did not"

    asyncio.run(main())


def test_a_store_that_refuses_for_ever_is_told_to_all_who_wait_and_to_the_engine(
    tmp_path: Path,
) -> None:
    missed: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, what: missed.append(what))
        ring = Round(tmp_path)
        ring.store.refuses_all = True
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(caught(ring.ledger, ring.adding(key))) for key in "ab"]
            await let_others_run()
            with pytest.raises(StoreException, match="commit 4 was refused"):
                ring.flush()
        assert [str(one.result()) for one in waiting] == [
            "commit 2 was refused",
            "commit 3 was refused",
        ]
        assert ring.keys() == []

    asyncio.run(main())
    gc.collect()
    assert missed == [], "no error is left lying about"


def test_a_store_that_refuses_one_piece_alone_stops_the_engine_too(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        ring.store.refuse = {1, 2}
        async with asyncio.TaskGroup() as group:
            first = group.create_task(caught(ring.ledger, ring.adding("a")))
            second = group.create_task(caught(ring.ledger, ring.adding("b")))
            await let_others_run()
            with pytest.raises(StoreException, match="commit 2 was refused"):
                ring.flush()
        assert str(first.result()) == "commit 2 was refused"
        assert second.result() is None
        assert ring.keys() == ["b"]

    asyncio.run(main())


def test_the_work_of_someone_who_was_cancelled_is_written_all_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(ring.ledger.commit(ring.adding("a")))
            stays = group.create_task(ring.ledger.commit(ring.adding("b")))
            await let_others_run()
            gone.cancel()
            await let_others_run()
            assert gone.cancelled()
            assert ring.flush() == "2 tasks"
        assert stays.result() == 2
        assert ring.keys() == ["a", "b"]

    asyncio.run(main())


def test_the_failure_of_someone_who_was_cancelled_is_nobodys(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(caught(ring.ledger, lambda tx: tx.task(TaskId(99))))
            await let_others_run()
            gone.cancel()
            await let_others_run()
            assert ring.flush() == "0 tasks"
        assert gone.cancelled()

    asyncio.run(main())


def test_whoever_is_cancelled_in_the_instant_of_the_commit_has_written(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(ring.ledger.commit(ring.adding("a")))
            await let_others_run()
            ring.flush()
            gone.cancel()
            await let_others_run()
            assert gone.cancelled()
            # Who comes back for it sees what was written.
            again = group.create_task(
                ring.ledger.commit(lambda tx: len(tx.tasks(ring.project.id)))
            )
            await let_others_run()
            ring.flush()
        assert again.result() == 1

    asyncio.run(main())


def test_a_round_without_pieces_does_the_duties(tmp_path: Path) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        assert ring.flush() == "0 tasks"
        assert ring.store.begun == 1

    asyncio.run(main())


def test_the_tasks_in_memory_are_read_again_after_a_commit_that_failed(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state.db")
    task = bench.add("a")
    flow: TaskFlow = bench.flow

    async def main() -> None:
        ledger = GroupCommit(bench.state)

        def claim(tx: Transaction) -> Project:
            claimed = flow.claim(tx, bench.project.id, bench.clock.now())
            assert claimed is not None, "the first try has left no trace in memory"
            if not tried:
                tried.append(claimed.id)
                raise sqlite3.OperationalError
            return tx.project(bench.project.id)

        tried: list[int] = []
        ledger.flush(claim)
        assert tried == [task.id]

    asyncio.run(main())
    assert bench.task(task).attempt == 1


def test_what_a_full_store_refuses_waits_for_the_next_flush_in_its_order(
    tmp_path: Path,
) -> None:
    round_ = Round(tmp_path)
    full = StoreFullException(message="full")

    async def main() -> None:
        round_.store.full = full
        async with asyncio.TaskGroup() as group:
            first = group.create_task(round_.ledger.commit(lambda tx: round_.add(tx, "a")))
            await asyncio.sleep(0)
            with pytest.raises(StoreFullException):
                round_.ledger.flush(lambda _: None)
            second = group.create_task(round_.ledger.commit(lambda tx: round_.add(tx, "b")))
            await asyncio.sleep(0)
            assert not first.done()
            round_.store.full = None
            round_.ledger.flush(lambda _: None)
        assert first.result() < second.result()

    asyncio.run(main())
    with round_.store.store.transaction() as tx:
        assert [task.spec.key for task in tx.tasks(round_.project.id)] == ["a", "b"]


@pytest.mark.parametrize("full_at", [3, 4])
def test_a_store_that_fills_up_beside_a_refused_piece_loses_nothing(
    tmp_path: Path, full_at: int
) -> None:
    async def main() -> None:
        ring = Round(tmp_path)
        # Together, each of the two pieces alone, and then the duties.
        ring.store.fills_at = full_at
        async with asyncio.TaskGroup() as group:
            refused = group.create_task(caught(ring.ledger, lambda tx: tx.task(TaskId(99))))
            piece = group.create_task(ring.ledger.commit(ring.adding("a")))
            await let_others_run()
            with pytest.raises(StoreFullException):
                ring.flush()
            await let_others_run()
            assert isinstance(refused.result(), RecordNotFoundException)
            assert piece.done() is (full_at == 4)
            assert ring.flush() == "1 tasks"
        assert piece.result() == 1
        assert ring.keys() == ["a"]

    asyncio.run(main())
