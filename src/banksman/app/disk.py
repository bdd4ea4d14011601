"""Room on the disks of this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from banksman.ports.disk import Room


class MachineDisk:
    """Implements `banksman.ports.Disk`.

    Args:
        folders: Those that are written to; for one that is not there yet, its parent counts.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def room(self) -> Room:
        """Return where there is least room, and how much; no limit where nobody can tell."""
        nowhere = Room(place="", free_bytes=sys.maxsize)
        return min(self._rooms(), key=lambda room: room.free_bytes, default=nowhere)

    def _rooms(self) -> Iterator[Room]:
        for folder in self._folders:
            for path in (folder, *folder.parents):
                try:
                    # What the user may have, not what is kept back for root.
                    free = shutil.disk_usage(path).free
                except FileNotFoundError:
                    continue
                except OSError:
                    break
                yield Room(place=str(folder), free_bytes=free)
                break
