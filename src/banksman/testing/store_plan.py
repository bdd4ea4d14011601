"""What a store promises of projects, tasks and edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from banksman.core.events import Claimed, DependenciesMet
from banksman.core.task import ProjectId, Task, TaskId, TaskSpec
from banksman.core.transitions import advance
from banksman.exceptions import (
    RecordNotFoundException,
    StaleVersionException,
    StaleWriterException,
    StoreException,
)
from banksman.ports import Store
from banksman.testing.store_samples import (
    HALF,
    NOW,
    Refused,
    new_project,
    new_task,
)


class PlanContract:
    """Projects, tasks and edges."""

    def test_ids_are_given_in_order(self, store: Store) -> None:
        with store.transaction() as tx:
            projects = [new_project(tx, "a"), new_project(tx, "b")]
            tasks = [new_task(tx, projects[0], key) for key in "xyz"]
        assert [project.id for project in projects] == [1, 2]
        assert [task.id for task in tasks] == [1, 2, 3]

    def test_ids_of_a_rolled_back_insert_are_given_again(self, store: Store) -> None:
        with Refused(store, ZeroDivisionError) as tx:
            new_task(tx, new_project(tx), "lost")
            raise ZeroDivisionError
        with store.transaction() as tx:
            assert new_task(tx, new_project(tx), "kept").id == 1

    def test_a_task_is_read_as_it_was_inserted(self, store: Store) -> None:
        spec = TaskSpec(
            key="k",
            title="t",
            instructions="do\nthis",
            priority=9,
            deadline=NOW,
            estimate_min=2.5,
            acceptance=("works", "is fast"),
            touches=("src/**",),
        )
        with store.transaction() as tx:
            project = new_project(tx)
            needs = (new_task(tx, project, "a").id, new_task(tx, project, "b").id)
            wanted = Task(
                id=TaskId(0), project_id=project.id, spec=spec, needs=needs, extra={"x": "y"}
            )
            task = tx.insert_task(wanted)
        assert task == replace(wanted, id=TaskId(3))
        with store.transaction() as tx:
            assert tx.task(task.id) == task
            assert tx.tasks(project.id)[-1] == task

    def test_a_task_of_another_project_is_not_listed(self, store: Store) -> None:
        with store.transaction() as tx:
            ours, theirs = new_project(tx, "ours"), new_project(tx, "theirs")
            task = new_task(tx, ours, "a")
            new_task(tx, theirs, "a")
            assert tx.tasks(ours.id) == (task,)

    def test_a_key_is_taken_once_in_a_project(self, store: Store) -> None:
        with Refused(store, StoreException) as tx:
            project = new_project(tx)
            new_task(tx, project, "a")
            new_task(tx, project, "a")

    def test_an_edge_to_nowhere_is_refused(self, store: Store) -> None:
        with Refused(store, StoreException) as tx:
            new_task(tx, new_project(tx), "a", TaskId(7))

    def test_state_is_written_over_the_version_before_only(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            tx.save_task(advance(task, DependenciesMet()))
        with Refused(store, StaleVersionException) as tx:
            tx.save_task(advance(task, DependenciesMet()))
        with Refused(store, StaleVersionException) as tx:
            tx.save_task(replace(advance(task, DependenciesMet()), version=4))
        with store.transaction() as tx:
            assert tx.task(task.id).version == 2

    def test_saving_state_writes_state_alone(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            changed = replace(task, spec=replace(task.spec, title="other"), extra={"x": "y"})
            tx.save_task(advance(changed, DependenciesMet()))
            assert tx.task(task.id) == advance(task, DependenciesMet())

    def test_a_changed_specification_keeps_the_state(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            first, second = new_task(tx, project, "a"), new_task(tx, project, "b")
            task = new_task(tx, project, "c", first.id)
            moved = advance(task, DependenciesMet())
            tx.save_task(moved)
            spec = replace(task.spec, title="other", priority=1)
            # As it was read before it moved: its version does not matter.
            tx.save_spec(replace(task, spec=spec, needs=(second.id,), extra={"x": "y"}))
        with store.transaction() as tx:
            expected = replace(moved, spec=spec, needs=(second.id,), extra={"x": "y"})
            assert tx.task(task.id) == expected

    def test_what_is_missing_is_named(self, store: Store) -> None:
        with store.transaction() as tx:
            looks: list[Callable[[], object]] = [
                lambda: tx.project(ProjectId(7)),
                lambda: tx.task(TaskId(7)),
                lambda: tx.attempt(TaskId(7), 1),
                lambda: tx.breakpoint(7),
                lambda: tx.command(7),
                lambda: tx.check_epoch(ProjectId(7), 0),
            ]
            for look in looks:
                with pytest.raises(RecordNotFoundException, match="7"):
                    look()

    def test_an_old_epoch_may_not_write(self, store: Store) -> None:
        with store.transaction() as tx:
            project = replace(new_project(tx), epoch=2)
            tx.put(project)
            tx.check_epoch(project.id, 2)
            with pytest.raises(StaleWriterException) as caught:
                tx.check_epoch(project.id, 1)
        assert (caught.value.epoch, caught.value.current) == (1, 2)

    def test_an_epoch_never_goes_back(self, store: Store) -> None:
        with Refused(store, StoreException) as tx:
            project = new_project(tx)
            tx.put(replace(project, epoch=2))
            tx.put(replace(project, epoch=1))

    def test_text_that_no_database_takes_is_escaped(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            moved = replace(advance(task, DependenciesMet()), reason=HALF)
            tx.save_task(moved)
            assert tx.task(task.id).reason == HALF.replace("\udce9", "\\udce9")
            tx.save_task(advance(tx.task(task.id), Claimed()))
