"""Trees of processes that outlive the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a tree of processes may touch: all else it may read at most.

    Attributes:
        home: Its `HOME`, private and writable.
        writable: Files and folders that it may write.
        readable: Files and folders that it may read although what they lie in is hidden.
        network: Whether it has a network; without one it has a loopback of its own.
    """

    home: Path
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    network: bool = False


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """A program to run as one tree of processes.

    Attributes:
        argv: Program and arguments; no shell reads them.
        cwd: Where it runs.
        env: Its whole environment.
        stdin: What it reads from its standard input, then end of file.
        timeout_s: Wall time it may take, monotonic, above 0.
        silence_s: Time it may print nothing, or none for no limit.
        output_bytes_max: Output kept; the middle of what is longer is dropped.
        last_words: `type` of the JSON object, alone on a line of its output, by which the
            program says that it is done. Empty for a program without such words.
        linger_s: How long it may take to end by itself after its last words.
        ttl_s: How long the tree lives on when no engine watches it; 0 ends it with the engine.
        marker: Execution id `project:task:attempt…`, in the environment of the whole tree as
            `BANKSMAN_EXECUTION`, by which survivors are found.
        confinement: What the tree may touch, where the executor can hold it to that; none for
            all that the user may.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes = b""
    timeout_s: float = 3600.0
    silence_s: float | None = None
    output_bytes_max: int = 4 << 20
    last_words: str = ""
    linger_s: float = 10.0
    ttl_s: float = 600.0
    marker: str = ""
    confinement: Confinement | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessEnd:
    """How a tree of processes ended; all of it is gone.

    Attributes:
        how: `exited`, `timeout`, `silence`, `lingered` (it said its last words and did not
            end), `stopped` or `lost` (the runner died).
        code: Exit code, below 0 for a signal; none if it never ended by itself.
        output: Standard output and error as printed, from the start and to the end, with a
            line between that says how much was dropped.
        truncated: Whether some was dropped.
        duration_ms: Wall time.
        why: For `stopped`, what the engine said; for a program that could not be started
            (`how` is `exited`, code 127 or 126), the reason.
    """

    how: str
    code: int | None = None
    output: bytes = b""
    truncated: bool = False
    duration_ms: int = 0
    why: str = ""


class Executor(Protocol):
    """Starts trees of processes that outlive the engine, and finds them again by name.

    A spool is a folder name that is used once. Whoever starts a spool twice gets the first
    execution: a runner locks its spool before it executes the program, and the second one
    finds it locked or finished.
    """

    async def start(self, spool: str, spec: ProcessSpec) -> None:
        """Start the program; returns when its runner holds the spool.

        Raises:
            ExecutorException: The runner could not be started.
        """
        ...

    async def attach(self, spool: str) -> bool:
        """Return whether the spool has a live runner or a result.

        False seals the spool: a runner that comes late finds it ended and does nothing, and
        `wait` answers `lost`. What the dead runner left alive is ended first.
        """
        ...

    async def wait(self, spool: str) -> ProcessEnd:
        """Return how it ended, when it has. Cancelling this call leaves it running."""
        ...

    async def stop(self, spool: str, why: str) -> ProcessEnd:
        """End the whole tree, politely first; returns when it is gone. Safe to repeat."""
        ...

    def tail(self, spool: str, size_bytes_max: int = 8192) -> bytes:
        """Return the end of what it has printed so far."""
        ...

    def discard(self, spool: str) -> None:
        """Remove a finished spool; safe to repeat."""
        ...

    async def run(self, spool: str, spec: ProcessSpec) -> ProcessEnd:
        """Start and wait; cancelling this call ends the tree before it returns."""
        ...
