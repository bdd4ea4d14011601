"""A small disk of its own: nearly full, and full, under the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from banksman.app.disk import MachineDisk
from tests.conftest import CI
from tests.crash.real_projects import Project, assert_rebuilt, make_project
from tests.waiting import until

BANKSMAN = ("-m", "banksman")
SIZE_MB = 48
SETTINGS = """\
[run]
parallel = 1
disk_free_min = {least}

[agents.slow]
type = "command"
shell = '''
echo "done = True" > "$BANKSMAN_TASK_KEY.py"
while [ ! -e "$(git rev-parse --git-common-dir)/go" ]; do sleep 0.05; done
'''
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is a disk of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        if CI and os.getuid() == 0:
            pytest.fail("root cannot mount a disk here, and CI runs all tests")
        pytest.skip("NOT TESTED: nobody but root can mount a disk here")
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        yield folder


def test_room_is_that_of_the_fullest_disk_even_below_folders_to_come(disk: Path) -> None:
    room = MachineDisk(Path("/"), disk / "not" / "there").room()
    assert room.place == str(disk / "not" / "there")
    assert 0 < room.free_bytes <= SIZE_MB << 20
    assert MachineDisk().room().free_bytes > 1 << 50


def test_a_run_starts_nothing_on_a_disk_that_is_nearly_full_and_goes_on_by_itself(
    disk: Path,
) -> None:
    project = make_project(disk, {"t0": [], "t1": []}, SETTINGS.format(least='"20MB"'))
    begun = project.output(*BANKSMAN, "run", "--detach", "--json")
    pid = json.loads(begun)["pid"]
    try:
        until(lambda: bool(_marks(project)), "the first agent's start")
        _fill(disk, leave=10 << 20)
        until(lambda: bool(_status(project)["held"]), "that it is told")
        (project.root / ".git" / "go").touch()
        until(lambda: _states(project) == ["completed", "ready"], "the end of the first")
        assert "less than 20 MB" in _status(project)["held"]
        (disk / "filling").unlink()
        until(lambda: _states(project) == ["completed"] * 2, "the end of the plan")
        report = project.output(*BANKSMAN, "report")
    finally:
        _kill(pid)
    assert "othing more is started" in report
    assert "here is room again" in report
    assert_rebuilt(project)


def test_a_run_outlasts_a_disk_that_is_full_and_loses_nothing(disk: Path) -> None:
    project = make_project(disk, {"t0": []}, SETTINGS.format(least="0"))
    begun = project.output(*BANKSMAN, "run", "--detach", "--json")
    pid = json.loads(begun)["pid"]
    try:
        until(lambda: bool(_marks(project)), "the agent's start")
        sign = project.root / ".git" / "wait"
        sign.touch()
        _fill(disk, leave=0)
        sign.rename(sign.with_name("go"))
        until(lambda: bool(list(project.state.glob("spool/*/result.json"))), "the agent's end")
        # It cannot even log that it waits: that it still does after many looks must do.
        looks = iter(range(10))
        until(lambda: _states(project) == ["running"] and next(looks, None) is None, "looks")
        (disk / "filling").unlink()
        until(lambda: _states(project) == ["completed"], "the end of the plan")
        report = project.output(*BANKSMAN, "report")
    finally:
        _kill(pid)
    assert "he disk was full: `nothing could be recorded for " in report
    said = (project.state / "log" / "run.log").read_text()
    assert "Logging error" not in said
    assert_rebuilt(project)


def _fill(disk: Path, *, leave: int) -> None:
    """Take what room there is, but for so many bytes."""
    with (disk / "filling").open("wb", buffering=0) as file:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        block = b"x" * 4096
        try:
            for _ in range(max(0, free - leave) // len(block) + (leave == 0)):
                file.write(block)
        except OSError:
            assert leave == 0


def _marks(project: Project) -> list[Path]:
    root = project.root.parent / "state"
    return list(root.glob("banksman/*/work/*/t0.py"))


def _status(project: Project) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(project.output(*BANKSMAN, "status", "--json"))
    return status


def _states(project: Project) -> list[str]:
    return [task["status"] for task in _status(project)["tasks"]]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
