"""Executors on this machine, one for each layer by which the end of a tree is made sure of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from banksman.core.task import Instant
from banksman.executors.local import LocalExecutor
from banksman.executors.sandbox import Sandbox, find_bubblewrap
from banksman.ports import Confinement, ProcessSpec


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000_000)

    def since_boot(self) -> float:
        raise AssertionError("no executor asks")

    def monotonic(self) -> float:
        return time.monotonic()


class Confining(LocalExecutor):
    """Confines what its callers do not: each program writes where it runs, and nowhere else."""

    async def start(self, spool: str, spec: ProcessSpec) -> None:
        home = spec.cwd.with_name("home")
        home.mkdir(exist_ok=True)
        confined = Confinement(home=home, writable=(spec.cwd,) if spec.cwd.is_dir() else ())
        await super().start(spool, replace(spec, confinement=confined))


def adopting(root: Path) -> LocalExecutor:
    return LocalExecutor(root, SystemClock())


def boxing(root: Path) -> LocalExecutor:
    return Confining(root, SystemClock(), sandbox=a_sandbox(root.with_name("empty")))


def scanning(root: Path) -> LocalExecutor:
    return LocalExecutor(root, SystemClock(), adopts=False)


def a_sandbox(empty: Path) -> Sandbox:
    program = find_bubblewrap()
    assert program is not None
    empty.touch()
    return Sandbox(program=program, empty=empty)


MAKERS: Final[Mapping[str, Callable[[Path], LocalExecutor]]] = {
    "adopting": adopting,
    "boxing": boxing,
    "scanning": scanning,
}
