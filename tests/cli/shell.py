"""Runs the command as a person does: a process of its own, in a repository of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The output as rows of cells."""
        return [line.split("\t") for line in self.out.splitlines()]

    # What JSON holds, the test says.
    @property
    def json(self) -> Any:  # noqa: ANN401 - see above
        """The output as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A folder to run commands in, with an environment that nobody else has."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    def banksman(
        self, *args: str, cwd: Path | None = None, timeout_s: float = 60, **env: str
    ) -> Said:
        """Run the command and return what it answered."""
        ended = subprocess.run(
            [sys.executable, "-m", "banksman", *args],
            cwd=cwd or self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        return Said(
            code=ended.returncode,
            out=ended.stdout.decode("utf-8"),
            err=ended.stderr.decode("utf-8"),
        )

    def on_terminal(self, *args: str, **env: str) -> str:
        """Return what the command prints on a terminal of 100 columns; it ends well."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "banksman", *args],
            cwd=self.folder,
            env={**self.env, "TERM": "xterm", "COLUMNS": "100", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        parts: list[bytes] = []
        # Reading fails on Linux, and ends elsewhere, when the other side is closed.
        with suppress(OSError):
            while select.select([ours], [], [], 60)[0] and (part := os.read(ours, 65536)):
                parts.append(part)
        os.close(ours)
        assert process.wait(timeout=60) == 0
        return b"".join(parts).decode("utf-8").replace("\r\n", "\n")

    def git(self, *args: str) -> str:
        """Run git and return what it printed."""
        ended = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            check=True,
            text=True,
        )
        return ended.stdout.strip()

    def commit(self, files: Mapping[str, str], message: str = "Change") -> str:
        """Write files, commit them, and return the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    @property
    def state(self) -> Path:
        """The folder of the state."""
        return self.folder / ".git" / "banksman"


def own_environment(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's own settings counts."""
    return {
        **{
            name: os.environ[name]
            for name in ("PATH", "BANKSMAN_SANDBOX")
            if name in os.environ
        },
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("src")),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@localhost",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@localhost",
    }
