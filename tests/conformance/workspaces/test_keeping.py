"""Nothing of an attempt goes before a private ref has it; what is swept is saved."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.layout import delete
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def refs(scene: Scene, below: str) -> list[str]:
    told = scene.git("for-each-ref", "--format=%(refname)", f"refs/banksman/{below}")
    return told.split("\n") if told else []


def test_a_saved_state_has_files_reason_and_the_agents_own_commits(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("one.txt", "one\n", at=path)
        on_branch = scene.commit("on the branch", at=path)
        scene.git("checkout", "-q", "--detach", "main", cwd=path)
        aside = scene.commit("aside", at=path)
        scene.write("loose.txt", "loose\n", at=path)
        saved = await spaces.save(attempt, "a person\ncancelled it")
        assert saved == scene.git("rev-parse", "refs/banksman/saved/1/1/1")
        assert scene.show(str(saved), "loose.txt") == "loose"
        parents = scene.git("log", "-1", "--format=%P", str(saved)).split()
        assert parents == [attempt.base, aside, on_branch]
        assert scene.git("log", "-1", "--format=%s", str(saved)) == (
            "Saved: a person cancelled it"
        )
        assert "Banksman-Task: 1" in scene.git("log", "-1", "--format=%(trailers)", str(saved))

    scene.run(scenario)


def test_nothing_is_saved_twice(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("a.txt", "one\n", at=path)
        first = await spaces.save(attempt, "first")
        assert await spaces.save(attempt, "again") == first
        scene.write("a.txt", "two\n", at=path)
        second = await spaces.save(attempt, "second")
        assert second != first
        scene.write("a.txt", "one\n", at=path)
        assert await spaces.save(attempt, "back") == first
        assert refs(scene, "saved") == [
            "refs/banksman/saved/1/1/1",
            "refs/banksman/saved/1/1/2",
        ]

    scene.run(scenario)


def test_what_was_captured_is_saved_as_the_capture(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("a.txt", "one\n", at=path)
        capture = await spaces.capture(attempt, "work")
        assert await spaces.save(attempt, "done") == capture.commit

    scene.run(scenario)


def test_a_workspace_without_work_is_its_base_and_needs_no_ref(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        await spaces.prepare(attempt)
        assert await spaces.save(attempt, "nothing") == attempt.base
        assert await spaces.save(replace(attempt, base=None, branch=None), "never") is None
        await spaces.remove(replace(attempt, base=None, branch=None))

    scene.run(scenario)
    assert refs(scene, "") == []


def test_removing_saves_what_was_not_saved_and_leaves_no_trace_else(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("loose.txt", "loose\n", at=path)
        scene.commit("mine", at=path)
        await spaces.remove(attempt)
        assert not path.exists()

    scene.run(scenario)
    assert scene.show("refs/banksman/saved/1/1/1", "loose.txt") == "loose"
    assert scene.git("branch", "--format=%(refname:short)") == "main"
    assert not (scene.repo / ".git/worktrees").exists()
    assert list((scene.state / "workspaces").iterdir()) == []
    assert [list((scene.root / name).iterdir()) for name in ("work", "checks", "trash")] == [
        [],
        [],
        [],
    ]


def test_a_branch_that_moved_after_its_folder_went_is_kept_when_it_is_deleted(
    scene: Scene,
) -> None:
    async def scenario(spaces: GitWorkspaces) -> str:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        own = scene.commit("mine", at=path)
        delete(path)
        await spaces.remove(attempt)
        return own

    own = scene.run(scenario)
    assert scene.git("rev-parse", "refs/banksman/saved/1/1/1") == own


def test_a_branch_that_the_user_took_over_stays(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.git("checkout", "-q", "--detach", cwd=path)
        scene.git("worktree", "add", "-q", str(scene.folder / "own"), str(attempt.branch))
        await spaces.remove(attempt)
        assert str(attempt.branch) in scene.git("branch")

    scene.run(scenario)


def test_a_workspace_that_cannot_be_saved_is_not_removed(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        # Git refuses what it cannot encode as it is told to.
        scene.write(".gitattributes", "*.txt working-tree-encoding=UTF-16\n", at=path)
        with pytest.raises(WorkspaceException, match="git cannot take what is in"):
            await spaces.remove(attempt)
        assert (path / "new.txt").read_text() == "new\n"

    scene.run(scenario)


def test_a_leftover_that_cannot_be_saved_does_not_keep_the_others(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        stuck = (await spaces.prepare(scene.attempt(task=1))).path
        other = (await spaces.prepare(scene.attempt(task=2))).path
        scene.write("new.txt", "new\n", at=stuck)
        scene.write(".gitattributes", "*.txt working-tree-encoding=UTF-16\n", at=stuck)
        crashed = scene.root / "checks" / "tests-x"
        crashed.mkdir()
        assert await spaces.sweep([]) == (other, crashed)
        assert (stuck / "new.txt").read_text() == "new\n"
        (told,) = caplog.records
        assert str(stuck) in told.getMessage()
        assert "git cannot take what is in the workspace" in told.getMessage()
        assert "\n" not in told.getMessage()
        assert told.exc_info is None
        (stuck / ".gitattributes").unlink()
        assert await spaces.sweep([]) == (stuck,)

    scene.run(scenario)
    assert scene.show("refs/banksman/saved/1/1/1", "new.txt") == "new"


def test_what_another_cleaning_removes_meanwhile_is_not_missed(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        async with asyncio.TaskGroup() as group:
            # The first has the lock, and the second sees the folder, before either saves.
            group.create_task(spaces.remove(attempt))
            saved = group.create_task(spaces.save(attempt, "before it is removed"))
        assert saved.result() is None
        assert not path.exists()

    scene.run(scenario)
    assert refs(scene, "saved") == ["refs/banksman/saved/1/1/1"]
    assert list((scene.state / "workspaces").iterdir()) == []


def test_leftovers_are_saved_and_swept_but_not_what_we_did_not_make(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        live, dead = scene.attempt(task=1), scene.attempt(task=2)
        await spaces.prepare(live)
        path = (await spaces.prepare(dead)).path
        scene.write("new.txt", "new\n", at=path)
        foreign = scene.root / "work" / "notes"
        foreign.mkdir()
        crashed = scene.root / "checks" / "tests-x"
        crashed.mkdir()
        assert set(await spaces.leftovers([live])) == {path, foreign, crashed}
        assert set(await spaces.sweep([live])) == {path, crashed}
        assert await spaces.leftovers([live]) == (foreign,)
        assert scene.show("refs/banksman/saved/2/1/1", "new.txt") == "new"
        assert str(dead.branch) not in scene.git("branch")

    scene.run(scenario)


def test_a_leftover_that_nobody_remembers_is_saved_too(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt())).path
        scene.write("new.txt", "new\n", at=path)
        for file in (scene.state / "workspaces").iterdir():
            file.unlink()
        assert await spaces.sweep([]) == (path,)

    scene.run(scenario)
    assert scene.show("refs/banksman/saved/1/1/1", "new.txt") == "new"


def test_what_a_crash_left_without_a_folder_is_swept_too(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        live, dead = scene.attempt(task=1), scene.attempt(task=2)
        for attempt in (live, dead):
            delete((await spaces.prepare(attempt)).path)
        assert await spaces.leftovers([live]) == ()
        assert await spaces.sweep([live]) == ()
        assert str(live.branch) in scene.git("branch")
        assert str(dead.branch) not in scene.git("branch")
        assert "task-2-1" not in scene.git("worktree", "list", "--porcelain")
        assert set(json.loads((scene.state / "ports.json").read_bytes())) == {"task-1-1"}
        assert not list((scene.state / "workspaces").glob("task-2-1*"))

    scene.run(scenario, WorkspaceSettings(ports=("PORT",)))


def test_looking_for_leftovers_leaves_nothing_behind(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        (scene.root / "checks" / "tests-x").mkdir()
        assert len(await spaces.leftovers([])) == 1
        assert list((scene.state / "workspaces").iterdir()) == []

    scene.run(scenario)


def test_a_checkout_that_is_open_in_another_process_is_not_swept(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        other = await scene.open()
        async with spaces.checkout(scene.git("rev-parse", "main"), "tests") as checkout:
            assert await other.sweep([]) == ()
            assert (checkout.path / "a.txt").exists()

    scene.run(scenario)


def test_a_purpose_is_only_a_name(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        commit = scene.git("rev-parse", "main")
        async with spaces.checkout(commit, "../../up\n--and-away") as checkout:
            assert checkout.path.parent == scene.root / "checks"
            assert checkout.path.name.startswith("up-and-away-")

    scene.run(scenario)
