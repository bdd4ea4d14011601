"""The words by which a program says that it is done, found in what it prints.

Programs that speak in JSON, one object a line, say what a line is in its `type`; where in the
line that stands differs from version to version, and what they quote may look alike. So lines
that may be the last words are read as JSON.

This module is part of the runner's program: standard library only.
"""

from __future__ import annotations

import json

LINE_BYTES_MAX = 4 << 20
"""Longest line that can be the last words."""


class LastWords:
    """Listens, chunk by chunk, for an object of a certain type, alone on its line.

    Attributes:
        said: Whether there was one.
    """

    def __init__(self, kind: str) -> None:
        """Listen for an object whose `type` is this; for no text, there is never any."""
        self._kind = kind
        self._quoted = json.dumps(kind).encode()
        self._line: list[bytes] = []
        self._size = 0
        self.said = False

    def hear(self, chunk: bytes) -> bool:
        """Take what was printed next; return whether the words were said just now."""
        if not self._kind or self.said:
            return False
        *ended, begun = chunk.split(b"\n")
        for part in ended:
            self._keep(part)
            self.said = self.said or self._is_said(b"".join(self._line))
            self._line, self._size = [], 0
        self._keep(begun)
        return self.said

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= LINE_BYTES_MAX:
            self._line.append(part)
        else:
            self._line = []

    def _is_said(self, line: bytes) -> bool:
        # Most lines are told apart without being read.
        if self._quoted not in line:
            return False
        try:
            read = json.loads(line)
        except (ValueError, RecursionError):
            return False
        return isinstance(read, dict) and ("type", self._kind) in read.items()
