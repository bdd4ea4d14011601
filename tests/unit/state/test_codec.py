"""Records become plain data and come back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.core.breakpoints import BreakpointType, Severity
from banksman.core.events import Event, UnblockedWaiting
from banksman.core.records import (
    Attempt,
    BreakpointEvent,
    Checkpoint,
    CheckResult,
    Command,
    DecisionRecord,
    FileChange,
    JournalEntry,
    Project,
    Turn,
    UsageRecord,
)
from banksman.core.task import Instant, ProjectId, Task, TaskId, TaskSpec, TaskStatus
from banksman.core.transitions import TRANSITIONS
from banksman.exceptions import StoreException
from banksman.state.codec import changes_from_plain, from_plain, plain, text, to_plain
from banksman.state.journal import KINDS, TABLES, event_kind

TASK = Task(
    id=TaskId(3),
    project_id=ProjectId(1),
    spec=TaskSpec(key="k", title="t", checks=("a", "b"), deadline=Instant(5)),
    needs=(TaskId(1), TaskId(2)),
    extra={"x": "y"},
)
ALL = (Project, Attempt, Turn, CheckResult, DecisionRecord, BreakpointEvent, Checkpoint)
REST = (FileChange, UsageRecord, Command, JournalEntry, Task, TaskSpec)


@pytest.mark.parametrize("kind", [*ALL, *REST], ids=lambda kind: kind.__name__)
def test_every_record_survives_plain_data_and_json(kind: type) -> None:
    samples = st.builds(
        kind,
        **{
            name: st.just({"a": [1, None, {"b": "c"}]})
            for name in ("evidence", "arguments", "answer")
            if name in kind.__annotations__
        },
        **({"writes": st.just(({"row": {"a": 1}},))} if kind is JournalEntry else {}),
        **({"spec": st.just(TASK.spec)} if kind is Task else {}),
        **(
            {
                "key": st.text("ab", min_size=1),
                "priority": st.integers(1, 10),
                "estimate_min": st.floats(0.1, 9),
                "retries_max": st.integers(0, 9),
                "turns_max": st.integers(1, 9),
            }
            if kind is TaskSpec
            else {}
        ),
        **{
            name: st.dictionaries(st.text("ab"), st.floats(-1, 1))
            for name in ("features", "weights")
            if name in kind.__annotations__
        },
        **({"confidence": st.floats(0, 1)} if kind is DecisionRecord else {}),
    )

    @given(samples)
    def survives(record: object) -> None:
        written = json.dumps(to_plain(record), allow_nan=False)
        assert from_plain(kind, json.loads(written)) == record

    survives()


def test_plain_data_of_the_same_value_is_the_same_text() -> None:
    shuffled = replace(TASK, extra=MappingProxyType({"x": "y"}))
    assert json.dumps(to_plain(shuffled)) == json.dumps(to_plain(TASK))


def test_text_that_cannot_be_written_is_escaped_wherever_it_stands() -> None:
    spec = replace(TASK.spec, title="\udcff", checks=("\udcff",))
    row = to_plain(replace(TASK, spec=spec, extra={"\udcff": "\udcff"}))
    json.dumps(row, ensure_ascii=False).encode()
    assert row["extra"] == {"\\udcff": "\\udcff"}
    assert (text("\u00e9\U0001f3d7"), text("\x00")) == ("\u00e9\U0001f3d7", "\x00")


def test_an_unknown_field_is_refused_with_its_name() -> None:
    row = to_plain(TASK) | {"mood": "good", "colour": "red"}
    with pytest.raises(StoreException, match=r"Task has colour, mood.*upgrade"):
        from_plain(Task, row)
    with pytest.raises(StoreException, match="mood"):
        changes_from_plain(Task, {"mood": "good"})


def test_a_missing_field_gets_its_default() -> None:
    row = to_plain(TASK)
    del row["reason"], row["needs"]
    assert from_plain(Task, row) == replace(TASK, needs=())


def test_a_missing_field_without_a_default_is_refused() -> None:
    row = to_plain(TASK)
    del row["spec"]
    with pytest.raises(StoreException, match="lacks spec"):
        from_plain(Task, row)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "asleep"),
        ("version", "many"),
        ("version", None),
        ("reason", 5),
        ("needs", 5),
        ("extra", ["a"]),
        ("spec", "words"),
    ],
)
def test_a_value_that_is_none_of_the_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(StoreException, match=f"Task has {field}|Task has spec"):
        from_plain(Task, to_plain(TASK) | {field: value})


def test_evidence_of_any_kind_becomes_plain() -> None:
    @dataclass(frozen=True)
    class Finding:
        line: int
        status: TaskStatus

    evidence = {
        "set": {"b", "a"},
        "tuple": (1, 2.5, float("nan"), float("inf")),
        "record": Finding(3, TaskStatus.READY),
        4: TaskStatus.FAILED,
        "bytes": b"\xff",
        "flag": True,
    }
    expected = {
        "set": ["a", "b"],
        "tuple": [1, 2.5, "nan", "inf"],
        "record": {"line": 3, "status": "ready"},
        "4": "failed",
        "bytes": "b'\\xff'",
        "flag": True,
    }
    assert plain(evidence) == expected
    assert plain(Severity.HIGH) == "high"
    assert type(plain(BreakpointType.MANUAL)) is str


def test_every_record_has_a_table_and_every_table_a_record() -> None:
    assert {kind: table for table, kind in KINDS.items()} == TABLES


def test_every_event_has_a_name_of_its_own() -> None:
    events = {event for _, event in TRANSITIONS}
    names = {event_kind(object.__new__(event)) for event in events}
    assert len(names) == len(events)
    assert event_kind(UnblockedWaiting()) == "task.unblocked_waiting"
    assert event_kind(Event()) == "task.event"
