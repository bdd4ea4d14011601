"""Git workspaces keep the promises of the port."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from banksman.testing.workspace_contract import WorkspaceContract
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene


class GitRig:
    """A real repository and real files."""

    def __init__(self, scene: Scene, settings: WorkspaceSettings) -> None:
        self._scene = scene
        self._settings = settings
        self.workspaces: GitWorkspaces
        self._repository = asyncio.run(scene.inspect())
        self.reopen()

    def reopen(self) -> None:
        self.workspaces = GitWorkspaces(
            self._repository,
            git=self._scene.caller(),
            root=self._scene.root,
            state=self._scene.state,
            executor=self._scene.executor,
            settings=self._settings,
        )

    def write(self, folder: Path, name: str, text: str) -> None:
        (folder / name).write_text(text)

    def delete(self, folder: Path, name: str) -> None:
        (folder / name).unlink()

    def read(self, folder: Path, name: str) -> str | None:
        path = folder / name
        return path.read_text() if path.exists() else None


class TestGitWorkspaces(WorkspaceContract):
    @pytest.fixture(params=["rebase", "merge"])
    def rig(self, tmp_path: Path, request: pytest.FixtureRequest) -> GitRig:
        return GitRig(Scene(tmp_path), WorkspaceSettings(style=str(request.param)))


class TestGitWorkspacesWithSha256(WorkspaceContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> GitRig:
        return GitRig(Scene(tmp_path, "--object-format=sha256"), WorkspaceSettings())
