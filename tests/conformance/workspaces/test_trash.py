"""What cannot be deleted costs space, and never more than the one workspace it was in."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.layout import delete
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def forbid(system: pytest.MonkeyPatch, name: str, *acts: str) -> None:
    """Let the system refuse what concerns a name, as it does for a file of another user."""

    def refusing(act: str) -> Callable[..., object]:
        real = getattr(os, act)

        def call(path: str | os.PathLike[str], *args: object, **options: object) -> object:
            if Path(path).name == name:
                raise PermissionError(errno.EPERM, "Operation not permitted", name)
            return real(path, *args, **options)

        return call

    for act in acts:
        system.setattr(os, act, refusing(act))


def test_what_the_file_system_refuses_concerns_one_workspace(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        stuck, other = scene.attempt(task=1), scene.attempt(task=2)
        folder, swept = [(await spaces.prepare(one)).path for one in (stuck, other)]
        with monkeypatch.context() as system:
            forbid(system, "task-1-1", "rename", "chmod")
            told = r"the workspace .*task-1-1 cannot be .*: Operation not permitted \(.+\)\.$"
            with pytest.raises(WorkspaceException, match=told):
                await spaces.remove(stuck)
            assert await spaces.sweep([]) == (swept,)
        assert folder.is_dir()
        assert [str(folder) in record.getMessage() for record in caplog.records] == [True]
        await spaces.remove(stuck)
        assert not folder.exists()

    scene.run(scenario)


def test_work_that_its_agent_locked_away_is_deleted(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        async with spaces.checkout(scene.git("rev-parse", "main"), "tests") as checkout:
            scene.write("shut/in/x", "x\n", at=checkout.path)
            (checkout.path / "shut/in").chmod(0o500)
            (checkout.path / "shut").chmod(0)

    scene.run(scenario)
    assert list((scene.root / "trash").iterdir()) == []


def test_what_cannot_be_deleted_stays_in_the_trash_and_costs_one_line(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trash = scene.root / "trash"

    async def scenario(spaces: GitWorkspaces) -> None:
        stuck, other = scene.attempt(task=1), scene.attempt(task=2)
        for attempt in (stuck, other):
            path = (await spaces.prepare(attempt)).path
            scene.write("build/sub.ignored/free", "x\n", at=path)
        scene.write("build/cache.ignored/theirs", "x\n", at=scene.root / "work/task-1-1")
        with monkeypatch.context() as system:
            forbid(system, "theirs", "unlink", "chmod")
            await spaces.remove(stuck)
            left = [path.name for path in trash.rglob("*") if not path.is_dir()]
            assert left == ["theirs"]
            await spaces.remove(other)
            assert await spaces.sweep([]) == ()
            async with spaces.checkout(scene.git("rev-parse", "main"), "tests"):
                pass
            assert [path.name for path in trash.iterdir()] == ["task-1-1.1"]
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) == 4
        assert all(str(trash / "task-1-1.1") in line and "\n" not in line for line in lines)
        assert not any(record.exc_info for record in caplog.records)
        await spaces.sweep([])
        assert list(trash.iterdir()) == []

    scene.run(scenario)


def test_all_is_deleted_but_what_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = tmp_path / "doomed"
    (doomed / "theirs").mkdir(parents=True)
    (doomed / "ours").mkdir()
    (doomed / "ours" / "x").write_text("x\n")
    forbid(monkeypatch, "theirs", "unlink", "chmod")
    (doomed / "theirs" / "theirs").write_text("x\n")
    with pytest.raises(PermissionError):
        delete(doomed)
    assert [path.name for path in doomed.iterdir()] == ["theirs"]


def test_a_trash_that_is_gone_does_not_stop_a_sweep(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    trash = scene.root / "trash"

    async def scenario(spaces: GitWorkspaces) -> None:
        trash.rmdir()
        assert await spaces.sweep([]) == ()
        assert str(trash) in caplog.records[0].getMessage()

    scene.run(scenario)


def test_deleting_does_not_follow_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "in").mkdir(parents=True)
    doomed = tmp_path / "doomed"
    doomed.mkdir()
    (doomed / "link").symlink_to(outside)
    delete(doomed)
    assert (outside / "in").is_dir()
    link = tmp_path / "link"
    link.symlink_to(outside)
    delete(link)
    assert (outside / "in").is_dir()
    assert not link.is_symlink()


def test_two_engines_may_empty_the_trash_at_once(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        async with asyncio.TaskGroup() as group:
            for task in range(1, 9):
                attempt = scene.attempt(task=task)
                await spaces.prepare(attempt)
                group.create_task(spaces.remove(attempt))
        assert list((scene.root / "trash").iterdir()) == []

    scene.run(scenario)
