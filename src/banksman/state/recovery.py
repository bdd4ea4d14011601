"""Rebuilds all tables but the command inbox from the journal alone.

The journal's lines are written into an empty store in their order, so that every check of the
store is made once more; ids and sequence numbers come out as they were, because the store
gives them without gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from banksman.core.records import JournalEntry, Project
from banksman.core.task import Task
from banksman.exceptions import RecordNotFoundException, StoreException
from banksman.ports import Store, Transaction
from banksman.state.codec import changes_from_plain, from_plain
from banksman.state.journal import KINDS, Write

Tables = Mapping[str, Sequence[tuple[object, ...]]]
Row = Mapping[str, object]

BATCH: Final = 1000


def entries(store: Store) -> Iterator[JournalEntry]:
    """Yield the journal of a store, whatever the project, in order."""
    with store.transaction() as tx:
        projects = [project.id for project in tx.projects()]
        lines: list[JournalEntry] = []
        for project_id in projects:
            after = 0
            while page := tx.journal(project_id, after=after, limit=BATCH):
                lines.extend(page)
                after = page[-1].seq
    yield from sorted(lines, key=lambda entry: entry.seq)


def rebuild(journal: Iterable[JournalEntry], store: Store) -> int:
    """Write what the journal says into an empty store; return the number of its lines.

    All of it is one transaction: the store has everything or nothing.

    Raises:
        StoreException: The journal has a gap, a line that this version cannot read, or rows
            that the store refuses; the store was not empty.
    """
    count = 0
    with store.transaction() as tx:
        for entry in journal:
            for write in entry.writes:
                _replay(tx, write)
            seq = tx.append(entry).seq
            if seq != entry.seq:
                message = f"line {entry.seq} of the journal came as line {seq}: one is missing"
                raise StoreException(message=message)
            count += 1
    return count


def differences(left: Tables, right: Tables) -> tuple[str, ...]:
    """Return a sentence for each table that is not the same in both; none if all are."""
    found: list[str] = []
    for table in sorted({*left, *right}):
        ours, theirs = left.get(table, ()), right.get(table, ())
        only_ours = [row for row in ours if row not in theirs]
        only_theirs = [row for row in theirs if row not in ours]
        if only_ours or only_theirs:
            found.append(f"{table}: {only_ours!r:.500} against {only_theirs!r:.500}")
    return tuple(found)


def _replay(tx: Transaction, write: Write) -> None:
    table, row = str(write.get("table")), write.get("row")
    if not isinstance(row, Mapping):
        raise StoreException(message=f"a line of the journal has no row for {table!r}")
    values = cast("Row", row)
    if table in _SPECIAL:
        _SPECIAL[table](tx, values)
    elif table in KINDS:
        tx.put(from_plain(KINDS[table], values))
    else:
        raise StoreException(
            message=f"the journal writes to {table!r}, which this version does not know: "
            "a newer version of Banksman wrote it; upgrade Banksman"
        )


def _project(tx: Transaction, row: Row) -> None:
    project = from_plain(Project, row)
    try:
        tx.project(project.id)
    except RecordNotFoundException:
        _expect(project.id, tx.insert_project(project).id)
    else:
        tx.put(project)


def _task(tx: Transaction, row: Row) -> None:
    task = from_plain(Task, row)
    _expect(task.id, tx.insert_task(task).id)


def _task_state(tx: Transaction, row: Row) -> None:
    tx.save_task(_changed(tx, row))


def _task_spec(tx: Transaction, row: Row) -> None:
    tx.save_spec(_changed(tx, row))


def _changed(tx: Transaction, row: Row) -> Task:
    changes = changes_from_plain(Task, row)
    return replace(tx.task(changes["id"]), **changes)


def _expect(journalled: int, given: int) -> None:
    if journalled != given:
        message = f"number {journalled} of the journal came as {given}: the store was not empty"
        raise StoreException(message=message)


_SPECIAL: Final[Mapping[str, Callable[[Transaction, Row], None]]] = {
    "project": _project,
    "task": _task,
    "task_state": _task_state,
    "task_spec": _task_spec,
}
