"""Where things lie, and what is remembered of each workspace between two lives of the engine.

Under `root`: `work/<name>` for attempts, `checks/<name>` for checkouts, `homes/<name>` for what
works in one, `shared-home/` for all setup commands, `trash/` for what is being deleted. Under
the state folder, out of an agent's way: for each name a note, a lock and an index of our own.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path

from banksman.core.names import escape_path, one_line, workspace_owner
from banksman.exceptions import RepositoryException, WorkspaceException
from banksman.workspaces.rights import TO_DELETE, give_back


@dataclass(frozen=True, kw_only=True)
class Note:
    """What is remembered of a workspace.

    Attributes:
        base: The commit it is made from.
        branch: Its branch, empty for a checkout.
        ready: It is complete; before that nobody but us has worked in it.
        spool: What the spools of its setup commands begin with; never used before.
        env: Its variables.
        provided: What we copied or linked into it, by path; never part of what was made.
        before: The tree before the setup commands.
        after: The tree after them.
    """

    base: str
    branch: str = ""
    ready: bool = False
    spool: str = ""
    env: dict[str, str] = field(default_factory=dict[str, str])
    provided: tuple[str, ...] = ()
    before: str = ""
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All paths that the workspaces use."""

    root: Path
    state: Path

    def make(self) -> None:
        """Make the folders; only their owner may enter.

        Raises:
            RepositoryException: They cannot be made, or not be written.
        """
        for folder in (
            self.work,
            self.checks,
            self.homes,
            self.shared_home,
            self.trash,
            self.notes,
        ):
            _make(folder)

    @property
    def work(self) -> Path:
        """The folder of attempts' workspaces."""
        return self.root / "work"

    @property
    def checks(self) -> Path:
        """The folder of checkouts."""
        return self.root / "checks"

    @property
    def homes(self) -> Path:
        """The folder of homes, one for each workspace and checkout."""
        return self.root / "homes"

    @property
    def shared_home(self) -> Path:
        """The home of all setup commands, where their caches are."""
        return self.root / "shared-home"

    @property
    def trash(self) -> Path:
        """The folder of what is being deleted; all of it has been saved."""
        return self.root / "trash"

    @property
    def notes(self) -> Path:
        """The folder of notes, locks and indexes."""
        return self.state / "workspaces"

    def folder(self, name: str) -> Path:
        """The folder of the workspace or checkout with this name."""
        return (self.work if workspace_owner(name) else self.checks) / name

    def note(self, name: str) -> Path:
        """The file with a workspace's note."""
        return self.notes / f"{name}.json"

    def index(self, name: str) -> Path:
        """The file with our own index of a workspace."""
        return self.notes / f"{name}.index"

    def scratch(self, name: str) -> Path:
        """The folder for files that are needed only while the workspace is read."""
        return self.notes / f"{name}.scratch"

    def lock(self, name: str) -> Path:
        """The file whose lock belongs to whoever makes, saves or removes the workspace."""
        return self.notes / f"{name}.lock"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        shown = escape_path(os.fsencode(folder))
        raise RepositoryException(
            message=f"The folder for workspaces {shown} cannot be used ({error.strerror}).",
            hint="Name one that can with `root` below [workspaces], or with XDG_STATE_HOME.",
        ) from error


def make_home(layout: Layout, name: str) -> Path:
    """Return the home of a workspace or checkout, made if it is missing."""
    home = layout.homes / name
    if not is_folder(home):
        delete(home)
        home.mkdir(mode=0o700)
    return home


def read_note(layout: Layout, name: str) -> Note | None:
    """Return what is remembered, or None if that is nothing or cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        note = Note(**json.loads(layout.note(name).read_bytes()))
        return replace(note, provided=tuple(note.provided))
    return None


def noted(layout: Layout) -> list[str]:
    """Return the names of all workspaces of which something is remembered."""
    return [path.stem for path in layout.notes.glob("[!.]*.json")]


def write_note(layout: Layout, name: str, note: Note) -> None:
    """Remember, atomically and durably."""
    write_atomically(layout.note(name), json.dumps(asdict(note)).encode())


def forget(layout: Layout, name: str) -> None:
    """Remove all that is remembered; the lock last, by the one who holds it."""
    delete(layout.scratch(name))
    for path in (layout.index(name), layout.note(name), layout.lock(name)):
        path.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; a crash leaves the old or the new one."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)


def copy_index(source: Path, target: Path) -> None:
    """Copy an index atomically, with its time: git judges by it which entries to look at."""
    beside = target.with_name(f".{target.name}.new")
    shutil.copy2(source, beside)
    beside.chmod(0o600)
    beside.replace(target)


def move_aside(layout: Layout, path: Path) -> None:
    """Move a folder into the trash in one step, if it is there."""
    goals = (layout.trash / f"{path.name}.{number}" for number in count(1))
    goal = next(goal for goal in goals if not os.path.lexists(goal))
    with suppress(FileNotFoundError):
        try:
            path.rename(goal)
        except PermissionError:
            # A folder that may not be written cannot change its parent: see `delete`.
            path.chmod(0o700)
            path.rename(goal)


def folders(parent: Path) -> Iterator[Path]:
    """Yield the folders in a folder, by name."""
    with suppress(FileNotFoundError):
        yield from sorted(path for path in parent.iterdir() if is_folder(path))


def is_folder(path: Path) -> bool:
    """Return whether this is a folder itself, and not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


@contextmanager
def refusals(path: Path) -> Generator[None]:
    """Turn an error of the file system into one that concerns this workspace alone.

    Raises:
        WorkspaceException: The file system refused.
    """
    try:
        yield
    except OSError as error:
        raise WorkspaceException(
            message=f"the workspace {shown(path)} cannot be read, written or removed: "
            f"{one_line(error.strerror or str(error))}{_about(error)}."
        ) from error


def _about(error: OSError) -> str:
    """Return which file an error is about, if it says so."""
    if not isinstance(error.filename, str | bytes):
        return ""
    return f" ({escape_path(os.fsencode(error.filename))})"


def shown(path: Path) -> str:
    """Return a path as people may see it."""
    return escape_path(os.fsencode(path))


def delete(path: Path) -> None:
    """Delete a folder or file, even if an agent took our right to write away.

    Raises:
        OSError: Something in it cannot be deleted, such as another user's file; all that can
            be deleted is.
    """
    if not is_folder(path):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        give_back(path, TO_DELETE)
        shutil.rmtree(path, ignore_errors=True)
        # What is still there says by its error why.
        if is_folder(path):
            shutil.rmtree(path)
