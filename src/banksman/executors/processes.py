"""What must be known of the operating system to find and end a tree of processes.

There are three layers, and each holds where those before it are missing:

1. Linux, in a sandbox: a tree has a PID namespace of its own, whose end the kernel itself makes
   the end of all in it, and which ends when its runner dies.
2. Linux, without one: a subreaper adopts its orphaned descendants, so whatever daemons do, a
   tree is below its runner. What a dead runner left alive is found by a variable of its
   environment, which a process can hide only on purpose.
3. Without a subreaper: a tree is the process group of its program, and whoever bears that
   variable where there is a `/proc` to read it from.

On macOS there are neither namespaces, nor subreapers, nor `/proc`: what leaves the process
group escapes, and nothing that a dead runner left is found. On Windows nothing of this works;
there, Banksman runs in the Linux of WSL.

This module is part of the runner's program: standard library only, and only what starts fast.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator

MARK = "BANKSMAN_SPOOL"
"""Variable with the spool's path, in the environment of the whole tree.

Unlike an execution's name it is unique on the machine: two projects may have a `1:1:1:1`.
"""
GRACE_S = 2.0
"""Time between the first polite signal and SIGKILL."""
ROUND_S = 0.02
"""Pause between two looks at a tree that is being ended."""

LINUX = sys.platform == "linux"
ADOPTING = "a runner that adopts its orphans"
GROUPED = "its process group; what leaves that escapes"
MARKED = "its process group; what leaves that is found by its environment, unless it hides"

_PID_DIGITS_MAX = 10
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_STATE, _PARENT, _STARTED = 0, 1, 19  # Fields of /proc/PID/stat behind the name.


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent ends; return whether it holds."""
    return LINUX and ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def layer() -> str:
    """Return what ends a tree that is in no sandbox on this machine, in words.

    It is looked at, not guessed: a filter of system calls may refuse what Linux has.
    """
    if not LINUX:
        return GROUPED
    held = ctypes.c_int()
    prctl = ctypes.CDLL(None).prctl
    if prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(held), 0, 0, 0) != 0:
        return MARKED
    # Said again as it is: whoever asks adopts nobody by it.
    again = prctl(_PR_SET_CHILD_SUBREAPER, held.value, 0, 0, 0)
    return ADOPTING if again == 0 else MARKED


def die_with_parent(parent: int) -> None:
    """Have this process killed when its parent dies; end it if that has happened already."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def identity(pid: int) -> str:
    """Return what tells a process from all others that ever had its number."""
    boot = _read("/proc/sys/kernel/random/boot_id").decode().strip()
    return f"{pid} {_stat(pid)[_STARTED]} {boot}"


def alive(known: str) -> int | None:
    """Return the pid of the process with this identity, if it lives and that can be told."""
    number = known.partition(" ")[0]
    if not LINUX or not number.isdecimal() or len(number) > _PID_DIGITS_MAX:
        return None
    pid = int(number)
    return pid if identity(pid) == known and _stat(pid)[_STATE] not in "ZX" else None


def below(pid: int) -> list[int]:
    """Return the descendants of a process, as of now: ask again until there are none."""
    listed = os.access("/proc/thread-self/children", os.R_OK)
    children = _children if listed else children_by_parent
    found: list[int] = []
    pending = [pid]
    while pending:
        born = children(pending.pop())
        found += born
        pending += born
    return found


def survivors(spool: str, known: str) -> set[int]:
    """Return what is alive of the tree of a dead runner.

    Args:
        spool: Path of its spool, by which the environment of the tree is marked.
        known: Identity of its program, which may have changed its environment.
    """
    mark = os.fsencode(f"\0{MARK}={spool}\0")
    found = {pid for pid in _numbers("/proc") if mark in b"\0" + _read(f"/proc/{pid}/environ")}
    program = alive(known)
    if program is not None:
        found.add(program)
    for pid in tuple(found):
        found.update(below(pid))
    return found - {os.getpid()}


def end_survivors(spool: str, known: str) -> Iterator[float]:
    """End what is alive of the tree of a dead runner; yields seconds to wait until it is gone.

    There is no bound in time: a process that the kernel itself cannot end yet is not gone.
    """
    began = time.monotonic()
    told: set[int] = set()
    while found := survivors(spool, known):
        late = time.monotonic() - began >= GRACE_S
        number = signal.SIGKILL if late else signal.SIGTERM
        reached = [send(pid, number) for pid in (found if late else found - told)]
        if late and not any(reached):
            return
        told |= found
        yield ROUND_S


def send(pid: int, number: int) -> bool:
    """Send a signal to a process, or to a group if `pid` is below 0.

    Returns:
        Whether it may be sent; False for a process that became another user's.
    """
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def is_group_alive(group: int) -> bool:
    """Return whether a process group has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _children(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found: list[int] = []
    for thread in _numbers(f"/proc/{pid}/task"):
        found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def children_by_parent(pid: int) -> list[int]:
    """Return the children of a process on a kernel that does not list them: the slow way."""
    return [each for each in _numbers("/proc") if _stat(each)[_PARENT] == str(pid)]


def _stat(pid: int) -> list[str]:
    """Return the fields of a process behind its name; question marks if it is gone."""
    # The name may hold anything, brackets and blanks too.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return [field.decode() for field in fields] or ["?"] * 50


def _numbers(folder: str) -> list[int]:
    try:
        with os.scandir(folder) as entries:
            return [int(entry.name) for entry in entries if entry.name.isdecimal()]
    except OSError:
        return []


def _read(path: str) -> bytes:
    """Return a file of /proc; nothing if its process is gone or another user's."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file:
            return file.read()
    except OSError:
        return b""
