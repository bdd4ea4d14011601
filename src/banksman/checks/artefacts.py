"""Full outputs of checks, kept as files that are found and verified by their digest.

What the store knows of a check is a summary and a digest. The file beside it holds everything
else, and counts only while it is what was digested.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SIZE_BYTES_MAX: Final = 256 << 20
"""Nothing larger is read back; what is written is bounded by its writers."""


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A kept file: its path below the folder, and its SHA-256."""

    path: str
    digest: str


class Artefacts:
    """A folder of files by digest; nobody but the owner can read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, content: bytes) -> Artefact:
        """Write content; the file appears whole or not at all, and once for equal content."""
        digest = hashlib.sha256(content).hexdigest()
        kept = Artefact(path=f"{digest[:2]}/{digest}", digest=digest)
        place = self._folder / kept.path
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created 0600, and renamed over what may be there: an altered file is put right.
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, place)  # noqa: PTH105 -- `name` is a string from mkstemp
        except BaseException:
            os.unlink(name)  # noqa: PTH108 -- as above
            raise
        return kept

    def read(self, kept: Artefact) -> bytes | None:
        """Return the content, or None if it is gone or is not what was digested."""
        place = self._folder / kept.path
        try:
            # The path comes from a store that may have been altered along with the file.
            inside = place.resolve().is_relative_to(self._folder.resolve())
            if not inside or place.stat().st_size > SIZE_BYTES_MAX:
                return None
            content = place.read_bytes()
        except (OSError, ValueError):
            return None
        return content if hashlib.sha256(content).hexdigest() == kept.digest else None

    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """Return a new private folder for a tool's report, removed when it is closed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(
            dir=self._folder, prefix="running-", ignore_cleanup_errors=True
        )
