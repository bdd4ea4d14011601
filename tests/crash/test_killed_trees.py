"""SIGKILL of engine, runner, box and program, each alone and all together.

Whoever dies: a later engine finds the tree again, takes its result or declares it lost; nothing
runs twice, and no child, no process in a session of its own and no daemon survives.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import chain, combinations
from pathlib import Path
from typing import Final

import pytest

from banksman.executors.processes import below
from banksman.executors.spool import Spool
from banksman.ports import ProcessEnd
from banksman.testing.executor_programs import MARKED, is_anyone_alive, python, until
from tests.conformance.layers import MAKERS

ENGINE: Final = """
import asyncio, sys
from pathlib import Path
from banksman.testing.executor_programs import python
from tests.conformance.layers import MAKERS

async def main(layer, root, place, text):
    executor = MAKERS[layer](Path(root))
    await executor.start("a", python(Path(place), text))
    await executor.wait("a")

asyncio.run(main(*sys.argv[1:]))
"""
PROGRAM: Final = f"open('log', 'a').write('x')\n{MARKED}"


def subsets(*names: str) -> list[tuple[str, ...]]:
    sizes = range(1, len(names) + 1)
    return list(chain.from_iterable(combinations(names, size) for size in sizes))


CASES: Final = [
    *(("boxing", victims) for victims in subsets("engine", "runner", "box", "program")),
    *(("adopting", victims) for victims in subsets("engine", "runner", "program")),
    *(("scanning", victims) for victims in subsets("engine", "runner", "program")),
]


def pids(root: Path, engine: int) -> dict[str, int]:
    """Return who takes part, by what it is."""
    folder = Spool(str(root / "a"))
    facts = folder.facts("runner.json")
    folder.close()
    runner, first = (int(str(facts[name]).split()[0]) for name in ("runner", "program"))
    inner = [pid for pid in below(runner) if number_inside(pid) == 2]
    return {
        "engine": engine,
        "runner": runner,
        "box": first,
        "program": inner[0] if inner else first,
    }


def number_inside(pid: int) -> int:
    """Return the number that a process has in the innermost namespace; 0 if it is in none."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:") and len(line.split()) > 2:
            return int(line.split()[-1])
    return 0


async def after(layer: str, root: Path, place: Path) -> tuple[bool, ProcessEnd]:
    """Return what a later engine finds, which would start it again if that were possible."""
    executor = MAKERS[layer](root)
    found = await executor.attach("a")
    await executor.start("a", python(place, PROGRAM))
    settled = not found or await_end(root)
    return found, await (executor.wait("a") if settled else executor.stop("a", "over"))


def kill(victims: list[int]) -> None:
    """Kill processes; returns when they are dead."""
    for pid in victims:
        # The death of one can be that of another.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    asyncio.run(until(lambda: all(map(is_dead, victims))))


def await_end(root: Path) -> bool:
    """Return whether the program is gone, so that its end is to be waited for."""
    folder = Spool(str(root / "a"))
    known = str(folder.facts("runner.json")["program"]).split()[0]
    folder.close()
    return is_dead(int(known))


def is_dead(pid: int) -> bool:
    """Return whether a process has died, whoever has taken notice of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("layer", "victims"), CASES, ids=[f"{layer} {'+'.join(who)}" for layer, who in CASES]
)
def test_whoever_is_killed_nobody_survives_and_nothing_runs_twice(
    tmp_path: Path, request: pytest.FixtureRequest, layer: str, victims: tuple[str, ...]
) -> None:
    if layer == "boxing":
        request.getfixturevalue("sandbox_holds")
    root, place = tmp_path / "spools", tmp_path / "place"
    place.mkdir()
    text = [sys.executable, "-c", ENGINE, layer, str(root), str(place), PROGRAM]
    with subprocess.Popen(text, env={"PYTHONPATH": os.pathsep.join(sys.path)}) as engine:
        try:
            asyncio.run(until(lambda: b"ready" in MAKERS[layer](root).tail("a")))
            who = pids(root, engine.pid)
            kill([who[victim] for victim in victims])
        finally:
            engine.kill()
    gone = {"box", "program"} & set(victims)
    if gone and "runner" not in victims:
        asyncio.run(until(lambda: await_end(root)))
    found, end = asyncio.run(after(layer, root, place))
    if "runner" in victims:
        assert (end.how, end.code) in {("lost", None), ("exited", -9)}
    elif gone:
        assert (found, end.how, end.code) == (True, "exited", -9)
    else:
        assert (found, end.how) == (True, "stopped")
    assert not is_anyone_alive(place)
    assert (place / "log").read_text() == "x"
