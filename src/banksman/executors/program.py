"""The program that a runner runs: what it is to be, and how the runner becomes it.

It is forked first and executed later, so that the runner can write down who it is before it
does anything. This module is part of the runner's program: standard library only.
"""

from __future__ import annotations

import json
import os
import signal

from banksman.executors import processes
from banksman.executors.box import Box

IGNORED = (signal.SIGHUP, signal.SIGINT)
"""What the runner ignores and the program must not: a terminal's signals end no runner."""

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class Specification:
    """What to run; the fields are those of `banksman.ports.ProcessSpec`, and two more.

    Attributes:
        box: Program and options of bubblewrap, or nothing to run the program itself.
        adopts: Whether orphans of the tree are adopted, where the system can do that.
    """

    def __init__(self, text: bytes) -> None:
        fields = json.loads(text)
        self.argv: list[str] = fields["argv"]
        self.cwd: str = fields["cwd"]
        self.env: dict[str, str] = fields["env"]
        # Latin-1 has a character for each byte.
        self.stdin: bytes = fields["stdin"].encode("latin-1")
        self.timeout_s: float = fields["timeout_s"]
        self.silence_s: float | None = fields["silence_s"]
        self.output_bytes_max: int = fields["output_bytes_max"]
        self.last_words: str = fields["last_words"]
        self.linger_s: float = fields["linger_s"]
        self.ttl_s: float = fields["ttl_s"]
        self.box: list[str] = fields["box"]
        self.adopts: bool = fields["adopts"]


class Program:
    """A child that waits to become the program.

    Attributes:
        pid: Its pid, now and as the program.
        printed: Where its standard output and error are read; does not block.
        box: What it runs in; none if that is nothing.
    """

    def __init__(self, spec: Specification, stdin: int) -> None:
        self.printed, self._printing = os.pipe()
        os.set_blocking(self.printed, False)
        self._spec = spec
        self._stdin = stdin
        self._go, self._let_go = os.pipe()
        self._failed, self._failing = os.pipe()
        self._runner = os.getpid()
        self.box = Box() if spec.box else None
        self.pid = os.fork()
        if self.pid == 0:
            self._become()
        for fd in (self._printing, self._go, self._failing, self._stdin):
            os.close(fd)
        if self.box is not None:
            self.box.close_other_side()

    def execute(self) -> str:
        """Let it become the program; return why that was not possible, or nothing."""
        os.write(self._let_go, b"!")
        os.close(self._let_go)
        with os.fdopen(self._failed, "rb") as answer:
            # The end of it is the program's first moment: executing closes the other side.
            return answer.read().decode(errors="replace")

    def _become(self) -> None:
        """Wait, then become the program; never returns."""
        step, code = "run", _NOT_EXECUTABLE
        try:
            os.close(self._let_go)
            if not os.read(self._go, 1):
                os._exit(0)
            self._leave_the_runner()
            step = "go to"
            os.chdir(self._spec.cwd)
            step = "run"
            # Without a shell: the arguments are the program's own.
            argv = self._argv()
            os.execvpe(argv[0], argv, self._spec.env)  # noqa: S606 - no shell is meant
        except OSError as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            code = _NOT_FOUND if missing and step == "run" else _NOT_EXECUTABLE
            thing = self._argv()[0] if step == "run" else self._spec.cwd
            why = f"cannot {step} {thing}: {error.strerror}"
            os.write(self._failing, why.encode(errors="replace"))
        finally:
            os._exit(code)

    def _argv(self) -> list[str]:
        if self.box is None:
            return self._spec.argv
        return [*self._spec.box, *self.box.options(), *self._spec.argv]

    def _leave_the_runner(self) -> None:
        """Be in a process group of one's own, with the program's files and plain signals."""
        os.setsid()
        processes.die_with_parent(self._runner)
        for number in (*IGNORED, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for target, fd in enumerate((self._stdin, self._printing, self._printing)):
            os.dup2(fd, target)
