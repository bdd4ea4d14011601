"""Workspaces are made from nothing or found again; what was there is never lost."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.ports import Combined
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene, prepare, python, refusal


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_workspace_is_a_locked_worktree_on_its_branch_outside_the_repository(
    scene: Scene,
) -> None:
    path = prepare(scene)
    assert path == scene.root / "work" / "task-1-1"
    assert scene.git("symbolic-ref", "HEAD", cwd=path).endswith("task-1-some-title/1")
    assert scene.git("status", "--porcelain", cwd=path) == ""
    assert "locked in use by banksman" in scene.git("worktree", "list", "--porcelain")
    assert "branch.banksman" not in scene.git("config", "--list", "--local")


def test_nobody_else_may_look_into_workspaces_or_state(scene: Scene) -> None:
    path = prepare(scene, WorkspaceSettings(ports=("PORT",)))
    for folder in (
        path,
        scene.root / "work",
        scene.root / "checks",
        scene.state / "workspaces",
    ):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in (scene.state / "workspaces").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((scene.state / "ports.json").stat().st_mode) == 0o600


def test_a_workspace_that_is_complete_is_not_touched_again(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt())).path
        (path / "a.txt").unlink()
        scene.git("checkout", "-q", "--detach", cwd=path)
        before = {file: file.stat().st_mtime_ns for file in path.iterdir()}
        await spaces.prepare(scene.attempt(start=scene.git("rev-parse", "main")))
        assert {file: file.stat().st_mtime_ns for file in path.iterdir()} == before
        assert len(scene.executor.specs) == 1

    scene.run(scenario, WorkspaceSettings(setup=(python(""),)))


def test_a_folder_and_branch_that_nobody_remembers_are_saved_and_replaced(
    scene: Scene,
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("committed.txt", "committed\n", at=path)
        own = scene.commit("the agent's own", at=path)
        scene.write("loose.txt", "loose\n", at=path)
        await spaces.capture(attempt, "work")
        for file in (scene.state / "workspaces").iterdir():
            file.unlink()
        again = await spaces.prepare(attempt)
        assert scene.git("rev-parse", "HEAD", cwd=again.path) == attempt.base
        assert not (again.path / "loose.txt").exists()
        saved = "refs/banksman/saved/1/1/1"
        assert scene.show(saved, "loose.txt") == "loose"
        assert scene.git("rev-parse", f"{saved}^2") == own
        kept = scene.git("for-each-ref", "--format=%(contents:subject)", "refs/banksman/saved")
        assert "work" in kept.split("\n")
        assert scene.git("for-each-ref", "refs/banksman/attempts") == ""

    scene.run(scenario)


def test_a_branch_with_commits_and_no_worktree_is_saved(scene: Scene) -> None:
    attempt = scene.attempt()
    lost = scene.commit("somebody's")
    scene.git("branch", str(attempt.branch))
    scene.git("reset", "-q", "--hard", str(attempt.base))

    async def scenario(spaces: GitWorkspaces) -> None:
        workspace = await spaces.prepare(attempt)
        assert scene.git("rev-parse", "HEAD", cwd=workspace.path) == attempt.base

    scene.run(scenario)
    assert scene.git("rev-parse", "refs/banksman/saved/1/1/1") == lost


def test_a_branch_that_the_user_has_checked_out_is_left_alone(scene: Scene) -> None:
    branch = str(scene.attempt().branch)
    linked = scene.folder / "linked"
    scene.git("worktree", "add", "-q", "-b", branch, str(linked))
    assert "already checked out" in refusal(scene, WorkspaceSettings()).output
    assert scene.git("symbolic-ref", "HEAD", cwd=linked) == f"refs/heads/{branch}"


def test_a_workspace_whose_folder_was_deleted_is_made_again(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt())).path
        scene.git("worktree", "unlock", str(path))
        scene.git("worktree", "remove", "--force", str(path))
        assert (await spaces.prepare(scene.attempt())).path == path
        assert (path / "a.txt").read_text() == "alpha\n"

    scene.run(scenario)


def test_a_start_on_a_moved_base_has_both_and_marks_conflicts(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        first = scene.attempt()
        path = (await spaces.prepare(first)).path
        scene.write("a.txt", "mine\n", at=path)
        scene.write("b.txt", "mine too\n", at=path)
        commit = (await spaces.capture(first, "work")).commit
        scene.write("a.txt", "theirs\n")
        scene.commit("on the base")
        again = await spaces.prepare(replace(scene.attempt(number=2), start=commit))
        assert (again.path / "b.txt").read_text() == "mine too\n"
        told = (again.path / "a.txt").read_text()
        assert "<<<<<<<" in told
        assert "mine\n" in told
        assert "theirs\n" in told
        assert scene.git("rev-parse", "HEAD", cwd=again.path) == again.base

    scene.run(scenario)


def test_a_start_that_the_base_contains_adds_nothing(scene: Scene) -> None:
    earlier = scene.git("rev-parse", "main")
    scene.write("a.txt", "later\n")
    scene.commit("later")

    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt(start=earlier))).path
        assert scene.git("status", "--porcelain", cwd=path) == ""

    scene.run(scenario)


def test_a_cancelled_prepare_ends_its_git_and_can_be_repeated(scene: Scene) -> None:
    # A filter that waits makes git wait in the middle of writing files.
    asked, answer = scene.folder / "asked", scene.folder / "answer"
    os.mkfifo(asked)
    os.mkfifo(answer)
    script = f"#!/bin/sh\n[ -e {answer}.off ] || {{ echo > {asked}; cat {answer}; }}\ncat\n"
    program = scene.write("filter", script, at=scene.folder)
    program.chmod(0o700)
    scene.filters = ("slow",)
    scene.git("config", "filter.slow.smudge", str(program))
    scene.write(".gitattributes", "b.txt filter=slow\n")
    scene.commit("a slow filter")

    async def scenario(spaces: GitWorkspaces) -> None:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(spaces.prepare(scene.attempt()))
            await asyncio.to_thread(asked.read_bytes)
            call.cancel()
        assert call.cancelled()
        scene.write("answer.off", "", at=scene.folder)
        path = (await spaces.prepare(scene.attempt())).path
        assert (path / "b.txt").read_text() == "beta\n"
        assert scene.git("status", "--porcelain", cwd=path) == ""

    scene.run(scenario)


def test_every_file_is_checked_out_even_where_the_user_sees_few(scene: Scene) -> None:
    scene.write("deep/x", "x\n")
    scene.commit("deep")
    scene.git("sparse-checkout", "set", "--no-cone", "/a.txt")
    path = prepare(scene)
    assert (path / "deep/x").read_text() == "x\n"


def test_a_worktree_of_a_bare_repository_gets_workspaces(scene: Scene) -> None:
    bare, linked = scene.folder / "bare.git", scene.folder / "linked"
    scene.git("clone", "-q", "--bare", str(scene.repo), str(bare))
    scene.git("worktree", "add", "-q", str(linked), "main", cwd=bare)
    scene.repo = linked

    async def scenario() -> None:
        spaces = GitWorkspaces(
            await scene.inspect(),
            git=scene.caller(),
            root=scene.root,
            state=bare / "banksman",
            executor=scene.executor,
        )
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        capture = await spaces.capture(attempt, "work")
        assert [change.path for change in capture.changes] == ["new.txt"]

    asyncio.run(scenario())


def test_a_shallow_clone_goes_the_whole_way(scene: Scene) -> None:
    scene.commit("second")
    clone = scene.folder / "clone"
    scene.git("clone", "-q", "--depth", "1", f"file://{scene.repo}", str(clone))
    scene.repo = clone

    async def scenario(spaces: GitWorkspaces) -> None:
        tip = await spaces.ensure_target()
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        capture = await spaces.capture(attempt, "work")
        combined = await spaces.combine(tip, capture.commit, "work")
        assert isinstance(combined, Combined)
        assert await spaces.publish(tip, combined.commit)

    scene.run(scenario)
