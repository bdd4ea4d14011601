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
    how, code, why = facts.get("how"), facts.get("code"), facts.get("why")
    took_ms = facts.get("duration_ms")
    output, truncated = kept_output(folder)
    return ProcessEnd(
        how=how if isinstance(how, str) and how in HOWS else "lost",
        code=code if isinstance(code, int) else None,
        output=output,
        truncated=truncated,
        duration_ms=took_ms if isinstance(took_ms, int) else 0,
        why=why if isinstance(why, str) else "",
    )


def kept_output(folder: Spool) -> tuple[bytes, bool]:
    """Return what is kept of the output, and whether some of it is missing.

    A line in its place says how much.
    """
    parts: list[bytes] = []
    size = 0
    missing = False
    for offset, name in folder.pieces():
        if offset > size:
            missing = True
            parts.append(f"\n[… {offset - size} bytes dropped …]\n".encode())
        parts.append(folder.read(name))
        size = offset + len(parts[-1])
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
