"""The user's branch moves all or nothing, and over nothing of theirs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.exceptions import RepositoryException
from banksman.workspaces.landing import Lander, Landing, Way, land, preview
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A repository whose target has one commit more than main: a.txt changed, x.txt added."""
    scene = Scene(tmp_path)
    scene.git("checkout", "-q", "-b", "banksman/target")
    scene.write("a.txt", "by task 1\n")
    scene.write("new/x.txt", "by task 1\n")
    scene.commit("Task\x1b[31m one")
    scene.git("checkout", "-q", "main")
    return scene


def look(scene: Scene, branch: str | None = None) -> Landing:
    async def scenario() -> Landing:
        return await preview(await scene.inspect(base="main"), scene.caller(), branch=branch)

    return asyncio.run(scenario())


def bring(scene: Scene, branch: str | None = None) -> Landing:
    async def scenario() -> Landing:
        return await land(await scene.inspect(base="main"), scene.caller(), branch=branch)

    return asyncio.run(scenario())


def state(scene: Scene) -> tuple[str, str, str, bytes]:
    return (
        scene.git("for-each-ref"),
        scene.git("--no-optional-locks", "status", "--porcelain", "--ignored"),
        scene.git("stash", "list"),
        (scene.repo / ".git/index").read_bytes(),
    )


def refusal(scene: Scene, branch: str | None = None) -> str:
    before = state(scene)
    with pytest.raises(RepositoryException) as caught:
        bring(scene, branch)
    assert state(scene) == before
    return str(caught.value)


def test_a_preview_tells_commits_and_changes_and_touches_nothing(scene: Scene) -> None:
    before = state(scene)
    landing = look(scene)
    assert state(scene) == before
    assert landing.way is Way.FAST_FORWARD
    target = scene.git("rev-parse", "banksman/target")
    assert landing.commits == ((target, "Task[31m one"),)
    assert [(one.path, one.change) for one in landing.changes] == [
        ("a.txt", "modified"),
        ("new/x.txt", "added"),
    ]
    assert (landing.place, landing.obstacles, landing.unfinished) == (scene.repo, (), "")


def test_landing_goes_forward_with_the_files(scene: Scene) -> None:
    scene.write("b.txt", "mine, not committed\n")
    scene.write("untracked.txt", "mine\n")
    assert bring(scene).way is Way.FAST_FORWARD
    assert scene.git("rev-parse", "main") == scene.git("rev-parse", "banksman/target")
    assert (scene.repo / "new/x.txt").read_text() == "by task 1\n"
    assert (scene.repo / "b.txt").read_text() == "mine, not committed\n"
    assert scene.git("status", "--porcelain") == " M b.txt\n?? untracked.txt"


def test_landing_again_does_nothing(scene: Scene) -> None:
    bring(scene)
    before = state(scene)
    assert bring(scene).way is Way.NOTHING
    assert state(scene) == before


def test_a_branch_that_went_on_is_merged(scene: Scene) -> None:
    scene.write("b.txt", "by the user\n")
    own = scene.commit("own")
    assert look(scene).way is Way.MERGE
    assert [one.path for one in look(scene).changes] == ["a.txt", "new/x.txt"]
    bring(scene)
    target = scene.git("rev-parse", "banksman/target")
    assert scene.git("log", "-1", "--format=%P|%s") == (
        f"{own} {target}|Merge branch 'banksman/target' into main"
    )
    assert (scene.repo / "a.txt").read_text() == "by task 1\n"
    assert (scene.repo / "b.txt").read_text() == "by the user\n"
    assert scene.git("status", "--porcelain") == ""


def test_a_branch_that_is_not_checked_out_moves_alone(scene: Scene) -> None:
    scene.git("checkout", "-q", "-b", "elsewhere")
    scene.write("a.txt", "dirty\n")
    landing = bring(scene)
    assert landing.place is None
    assert scene.git("rev-parse", "main") == scene.git("rev-parse", "banksman/target")
    assert (scene.repo / "a.txt").read_text() == "dirty\n"


def test_a_branch_in_another_worktree_gets_its_files_there(scene: Scene) -> None:
    other = scene.folder / "other"
    scene.git("worktree", "add", "-q", "-b", "feature", str(other))
    bring(scene, "feature")
    assert (other / "new/x.txt").exists()
    assert not (scene.repo / "new").exists()


def test_a_conflict_names_its_paths_and_changes_nothing(scene: Scene) -> None:
    scene.write("a.txt", "by the user\n")
    scene.commit("own")
    told = refusal(scene)
    assert "'banksman/target' and 'main' changed the same places: a.txt." in told
    assert "git merge banksman/target" in told


def test_changes_that_are_not_committed_are_in_the_way(scene: Scene) -> None:
    scene.write("a.txt", "mine\n")
    assert look(scene).obstacles == ("a.txt",)
    assert f"have not committed in {scene.repo}: a.txt. Commit, stash" in refusal(scene)
    assert (scene.repo / "a.txt").read_text() == "mine\n"


def test_staged_changes_are_in_the_way(scene: Scene) -> None:
    scene.write("a.txt", "mine\n")
    scene.git("add", "a.txt")
    assert "a.txt" in refusal(scene)


@pytest.mark.parametrize("name", ["new/x.txt", "new"])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_file_that_git_does_not_track_is_in_the_way(
    scene: Scene, name: str, *, ignored: bool
) -> None:
    if ignored:
        scene.write(".git/info/exclude", "new\n")
    path = scene.write(name, "mine\n")
    assert "new/x.txt" in refusal(scene)
    assert path.read_text() == "mine\n"


def test_a_folder_of_the_users_where_a_file_would_go_is_in_the_way(scene: Scene) -> None:
    scene.git("checkout", "-q", "banksman/target")
    scene.write("place", "by task 2\n")
    scene.commit("task 2")
    scene.git("checkout", "-q", "main")
    scene.write("place/mine.txt", "mine\n")
    assert ": place." in refusal(scene)


@pytest.mark.parametrize("name", ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"])
def test_something_unfinished_is_in_the_way(scene: Scene, name: str) -> None:
    scene.write(f".git/{name}", scene.git("rev-parse", "HEAD") + "\n")
    assert "is under way on 'main'. Finish or abort it" in refusal(scene)


def test_a_rebase_of_the_branch_is_in_the_way(scene: Scene) -> None:
    scene.commit("own")
    scene.environment["GIT_SEQUENCE_EDITOR"] = "sed -i 1ibreak"
    scene.git("rebase", "-q", "-i", "HEAD~")
    assert look(scene, "main").place is None
    assert "A rebase is under way on 'main'." in refusal(scene)


def test_a_branch_that_is_not_there_is_named(scene: Scene) -> None:
    assert "There is no local branch 'no-such'." in refusal(scene, "no-such")
    scene.git("branch", "-D", "banksman/target")
    assert "There is no local branch 'banksman/target'." in refusal(scene)


def test_many_obstacles_are_counted(scene: Scene) -> None:
    scene.git("checkout", "-q", "banksman/target")
    for number in range(15):
        scene.write(f"many/{number:02}", "x\n")
    scene.commit("many")
    scene.git("checkout", "-q", "main")
    for number in range(15):
        scene.write(f"many/{number:02}", "mine\n")
    assert "many/09 and 5 more." in refusal(scene)


def test_no_hook_runs_when_a_branch_lands(scene: Scene) -> None:
    ran = scene.folder / "ran"
    for name in ("post-merge", "post-checkout", "pre-merge-commit", "reference-transaction"):
        hook = scene.write(f".git/hooks/{name}", f"#!/bin/sh\ntouch {ran}\nexit 1\n")
        hook.chmod(0o755)
    scene.write("b.txt", "by the user\n")
    scene.git("add", "-A")
    scene.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "own")
    scene.git("config", "merge.verifySignatures", "true")
    scene.git("config", "merge.ff", "false")
    bring(scene)
    assert not ran.exists()


def test_a_hostile_target_cannot_write_outside(scene: Scene) -> None:
    outside = scene.folder / "outside"
    outside.mkdir()
    (scene.repo / "new").symlink_to(outside)
    assert "new/x.txt" in refusal(scene)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_branch_that_moved_since_it_was_looked_at_stays(
    scene: Scene, *, elsewhere: bool
) -> None:
    async def scenario() -> None:
        lander = Lander(await scene.inspect(base="main"), scene.caller())
        landing = await lander.preview("main")
        later = scene.commit("meanwhile")
        if elsewhere:
            scene.git("checkout", "-q", "-b", "elsewhere")
            landing = replace(landing, place=None)
        with pytest.raises(RepositoryException, match="moved in the meantime"):
            await lander.move(landing)
        assert scene.git("rev-parse", "main") == later

    asyncio.run(scenario())


def test_what_git_itself_refuses_is_told_in_its_words(scene: Scene) -> None:
    async def scenario() -> None:
        lander = Lander(await scene.inspect(base="main"), scene.caller())
        landing = await lander.preview("main")
        scene.write("a.txt", "meanwhile\n")
        before = state(scene)
        with pytest.raises(RepositoryException, match=r"Git refused .* a\.txt .* land again"):
            await lander.move(landing)
        assert state(scene) == before

    asyncio.run(scenario())
