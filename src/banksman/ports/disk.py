"""Room on the disks that the engine and what it starts write to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much room there is, where there is least.

    Attributes:
        place: The folder, for people.
        free_bytes: What may still be written there, 0 or more.
    """

    place: str
    free_bytes: int


class Disk(Protocol):
    """The disks below the folders that matter."""

    def room(self) -> Room:
        """Return where there is least room, and how much; it answers at once."""
        ...
