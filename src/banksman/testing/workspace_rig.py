"""What the contract of the workspaces port needs of an implementation: a hand in its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from banksman.core.names import branch_name
from banksman.core.records import Attempt, FileChange
from banksman.core.task import Instant, ProjectId, TaskId
from banksman.ports import Workspaces

FILES: Final[Mapping[str, str]] = {"a.txt": "alpha\n", "b.txt": "beta\n", "c.txt": "gamma\n"}
"""The files that the project's base has."""


class WorkspaceRig(Protocol):
    """A project with `FILES`, and a hand in its workspaces."""

    @property
    def workspaces(self) -> Workspaces:
        """What is tested."""
        ...

    def write(self, folder: Path, name: str, text: str) -> None:
        """Write a file in a workspace, as an agent does."""
        ...

    def delete(self, folder: Path, name: str) -> None:
        """Delete a file in a workspace."""
        ...

    def read(self, folder: Path, name: str) -> str | None:
        """Return a file of a workspace or checkout, or None if it is not there."""
        ...

    def reopen(self) -> None:
        """Let the engine die and start again: `workspaces` is another object after this."""
        ...


def an_attempt(
    base: str, *, task: int = 1, number: int = 1, start: str | None = None
) -> Attempt:
    """Return an attempt whose intent to make a workspace is recorded."""
    return Attempt(
        task_id=TaskId(task),
        number=number,
        project_id=ProjectId(1),
        epoch=1,
        started_at=Instant(0),
        base=base,
        branch=branch_name(TaskId(task), "Some title", number),
        start=start,
    )


def paths(changes: tuple[FileChange, ...]) -> list[str]:
    """Return the paths of changes."""
    return [change.path for change in changes]


async def content(rig: WorkspaceRig, commit: str) -> dict[str, str | None]:
    """Return the files of a commit, as a checkout has them."""
    async with rig.workspaces.checkout(commit, "look") as checkout:
        return {name: rig.read(checkout.path, name) for name in (*FILES, "new.txt")}


async def capture_of(
    rig: WorkspaceRig, base: str, files: Mapping[str, str], *, task: int = 1
) -> str:
    """Return the capture of an attempt that wrote these files."""
    attempt = an_attempt(base, task=task)
    workspace = await rig.workspaces.prepare(attempt)
    for name, text in files.items():
        rig.write(workspace.path, name, text)
    return (await rig.workspaces.capture(attempt, f"task {task}")).commit


async def publish_of(
    rig: WorkspaceRig, base: str, *, task: int, files: Mapping[str, str]
) -> str:
    """Return the target's tip after another task's work came onto it."""
    commit = await capture_of(rig, base, files, task=task)
    assert await rig.workspaces.publish(base, commit)
    return commit
