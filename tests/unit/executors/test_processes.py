"""Processes are found below their parents and by their mark, and nobody else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from banksman.executors import processes

SLEEP = ["sleep", "999"]


class Nursery:
    """Starts processes, and ends each of them."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, **env: str) -> int:
        """Start a program that runs until it is ended; return its pid once it is executed."""
        path = {"PATH": os.environ["PATH"]}
        process = subprocess.Popen(command, env={**path, **env}, stdin=subprocess.DEVNULL)
        self._started.append(process)
        return process.pid

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def nursery() -> Generator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.end()


def end_all(pids: Iterable[int]) -> None:
    for pid in pids:
        processes.send(pid, signal.SIGKILL)


def test_children_are_found_in_both_ways(nursery: Nursery, tmp_path: Path) -> None:
    # A name may look like the fields behind it.
    (tmp_path / "x) R 1 (y").symlink_to("/bin/sleep")
    child = nursery.start(str(tmp_path / "x) R 1 (y"), "999")
    other = nursery.start(*SLEEP)
    assert {child, other} <= set(processes.below(os.getpid()))
    assert {child, other} <= set(processes.children_by_parent(os.getpid()))
    assert not processes.children_by_parent(child)


def test_grandchildren_are_below(nursery: Nursery) -> None:
    text = "import subprocess; child = subprocess.Popen(['sleep', '999'])\n"
    text += "print(child.pid, flush=True); child.wait()"
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        assert grandchild in processes.below(os.getpid())
        assert processes.below(parent.pid) == [grandchild]
        end_all([grandchild])


def test_an_identity_is_that_of_a_living_process_only(nursery: Nursery) -> None:
    pid = nursery.start(*SLEEP)
    known = processes.identity(pid)
    assert processes.alive(known) == pid
    number, started, boot = known.split()
    assert processes.alive(f"{number} {int(started) + 1} {boot}") is None
    assert processes.alive(f"{number} {started} another-boot") is None
    end_all([pid])
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert processes.alive(known) is None


@pytest.mark.parametrize("known", ["", "None", "x 1 2", "-1 1 2", "99999999999 1 2"])
def test_what_is_no_identity_is_nobody(known: str) -> None:
    assert processes.alive(known) is None


def test_survivors_have_the_mark_of_the_spool_exactly(nursery: Nursery, tmp_path: Path) -> None:
    spool = str(tmp_path)
    marked = nursery.start(*SLEEP, BANKSMAN_SPOOL=spool)
    nursery.start(*SLEEP, BANKSMAN_SPOOL=f"{spool}x")
    nursery.start(*SLEEP, X_BANKSMAN_SPOOL=spool)
    nursery.start(*SLEEP, OTHER=f"BANKSMAN_SPOOL={spool}")
    assert processes.survivors(spool, known="") == {marked}


def test_the_program_survives_by_its_identity_without_a_mark(
    nursery: Nursery, tmp_path: Path
) -> None:
    pid = nursery.start(*SLEEP)
    known = processes.identity(pid)
    assert processes.survivors(str(tmp_path), known=known) == {pid}


def test_survivors_are_ended_politely_first(nursery: Nursery, tmp_path: Path) -> None:
    pid = nursery.start(*SLEEP, BANKSMAN_SPOOL=str(tmp_path))
    ending = processes.end_survivors(str(tmp_path), known="")
    assert next(ending) > 0
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
    assert list(ending) == []


def test_a_signal_to_nobody_is_no_error_and_one_to_another_user_is_refused() -> None:
    text = """
import os, sys
from banksman.executors import processes
if os.getuid() == 0:
    os.setuid(65534)
print(processes.send(1, 0), processes.send(2 ** 22 + 1, 0))
"""
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", text]
    said = subprocess.run(command, check=True, env=env, capture_output=True, text=True).stdout
    assert said == "False True\n"


def test_a_group_lives_as_long_as_a_member(nursery: Nursery) -> None:
    with subprocess.Popen(SLEEP, start_new_session=True) as leader:
        assert processes.is_group_alive(leader.pid)
        processes.send(-leader.pid, signal.SIGKILL)
        leader.wait()
        assert not processes.is_group_alive(leader.pid)


def test_a_number_that_no_process_can_have_is_nobody() -> None:
    assert processes.alive("9" * 5000 + " 1 boot") is None


REFUSING = """
import ctypes, os, platform, struct, sys
from banksman.executors import processes
number = {"x86_64": 157, "aarch64": 167}[platform.machine()]
rules = (
    (0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, 36),
    (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000),
)
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
class Filter(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("code", ctypes.c_void_p)]
asked = Filter(len(rules), ctypes.addressof(code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(asked), 0, 0) == 0
"""
"""Has the kernel refuse to make this process, and all that it starts, adopt orphans."""


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("from banksman.executors import processes", f"True {processes.ADOPTING}"),
        (REFUSING, f"False {processes.MARKED}"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_whether_orphans_are_adopted_is_what_the_kernel_says(before: str, told: str) -> None:
    text = f"{before}\nprint(processes.adopt_orphans(), processes.layer())"
    said = subprocess.run(
        [sys.executable, "-c", text],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said.strip() == told
