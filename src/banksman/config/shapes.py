"""Lists and groups of keys, told apart in what was read: plain data of unknown shape."""

from __future__ import annotations

from typing import cast


def as_group(value: object) -> dict[str, object] | None:
    """Return the value if it is a group of keys, all of them text; else none."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """Return the value if it is a list; else none."""
    return cast("list[object]", value) if isinstance(value, list) else None
