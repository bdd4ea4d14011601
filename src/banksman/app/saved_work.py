"""Private refs that keep the work of attempts: which of them are old, and may go.

They go only if somebody says from what age on, and only those of tasks that can never go on:
what is completed is on the target branch, what is cancelled nobody wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from banksman.core.names import REFS
from banksman.core.task import Instant, TaskId, TaskStatus
from banksman.workspaces.git import Git, Place
from banksman.workspaces.refs import Refs
from banksman.workspaces.repository import Repository

_NAME: Final = re.compile(rf"{REFS}(?:attempts|saved)/(?P<task>[0-9]+)/[0-9]+(?:/[0-9]+)?")
_FINAL: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A task as far as its saved work is concerned.

    Attributes:
        key: Its key.
        status: Where it stands.
        ended_at: When its last attempt ended; none if one is open.
    """

    key: str
    status: TaskStatus
    ended_at: Instant | None


def old_work(
    refs: Mapping[str, str], tasks: Mapping[TaskId, Finished], oldest: Instant
) -> Iterator[tuple[str, str, bool]]:
    """Yield each ref of ours that keeps work: its name, why it goes or stays, whether it goes.

    Args:
        refs: Commits by the names of refs.
        tasks: What is known of tasks.
        oldest: What ended before this is old.
    """
    for name in sorted(refs):
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        task = tasks.get(TaskId(int(match["task"])))
        if task is None:
            yield name, "it belongs to no task of this project", False
        elif task.status not in _FINAL:
            yield name, f"{task.key} is {task.status}", False
        elif task.ended_at is None or task.ended_at >= oldest:
            yield name, f"{task.key} is {task.status}, and not for that long", False
        else:
            yield name, f"{task.key} is {task.status}", True


async def saved_work(git: Git, repository: Repository) -> dict[str, str]:
    """Return the commits that private refs keep, by the names of the refs."""
    return await _refs(git, repository).below(REFS)


async def forget_work(git: Git, repository: Repository, refs: Mapping[str, str]) -> None:
    """Delete private refs that are where they were when one looked."""
    for name, commit in refs.items():
        await _refs(git, repository).delete(name, commit)


def _refs(git: Git, repository: Repository) -> Refs:
    return Refs(git, Place(git_dir=repository.common_dir))
