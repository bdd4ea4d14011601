"""What every store must do: `banksman.ports.Store`, one test for each promise.

Derive a class from `StoreContract`, and give it a fixture `store` that opens an empty store and
closes it afterwards.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from banksman.core.events import DependenciesMet
from banksman.core.task import TaskStatus
from banksman.core.transitions import advance
from banksman.exceptions import (
    StoreException,
)
from banksman.ports import Store
from banksman.testing.store_plan import PlanContract
from banksman.testing.store_records import RecordContract
from banksman.testing.store_samples import (
    Refused,
    new_project,
    new_task,
)


class TransactionContract:
    """How transactions begin and end."""

    def test_what_was_committed_is_read_by_the_next_transaction(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
        with store.transaction() as tx:
            assert tx.project(project.id) == project
            assert tx.projects() == (project,)

    def test_a_transaction_that_raises_leaves_nothing(self, store: Store) -> None:
        with Refused(store, ZeroDivisionError) as tx:
            new_project(tx)
            raise ZeroDivisionError
        with store.transaction() as tx:
            assert tx.projects() == ()

    def test_a_store_still_commits_after_a_transaction_failed(self, store: Store) -> None:
        with Refused(store, ZeroDivisionError) as tx:
            raise ZeroDivisionError
        with store.transaction() as tx:
            project = new_project(tx)
        with store.transaction() as tx:
            assert tx.projects() == (project,)

    def test_a_task_read_after_a_rollback_is_the_one_before(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
        with Refused(store, ZeroDivisionError) as tx:
            tx.save_task(advance(tx.task(task.id), DependenciesMet()))
            assert tx.task(task.id).status is TaskStatus.READY
            raise ZeroDivisionError
        with store.transaction() as tx:
            assert tx.task(task.id) == task

    def test_a_transaction_reads_what_it_wrote(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            moved = advance(task, DependenciesMet())
            tx.save_task(moved)
            assert tx.task(task.id) == moved
            assert tx.tasks(task.project_id) == (moved,)

    def test_transactions_do_not_nest(self, store: Store) -> None:
        with store.transaction() as tx:
            with pytest.raises(StoreException, match="nest"), store.transaction():
                pytest.fail("a second one began inside the first")
            project = new_project(tx)
        with store.transaction() as tx:
            assert tx.projects() == (project,)

    def test_a_transaction_cannot_be_used_after_its_end(self, store: Store) -> None:
        with store.transaction() as tx:
            pass
        with pytest.raises(StoreException, match="over"):
            new_project(tx)

    def test_a_refused_row_takes_the_whole_transaction_with_it(self, store: Store) -> None:
        with Refused(store, StoreException) as tx:
            project = new_project(tx)
            with pytest.raises(StoreException):
                tx.put(replace(project, epoch=-1))
        with store.transaction() as tx:
            assert tx.projects() == ()

    def test_rollback_calls_come_before_another_transaction_begins(self, store: Store) -> None:
        order: list[str] = []

        def write() -> None:
            with store.transaction() as tx:
                order.append("the next one begins")
                new_project(tx)

        other = threading.Thread(target=write)

        def call() -> None:
            other.start()
            other.join(timeout=0.05)  # It waits for us: it cannot end before we do.
            order.append("the call ends")

        with Refused(store, ZeroDivisionError) as tx:
            tx.on_rollback(call)
            raise ZeroDivisionError
        other.join()
        assert order == ["the call ends", "the next one begins"]

    def test_rollback_calls_all_come_in_order_even_if_one_fails(self, store: Store) -> None:
        called: list[int] = []

        def fail() -> None:
            called.append(2)
            raise KeyError

        with Refused(store, KeyError) as tx:
            tx.on_rollback(lambda: called.append(1))
            tx.on_rollback(fail)
            tx.on_rollback(lambda: called.append(3))
            raise ZeroDivisionError
        assert called == [1, 2, 3]
        with store.transaction() as tx:
            new_project(tx)

    def test_a_commit_calls_no_rollback_call(self, store: Store) -> None:
        called: list[int] = []
        with store.transaction() as tx:
            tx.on_rollback(lambda: called.append(1))
        assert called == []

    def test_threads_follow_one_another_and_lose_nothing(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)

        def raise_epoch() -> None:
            for _ in range(10):
                with store.transaction() as tx:
                    now = tx.project(project.id)
                    tx.put(replace(now, epoch=now.epoch + 1))

        threads = [threading.Thread(target=raise_epoch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.transaction() as tx:
            assert tx.project(project.id).epoch == 40

    def test_closing_twice_is_safe(self, store: Store) -> None:
        store.close()
        store.close()


class StoreContract(TransactionContract, PlanContract, RecordContract):
    """All promises of a store."""
