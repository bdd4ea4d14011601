"""The runner dies at its n-th step, for every n until it gets through.

Whenever it dies, nobody of the tree is left once an engine has asked, the program was executed
once at most, and the result says what is true. Steps are the audit events of the interpreter:
each file that is opened, each fork, each rename.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

from banksman.executors.launch import spool_text
from banksman.executors.local import LocalExecutor
from banksman.executors.runner import __file__ as runner_file
from banksman.executors.spool import Spool
from banksman.ports import ProcessEnd
from banksman.testing.executor_programs import FAMILY, is_anyone_alive, python
from tests.conformance.layers import SystemClock

DYING_RUNNER = """
import os, signal, sys
sys.path.append(sys.argv[1])
from banksman.executors import runner

left, this = [int(sys.argv[3])], os.getpid()
def step(event, _):
    if os.getpid() == this:
        left[0] -= 1
        if left[0] == 0:
            os.kill(this, signal.SIGKILL)
sys.addaudithook(step)
runner.main(sys.argv[2])
"""
PROGRAM = FAMILY.replace(", {})", ", os.environ)") + "open('log', 'a').write('x')"


def crash_at(step: int, root: Path, place: Path) -> bool:
    """Run the spool `a` with a runner that dies at a step; return whether it got through."""
    (root / "a").mkdir(parents=True)
    os.mkfifo(root / "a" / "control")
    folder = Spool(str(root / "a"))
    # An engine that watches: the runner must not end for another reason.
    watched = folder.open("control", os.O_RDWR)
    text = [sys.executable, "-I", "-S", "-c", DYING_RUNNER]
    arguments = [str(Path(runner_file).parents[2]), folder.path, str(step)]
    died = subprocess.run(
        [*text, *arguments],
        check=False,
        input=spool_text(folder, python(place, PROGRAM)),
        stdout=subprocess.DEVNULL,
    )
    os.close(watched)
    folder.close()
    return died.returncode == 0


async def take_over(root: Path) -> tuple[bool, ProcessEnd]:
    executor = LocalExecutor(root, SystemClock())
    return await executor.attach("a"), await executor.wait("a")


def test_a_runner_that_dies_at_any_step_leaves_nobody_and_no_lie(tmp_path: Path) -> None:
    seen: set[tuple[str, bool]] = set()
    for step in count(1):
        place, root = tmp_path / f"place{step}", tmp_path / f"spools{step}"
        place.mkdir()
        through = crash_at(step, root, place)
        found, end = asyncio.run(take_over(root))
        assert not is_anyone_alive(place)
        log = place / "log"
        executed = log.read_text() if log.exists() else ""
        seen.add((end.how, bool(executed)))
        if end.how == "exited":
            assert (found, end.code, executed) == (True, 0, "x")
        else:
            assert (end.how, end.code) == ("lost", None)
            assert executed in {"", "x"}
        if through:
            break
    assert seen == {("lost", False), ("lost", True), ("exited", True)}
