"""The target moves by compare-and-swap only, and merges need no files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from banksman.exceptions import TargetBusyException, WorkspaceException
from banksman.ports import Combined, Conflict
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def work(scene: Scene, spaces: GitWorkspaces, *, task: int, **files: str) -> str:
    attempt = scene.attempt(task=task)
    path = (await spaces.prepare(attempt)).path
    for name, text in files.items():
        scene.write(f"{name}.txt", text, at=path)
    return (await spaces.capture(attempt, f"task {task}")).commit


@pytest.mark.parametrize(("style", "count"), [("rebase", 1), ("merge", 2)])
def test_the_style_decides_the_parents(scene: Scene, style: str, count: int) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        tip = await spaces.ensure_target()
        commit = await work(scene, spaces, task=1, a="mine\n")
        combined = await spaces.combine(tip, commit, "Title\n\nBanksman-Task: 1\n")
        assert isinstance(combined, Combined)
        parents = scene.git("log", "-1", "--format=%P", combined.commit).split()
        assert parents == [tip, commit][:count]
        assert scene.git("log", "-1", "--format=%B", combined.commit).startswith(
            "Title\n\nBank"
        )

    scene.run(scenario, WorkspaceSettings(style=style))


def test_only_the_works_own_change_comes_onto_a_rewritten_target(scene: Scene) -> None:
    root = scene.git("rev-parse", "main")
    scene.write("b.txt", "was on the target\n")
    scene.commit("dropped later")

    async def scenario(spaces: GitWorkspaces) -> None:
        commit = await work(scene, spaces, task=1, a="mine\n")
        combined = await spaces.combine(root, commit, "work")
        assert isinstance(combined, Combined)
        changed = await spaces.changes(root, combined.commit)
        assert [change.path for change in changed] == ["a.txt"]

    scene.run(scenario)


def test_conflicts_of_every_kind_name_their_paths(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        await spaces.ensure_target()
        mine = await work(scene, spaces, task=1, a="mine\n", new="mine\n")
        attempt = scene.attempt(task=2)
        path = (await spaces.prepare(attempt)).path
        (path / "a.txt").unlink()
        scene.write("new.txt/odd\nname", "theirs\n", at=path)
        theirs = (await spaces.capture(attempt, "theirs")).commit
        combined = await spaces.combine(theirs, mine, "both")
        assert isinstance(combined, Conflict)
        assert combined.paths[0] == "a.txt"
        assert combined.paths[1].startswith("new.txt")

    scene.run(scenario)


def test_a_target_that_somebody_checked_out_is_not_moved(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        tip = await spaces.ensure_target()
        commit = await work(scene, spaces, task=1, a="mine\n")
        scene.git("checkout", "-q", "banksman/target")
        with pytest.raises(TargetBusyException, match=r"is checked out at .*repo\.$") as caught:
            await spaces.publish(tip, commit)
        busy = caught.value
        assert (busy.branch, busy.worktree) == ("banksman/target", str(scene.repo))
        assert await spaces.tip() == tip
        scene.git("checkout", "-q", "main")
        assert await spaces.publish(tip, commit)

    scene.run(scenario)


def test_a_target_that_points_at_another_branch_does_not_move_that_branch(
    scene: Scene,
) -> None:
    main = scene.git("rev-parse", "main")
    scene.git("checkout", "-q", "-b", "elsewhere")

    async def scenario(spaces: GitWorkspaces) -> None:
        commit = await work(scene, spaces, task=1, a="mine\n")
        scene.git("symbolic-ref", "refs/heads/banksman/target", "refs/heads/main")
        await spaces.publish(main, commit)

    scene.run(scenario)
    assert scene.git("rev-parse", "main") == main


def test_a_target_that_is_gone_is_told_from_one_that_moved(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        tip = await spaces.ensure_target()
        commit = await work(scene, spaces, task=1, a="mine\n")
        scene.git("branch", "-D", "banksman/target")
        assert await spaces.tip() is None
        assert not await spaces.publish(tip, commit)
        with pytest.raises(WorkspaceException, match="could not be moved"):
            await spaces.publish(await spaces.ensure_target(), "0" * 39 + "1")

    scene.run(scenario)


def test_many_engines_make_one_target(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(spaces.ensure_target()) for _ in range(8)]
        assert {one.result() for one in made} == {scene.git("rev-parse", "main")}

    scene.run(scenario)


def test_a_base_branch_that_is_gone_is_an_error(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        scene.git("branch", "-m", "main", "other")
        with pytest.raises(WorkspaceException, match="the branch 'main' is gone"):
            await spaces.ensure_target()

    scene.run(scenario)


def test_an_ancestor_that_git_has_lost_is_none_but_a_lost_commit_is_an_error(
    scene: Scene,
) -> None:
    lost = "1" * 40

    async def scenario(spaces: GitWorkspaces) -> None:
        tip = await spaces.ensure_target()
        assert not await spaces.contains(tip, lost)
        with pytest.raises(WorkspaceException, match=f"there is no commit {lost}"):
            await spaces.contains(lost, tip)

    scene.run(scenario)


def test_a_commit_that_is_no_ones_work_cannot_be_combined(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        tip = await spaces.ensure_target()
        with pytest.raises(WorkspaceException, match="has 0 parents, not one"):
            await spaces.combine(tip, scene.git("rev-list", "--max-parents=0", "main"), "x")

    scene.run(scenario)
