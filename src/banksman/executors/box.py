"""What a runner hears of a program that bubblewrap runs for it.

Between the runner and the program are two processes: bubblewrap itself, whose death ends all,
and the first process of the box, which nothing but SIGKILL reaches from outside. Bubblewrap
tells on a pipe who the first one is, and how the program ended if it ever began. This module is
part of the runner's program: standard library only.
"""

from __future__ import annotations

import json
import os

from banksman.executors import processes

_SIGNALLED = 128
_SIGNALS_MAX = 31
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_PIPE_BYTES = 1 << 16


class Box:
    """The box of one program."""

    def __init__(self) -> None:
        self._heard, self._telling = os.pipe()
        os.set_blocking(self._heard, False)
        self._text = b""

    def options(self) -> list[str]:
        """Return what bubblewrap must be told; for the process that becomes it."""
        os.set_inheritable(self._telling, True)
        return ["--json-status-fd", str(self._telling), "--"]

    def close_other_side(self) -> None:
        """Leave the telling to bubblewrap; for the runner, once it has forked."""
        os.close(self._telling)

    def group(self) -> int:
        """Return the process group of the program, or 0 if there is none to be told anything.

        It is that of the first process in the box.
        """
        first = self._fact("child-pid") or 0
        return first if first and processes.is_group_alive(first) else 0

    def code(self, code: int) -> int | None:
        """Return how the program ended, by how bubblewrap did; none if it never began.

        Bubblewrap has one number for a program that died of a signal and for one that exited
        with 128 and the signal's number, as shells do: both are taken for the signal.
        """
        if code < 0:
            return code
        told = self._fact("exit-code")
        if told is not None and 0 < told - _SIGNALLED <= _SIGNALS_MAX:
            return _SIGNALLED - told
        return told

    def _fact(self, name: str) -> int | None:
        """Return what it has told by this name."""
        try:
            while chunk := os.read(self._heard, _PIPE_BYTES):
                self._text += chunk
        except BlockingIOError:
            pass
        for line in self._text.splitlines(keepends=True):
            if line.endswith(b"\n") and name in (facts := json.loads(line)):
                return int(facts[name])
        return None


def complaint(printed: bytes, program: str) -> tuple[int, str]:
    """Return code and reason for a program that never began, by what bubblewrap printed."""
    lines = printed.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    why = lines[-1].removeprefix("bwrap: ")
    if not why.startswith("execvp "):
        return _NOT_EXECUTABLE, f"the sandbox cannot be set up: {why}"
    reason = why.rpartition(": ")[2]
    code = _NOT_FOUND if reason == os.strerror(2) else _NOT_EXECUTABLE
    return code, f"cannot run {program} in the sandbox: {reason}"
