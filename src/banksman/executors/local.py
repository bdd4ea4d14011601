"""Processes on this machine: each tree by a runner of its own, found again by its spool.

The truth is in the spool folder alone, so any engine may ask for any spool at any time; what
this object holds in memory is only its own end of each control FIFO, by which the runner knows
that an engine lives. It is held from start or attach until the end is read or the engine dies.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
from collections.abc import Collection, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL
from typing import Final

from banksman.exceptions import ExecutorException
from banksman.executors import processes
from banksman.executors.endings import last_output, read_end, whole
from banksman.executors.launch import launch
from banksman.executors.runner import REQUEST_BYTES_MAX
from banksman.executors.sandbox import Sandbox
from banksman.executors.spool import CONTROL, LOG, RESULT, RUNNER, Spool
from banksman.ports import Clock, ProcessEnd, ProcessSpec

log = logging.getLogger(__name__)

SPOOL_NOT_DISCARDED: Final = "spool.not_discarded"
SPOOL_NOT_SWEPT: Final = "spool.not_swept"

START_S_MAX: Final = 60.0
"""How long a runner may take to hold its spool."""
STOP_S_MAX: Final = 15.0
"""How long a runner may take to end its tree before it is taken to hang and ended itself."""
LOOK_S: Final = 0.03
"""Pause between two looks at a spool."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,199}")
_LOG_BYTES_MAX: Final = 2000


class LocalExecutor:
    """Implements `banksman.ports.Executor`."""

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        sandbox: Sandbox | None = None,
        adopts: bool = processes.LINUX,
        stop_s_max: float = STOP_S_MAX,
    ) -> None:
        """Keep spools in `root`, which is made when it is needed.

        Args:
            root: Folder of the spools.
            clock: What the time is.
            sandbox: What holds programs to their confinement; none lets them do all.
            adopts: Whether runners adopt what their trees orphan, which Linux can; else a tree
                is a process group, and whoever bears its mark.
            stop_s_max: How long a runner may take to end its tree, in seconds.
        """
        self._root = root.absolute()
        self._clock = clock
        self._sandbox = sandbox
        self._adopts = adopts
        self._stop_s_max = stop_s_max
        self._claims: dict[str, int] = {}
        self._runners: set[int] = set()

    async def start(self, spool: str, spec: ProcessSpec) -> None:
        """Start the program; see `Executor.start`.

        Raises:
            ExecutorException: There is no such working folder, or no runner could be started.
        """
        self._reap()
        with self._opened(spool) as folder:
            self._claim(spool)
            if folder.has(RUNNER) or folder.has(RESULT):
                return
            box, spec = self._boxed(spec)
            runner, told = launch(folder, spec, box=box, adopts=self._adopts)
        self._runners.add(runner)
        word = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(START_S_MAX):
                word = await _heard(told)
        if word not in {b"held", b"ended"}:
            # It is this process's child and not collected yet, so the number is its own.
            os.kill(runner, SIGKILL)
            raise ExecutorException(message=f"no runner holds {spool}: {self._log(spool)}")

    def _boxed(self, spec: ProcessSpec) -> tuple[tuple[str, ...], ProcessSpec]:
        """Return the box for a program, and the program as it runs in there."""
        if self._sandbox is None or spec.confinement is None:
            return (), spec
        env = self._sandbox.environment(spec, spec.confinement)
        return self._sandbox.box(spec, spec.confinement), replace(spec, env=env)

    async def attach(self, spool: str) -> bool:
        """Return whether the spool has a live runner or a result; see `Executor.attach`."""
        with self._opened(spool) as folder:
            self._claim(spool)
            if not folder.lock() or folder.has(RESULT):
                return True
            await self._seal(folder, "lost", why="")
        self._give_up(spool)
        return False

    async def wait(self, spool: str) -> ProcessEnd:
        """Return how it ended, when it has; see `Executor.wait`."""
        with self._opened(spool) as folder:
            self._claim(spool)
            await self._settle(folder, "lost")
            end = read_end(folder)
        self._give_up(spool)
        self._reap()
        return end

    async def stop(self, spool: str, why: str) -> ProcessEnd:
        """End the whole tree; see `Executor.stop`. What never started will not start later."""
        with self._opened(spool) as folder:
            if not folder.lock():
                self._request(spool, why)
                await self._ended_or_hung(folder, why)
            await self._settle(folder, "stopped", why)
        return await self.wait(spool)

    def tail(self, spool: str, size_bytes_max: int = 8192) -> bytes:
        """Return the end of what it has printed so far; nothing if there is no such spool."""
        if not (self._root / _checked(spool)).is_dir():
            return b""
        with self._opened(spool) as folder:
            return last_output(folder, size_bytes_max)

    def discard(self, spool: str) -> None:
        """Remove a finished spool; see `Executor.discard`.

        One that the system does not let go of is left, with a warning: only space is lost.

        Raises:
            ExecutorException: Its program still runs.
        """
        self._reap()
        path = self._root / _checked(spool)
        try:
            is_over = not path.is_dir() or _removed(path)
        except (OSError, RecursionError) as error:
            # A program may have made folders deeper than can be walked.
            _warn(SPOOL_NOT_DISCARDED, spool, error)
            is_over = True
        if not is_over:
            raise ExecutorException(message=f"{spool} still runs and cannot be discarded")
        self._give_up(spool)

    async def run(self, spool: str, spec: ProcessSpec) -> ProcessEnd:
        """Start and wait; cancelling this call ends the tree before it returns."""
        try:
            await self.start(spool, spec)
            return await self.wait(spool)
        except asyncio.CancelledError:
            await self._stop_at_any_rate(spool)
            raise

    async def sweep(self, kept: Collection[str]) -> tuple[str, ...]:
        """End and remove what a dead engine left, but for some spools; return their names.

        One that cannot be ended is left out and left to the next sweep, with a warning.

        Args:
            kept: Executions whose endings somebody will still ask for.
        """
        if not self._root.is_dir():
            return ()
        names = (path.name for path in sorted(self._root.iterdir()) if path.is_dir())
        left = tuple(name for name in names if name not in kept and _NAME.fullmatch(name))
        return tuple([name for name in left if await self._swept(name)])

    def close(self) -> None:
        """Watch no execution any more, as if this engine had died; safe to call twice."""
        for spool in tuple(self._claims):
            self._give_up(spool)
        self._reap()

    async def _swept(self, spool: str) -> bool:
        try:
            await self.stop(spool, "left by an engine that is gone")
            self.discard(spool)
        except (ExecutorException, OSError) as error:
            _warn(SPOOL_NOT_SWEPT, spool, error)
            self._give_up(spool)
            return False
        return True

    async def _stop_at_any_rate(self, spool: str) -> None:
        while True:
            try:
                await self.stop(spool, "cancelled")
            except asyncio.CancelledError:
                # Asked again, while it is being done: the tree must be gone all the same.
                continue
            return

    async def _ended_or_hung(self, folder: Spool, why: str) -> None:
        """Return when a runner that was asked to stop has; end it if it does not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._stop_s_max):
                await self._settle(folder, "stopped", why)
        runner = processes.alive(str(folder.facts(RUNNER).get("runner")))
        if runner is not None and not folder.lock():
            processes.send(runner, SIGKILL)
            # Not from the runner, or as good as not: it ends because it was stopped.
            folder.remove(RESULT)

    async def _settle(self, folder: Spool, how: str, why: str = "") -> None:
        """Return when the runner is gone and the spool has a result; if it has none, this one.

        A result that is there while the runner lives is the program's own invention: the
        runner replaces it when it ends. The lock is held from then on, so a runner that comes
        late does nothing.
        """
        while True:
            if folder.lock():
                return await self._seal(folder, how, why)
            await asyncio.sleep(LOOK_S)

    async def _seal(self, folder: Spool, how: str, why: str) -> None:
        """End what a dead runner left alive, then give the spool a result if it has none."""
        facts = folder.facts(RUNNER)
        for wait_s in processes.end_survivors(folder.path, known=str(facts.get("program"))):
            await asyncio.sleep(wait_s)
        if folder.has(RESULT):
            return
        at_ms = whole(facts.get("at_ms"))
        took_ms = 0 if at_ms is None else max(0, self._clock.now() - at_ms)
        end = {"how": how, "code": None, "why": why, "duration_ms": took_ms}
        folder.write(RESULT, end)

    @contextmanager
    def _opened(self, spool: str) -> Generator[Spool]:
        """Open the folder of a spool, which is made if it is missing."""
        path = self._root / _checked(spool)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            folder = Spool(str(path))
        except OSError as error:
            raise ExecutorException(message=f"cannot open the spool {path}: {error}") from error
        try:
            yield folder
        except OSError as error:
            raise ExecutorException(message=f"cannot use the spool {path}: {error}") from error
        finally:
            folder.close()

    def _claim(self, spool: str) -> None:
        """Watch an execution: as long as this descriptor is open, its runner sees an engine."""
        if spool in self._claims:
            return
        fifo = self._root / spool / CONTROL
        with suppress(FileExistsError):
            os.mkfifo(fifo, 0o600)
        # For both: to open it for writing alone fails as long as no runner reads it.
        self._claims[spool] = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)

    def _give_up(self, spool: str) -> None:
        claim = self._claims.pop(spool, None)
        if claim is not None:
            os.close(claim)

    def _request(self, spool: str, why: str) -> None:
        """Ask the runner to end its tree."""
        self._claim(spool)
        line = " ".join(why.split()).encode(errors="replace")[: REQUEST_BYTES_MAX - 1]
        # A FIFO that is full holds requests enough.
        with suppress(BlockingIOError):
            os.write(self._claims[spool], line + b"\n")

    def _reap(self) -> None:
        """Collect the runners of this process that have ended."""
        for runner in tuple(self._runners):
            with suppress(ChildProcessError):
                if os.waitpid(runner, os.WNOHANG)[0] == 0:
                    continue
            self._runners.discard(runner)

    def _log(self, spool: str) -> str:
        with self._opened(spool) as folder:
            said = folder.read(LOG, last_bytes=_LOG_BYTES_MAX).decode(errors="replace")
        return said.strip() or "it said nothing"


def _checked(spool: str) -> str:
    """Return the name of a spool, if it is one: it becomes a folder, and no other path."""
    if not _NAME.fullmatch(spool):
        raise ExecutorException(message=f"{spool!r} is no name of a spool")
    return spool


def _removed(path: Path) -> bool:
    """Remove a spool and return true, unless its program still runs."""
    with closing(Spool(str(path))) as folder:
        if not folder.lock():
            return False
        shutil.rmtree(path)
    return True


def _warn(event: str, spool: str, error: Exception) -> None:
    """Log in one line: names in a message of the system may be an agent's."""
    log.warning("%s %s: %s", event, spool, " ".join(str(error).split()))


async def _heard(told: int) -> bytes:
    """Return what a runner says, when it has said all."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(told, "rb", buffering=0)
    )
    try:
        return await reader.read()
    finally:
        transport.close()
