"""Whatever act of a workspace is the last one of a process, repeating it succeeds.

A child process dies before its n-th act on the world, for n = 1, 2, 3 … until it gets through;
git processes that it has started live on, as they do when an engine is killed.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.locks import hold
from tests.conformance.workspaces.scene import Scene
from tests.crash.workspaces_child import DEAD, SETTINGS, main

ACTS_MAX = 200

# Each child is a fork of one process that has imported everything, and has no threads.
CHILDREN = get_context("forkserver")
CHILDREN.set_forkserver_preload(["tests.crash.workspaces_child"])


def child(scene: Scene, what: str, act: int) -> bool:
    """Return whether a child got through."""
    process = CHILDREN.Process(target=main, args=(str(scene.folder), what, act))
    process.start()
    process.join()
    assert process.exitcode in {0, DEAD}
    return process.exitcode == 0


def every_death(
    scene: Scene,
    what: str,
    check: Callable[[Scene, GitWorkspaces], Awaitable[None]],
    *,
    step: int = 1,
) -> int:
    """Let a child die before each act, each time on the same scene; return their number."""
    backup = scene.folder.with_name("backup")
    shutil.copytree(scene.folder, backup, symlinks=True)
    for act in range(1, ACTS_MAX, step):
        through = child(scene, what, act)
        asyncio.run(checked(scene, check))
        if through:
            return act - 1
        shutil.rmtree(scene.folder)
        shutil.copytree(backup, scene.folder, symlinks=True)
    pytest.fail(f"it has not got through after {ACTS_MAX} acts")


async def checked(
    scene: Scene, check: Callable[[Scene, GitWorkspaces], Awaitable[None]]
) -> None:
    # A git that the dead child had started holds its lock to its end.
    for lock in scene.state.rglob("*.lock"):
        async with hold(lock):
            pass
    await check(scene, await scene.open(SETTINGS))


@pytest.fixture(params=["nothing ahead", "a spare ahead"])
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    folder = tmp_path / "scene"
    folder.mkdir()
    scene = Scene(folder)
    scene.write(".env", "SECRET=1\n")
    if request.param == "a spare ahead":
        scene.run(GitWorkspaces.prepare_ahead, SETTINGS)
    return scene


def with_work(scene: Scene) -> None:
    """Make a workspace in which an agent has worked."""

    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt())).path
        scene.write("committed.txt", "committed\n", at=path)
        scene.commit("the agent's own", at=path)
        scene.write("loose.txt", "loose\n", at=path)

    scene.run(scenario, SETTINGS)


def holds_work(scene: Scene, commit: str) -> bool:
    return {"committed.txt", "loose.txt"} <= scene.files(commit).keys()


def test_a_workspace_is_prepared_after_any_death(scene: Scene) -> None:
    async def check(scene: Scene, spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        workspace = await spaces.prepare(attempt)
        path = workspace.path
        assert (path / "a.txt").read_text() == "alpha\n"
        assert (path / ".env").read_text() == "SECRET=1\n"
        assert (path / "x.ignored").read_text() == workspace.env["PORT"]
        assert scene.git("symbolic-ref", "HEAD", cwd=path) == f"refs/heads/{attempt.branch}"
        assert (await spaces.capture(attempt, "nothing")).changes == ()
        assert await spaces.leftovers([attempt]) == ()
        # Nobody has worked here: there was nothing to save.
        assert scene.git("for-each-ref", "refs/banksman/saved") == ""
        await spaces.remove(attempt)
        await assert_clean(scene, spaces)

    assert every_death(scene, "prepare", check) > 20


def test_a_workspace_is_captured_after_any_death(scene: Scene) -> None:
    with_work(scene)

    async def check(scene: Scene, spaces: GitWorkspaces) -> None:
        capture = await spaces.capture(scene.attempt(), "work\n")
        assert holds_work(scene, capture.commit)
        assert scene.git("rev-parse", "refs/banksman/attempts/1/1") == capture.commit
        assert (scene.root / "work/task-1-1/loose.txt").exists()

    assert every_death(scene, "capture", check) > 5


def test_a_workspace_is_saved_once_after_any_death(scene: Scene) -> None:
    with_work(scene)

    async def check(scene: Scene, spaces: GitWorkspaces) -> None:
        commit = await spaces.save(scene.attempt(), "a reason")
        assert holds_work(scene, str(commit))
        told = scene.git("for-each-ref", "--format=%(objectname)", "refs/banksman/saved")
        assert told == commit

    assert every_death(scene, "save", check) > 5


def test_a_workspace_is_removed_and_its_work_kept_after_any_death(scene: Scene) -> None:
    with_work(scene)

    async def check(scene: Scene, spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        await spaces.remove(attempt)
        saved = scene.git("for-each-ref", "--format=%(objectname)", "refs/banksman/saved")
        assert any(holds_work(scene, commit) for commit in saved.split("\n"))
        assert str(attempt.branch) not in scene.git("branch")
        await assert_clean(scene, spaces)

    assert every_death(scene, "remove", check) > 10


def test_a_workspace_is_prepared_anew_after_any_death_of_its_removal(scene: Scene) -> None:
    with_work(scene)

    async def check(scene: Scene, spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt())).path
        saved = scene.git("for-each-ref", "--format=%(objectname)", "refs/banksman/saved")
        commits = [commit for commit in saved.split("\n") if commit]
        # Either it is still there, or it was saved.
        assert (path / "loose.txt").exists() or any(
            holds_work(scene, commit) for commit in commits
        )
        assert (path / "a.txt").read_text() == "alpha\n"

    assert every_death(scene, "remove", check, step=3) > 10


def test_a_checkout_is_left_over_and_swept_after_any_death(scene: Scene) -> None:
    async def check(scene: Scene, spaces: GitWorkspaces) -> None:
        await spaces.sweep([])
        async with spaces.checkout(scene.git("rev-parse", "main"), "tests") as checkout:
            assert (checkout.path / "a.txt").read_text() == "alpha\n"
        await assert_clean(scene, spaces)

    assert every_death(scene, "checkout", check) > 20


def test_a_spare_is_made_or_renewed_after_any_death(scene: Scene) -> None:
    async def used(spaces: GitWorkspaces) -> None:
        async with spaces.checkout(scene.git("rev-parse", "main"), "tests") as checkout:
            (checkout.path / "a.txt").write_text("forged\n")
            (checkout.path / "b.ignored").write_text("left\n")

    scene.run(used, SETTINGS)
    scene.write("new.txt", "new\n")
    scene.commit("second")

    async def check(scene: Scene, spaces: GitWorkspaces) -> None:
        await spaces.sweep([])
        await spaces.prepare_ahead()
        await assert_clean(scene, spaces)
        (spare,) = (scene.root / "spares").iterdir()
        assert scene.git("status", "--porcelain", "--ignored", cwd=spare) == ""
        assert (spare / "a.txt").read_text() == "alpha\n"

    assert every_death(scene, "ahead", check) > 10


def test_the_child_counts_what_it_does(scene: Scene) -> None:
    assert not child(scene, "prepare", 1)
    assert child(scene, "prepare", 0)


async def assert_clean(scene: Scene, spaces: GitWorkspaces) -> None:
    """Assert that nothing is left, but spares that are known."""
    await spaces.sweep([])
    listed = scene.git("worktree", "list", "--porcelain").split("\n\n")[1:]
    spares = set((scene.root / "spares").iterdir())
    assert {Path(one.split("\n")[0].removeprefix("worktree ")) for one in listed} == spares
    known = {path.stem for path in (scene.state / "spares").glob("*.json")}
    assert known == {path.name for path in spares}
    assert [list((scene.root / name).iterdir()) for name in ("work", "checks", "trash")] == [
        [], [], [],
    ]  # fmt: skip
    assert (scene.state / "ports.json").read_text() == "{}"
