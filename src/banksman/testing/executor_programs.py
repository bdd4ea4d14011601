"""Programs that hold an executor to its promises, and the means to look at what they do.

They are Python texts, so nothing but the interpreter is needed. The processes of one tree share
a lock on the file `alive` in their folder: it is free when nobody of them is left.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from banksman.ports import ProcessSpec

DEADLINE_S: Final = 60.0
_ROUND_S: Final = 0.02

HOLDING: Final = """
import fcntl, os, signal, sys, time
lock = os.open("alive", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.set_inheritable(lock, True)
def linger():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sleeper = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(999)"]
    os.execve(sys.executable, sleeper, {})
"""
FAMILY: Final = f"""{HOLDING}
if os.fork() == 0:
    linger()
if os.fork() == 0:
    os.setsid()
    linger()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        linger()
    os._exit(0)
print("ready", flush=True)
"""
"""Leaves a child, one in a session of its own and a daemon, all without an environment."""

STUBBORN: Final = f"""
import signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
{FAMILY}
time.sleep(999)
"""
LINGERING: Final = f"""
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
{FAMILY}
time.sleep(999)
"""
MARKED: Final = LINGERING.replace(", {})", ", os.environ)")
"""Like it, but nobody hides from those who look for the execution by its mark."""
WAITING: Final = """
import os, time
print("ready", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
print("gone")
"""


async def until(holds: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Return when the condition holds; fails after the deadline."""
    for _ in range(round(deadline_s / _ROUND_S)):
        if holds():
            return
        await asyncio.sleep(_ROUND_S)
    assert holds(), f"not within {deadline_s:g} s"


def python(place: Path, text: str) -> ProcessSpec:
    """Return how to run a Python text in a folder, with an empty environment."""
    argv = (sys.executable, "-I", "-S", "-c", text)
    return ProcessSpec(argv=argv, cwd=place, env={}, timeout_s=DEADLINE_S, marker="1:1:1:1")


def is_anyone_alive(place: Path) -> bool:
    """Return whether a process of the tree that holds the lock in this folder is left."""
    lock = os.open(place / "alive", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
