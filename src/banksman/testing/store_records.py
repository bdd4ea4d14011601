"""What a store promises of records, the journal and the inbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from banksman.core.breakpoints import Resolution
from banksman.core.budget import Limits, Spent
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import (
    Attempt,
    Checkpoint,
    CheckResult,
    DecisionRecord,
    Ending,
    FileChange,
    JournalEntry,
    Run,
    Step,
    Turn,
    UsageRecord,
)
from banksman.core.task import Instant, ProjectId, TaskStatus
from banksman.exceptions import (
    CommandRefusedException,
    StoreException,
)
from banksman.ports import Store
from banksman.testing.store_samples import (
    HALF,
    NOW,
    Refused,
    new_attempt,
    new_event,
    new_project,
    new_task,
    wish,
)


class RecordContract:
    """Records, the journal and the inbox."""

    def test_records_are_read_as_they_were_put(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            attempt = new_attempt(tx, task)
            turn = Turn(
                task_id=task.id, attempt=1, number=1, spool="s", prompt=HALF, started_at=NOW
            )
            decision = DecisionRecord(
                task_id=task.id,
                attempt=1,
                number=1,
                at=NOW,
                action="proceed",
                rule="all clear",
                version="1",
                confidence=0.75,
                calibrated=False,
                evidence={"checks": [{"name": "tests", "passed": 3}], "tip": None},
                features={"size": 1.0},
                weights={"size": 0.5},
            )
            change = FileChange(
                task_id=task.id, attempt=1, path="a\\n.py", change="added", added=3
            )
            tx.put(turn, decision, change)
        with store.transaction() as tx:
            assert tx.attempt(task.id, 1) == attempt
            assert tx.turns(task.id, 1) == (
                replace(turn, prompt=HALF.replace("\udce9", "\\udce9")),
            )
            assert tx.decisions(task.id) == (decision,)
            assert tx.changes(task.id, 1) == (change,)

    def test_putting_a_record_again_overwrites_it(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            attempt = new_attempt(tx, task)
            ended = replace(
                attempt, step=Step.ENDED, ended_at=NOW, ending=Ending.FAILED, message="broke"
            )
            tx.put(ended)
            assert tx.attempts(task.id) == (ended,)

    def test_a_new_attempt_may_come_with_what_belongs_to_it(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            attempt = Attempt(
                task_id=task.id, number=1, project_id=task.project_id, epoch=1, started_at=NOW
            )
            usage = UsageRecord(task_id=task.id, attempt=1, turn=1, agent="command")
            saved = Checkpoint(
                task_id=task.id, attempt=1, number=1, at=NOW, ref="r", commit="c", reason=""
            )
            tx.put(usage, saved, attempt)
            assert tx.attempts(task.id) == (attempt,)

    def test_what_a_later_turn_has_undone_is_no_change(self, store: Store) -> None:
        with store.transaction() as tx:
            task = new_task(tx, new_project(tx), "a")
            attempt = new_attempt(tx, task)
            undone, kept = (
                FileChange(task_id=task.id, attempt=1, turn=turn, path=path, change="added")
                for turn, path in ((1, "undone"), (2, "kept"))
            )
            tx.put(replace(attempt, turns=1), undone)
            assert tx.changes(task.id, 1) == (undone,)
            tx.put(replace(attempt, turns=2), kept)
            assert tx.changes(task.id, 1) == (kept,)

    def test_what_turns_cost_is_added_up_by_project_and_by_task(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            task, other = (new_task(tx, project, key) for key in "ab")
            elsewhere = new_task(tx, new_project(tx, "other"), "a")
            for one, number in ((task, 1), (task, 2), (other, 1), (elsewhere, 1)):
                new_attempt(tx, one, number)
            turn = Turn(
                task_id=task.id, attempt=1, number=1, spool="s", prompt="p", started_at=NOW
            )
            cost = UsageRecord(
                task_id=task.id,
                attempt=1,
                turn=1,
                agent="command",
                input_tokens=3,
                output_tokens=4,
                cost_microusd=5,
                duration_ms=60,
            )
            later = Instant(NOW + 700)
            tx.put(
                replace(turn, ended_at=later, outcome="answered"),
                cost,
                # Without a word about its time: it was stopped.
                replace(turn, number=2, ended_at=later, outcome="stopped"),
                # The clock was set back meanwhile.
                replace(turn, number=3, ended_at=Instant(NOW - 9), outcome="stopped"),
                replace(turn, attempt=2),
                replace(turn, task_id=other.id, ended_at=later, outcome="lost"),
                replace(cost, task_id=other.id, duration_ms=0),
                replace(turn, task_id=elsewhere.id),
                replace(cost, task_id=elsewhere.id),
            )
            first = Spent(turns=3, time_ms=760, tokens=7, cost_microusd=5)
            assert tx.spent_on(task.id) == first.plus(Spent(turns=1))
            assert tx.spent_on(task.id, after=1) == Spent(turns=1)
            assert tx.spent_on(task.id, after=2) == Spent()
            both = first.plus(Spent(turns=2, tokens=7, cost_microusd=5))
            assert tx.spent(project.id) == both
            assert tx.spent(ProjectId(9)) == Spent()

    def test_the_last_run_is_the_one_that_began_last(self, store: Store) -> None:
        with store.transaction() as tx:
            project, other = new_project(tx), new_project(tx, "other")
            assert tx.last_run(project.id) is None
            first = Run(project_id=project.id, number=1, epoch=1, begun_at=NOW)
            second = replace(
                first,
                number=2,
                limits=Limits(turns=1, cost_microusd=2),
                task_limits=Limits(time_ms=3),
                project_limits=Limits(tokens=4),
                before=Spent(turns=5, cost_microusd=6),
                ended_at=NOW,
                end="capped",
                reason="spent",
            )
            tx.put(second, first, replace(first, project_id=other.id, number=3))
            assert tx.last_run(project.id) == second

    def test_open_attempts_are_those_without_an_end(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            tasks = [new_task(tx, project, key) for key in "ab"]
            first = new_attempt(tx, tasks[0])
            tx.put(replace(first, ended_at=NOW, ending=Ending.LOST))
            second, other = new_attempt(tx, tasks[0], 2), new_attempt(tx, tasks[1])
            assert tx.open_attempts(project.id) == (second, other)
            assert tx.open_attempts(ProjectId(2)) == ()

    def test_check_results_are_found_by_their_whole_key(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            tests = CheckResult(
                project_id=project.id,
                tree="t1",
                check="pytest",
                tool="v1",
                stage=Stage.TESTS,
                status=CheckStatus.FAIL,
                failed=1,
                details=("test_a",),
            )
            syntax = replace(tests, check="parse", stage=Stage.SYNTAX)
            tx.put(tests, syntax, replace(tests, tree="t2"))
            assert tx.check_result(project.id, "t1", "pytest", "v1") == tests
            assert tx.check_result(project.id, "t1", "pytest", "v2") is None
            assert tx.check_result(ProjectId(2), "t1", "pytest", "v1") is None
            assert tx.check_results(project.id, "t1") == (syntax, tests)

    def test_breakpoint_events_are_open_until_resolved(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            task = new_task(tx, project, "a")
            first, second = new_event(tx, task), new_event(tx, task)
            assert first.id != second.id
            resolved = replace(
                first, resolution=Resolution.RETRY, resolved_at=NOW, resolved_by="ann"
            )
            tx.put(resolved)
        with store.transaction() as tx:
            assert tx.open_breakpoints(project.id) == (second,)
            assert tx.breakpoints(project.id) == (resolved, second)
            assert tx.breakpoint(first.id) == resolved

    def test_breakpoint_ids_differ_before_they_are_used(self, store: Store) -> None:
        with store.transaction() as tx:
            assert len({tx.next_breakpoint_id() for _ in range(3)}) == 3

    def test_a_breakpoint_event_without_an_id_is_refused(self, store: Store) -> None:
        with Refused(store, AssertionError, StoreException) as tx:
            event = new_event(tx, new_task(tx, new_project(tx), "a"))
            tx.put(replace(event, id=0))

    def test_the_journal_is_numbered_without_gaps(self, store: Store) -> None:
        line = JournalEntry(project_id=ProjectId(1), at=NOW, kind="x", actor="e", epoch=0)
        with store.transaction() as tx:
            new_project(tx)
            first = tx.append(replace(line, seq=99, writes=({"table": "t", "row": {"a": 1}},)))
        with Refused(store, ZeroDivisionError) as tx:
            tx.append(line)
            raise ZeroDivisionError
        with store.transaction() as tx:
            second = tx.append(replace(line, source=TaskStatus.READY, reason="why"))
            assert (first.seq, second.seq) == (1, 2)
            assert tx.journal(ProjectId(1)) == (first, second)
            assert tx.journal(ProjectId(1), after=1) == (second,)
            assert tx.journal(ProjectId(1), limit=1) == (first,)
            assert tx.journal(ProjectId(2)) == ()

    def test_a_command_is_inserted_once_by_its_key(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            first = tx.insert_command(wish(project, "k"))
            again = tx.insert_command(replace(wish(project, "k"), name="resume"))
            assert again == first
            assert tx.insert_command(wish(project, "other")).id != first.id
            assert tx.command(first.id) == replace(wish(project, "k"), id=first.id)

    def test_an_answered_command_is_no_longer_pending(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            first, second, third = (
                tx.insert_command(wish(project, key)) for key in ("a", "b", "c")
            )
            answered = replace(first, applied_at=NOW, answer={"paused": True})
            tx.save_command(answered)
            tx.save_command(replace(second, withdrawn_at=NOW))
            assert tx.pending_commands(project.id) == (third,)
            assert tx.command(first.id) == answered

    def test_pending_commands_come_in_order_and_not_all_at_once(self, store: Store) -> None:
        with store.transaction() as tx:
            project = new_project(tx)
            sent = [tx.insert_command(wish(project, str(n))) for n in range(3)]
            assert tx.pending_commands(project.id, limit=2) == tuple(sent[:2])

    def test_a_command_ends_once(self, store: Store) -> None:
        with store.transaction() as tx:
            command = tx.insert_command(wish(new_project(tx), "k"))
            tx.save_command(replace(command, applied_at=NOW, error="no"))
            for again in (
                replace(command, applied_at=NOW),
                replace(command, withdrawn_at=NOW),
            ):
                with pytest.raises(CommandRefusedException, match="already applied"):
                    tx.save_command(again)
            assert tx.command(command.id).error == "no"
