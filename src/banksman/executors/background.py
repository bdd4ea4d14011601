"""Starting the command line once more, to go on without the terminal and its owner.

The new process has a session of its own, so that nothing that happens to the terminal reaches
it. Until it steps back from its standard output and error, what it says there is heard; so a
start that is refused is told in its own words.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Begun:
    """How a process in the background has begun.

    Attributes:
        pid: Its process.
        news: What it wrote to its standard output before it stepped back.
        told: What it wrote to its standard error before that.
        code: Its exit code, if it has ended without a word on its standard output.
    """

    pid: int
    news: bytes
    told: bytes
    code: int | None


def begin_behind(module: str, arguments: Sequence[str]) -> Begun:
    """Run a module in the background; return when it has stepped back, or has ended.

    Args:
        module: What to run, as `python -m` does, without the present folder in its path.
        arguments: Its command line.
    """
    # Not a context manager: that would wait for its end.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None, "it is a pipe"
    assert process.stderr is not None, "it is a pipe"
    try:
        # It says one short line on its output: that pipe cannot fill up meanwhile.
        with process.stderr as errors, process.stdout as output:
            told, news = errors.read(), output.read()
        code = None if news else process.wait()
    except BaseException:
        # Whoever called it does not want it any more.
        process.terminate()
        raise
    return Begun(pid=process.pid, news=news, told=told, code=code)
