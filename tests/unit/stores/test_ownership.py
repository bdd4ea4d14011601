"""One engine owns a project at a time; death releases it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from banksman.exceptions import OwnershipException, StoreException
from banksman.stores.ownership import FileOwnership

OWNER = """
import pathlib, sys
from banksman.stores.ownership import FileOwnership
FileOwnership(pathlib.Path(sys.argv[1])).acquire()
print("owned", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "banksman" / "engine.lock"


def test_the_second_one_is_told_who_owns_it(path: Path) -> None:
    first, second = FileOwnership(path), FileOwnership(path)
    first.acquire()
    with pytest.raises(
        OwnershipException, match=rf"process {os.getpid()} on .+, since \d{{4}}-"
    ):
        second.acquire()
    assert (first.held(), second.held()) == (True, False)
    first.release()
    second.acquire()
    assert (first.held(), second.held()) == (False, True)
    second.release()


def test_acquiring_and_releasing_twice_is_safe(path: Path) -> None:
    ownership = FileOwnership(path)
    ownership.acquire()
    ownership.acquire()
    ownership.release()
    ownership.release()
    assert not ownership.held()
    FileOwnership(path).acquire()


def test_death_releases_it(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "owned\n"
        ownership = FileOwnership(path)
        with pytest.raises(OwnershipException, match=f"process {owner.pid} "):
            ownership.acquire()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    ownership.acquire()
    assert ownership.held()
    ownership.release()


def test_a_program_that_is_started_does_not_keep_it(path: Path) -> None:
    ownership = FileOwnership(path)
    ownership.acquire()
    descriptors = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; print(*map(os.path.realpath, os.scandir('/dev/fd')))",
        ],
        check=True,
        capture_output=True,
        close_fds=False,
        text=True,
    ).stdout
    assert str(path) not in descriptors
    ownership.release()


def test_a_child_that_was_forked_has_no_part_in_it(path: Path) -> None:
    ownership = FileOwnership(path)
    ownership.acquire()
    child = os.fork()
    if child == 0:
        held = ownership.held()
        ownership.release()
        os._exit(int(held))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(OwnershipException):
        FileOwnership(path).acquire()
    assert ownership.held()
    ownership.release()


def test_a_lock_whose_file_was_removed_is_not_held(path: Path) -> None:
    ownership = FileOwnership(path)
    ownership.acquire()
    path.unlink()
    assert not ownership.held()
    other = FileOwnership(path)
    other.acquire()
    assert not ownership.held()
    ownership.release()
    assert other.held()
    other.release()


def test_a_lock_that_nobody_signed_still_names_somebody(path: Path) -> None:
    first = FileOwnership(path)
    first.acquire()
    for content in ("", "[]", '{"pid": "x", "host": 1, "since": 2}', '{"pid": 1}'):
        path.write_text(content)
        with pytest.raises(OwnershipException, match="just started"):
            FileOwnership(path).acquire()
    first.release()


def test_folder_and_file_are_for_their_owner_alone(path: Path) -> None:
    ownership = FileOwnership(path)
    ownership.acquire()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    ownership.release()


def test_a_lock_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreException, match="cannot be made"):
        FileOwnership(tmp_path / "file" / "engine.lock").acquire()
