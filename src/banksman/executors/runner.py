"""Runs one tree of processes for one spool folder, and outlives the engine that asked for it.

It is a program of its own, and `STARTER` says how to start it: with the standard library and
its neighbours alone it is there in a blink, and nothing that happens to the package later can
reach it. It reads the specification as JSON from standard input, which is a file without a
name, so that no secret in it ever lies on a disk; and says one word on standard output: `held`,
or `ended` if the spool has had its execution, whatever became of it.

A spool is executed once. The first runner has the lock, and has written `runner.json` before
the program begins: whoever finds either does nothing.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable, Iterator

from banksman.executors import processes
from banksman.executors.box import Box, complaint
from banksman.executors.last_words import LastWords
from banksman.executors.program import IGNORED, Program, Specification
from banksman.executors.spool import CONTROL, PIECE, RESULT, RUNNER, Output, Spool

STARTER = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from banksman.executors.runner import main; main(sys.argv[2])"
)
"""Text for `python -I -S -c STARTER SOURCES SPOOL`; `-S` knows no installed packages."""

INTERRUPT_S = 1.0
"""How long only the program is asked to end, by SIGINT: many end their own children well."""
REQUEST_BYTES_MAX = 4096
"""Longest line on the control FIFO; what is up to PIPE_BUF does not mix with another."""

_CHUNK = 1 << 16
_DRAIN_CHUNKS_MAX = 64
_HOLD_TRIES = 400
_HOLD_ROUND_S = 0.005
_ALONE_ROUND_S = 0.1
_DESCRIPTORS_MAX = 1 << 20
_LOOK_S = 3600.0


class Watch:
    """Whether an engine watches, and what it asks for, by the control FIFO."""

    def __init__(self, spool: Spool, ttl_s: float) -> None:
        self._fifo = spool.open(CONTROL, os.O_RDONLY | os.O_NONBLOCK)
        self._ttl_s = ttl_s
        self._alone_since: float | None = None

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something was asked for."""
        return self._fifo

    def is_alone(self) -> bool:
        """Return whether nobody watched at the last question."""
        return self._alone_since is not None

    def ask(self) -> str | None:
        """Return why the tree is to end, if somebody said so or nobody watches any more."""
        try:
            heard = os.read(self._fifo, REQUEST_BYTES_MAX)
        except BlockingIOError:
            self._alone_since = None
            return None
        if heard:
            line, end, _ = heard.partition(b"\n")
            # A line is written at once: what has no end is no request.
            return line.decode(errors="replace") if end else None
        if self._alone_since is None:
            self._alone_since = time.monotonic()
        if time.monotonic() - self._alone_since < self._ttl_s:
            return None
        return f"no engine has watched it for {self._ttl_s:g} s"


class Execution:
    """One program and its descendants, from the start to the end of the last one."""

    def __init__(self, spool: Spool, spec: Specification) -> None:
        self._spool = spool
        self._spec = spec
        self._how = self._why = ""
        self._code: int | None = None
        self._watch = Watch(spool, spec.ttl_s)
        self._output = Output(spool, spec.output_bytes_max)
        self._program = self._printed = -1
        self._box: Box | None = None
        self._began_not = self._adopts = False
        self._wake, self._woken = os.pipe()
        self._told_to_end = False
        self._last_words = LastWords(spec.last_words)
        self._began = self._heard = time.monotonic()

    def run(self) -> None:
        """Run the program; returns when all of its tree is gone and the result is written."""
        self._spool.reserve(RESULT)
        self._handle_signals()
        # Where that is refused, the tree is a process group, and whoever bears its mark.
        self._adopts = self._spec.adopts and processes.adopt_orphans()
        try:
            self._start()
            while not self._how:
                self._attend(self._patience_s())
                self._judge()
        finally:
            self._end_tree()
        self._output.close()
        if self._began_not and self._how == "exited":
            printed = self._spool.read(f"{PIECE}0", last_bytes=_CHUNK)
            self._code, self._why = complaint(printed, self._spec.argv[0])
        result = {
            "how": self._how,
            "code": self._code if self._how == "exited" else None,
            "why": self._why,
            "duration_ms": round((time.monotonic() - self._began) * 1000),
            "printed_bytes": self._output.size,
        }
        self._spool.write(RESULT, result)

    def _handle_signals(self) -> None:
        def handle(number: int, _frame: object) -> None:
            self._told_to_end |= number == signal.SIGTERM

        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, handle)
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        # The signal itself wakes the poll: none is lost between a look and the next wait.
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)

    def _start(self) -> None:
        """Start the program, having written down who it is before it does anything."""
        program = Program(self._spec, self._spool.nameless(self._spec.stdin))
        self._program, self._printed, self._box = program.pid, program.printed, program.box
        who = {"runner": os.getpid(), "program": program.pid}
        facts = {name: processes.identity(pid) for name, pid in who.items()}
        self._spool.write(RUNNER, {**facts, "at_ms": time.time_ns() // 1_000_000})
        say("held")
        self._began = self._heard = time.monotonic()
        self._why = program.execute()

    def _patience_s(self) -> float:
        """Return how long nothing needs to be judged if nothing happens."""
        now = time.monotonic()
        waits_s = [_LOOK_S, *(at - now for _, at in self._limits())]
        if self._watch.is_alone():
            waits_s.append(_ALONE_ROUND_S)
        return max(0.0, min(waits_s))

    def _limits(self) -> Iterator[tuple[str, float]]:
        """Yield what ends it if it goes on, and when (monotonic)."""
        if self._last_words.said:
            # All that it was started for is done: no other limit matters any more.
            yield "lingered", self._heard + self._spec.linger_s
            return
        yield "timeout", self._began + self._spec.timeout_s
        if self._spec.silence_s is not None:
            yield "silence", self._heard + self._spec.silence_s

    def _attend(self, timeout_s: float) -> None:
        """Wait until something happens, and take what was printed."""
        poll = select.poll()
        # A FIFO without a writer is readable all the time, and so is a request not taken yet.
        watched = () if self._watch.is_alone() or self._how else (self._watch.fileno(),)
        for fd in {self._wake, self._printed, *watched} - {-1}:
            poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(timeout_s * 1000)}
        if self._wake in ready:
            os.read(self._wake, _CHUNK)
        if self._printed in ready:
            self._take()

    def _take(self) -> bool:
        """Keep a chunk of what was printed; return whether there was one."""
        try:
            chunk = os.read(self._printed, _CHUNK) if self._printed != -1 else b""
        except BlockingIOError:
            return False
        if chunk:
            # Whoever prints on after the last words is not given more time for it.
            if self._last_words.hear(chunk) or not self._last_words.said:
                self._heard = time.monotonic()
            self._output.write(chunk)
        elif self._printed != -1:
            os.close(self._printed)
            self._printed = -1
        return bool(chunk)

    def _judge(self) -> None:
        """Say how it ended, if it has, or if it must."""
        self._reap()
        now = time.monotonic()
        if self._code is not None:
            self._how = "exited"
        elif (asked := self._asked()) is not None:
            self._how, self._why = "stopped", asked
        else:
            self._how = next((how for how, at in self._limits() if now >= at), "")

    def _asked(self) -> str | None:
        return "the runner was told to end" if self._told_to_end else self._watch.ask()

    def _reap(self) -> bool:
        """Collect children that have ended, adopted ones too; return whether one is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._program:
                self._note_code(os.waitstatus_to_exitcode(status))

    def _note_code(self, code: int) -> None:
        told = code if self._box is None else self._box.code(code)
        self._began_not = told is None
        self._code = code if told is None else told

    def _end_tree(self) -> None:
        """End everything below, politely first; returns when nobody is left.

        There is no bound in time: a process that the kernel itself cannot end yet is not gone.
        """
        began = time.monotonic()
        told: set[tuple[int, int]] = set()
        while (left := self._left()) is not None:
            spent_s = time.monotonic() - began
            letters = set(self._letters(left, spent_s))
            late = spent_s >= processes.GRACE_S
            due = letters if late else letters - told
            reached = [processes.send(pid, number) for pid, number in due]
            if late and left and not any(reached):
                self._why = f"{self._why} (now another user's, and alive: {left})".strip()
                break
            told |= letters
            self._attend(processes.ROUND_S)
        for wait_s in processes.end_survivors(self._spool.path, known=""):
            time.sleep(wait_s)
        for _ in range(_DRAIN_CHUNKS_MAX):
            if not self._take():
                break

    def _left(self) -> list[int] | None:
        """Return who is left to be told, or none if nobody is left."""
        adopted = self._reap()
        if self._adopts:
            return processes.below(os.getpid()) if adopted else None
        group = self._program
        return [-group] if group > 0 and processes.is_group_alive(group) else None

    def _letters(self, left: Iterable[int], spent_s: float) -> Iterator[tuple[int, int]]:
        """Yield who is to be told what by now."""
        if self._code is None and spent_s < INTERRUPT_S:
            # To its group, as Ctrl-C does: a shell ends only when what it waits for has.
            group = self._program if self._box is None else self._box.group()
            if group:
                yield -group, signal.SIGINT
            return
        if spent_s >= processes.GRACE_S:
            yield from ((pid, signal.SIGKILL) for pid in left)
            return
        # With bubblewrap all would die at once that is still being asked.
        asked = set(left) - ({self._program} if self._box and self._code is None else set())
        yield from ((pid, signal.SIGTERM) for pid in asked)


def main(path: str) -> None:
    """Execute the spool at `path` if it has not had its execution."""
    # Of what the engine itself was started with, nothing goes on to agents: whoever waits for
    # the end of a pipe would wait for them.
    os.closerange(3, _DESCRIPTORS_MAX)
    with os.fdopen(0, "rb", closefd=False) as text:
        spec = Specification(text.read())
    os.chdir("/")
    try:
        spool = Spool(path)
        first = hold(spool)
    except FileNotFoundError:
        # The spool was discarded before this runner came.
        say("ended")
        return
    if first:
        Execution(spool, spec).run()
    else:
        say("ended")


def hold(spool: Spool) -> bool:
    """Take the lock; return whether this is the first runner, and may execute the program.

    Somebody may hold the lock for a moment to look at the spool or to seal it.
    """
    for _ in range(_HOLD_TRIES):
        if spool.lock():
            return not spool.has(RUNNER) and not spool.has(RESULT)
        if spool.has(RUNNER):
            return False
        time.sleep(_HOLD_ROUND_S)
    return False


def say(word: str) -> None:
    """Tell the engine, if it still listens, and talk to it no more."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        os.write(1, word.encode())
    except BrokenPipeError:
        os.write(nowhere, word.encode())
    for fd in (0, 1):
        os.dup2(nowhere, fd)
    os.close(nowhere)
