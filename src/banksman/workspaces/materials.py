"""What a workspace needs and git does not have: files copied, folders linked from the user's.

Only files that git ignores are copied, so that none of them can end up in a commit; whatever
the worktree has already stays. Nothing outside the user's work tree is read through a link, and
nothing outside the workspace is written through one.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from banksman.core.names import escape_path
from banksman.exceptions import WorkspaceException

FILES_MAX: Final = 10_000
BYTES_MAX: Final = 1 << 30


def copy_files(patterns: tuple[str, ...], source: Path, target: Path) -> tuple[str, ...]:
    """Copy the files that the patterns name; return their paths below the target.

    Args:
        patterns: Globs of files or folders, relative to `source`; what is not there is skipped.
        source: The user's work tree.
        target: The workspace.

    Raises:
        WorkspaceException: A pattern or link leads outside, or it is too much.
    """
    copied: list[str] = []
    size = 0
    for pattern in patterns:
        for path in _matches(pattern, source):
            name = path.relative_to(source)
            if os.path.lexists(target / name):
                continue
            real = _real(path, source)
            size += real.stat().st_size
            # Asked first: what is too much might fill the disk.
            if len(copied) == FILES_MAX or size > BYTES_MAX:
                raise _refused("copy", pattern, f"is more than {FILES_MAX} files or 1 GiB")
            _copy(real, target / name, target=target)
            copied.append(str(name))
    return tuple(copied)


def link_folders(names: tuple[str, ...], source: Path, target: Path) -> tuple[str, ...]:
    """Link to the user's own folders; return their paths below the target.

    Raises:
        WorkspaceException: There is no such folder, it leads outside, or git has it.
    """
    for name in names:
        _check("link", name)
        origin, place = source / name, target / name
        if not origin.is_dir():
            raise _refused("link", name, "is not a folder in your work tree: make it first")
        if os.path.lexists(place):
            raise _refused("link", name, "is in git: a link cannot stand in for it")
        _make_parents(place, target)
        place.symlink_to(origin)
    return tuple(str(PurePosixPath(name)) for name in names)


def _matches(pattern: str, source: Path) -> Iterator[Path]:
    _check("copy", pattern)
    for found in sorted(source.glob(pattern)):
        if ".git" in found.relative_to(source).parts:
            continue
        if found.is_dir() and not found.is_symlink():
            yield from _files_below(found)
        elif found.is_symlink() or _is_file(found):
            yield found


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in sorted((*files, *links)):
            path = Path(place, name)
            if path.is_symlink() or _is_file(path):
                yield path


def _real(path: Path, source: Path) -> Path:
    """Return the file itself, whatever links lead to it."""
    real = path.resolve()
    if not real.is_relative_to(source.resolve()):
        raise _refused("copy", str(path.relative_to(source)), "leads out of your work tree")
    if not real.is_file():
        raise _refused("copy", str(path.relative_to(source)), "is a link, but not to a file")
    return real


def _copy(real: Path, place: Path, *, target: Path) -> None:
    """Copy one file with its content."""
    _make_parents(place, target)
    # Readable for its owner alone: what is worth copying is often a secret.
    mode = 0o600 | (real.stat().st_mode & stat.S_IXUSR)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with real.open("rb") as reader, os.fdopen(os.open(place, flags, mode), "wb") as writer:
        shutil.copyfileobj(reader, writer)


def _make_parents(place: Path, target: Path) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not place.parent.resolve().is_relative_to(target.resolve()):
        raise _refused("copy", str(place.relative_to(target)), "would leave the workspace")


def _check(what: str, name: str) -> None:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or {"..", ".git"} & set(path.parts):
        raise _refused(what, name, "is not a path inside your work tree")


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def _refused(what: str, name: str, why: str) -> WorkspaceException:
    shown = escape_path(os.fsencode(name))
    return WorkspaceException(message=f"`{what}` of the workspaces: {shown!r} {why}.")
