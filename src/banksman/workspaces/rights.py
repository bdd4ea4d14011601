"""The right to look at what an agent left, given back where the agent took it away.

Links are never followed, and nothing but the owner's own bits is added. What belongs to another
user cannot be opened: it is named, for somebody else to judge whether it matters.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

TO_READ: Final = 0o500
"""What the owner needs to list a folder and to look at what is in it."""

TO_DELETE: Final = 0o700
"""What the owner needs to empty a folder, too."""

_FILE_READ: Final = 0o400


def give_back(root: Path, folder_bits: int = TO_READ) -> list[Path]:
    """Let the owner read all below a folder; return what cannot be looked at all the same.

    Args:
        root: The folder itself, which is one and no link.
        folder_bits: What the owner gets for folders, `TO_READ` or `TO_DELETE`; for files it is
            the right to read them.
    """
    closed: list[Path] = []
    with suppress(OSError):
        _add(root, stat.S_IMODE(root.lstat().st_mode), folder_bits)
    folders = [os.fspath(root)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except FileNotFoundError:
            continue
        except OSError:
            # Another user's, or deeper than a path may be long.
            closed.append(Path(folder))
            continue
        folders += [entry.path for entry in found if _open(entry, folder_bits, closed)]
    return closed


def _open(entry: os.DirEntry[str], folder_bits: int, closed: list[Path]) -> bool:
    """Open one entry; return whether it is a folder to look into."""
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    except OSError:
        closed.append(Path(entry.path))
        return False
    is_folder = stat.S_ISDIR(mode)
    if is_folder or stat.S_ISREG(mode):
        # Not ours, it may still be readable: whoever reads it finds out.
        with suppress(OSError):
            _add(entry.path, stat.S_IMODE(mode), folder_bits if is_folder else _FILE_READ)
    return is_folder


def _add(path: str | Path, mode: int, bits: int) -> None:
    if mode & bits != bits:
        Path(path).chmod(mode | bits)
