"""Trees of processes on this machine keep the promises of the port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from banksman.core.task import Instant
from banksman.executors.local import LocalExecutor
from banksman.ports import ProcessSpec
from banksman.testing.executor_contract import ExecutorContract

ENGINE = """
import asyncio, json, os, signal, sys
from pathlib import Path
from tests.conformance.test_local_executor import SystemClock
from banksman.executors.local import LocalExecutor
from banksman.ports import ProcessSpec
from banksman.testing.executor_programs import until

async def main(executor, spool, spec):
    await executor.start(spool, spec)
    await until(lambda: b"ready" in executor.tail(spool))

fields = json.loads(sys.argv[3])
spec = ProcessSpec(**{**fields, "argv": tuple(fields["argv"]), "cwd": Path(fields["cwd"])})
asyncio.run(main(LocalExecutor(Path(sys.argv[1]), SystemClock()), sys.argv[2], spec))
os.kill(os.getpid(), signal.SIGKILL)
"""


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        return time.monotonic()


class TestLocalExecutor(ExecutorContract):
    def executor(self, root: Path) -> LocalExecutor:
        return LocalExecutor(root, SystemClock())

    def kill_runner(self, root: Path, spool: str) -> None:
        facts = json.loads((root / spool / "runner.json").read_text())
        runner = int(facts["runner"].split()[0])
        os.kill(runner, signal.SIGKILL)
        # It is a child of this process: dead, but not collected, when this returns.
        os.waitid(os.P_PID, runner, os.WEXITED | os.WNOWAIT)

    def start_and_die(self, root: Path, spool: str, spec: ProcessSpec) -> None:
        fields = {**vars(spec), "cwd": str(spec.cwd), "stdin": None}
        del fields["stdin"]
        engine = [sys.executable, "-c", ENGINE, str(root), spool, json.dumps(fields)]
        died = subprocess.run(
            engine, check=False, env={"PYTHONPATH": os.pathsep.join(sys.path)}
        )
        assert died.returncode == -signal.SIGKILL
