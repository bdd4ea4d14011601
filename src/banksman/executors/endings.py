"""How an execution ended and what it printed, read from its spool.

A spool is written by a runner of the same user as the program that it runs, so nothing in it is
believed further than its type.
"""

from __future__ import annotations

from typing import Final

from banksman.executors.spool import RESULT, Spool
from banksman.ports import ProcessEnd

HOWS: Final = frozenset({"exited", "timeout", "silence", "stopped", "lost"})


def read_end(folder: Spool) -> ProcessEnd:
    """Return how the execution ended; `lost` if the result is damaged."""
    facts = folder.facts(RESULT)
    how, why = facts.get("how"), facts.get("why")
    output, truncated = kept_output(
        folder, printed_bytes=_whole(facts.get("printed_bytes")) or 0
    )
    return ProcessEnd(
        how=how if isinstance(how, str) and how in HOWS else "lost",
        code=_whole(facts.get("code")),
        output=output,
        truncated=truncated,
        duration_ms=_whole(facts.get("duration_ms")) or 0,
        why=why if isinstance(why, str) else "",
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


def _whole(fact: object) -> int | None:
    return fact if isinstance(fact, int) else None
