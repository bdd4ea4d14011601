"""A repository with all that lies around it, and programs in its sandbox."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from banksman.app.confining import project_sandbox
from banksman.app.reads import Place
from banksman.config.settings import Flags, load_settings
from banksman.executors.local import LocalExecutor
from banksman.ports import Confinement, ProcessEnd, ProcessSpec
from tests.conformance.layers import SystemClock

SECRET: Final = "s3cret"
GIT: Final = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
AUTHOR: Final = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


@dataclass
class Scene:
    """A user's home, a repository, and two workspaces, of which a program has the first.

    Attributes:
        folder: All of it.
        network: Whether programs have a network, as agents have and checks have not.
        settings: The configuration.
    """

    folder: Path
    network: bool
    settings: str = ""
    spools: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.home = self._written("home/notes.txt", "mine").parent
        for name in (".ssh/id_ed25519", ".netrc", ".config/gh/hosts.yml", ".codex/auth.json"):
            self._written(f"home/{name}", SECRET)
        self.repo = self._written("repo/a.txt", "alpha").parent
        self._written("repo/banksman.toml", self.settings)
        self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git(*AUTHOR, "commit", "-q", "-m", "first")
        self.root = self.folder / "state" / "banksman" / "repo-1"
        self.mine, self.other = (self._worktree(name) for name in ("task-1-1", "task-2-1"))
        self.own_home = self._written("state/banksman/repo-1/homes/task-1-1/x", "").parent
        self._written("state/banksman/repo-1/homes/task-2-1/session", SECRET)
        self._written("state/banksman/repo-1/shared-home/cache", "warm")
        self._written("state/banksman/project-2/work/task-1-1/x", SECRET)
        (self.other / "b.txt").write_text(SECRET)
        self.state = self.repo / ".git" / "banksman"
        self._written("repo/.git/banksman/state.db", SECRET)
        self.prompt = self._written("repo/.git/banksman/scratch/mine.md", "do it")
        self._written("repo/.git/banksman/scratch/other.md", SECRET)

    def git(self, *arguments: str) -> str:
        """Return what git prints in the repository."""
        done = subprocess.run(
            ("git", *arguments),
            cwd=self.repo,
            env={"PATH": os.environ["PATH"], **GIT},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def tries(self, line: str, *, env: Mapping[str, str] | None = None) -> ProcessEnd:
        """Return how a line for the shell ends in the sandbox."""
        return self.runs(("/bin/sh", "-c", line), env=env)

    def runs(
        self, argv: tuple[str, ...], *, env: Mapping[str, str] | None = None
    ) -> ProcessEnd:
        """Return how a program ends in the sandbox."""
        place = Place(work_tree=self.repo, common_dir=self.repo / ".git", state_dir=self.state)
        environ = {"HOME": str(self.home), "XDG_STATE_HOME": str(self.folder / "state")}
        settings = load_settings(self.repo, Flags(), environ)
        executor = LocalExecutor(
            self.state / "spool",
            SystemClock(),
            sandbox=project_sandbox(place, settings, self.root),
        )
        confinement = Confinement(
            home=self.own_home,
            writable=(self.mine,),
            readable=(self.prompt,),
            network=self.network,
        )
        spec = ProcessSpec(
            argv=argv,
            cwd=self.mine,
            env={"PATH": os.environ["PATH"], **GIT, **(env or {})},
            timeout_s=60,
            marker="1:1:1:1",
            confinement=confinement,
        )
        self.spools += 1
        return asyncio.run(executor.run(f"s{self.spools}", spec))

    def python(self, text: str) -> ProcessEnd:
        """Return how a Python text ends in the sandbox."""
        return self.runs((sys.executable, "-I", "-S", "-c", text))

    def outside(self) -> dict[str, bytes]:
        """Return all files that are not the program's own, with what is in them."""
        own = (self.mine, self.own_home, self.state / "spool", self.state / "empty")
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not any(path.is_relative_to(one) for one in own)
        }

    def _written(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def _worktree(self, name: str) -> Path:
        path = self.root / "work" / name
        self.git("worktree", "add", "-q", "-b", name, str(path))
        return path
