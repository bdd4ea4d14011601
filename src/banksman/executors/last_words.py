"""The words by which a program says that it is done, found in what it prints.

This module is part of the runner's program: standard library only.
"""

from __future__ import annotations


class LastWords:
    """Listens, chunk by chunk, for a line that begins with certain words.

    Attributes:
        said: Whether there was one.
    """

    def __init__(self, words: bytes) -> None:
        """Listen for `words`; for none, there are never any."""
        self._words = words
        # As much of the present line's beginning as the words are long: more decides nothing.
        self._begun = b""
        self.said = False

    def hear(self, chunk: bytes) -> bool:
        """Take what was printed next; return whether the words were said just now."""
        if not self._words or self.said:
            return False
        heard = self._begun + chunk
        self.said = heard.startswith(self._words) or b"\n" + self._words in heard
        self._begun = heard[heard.rfind(b"\n") + 1 :][: len(self._words)]
        return self.said
