"""A tool run in a checkout: how it is started, and what of its end means that it broke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from banksman.exceptions import ExecutorException
from banksman.ports import Confinement, Executor, ProcessEnd, ProcessSpec, Subject

TIMEOUT_MIN: Final = 30.0
OUTPUT_BYTES_MAX: Final = 4 << 20

_NOT_STARTED: Final = frozenset({126, 127})


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program that a check runs.

    Attributes:
        command: Program and arguments; no shell reads them.
        timeout_min: Wall time in minutes, above 0.
        env: Variables for this tool, over those of the checkout and of the engine.
        network: Whether it has a network in the sandbox.
    """

    command: tuple[str, ...]
    timeout_min: float = TIMEOUT_MIN
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    network: bool = False


async def run_tool(
    executor: Executor,
    tool: Tool,
    subject: Subject,
    *,
    environment: Mapping[str, str],
    writable: tuple[Path, ...] = (),
) -> ProcessEnd:
    """Return how the tool ended; its whole tree of processes is gone, and so is its spool.

    The tree ends with the engine: a check is run again after a crash, in a checkout of its own.

    Args:
        executor: Runs it.
        tool: What to run.
        subject: What it is asked about.
        environment: Variables that any tool gets.
        writable: What it may write beside the checkout.
    """
    spec = ProcessSpec(
        argv=tool.command,
        cwd=subject.checkout.path,
        env={**environment, **subject.checkout.env, **tool.env},
        timeout_s=tool.timeout_min * 60,
        output_bytes_max=OUTPUT_BYTES_MAX,
        ttl_s=0,
        marker=subject.spool,
        confinement=Confinement(
            home=subject.checkout.home,
            writable=(subject.checkout.path, *writable),
            network=tool.network,
        ),
    )
    try:
        end = await executor.run(subject.spool, spec)
    except ExecutorException as error:
        return ProcessEnd(how="lost", why=str(error))
    executor.discard(subject.spool)
    return end


def trouble(tool: Tool, end: ProcessEnd) -> str | None:
    """Return why the tool gave no answer, or None if it ended by itself with an exit code."""
    match end.how:
        case "exited" if end.code in _NOT_STARTED and end.why:
            return f"the program {tool.command[0]!r} could not be started: {end.why}"
        case "exited" if end.code is not None and end.code < 0:
            return f"the program was killed by signal {-end.code}"
        case "exited" if end.code is not None:
            return None
        case "timeout":
            return f"the program took longer than {tool.timeout_min:g} min and was ended"
        case "lost":
            return f"the program was lost: {end.why or 'its runner died'}"
        case _:
            return f"the program was ended: {end.why or end.how}"
