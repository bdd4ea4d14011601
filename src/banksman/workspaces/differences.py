"""What differs between two trees, as git reports it in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from banksman.core.names import escape_path
from banksman.core.records import FileChange
from banksman.core.task import TaskId
from banksman.workspaces.git import Answer

GITLINK: Final = "160000"

DIFF: Final = (
    "diff-tree", "-r", "-z", "--raw", "--numstat", "-M", "-l2000", "--no-ext-diff",
    "--no-textconv", "--ignore-submodules=none",
)  # fmt: skip
RAW: Final = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=none")

_CHANGES: Final = {
    "A": "added", "C": "added", "M": "modified", "D": "deleted", "R": "renamed", "T": "type",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of `diff-tree --raw`."""

    path: bytes
    old_path: bytes
    letter: str
    old_mode: str
    new_mode: str
    old_id: str


def parse_changes(answer: Answer) -> tuple[FileChange, ...]:
    """Return the answer to `DIFF` by path (task 0, attempt 0)."""
    parts = iter(answer.parts)
    entries: list[Entry] = []
    counts: dict[bytes, tuple[int, int]] = {}
    # First come all raw entries, then the counts; only the former begin with a colon.
    for part in parts:
        if part.startswith(b":"):
            entries.append(_entry(part, parts))
        else:
            path, numbers = _count(part, parts)
            counts[path] = numbers
    found = [_change(entry, counts.get(entry.path, (0, 0))) for entry in entries]
    return tuple(sorted(found, key=lambda change: change.path))


def parse_entries(answer: Answer) -> Iterator[Entry]:
    """Yield the answer to `RAW`."""
    parts = iter(answer.parts)
    for part in parts:
        yield _entry(part, parts)


def _entry(head: bytes, parts: Iterator[bytes]) -> Entry:
    old_mode, new_mode, old_id, _new_id, status = head[1:].decode("ascii").split(" ")
    path = old_path = next(parts)
    if status[0] in "RC":
        path = next(parts)
    return Entry(
        path=path,
        old_path=old_path,
        letter=status[0],
        old_mode=old_mode,
        new_mode=new_mode,
        old_id=old_id,
    )


def _count(head: bytes, parts: Iterator[bytes]) -> tuple[bytes, tuple[int, int]]:
    added, deleted, path = head.split(b"\t", 2)
    if not path:
        # A rename: both paths follow as parts of their own.
        _old, path = next(parts), next(parts)
    # Git writes `-` for what is not text.
    return path, (_number(added), _number(deleted))


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0


def _change(entry: Entry, numbers: tuple[int, int]) -> FileChange:
    renamed = entry.letter == "R"
    return FileChange(
        task_id=TaskId(0),
        attempt=0,
        path=escape_path(entry.path),
        change=_CHANGES.get(entry.letter, "modified"),
        old_path=escape_path(entry.old_path) if renamed else "",
        mode=entry.new_mode,
        added=numbers[0],
        deleted=numbers[1],
    )
