"""Starting a runner: in a session of its own, with nothing of the engine but what it needs."""

from __future__ import annotations

import json
import os
import sys
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from typing import Final

from banksman.exceptions import ExecutorException
from banksman.executors import processes
from banksman.executors.runner import STARTER
from banksman.executors.spool import LOG, Spool
from banksman.ports import ProcessSpec

OUTPUT_BYTES_MIN: Final = 64
"""Least output that can be kept as a head and two last pieces that are worth it."""

_EXECUTION: Final = "BANKSMAN_EXECUTION"
_SOURCES: Final = str(Path(__file__).resolve().parents[2])
# An interpreter may need the first two to start. The others tell an agent's tree in which this
# engine may be running itself: its runners belong to it.
_OWN_VARIABLES: Final = (
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    processes.MARK,
    _EXECUTION,
)


def launch(
    folder: Spool,
    spec: ProcessSpec,
    *,
    box: tuple[str, ...] = (),
    adopts: bool = processes.LINUX,
) -> tuple[int, int]:
    """Start a runner; return its pid, and a descriptor on which it will say one word.

    Args:
        folder: The spool.
        spec: What to run.
        box: Program and options of bubblewrap, or nothing to run it as it is.
        adopts: Whether the runner adopts what the tree orphans.

    Raises:
        ExecutorException: The specification cannot be run, or the system starts no process.
    """
    text = folder.nameless(spool_text(folder, spec, box=box, adopts=adopts))
    log = folder.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    heard, told = os.pipe()
    # An engine may run without one of the three: then its number was given to one of these.
    files = [fcntl(fd, F_DUPFD_CLOEXEC, 3) for fd in (text, told, log)]
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", STARTER, _SOURCES, folder.path],
            {name: os.environ[name] for name in _OWN_VARIABLES if name in os.environ},
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in enumerate(files)],
            # A Ctrl-C at the engine's terminal is not meant for it.
            setsid=True,
        )
    except OSError as error:
        os.close(heard)
        raise ExecutorException(message=f"cannot start {sys.executable}: {error}") from error
    finally:
        for fd in (text, told, log, *files):
            os.close(fd)
    return pid, heard


def spool_text(
    folder: Spool,
    spec: ProcessSpec,
    *,
    box: tuple[str, ...] = (),
    adopts: bool = processes.LINUX,
) -> bytes:
    """Return what a runner reads of what it is to run; see `launch`."""
    _check(spec)
    marks = {processes.MARK: folder.path, _EXECUTION: spec.marker}
    return json.dumps(
        {
            "argv": spec.argv,
            "cwd": str(spec.cwd),
            "env": {**spec.env, **marks},
            # Latin-1 has a character for each byte.
            "stdin": spec.stdin.decode("latin-1"),
            "timeout_s": spec.timeout_s,
            "silence_s": spec.silence_s,
            "output_bytes_max": spec.output_bytes_max,
            "last_words": spec.last_words,
            "linger_s": spec.linger_s,
            "ttl_s": spec.ttl_s,
            "box": box,
            "adopts": adopts,
        }
    ).encode()


def _check(spec: ProcessSpec) -> None:
    assert spec.argv, "there is a program"
    assert spec.timeout_s > 0, "a time limit is above 0"
    assert spec.silence_s is None or spec.silence_s > 0, "a limit of silence is above 0"
    assert spec.ttl_s >= 0, "a time to live is 0 or more"
    assert spec.linger_s >= 0, "what is left after the last words is 0 or more"
    assert spec.output_bytes_max >= OUTPUT_BYTES_MIN, "some output is kept"
    texts = (*spec.argv, *spec.env, *spec.env.values())
    if any("\0" in text for text in texts) or any("=" in name or not name for name in spec.env):
        raise ExecutorException(message="no argument or variable may hold a NUL")
    if not spec.cwd.is_dir():
        raise ExecutorException(message=f"there is no folder {spec.cwd} to run in")
