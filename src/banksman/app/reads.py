"""Looking at a project beside whoever runs it: nothing here writes, waits or starts anything.

Only what answers at once is imported: the repository is found by its files, and the store is
read through the light reader.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from banksman.app.belonging import refuse_foreign
from banksman.app.clock import SystemClock
from banksman.config.words import escaped, nearest, quoted
from banksman.core.names import workspace_name
from banksman.core.records import JournalEntry, Project
from banksman.core.task import Instant, ProjectId, TaskId
from banksman.exceptions import InputException, RecordNotFoundException, RepositoryException
from banksman.stores.reader import Reader

STATE_VARIABLE: Final = "BANKSMAN_STATE_DIR"
_LINES_AT_ONCE: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a repository is, and where its state is.

    Attributes:
        work_tree: The top folder of the work tree that was found.
        common_dir: Git's own folder, shared by all worktrees, without links.
        state_dir: The folder of the state; it need not be there.
    """

    work_tree: Path
    common_dir: Path
    state_dir: Path

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.state_dir / "state.db"

    @property
    def lock(self) -> Path:
        """The file whose lock is held by the engine that owns the project."""
        return self.state_dir / "engine.lock"

    @property
    def trust(self) -> Path:
        """The file that says which of git's configuration is trusted."""
        return self.state_dir / "trusted-git.json"

    @property
    def log(self) -> Path:
        """The folder of logs."""
        return self.state_dir / "log"


def find_place(start: Path, environ: Mapping[str, str]) -> Place:
    """Return where the repository around a folder is; git is not asked.

    Raises:
        RepositoryException: There is no such folder, or no repository with files around it.
        InputException: The state folder cannot be one, or is another repository's.
    """
    if not start.is_dir():
        raise RepositoryException(message=f"There is no folder {escaped(str(start))}.")
    real = start.resolve()
    found = ((folder, _common_dir(folder)) for folder in (real, *real.parents))
    for folder, common_dir in found:
        if common_dir is not None:
            state_dir = _state_dir(environ) or common_dir / "banksman"
            _refuse_unusable(state_dir)
            refuse_foreign(common_dir, state_dir)
            return Place(work_tree=folder, common_dir=common_dir, state_dir=state_dir)
    bare = next(filter(_is_git_dir, (real, *real.parents)), None)
    if bare is not None:
        raise RepositoryException(
            message=f"{escaped(str(bare))} is a bare repository: there are no files to work "
            "on.",
            hint="Go to a work tree of it (`git worktree add`, or a clone).",
        )
    raise RepositoryException(
        message=f"{escaped(str(real))} is not in a git repository.",
        hint="Go to one, or make one with `git init` and a first commit.",
    )


@contextmanager
def open_project(place: Place) -> Generator[tuple[Reader, Project]]:
    """Open what is recorded of the project for reading.

    Raises:
        InputException: Nothing has been run here yet.
        StoreException: The store cannot be read.
    """
    if not is_begun(place):
        raise _nothing_yet()
    with Reader(place.database) as reader:
        projects = reader.projects()
        if not projects:
            raise _nothing_yet()
        yield reader, projects[0]


def is_begun(place: Place) -> bool:
    """Return whether anything is stored; a first run that died at once leaves an empty file."""
    return place.database.is_file() and place.database.stat().st_size > 0


class Feed:
    """What has happened since one looked last.

    Args:
        reader: An open store, kept.
        project_id: Whose journal.
        after: The last line that is known already.
        task_id: Only lines about this task.
    """

    def __init__(
        self,
        reader: Reader,
        project_id: ProjectId,
        *,
        after: int,
        task_id: TaskId | None = None,
    ) -> None:
        self._reader = reader
        self._project_id = project_id
        self._task_id = task_id
        self._after = after

    def news(self) -> tuple[JournalEntry, ...]:
        """Return the lines since the last call, oldest first; nothing if nothing happened."""
        found: list[JournalEntry] = []
        # Asking for the revision first costs one step, and mostly that is all there is to do.
        while (revision := self._reader.revision()) > self._after:
            lines = self._reader.journal(
                self._project_id,
                after=self._after,
                task_id=self._task_id,
                limit=_LINES_AT_ONCE,
            )
            found.extend(lines)
            # Lines of other tasks are behind us, too, once there are no more of this one.
            full = len(lines) == _LINES_AT_ONCE
            self._after = (
                lines[-1].seq if full else max([revision, *(line.seq for line in lines)])
            )
        return tuple(found)


def find_task(reader: Reader, project_id: ProjectId, name: str) -> TaskId:
    """Return the task with this key or number.

    Raises:
        RecordNotFoundException: There is none; the nearest key is named.
    """
    try:
        return reader.task_id(project_id, name)
    except RecordNotFoundException as error:
        near = nearest(name, [task.key for task in reader.status(project_id).tasks])
        if not near:
            raise
        raise RecordNotFoundException(
            record="task", name=name, hint=f"Did you mean {near!r}?"
        ) from error


def engine_lives(place: Place) -> bool:
    """Return whether an engine owns the project now."""
    try:
        descriptor = os.open(place.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two who look do not take each other for an engine.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def now() -> Instant:
    """Return the time of day, ms UTC."""
    return SystemClock().now()


def workspace_of(place: Place, task_id: TaskId, attempt: int) -> Path | None:
    """Return the folder of an attempt's workspace, if there is one.

    Git knows it: the settings, which say where workspaces go, may have changed since.
    """
    for entry in (place.common_dir / "worktrees").glob("*"):
        path = _named(entry / "gitdir", entry)
        if path and path.parent.name == workspace_name(task_id, attempt):
            return path.parent if path.parent.is_dir() else None
    return None


def _common_dir(folder: Path) -> Path | None:
    """Return git's own folder if this folder is the top of a work tree."""
    dot_git = folder / ".git"
    if (dot_git / "HEAD").is_file():
        return dot_git.resolve()
    # A linked worktree has a file that says where its own folder is, and that one where the
    # common one is.
    git_dir = _named(dot_git, folder, prefix="gitdir: ")
    if git_dir is None or not (git_dir / "HEAD").is_file():
        return None
    return _named(git_dir / "commondir", git_dir) or git_dir


def _is_git_dir(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _named(file: Path, folder: Path, *, prefix: str = "") -> Path | None:
    """Return the path that a small file of git's holds, seen from a folder."""
    try:
        with file.open("rb") as opened:
            text = os.fsdecode(opened.read(_PATH_BYTES_MAX).rstrip(b"\n"))
    except OSError:
        return None
    return (folder / text.removeprefix(prefix)).resolve() if text.startswith(prefix) else None


_PATH_BYTES_MAX: Final = 1 << 14


def _state_dir(environ: Mapping[str, str]) -> Path | None:
    text = environ.get(STATE_VARIABLE, "")
    if not text:
        return None
    if not Path(text).is_absolute():
        raise InputException(
            message=f"the variable {STATE_VARIABLE} must be an absolute path, "
            f"not {quoted(text)}.",
            hint="Correct it, or leave it out.",
        )
    return Path(text)


def _refuse_unusable(state_dir: Path) -> None:
    try:
        # Any file in it says whether it is a folder that can be looked into.
        (state_dir / "state.db").stat()
    except FileNotFoundError:
        return  # The first run makes it.
    except OSError as error:
        raise InputException(
            message=f"the state folder {quoted(str(state_dir))} cannot be used "
            f"({error.strerror}).",
            hint=f"Set {STATE_VARIABLE} to a folder of your own on a local disk.",
        ) from error


def _nothing_yet() -> InputException:
    return InputException(
        message="Nothing has been run in this repository yet.",
        hint="Start with `banksman run`.",
    )
