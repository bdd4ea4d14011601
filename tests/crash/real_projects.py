"""Real repositories with plans, run by the real command, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from banksman.state.recovery import differences, entries, rebuild
from banksman.stores.sqlite import SqliteStore

SETTINGS = """\
[run]
agent = "write"
parallel = 4

[agents.write]
type = "command"
shell = 'sleep 0.05; echo "done = True" > "$BANKSMAN_TASK_KEY.py"'
"""


@dataclass(frozen=True)
class Project:
    """A repository in a folder of its own, with its workspaces beside it.

    Attributes:
        root: The repository.
        environ: For everything that runs in it.
    """

    root: Path
    environ: dict[str, str]

    @property
    def state(self) -> Path:
        """The folder of the state."""
        return self.root / ".git" / "banksman"

    def git(self, *arguments: str) -> str:
        """Return what git prints."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Python with arguments here, in a session of its own."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run Python with arguments here, to its end."""
        process = self.start(*arguments)
        _, errors = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, b"", errors)

    def output(self, *arguments: str) -> str:
        """Return what Python with arguments prints here."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


def make_project(folder: Path, keys: dict[str, list[str]], settings: str = SETTINGS) -> Project:
    """Return a repository whose plan has these tasks and needs, committed."""
    root = folder / "project"
    root.mkdir()
    environ = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    project = Project(root, environ)
    tasks = [{"key": key, "title": f"Do {key}", "needs": needs} for key, needs in keys.items()]
    (root / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))
    (root / "banksman.toml").write_text(settings)
    project.git("init", "-q", "-b", "main")
    project.git("config", "user.name", "Somebody")
    project.git("config", "user.email", "somebody@localhost")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "begin")
    return project


def layers(count: int, width: int) -> dict[str, list[str]]:
    """Return tasks in layers, each of which needs two of the layer before."""
    keys: dict[str, list[str]] = {}
    for number in range(count):
        layer, place = divmod(number, width)
        before = [f"t{(layer - 1) * width + (place + shift) % width}" for shift in (0, 1)]
        keys[f"t{number}"] = sorted(set(before)) if layer else []
    return keys


def assert_done_once(project: Project, keys: dict[str, list[str]]) -> None:
    """Every task is integrated exactly once, and the journal rebuilds the tables."""
    subjects = project.git("log", "--format=%s", "main..banksman/target").splitlines()
    assert Counter(subjects) == Counter(f"Do {key}" for key in keys)
    files = set(project.git("ls-tree", "--name-only", "banksman/target").splitlines())
    assert {f"{key}.py" for key in keys} <= files
    assert project.git("status", "--porcelain") == ""
    assert len(project.git("worktree", "list").splitlines()) == 1
    assert_rebuilt(project)
    assert survivors(project) == []


def assert_rebuilt(project: Project) -> None:
    """The journal alone gives the same tables."""
    live = SqliteStore.open(project.state / "state.db")
    again = SqliteStore.open(project.root.parent / "again.db")
    try:
        with live.transaction() as tx:
            (known,) = tx.projects()
        rebuild(entries(live), again)
        assert differences(live.tables(), again.tables()) == ()
        assert known.integrated == project.git("rev-parse", "banksman/target").strip()
    finally:
        live.close()
        again.close()


def survivors(project: Project) -> list[str]:
    """Return the command lines of processes that this project started and that still live."""
    ours = f"{project.root.parent}/".encode()
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                variables = (entry / "environ").read_bytes()
                line = (entry / "cmdline").read_bytes()
            except OSError:  # It has ended, or is somebody else's.
                continue
            if b"BANKSMAN_EXECUTION=" in variables and (ours in variables or ours in line):
                found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found
