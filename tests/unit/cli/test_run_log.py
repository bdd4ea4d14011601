"""The log of a run in the background: private, and of bounded size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from banksman.cli.run_log import NAME, OLD_MAX

_WRITER = """\
import os, sys
from pathlib import Path
from banksman.app.reads import Place
from banksman.cli.run_log import RunLog
os.umask(0)
here = Path(sys.argv[1])
log = RunLog(Place(work_tree=here, common_dir=here, state_dir=here), size_bytes_max=1000)
print("before", flush=True)
log.take_over()
for number in range(1000):
    print(f"line {number:04}", flush=True)
    print("and more", file=sys.stderr, flush=True)
    log.turn_over()
"""


def test_a_full_log_is_put_aside_and_only_a_few_are_kept(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _WRITER, str(tmp_path)], capture_output=True, check=True
    )
    assert (ended.stdout, ended.stderr) == (b"before\n", b"")
    logs = sorted((tmp_path / "log").iterdir())
    assert [log.name for log in logs] == [NAME, *(f"{NAME}.{n + 1}" for n in range(OLD_MAX))]
    assert all(log.stat().st_size < 1100 for log in logs)
    assert all(log.stat().st_mode & 0o777 == 0o600 for log in logs)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    # Nothing is lost where one ends and the next begins.
    told = "".join(log.read_text() for log in reversed(logs))
    numbers = [int(line[5:]) for line in told.splitlines() if line.startswith("line")]
    assert numbers == list(range(numbers[0], 1000))
