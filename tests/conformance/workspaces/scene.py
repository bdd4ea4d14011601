"""A real repository in a temporary folder, and everything around it that tests need."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import pytest

from banksman.core.records import Attempt
from banksman.exceptions import WorkspaceException
from banksman.ports import Capture, ProcessEnd, ProcessSpec
from banksman.testing.workspace_rig import FILES, an_attempt
from banksman.workspaces.git import Git
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from banksman.workspaces.repository import Repository, inspect

T = TypeVar("T")


CONFIG: Final = """\
[user]
	name = Ada Example
	email = ada@example.org
[core]
	hooksPath = .git/hooks
[init]
	templateDir =
"""


@dataclass
class DirectExecutor:
    """The executor port as far as set-up commands need it: programs as plain children."""

    specs: dict[str, ProcessSpec] = field(default_factory=dict[str, ProcessSpec])
    ended: list[str] = field(default_factory=list[str])

    async def run(self, spool: str, spec: ProcessSpec) -> ProcessEnd:
        assert spool not in self.specs, "a spool is used once"
        self.specs[spool] = spec
        # Blocking, so that no such command lives on when a test kills its own process.
        try:
            done = subprocess.run(  # noqa: ASYNC221 - see above
                spec.argv,
                cwd=spec.cwd,
                env=dict(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=spec.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ProcessEnd(how="timeout")
        return ProcessEnd(how="exited", code=done.returncode, output=done.stdout)

    async def attach(self, spool: str) -> bool:
        return spool in self.specs

    async def stop(self, spool: str, why: str) -> ProcessEnd:
        self.ended.append(spool)
        return ProcessEnd(how="stopped", why=why)

    async def start(self, spool: str, spec: ProcessSpec) -> None:
        raise NotImplementedError

    async def wait(self, spool: str) -> ProcessEnd:
        raise NotImplementedError

    def tail(self, spool: str, size_bytes_max: int = 8192) -> bytes:
        raise NotImplementedError

    def discard(self, spool: str) -> None:
        """Keep what was run, for the tests."""


class Scene:
    """A repository `repo` with `FILES`, a home, and folders for workspaces and state.

    Args:
        folder: An empty folder, or one that has had a scene before: then it is left as it is.
        options: Given to `git init`.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._place(folder)
        if self.home.exists():
            return
        self.home.mkdir()
        (self.home / ".gitconfig").write_text(CONFIG)
        self.git("init", "-q", "-b", "main", *options, str(self.repo), cwd=folder)
        for name, text in FILES.items():
            self.write(name, text)
        self.write(".gitignore", "*.ignored\n.env\n")
        self.commit("first")

    def _place(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "repo"
        self.home = folder / "home"
        self.root = folder / "root"
        self.executor = DirectExecutor()
        self.filters: tuple[str, ...] = ()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    @property
    def state(self) -> Path:
        return self.repo / ".git" / "banksman"

    def git(self, *args: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=cwd or self.repo,
            env=self.environment,
            check=True,
            capture_output=True,
        )
        return os.fsdecode(done.stdout).removesuffix("\n")

    def write(self, name: str, text: str, *, at: Path | None = None) -> Path:
        path = (at or self.repo) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str, *, at: Path | None = None) -> str:
        self.git("add", "-A", cwd=at)
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", message, cwd=at)
        return self.git("rev-parse", "HEAD", cwd=at)

    def attempt(
        self, *, task: int = 1, number: int = 1, start: str | None = None, base: str = "main"
    ) -> Attempt:
        return an_attempt(self.git("rev-parse", base), task=task, number=number, start=start)

    def caller(self, timeout_s: float = 60.0) -> Git:
        return Git(self.environment, timeout_s=timeout_s, filters=self.filters)

    async def inspect(
        self,
        path: Path | None = None,
        *,
        base: str | None = None,
        target: str = "banksman/target",
    ) -> Repository:
        return await inspect(path or self.repo, self.caller(), base=base, target=target)

    async def open(
        self, settings: WorkspaceSettings | None = None, *, git: Git | None = None
    ) -> GitWorkspaces:
        return GitWorkspaces(
            await self.inspect(),
            git=git or self.caller(),
            root=self.root,
            state=self.state,
            executor=self.executor,
            settings=settings,
        )

    def run(
        self,
        scenario: Callable[[GitWorkspaces], Coroutine[object, object, T]],
        settings: WorkspaceSettings | None = None,
    ) -> T:
        """Return what a scenario with fresh workspaces returns."""

        async def play() -> T:
            return await scenario(await self.open(settings))

        return asyncio.run(play())

    def files(self, commit: str) -> dict[str, str]:
        """Return mode and path of all files of a commit."""
        lines = self.git("ls-tree", "-r", "-z", commit).split("\0")
        pairs = (line.split("\t", 1) for line in lines if line)
        return {path: head.split()[0] for head, path in pairs}

    def show(self, commit: str, path: str) -> str:
        """Return a file of a commit."""
        return self.git("show", f"{commit}:{path}")


def python(code: str) -> tuple[str, ...]:
    """Return a command that runs a piece of Python."""
    return (sys.executable, "-c", code)


def refusal(scene: Scene, settings: WorkspaceSettings) -> WorkspaceException:
    """Return the error with which a workspace is not prepared."""

    async def prepare(spaces: GitWorkspaces) -> None:
        await spaces.prepare(scene.attempt())

    with pytest.raises(WorkspaceException) as caught:
        scene.run(prepare, settings)
    return caught.value


def prepare(scene: Scene, settings: WorkspaceSettings | None = None) -> Path:
    """Return a workspace that was prepared."""

    async def scenario(spaces: GitWorkspaces) -> Path:
        return (await spaces.prepare(scene.attempt())).path

    return scene.run(scenario, settings)


def captured(scene: Scene, work: Callable[[Path], object]) -> Capture:
    """Return the capture of what an agent did."""

    async def scenario(spaces: GitWorkspaces) -> Capture:
        attempt = scene.attempt()
        work((await spaces.prepare(attempt)).path)
        return await spaces.capture(attempt, "work")

    return scene.run(scenario)


def kinds(capture: Capture) -> dict[str, str]:
    """Return how each path of a capture is different."""
    return {change.path: change.change for change in capture.changes}
