"""How an execution ended and what it printed, read from its spool.

A spool is written by a runner of the same user as the program that it runs, so nothing in it is
believed further than its type and its range: a store would choke on more.
"""

from __future__ import annotations

from typing import Final

from banksman.executors.spool import RESULT, Spool
from banksman.ports import ProcessEnd

HOWS: Final = frozenset({"exited", "timeout", "silence", "lingered", "stopped", "lost"})
WHOLE_MAX: Final = 1 << 53
"""Largest number believed: what every JSON reader still takes for whole."""
CODE_MIN: Final = -64
CODE_MAX: Final = 255
WHY_CHARS_MAX: Final = 4096


def read_end(folder: Spool) -> ProcessEnd:
    """Return how the execution ended; `lost` if the result is damaged."""
    facts = folder.facts(RESULT)
    how, why = facts.get("how"), facts.get("why")
    output, truncated = kept_output(
        folder, printed_bytes=whole(facts.get("printed_bytes")) or 0
    )
    return ProcessEnd(
        how=how if isinstance(how, str) and how in HOWS else "lost",
        code=whole(facts.get("code"), CODE_MIN, CODE_MAX),
        output=output,
        truncated=truncated,
        duration_ms=whole(facts.get("duration_ms")) or 0,
        why=_text(why) if isinstance(why, str) else "",
    )


def kept_output(folder: Spool, *, printed_bytes: int = 0) -> tuple[bytes, bool]:
    """Return what is kept of the output, and whether some of it is missing.

    A line in its place says how much.

    Args:
        folder: The spool.
        printed_bytes: How much there was in all, if that is known: the end may be missing.
    """
    parts: list[bytes] = []
    size = 0
    missing = False

    def miss_until(offset: int) -> None:
        nonlocal missing
        if offset > size:
            missing = True
            parts.append(f"\n[… {offset - size} bytes dropped …]\n".encode())

    for offset, name in folder.pieces():
        miss_until(offset)
        parts.append(folder.read(name))
        size = offset + len(parts[-1])
    miss_until(printed_bytes)
    return b"".join(parts), missing


def last_output(folder: Spool, size_bytes_max: int) -> bytes:
    """Return the end of what has been printed so far."""
    parts: list[bytes] = []
    room = size_bytes_max
    for _, name in reversed(folder.pieces()):
        if room <= 0:
            break
        parts.insert(0, folder.read(name, last_bytes=room))
        room -= len(parts[0])
    return b"".join(parts)


def whole(fact: object, least: int = 0, most: int = WHOLE_MAX) -> int | None:
    """Return a whole number that a file states, within a range; none if it states none."""
    if not isinstance(fact, int) or isinstance(fact, bool):
        return None
    return min(max(fact, least), most)


def _text(why: str) -> str:
    # JSON can state half a character, and no store can keep it.
    return why[:WHY_CHARS_MAX].encode(errors="replace").decode()
