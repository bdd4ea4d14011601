"""The content of a workspace as a tree, read from its files and from nothing else.

An agent may have committed, staged, rewritten its branch, deleted `.git`, hidden changes behind
index flags or made repositories inside its folder. None of that is asked: an index of our own,
which the agent never had, is compared with the files. From the agent's index come only names:
of files that git ignores and that the agent added by force.
"""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from banksman.core.names import escape_path, one_line
from banksman.core.task import TaskId
from banksman.exceptions import WorkspaceException
from banksman.workspaces.differences import RAW, parse_entries
from banksman.workspaces.git import REFUSED, Git, Place
from banksman.workspaces.layout import Layout, Note, copy_index, delete, is_folder, shown
from banksman.workspaces.rights import give_back
from banksman.workspaces.worktrees import in_thread

_NESTING_MAX: Final = 16
_NAMED_MAX: Final = 3
_GIVEN_UP: Final = frozenset({"adding files failed", "updating files failed"})
"""What git says last, behind the complaint that names the file."""
_MARKER: Final = b".banksman-opens-this-folder"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A workspace of an attempt, as it is found.

    Attributes:
        task_id: The task.
        number: The attempt.
        path: Its folder, which may not be there.
        base: The commit that its content is compared with.
        branch: Its branch, empty if that is not known.
        note: What is remembered of it.
        place: How git is called for it; none if git does not know it.
        held: Its lock, which whoever reads or changes it holds.
    """

    task_id: TaskId
    number: int
    path: Path
    base: str
    branch: str = ""
    note: Note | None = None
    place: Place | None = None
    held: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The name of its folder and of what is remembered of it."""
        return self.path.name


class Snapshots:
    """Trees of workspaces."""

    def __init__(self, git: Git, common_dir: Path, layout: Layout) -> None:
        self._git = git
        self._common_dir = common_dir
        self._layout = layout

    def remember_index(self, name: str, place: Place) -> None:
        """Keep an index that no agent has touched yet: it knows the files' times."""
        copy_index(place.git_dir / "index", self._layout.index(name))

    async def tree(self, site: Site) -> str:
        """Return the tree of all files that are not ignored.

        Repositories inside the workspace count as ordinary folders. What was copied, linked or
        left behind by setup commands is no part of it, unless the agent changed it.

        Raises:
            WorkspaceException: The folder is gone, or something in it, which is named, cannot
                be read, or git refuses it.
        """
        if not is_folder(site.path):
            raise WorkspaceException(message=f"the workspace {shown(site.path)} is gone.")
        folder = self._layout.scratch(site.name)
        delete(folder)
        folder.mkdir(mode=0o700)
        place = Place(
            git_dir=self._common_dir,
            work_tree=site.path,
            index=folder / "index",
            held=site.held,
        )
        try:
            return await self._read(site, place)
        finally:
            delete(folder)

    async def _read(self, site: Site, place: Place) -> str:
        closed = await in_thread(give_back, site.path)
        try:
            await self._begin(site, place)
            # Git passes over what it cannot look into, with no more than a warning.
            await self._refuse_closed(place, closed)
            await self._forget_replaced(place)
            await self._open_repositories(place)
            await self._git.run(place, "add", "-A", "--", ".")
            await self._add_forced(site, place)
            return await self._write(site, place)
        except WorkspaceException as error:
            too_large = await self._larger_than_allowed(place)
            raise _about_files(error, too_large) from error

    async def _begin(self, site: Site, place: Place) -> None:
        assert place.index is not None, "an index of our own"
        kept = self._layout.index(site.name)
        if site.note is not None and site.note.base == site.base and kept.exists():
            copy_index(kept, place.index)
            # Git compares whole seconds: of a file as old as the index it has to read the
            # content. Written again now, the index knows better, this time and the next.
            refresh = ("update-index", "-q", "--refresh", "--force-write-index")
            await self._git.run(place, *refresh, accept=(0, 1))
            copy_index(place.index, kept)
        else:
            await self._git.run(place, "read-tree", site.base)

    async def _refuse_closed(self, place: Place, closed: list[Path]) -> None:
        """Refuse what cannot be looked into, unless git ignores it anyway."""
        assert place.work_tree is not None, "a place with files"
        paths = [os.fsencode(path.relative_to(place.work_tree)) for path in closed]
        if not paths:
            return
        ignored = await self._git.run(
            place, "check-ignore", "-z", "--stdin", stdin=b"\0".join(paths), accept=(0, 1)
        )
        wanted = sorted(set(paths).difference(ignored.parts))
        if wanted:
            raise WorkspaceException(
                message=f"{_listed(wanted)} in the workspace cannot be read, "
                "so the work cannot be captured whole."
            )

    async def _larger_than_allowed(self, place: Place) -> list[bytes]:
        """Return what is too large for the process's own limit, if it has one."""
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if limit == resource.RLIM_INFINITY:
            return []
        asked = ("ls-files", "-o", "-m", "-z", "--exclude-standard")
        found = await self._git.run(place, *asked, accept=(0, REFUSED))
        return [path for path in found.parts if _kept_bytes_max(place, path) > limit]

    async def _forget_replaced(self, place: Place) -> None:
        """Take what was a file and is none any more out of the index.

        Git stops at a tracked file that has become a pipe or a socket, and would record a
        repository in the place of one as a submodule.
        """
        changed = await self._git.run(place, "ls-files", "-m", "-z")
        replaced = [path for path in set(changed.parts) if _is_no_file(place, path)]
        if replaced:
            await self._remove(place, replaced)

    async def _open_repositories(self, place: Place) -> None:
        """Make git look into repositories inside the workspace, as into any folder.

        It does so for folders that have something in the index; the entry that is put there
        for this has no file, so adding everything takes it away again.
        """
        blank = b""
        closed: list[bytes] = []
        for _ in range(_NESTING_MAX):
            untracked = await self._git.run(place, "ls-files", "-o", "-z", "--exclude-standard")
            # Only a folder that git does not look into ends with a slash.
            closed = [path for path in untracked.parts if path.endswith(b"/")]
            if not closed:
                return
            blank = blank or (await self._blank(place))
            lines = (b"100644 %b\t%b%b" % (blank, path, _MARKER) for path in closed)
            await self._update(place, lines)
        raise WorkspaceException(
            message=f"repositories are nested more than {_NESTING_MAX} deep in the workspace: "
            f"the innermost that was looked into is {_listed(closed[:1])}."
        )

    async def _blank(self, place: Place) -> bytes:
        answer = await self._git.run(place, "hash-object", "-w", "--stdin")
        return answer.out.strip()

    async def _add_forced(self, site: Site, place: Place) -> None:
        index = site.place.git_dir / "index" if site.place else None
        if index is None or not index.is_file():
            return
        theirs = await self._git.run(
            replace(place, index=index), "ls-files", "-z", accept=(0, REFUSED)
        )
        ours = set((await self._git.run(place, "ls-files", "-z")).parts)
        forced = [path for path in theirs.parts if path not in ours and _is_plain(place, path)]
        if forced:
            await self._git.run(
                place, "--literal-pathspecs", "add", "-f", "--pathspec-from-file=-",
                "--pathspec-file-nul",
                stdin=b"\0".join(forced),
            )  # fmt: skip

    async def _write(self, site: Site, place: Place) -> str:
        note = site.note
        if note is not None and note.provided:
            await self._remove(place, map(os.fsencode, note.provided))
        tree = (await self._git.run(place, "write-tree")).text
        if note is None or note.before == note.after:
            return tree
        made = await self._git.run(place, *RAW, note.before, note.after)
        since = await self._git.run(place, *RAW, note.after, tree)
        touched = {entry.path for entry in parse_entries(since)}
        await self._update(
            place,
            (
                b"%b %b\t%b" % (entry.old_mode.encode(), entry.old_id.encode(), entry.path)
                for entry in parse_entries(made)
                if entry.path not in touched
            ),
        )
        return (await self._git.run(place, "write-tree")).text

    async def _remove(self, place: Place, paths: Iterable[bytes]) -> None:
        # Mode 0 means to remove; any id will do, if it is as long as this repository's are.
        gone = b"0 " + await self._blank(place)
        await self._update(place, (b"%b\t%b" % (gone, path) for path in paths))

    async def _update(self, place: Place, lines: Iterable[bytes]) -> None:
        await self._git.run(
            place, "update-index", "--replace", "-z", "--index-info", stdin=b"\0".join(lines)
        )


def _about_files(error: WorkspaceException, too_large: list[bytes]) -> WorkspaceException:
    """Return an error as one sentence about the files that git would not take."""
    if too_large:
        return WorkspaceException(
            message=f"{_listed(too_large)} in the workspace is too large for the limit that "
            "Banksman runs under (`ulimit -f`), so the work cannot be captured."
        )
    lines = (line.partition(": ") for line in error.output.splitlines())
    said = [one_line(what) for kind, _, what in lines if kind in {"error", "fatal"}]
    told = [what for what in said if what and what not in _GIVEN_UP][:_NAMED_MAX]
    if not told:
        return error
    return WorkspaceException(
        message=f"git cannot take what is in the workspace: {'; '.join(told)}."
    )


def _listed(paths: list[bytes]) -> str:
    more = f" and {len(paths) - _NAMED_MAX} more" if len(paths) > _NAMED_MAX else ""
    return f"{', '.join(escape_path(path) for path in paths[:_NAMED_MAX])}{more}"


def _kept_bytes_max(place: Place, path: bytes) -> int:
    """Return how large git's object of a file may become: some content only grows by zlib."""
    try:
        size = _file(place, path).lstat().st_size
    except OSError:
        return 0
    return size + size // 1000 + 1024


def _is_no_file(place: Place, path: bytes) -> bool:
    """Return whether something else is where git expects a file or link."""
    try:
        mode = _file(place, path).lstat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def _is_plain(place: Place, path: bytes) -> bool:
    """Return whether this is a file or link below real folders, as git wants it."""
    parts = path.split(b"/")
    if any(part.lower() in {b"", b".", b"..", b".git"} for part in parts):
        return False
    above = (b"/".join(parts[:count]) for count in range(1, len(parts)))
    file = _file(place, path)
    return all(is_folder(_file(place, folder)) for folder in above) and (
        file.is_symlink() or file.is_file()
    )


def _file(place: Place, path: bytes) -> Path:
    assert place.work_tree is not None, "a place with files"
    return place.work_tree / os.fsdecode(path)
