"""Globs over paths in a repository: `*` stays within one folder, `**` does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_PARTS: Final = MappingProxyType({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"})


def matches_any(path: str, globs: Iterable[str]) -> bool:
    """Return whether one of the globs names the path, whole.

    Examples:
        >>> matches_any("src/a/b.py", ["src/**/*.py"]), matches_any("src/a/b.py", ["src/*"])
        (True, False)
    """
    return any(_pattern(glob).fullmatch(path) for glob in globs)


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(_PARTS.get(part, re.escape(part)) for part in parts), re.DOTALL)
