"""`make run` from a clean clone in an empty folder, as a new user would."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TASKS = (
    "modernise",
    "fix-tiers",
    "rename-price",
    "fstrings",
    "annotate",
    "test-zones",
    "format",
    "release",
    "api-page",
)


@pytest.mark.timeout(600)
def test_make_run_brings_every_task_onto_the_target(
    tmp_path: Path, require: Callable[[str], str]
) -> None:
    for tool in ("git", "make"):
        require(tool)
    clone = tmp_path / "clone"
    _run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], tmp_path)
    told = _run(["make", "run"], clone)
    table = told[told.rindex("TASK ") :]
    commits = _run(
        ["git", "log", "--format=%H", "main..banksman/target"], clone / "demo"
    ).split()
    for key in TASKS:
        row = re.search(rf"^{key} +completed +(\d+) +([0-9a-f]{{10}})$", table, re.MULTILINE)
        assert row is not None, table
        assert int(row[1]) == (2 if key == "fix-tiers" else 1)
        assert any(commit.startswith(row[2]) for commit in commits), table
    assert len(commits) == len(TASKS)
    assert "banksman resolve 1 accept" in told
    assert re.search(r"^59 passed in ", told, re.MULTILINE), "the merged branch's own tests"
    assert "banksman land" in told
    _run(["git", "diff", "--exit-code", "HEAD"], clone)


def _run(command: list[str], folder: Path) -> str:
    """Return what a command prints; it gets nothing of this environment's own set-up."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "PIP_CONFIG_FILE", "PIP_CERT", "SSL_CERT_FILE")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environ, "XDG_STATE_HOME": str(folder / ".state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
