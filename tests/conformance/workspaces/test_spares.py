"""Spare worktrees: lent in the place of new ones, and never worth a doubt."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene

ONE = WorkspaceSettings(spares=1)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def spares(scene: Scene) -> list[Path]:
    """Return the folders of all worktrees that nobody works in."""
    return sorted((scene.root / "spares").iterdir())


def all_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".git"}


def used_by_a_check(scene: Scene, work: Callable[[Path], object]) -> None:
    """Make a spare, let a check work in it, and make it ready again."""

    async def scenario(spaces: GitWorkspaces) -> None:
        await spaces.prepare_ahead()
        (ready,) = spares(scene)
        before = (ready / "b.txt").stat().st_ino
        async with spaces.checkout(scene.git("rev-parse", "main"), "tests") as checkout:
            assert (checkout.path / "b.txt").stat().st_ino == before, "it was lent"
            work(checkout.path)
        await spaces.prepare_ahead()

    scene.run(scenario, ONE)


def test_a_workspace_gets_the_files_of_a_spare_and_what_has_changed_since(
    scene: Scene,
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        await spaces.prepare_ahead()
        (ready,) = spares(scene)
        kept = (ready / "b.txt").stat().st_ino
        scene.write("a.txt", "newer\n")
        scene.write("sub/new.txt", "new\n")
        scene.commit("second")
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        assert (path / "b.txt").stat().st_ino == kept
        assert (path / "a.txt").read_text() == "newer\n"
        assert (path / "sub/new.txt").read_text() == "new\n"
        assert scene.git("status", "--porcelain", cwd=path) == ""
        assert scene.git("symbolic-ref", "HEAD", cwd=path) == f"refs/heads/{attempt.branch}"
        assert (await spaces.capture(attempt, "nothing")).changes == ()
        assert spares(scene) == []

    scene.run(scenario, ONE)


def _same_content_other_rights(path: Path) -> None:
    (path / "a.txt").chmod(0o666)


def _changed_with_its_old_times(path: Path) -> None:
    before = (path / "a.txt").stat()
    (path / "a.txt").write_text("ALPHA\n")
    os.utime(path / "a.txt", ns=(before.st_atime_ns, before.st_mtime_ns))


def _new_files(path: Path) -> None:
    (path / "new.txt").write_text("new\n")
    (path / "x.ignored").write_text("ignored\n")
    (path / "deep/er").mkdir(parents=True)
    (path / "deep/er/.gitignore").write_text("*\n")


def _a_repository(path: Path) -> None:
    (path / "inner/.git").mkdir(parents=True)
    (path / "inner/.git/HEAD").write_text("ref: refs/heads/main\n")


def _a_file_gone(path: Path) -> None:
    (path / "a.txt").unlink()


def _closed_folders(path: Path) -> None:
    (path / "closed/inner").mkdir(parents=True)
    (path / "closed/inner/file").write_text("x")
    (path / "closed").chmod(0)


def _another_repository_of_its_own(path: Path) -> None:
    (path / ".git").unlink()
    (path / ".git").mkdir()
    (path / ".git/config").write_text("[core]\n\tfsmonitor = touch /nowhere\n")


@pytest.mark.parametrize(
    "work",
    [
        _same_content_other_rights,
        _changed_with_its_old_times,
        _new_files,
        _a_repository,
        _a_file_gone,
        _closed_folders,
        _another_repository_of_its_own,
    ],
)
def test_nothing_that_was_done_in_a_worktree_is_in_it_when_it_is_lent_again(
    scene: Scene, work: Callable[[Path], None]
) -> None:
    used_by_a_check(scene, work)

    (spare,) = spares(scene)
    assert all_files(spare) == all_files(scene.repo) - {
        str(path.relative_to(scene.repo)) for path in (scene.repo / ".git").rglob("*")
    }
    for name in ("a.txt", "b.txt"):
        assert (spare / name).read_bytes() == (scene.repo / name).read_bytes()
        mode = stat.S_IMODE((spare / name).stat().st_mode)
        assert mode == stat.S_IMODE((scene.repo / name).stat().st_mode)
    assert (spare / ".git").read_text().startswith("gitdir: ")
    assert scene.git("status", "--porcelain", "--ignored", cwd=spare) == ""


def test_a_link_in_a_used_worktree_leads_to_nothing_that_is_written_or_removed(
    scene: Scene,
) -> None:
    outside = scene.folder / "outside"
    outside.mkdir()
    (outside / "c.txt").write_text("mine\n")

    def work(path: Path) -> None:
        (path / "a.txt").unlink()
        (path / "a.txt").symlink_to(outside / "c.txt")
        (path / "sub").rename(path / "elsewhere")
        (path / "sub").symlink_to(outside)

    scene.write("sub/c.txt", "theirs\n")
    scene.commit("a folder")
    used_by_a_check(scene, work)

    (spare,) = spares(scene)
    assert (outside / "c.txt").read_text() == "mine\n"
    assert not (spare / "a.txt").is_symlink()
    assert not (spare / "sub").is_symlink()
    assert (spare / "sub/c.txt").read_text() == "theirs\n"
    assert not (spare / "elsewhere").exists()


def test_a_worktree_whose_own_git_files_are_odd_is_not_used_again(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        async with spaces.checkout(scene.git("rev-parse", "main"), "tests") as checkout:
            entry = Path(scene.git("rev-parse", "--absolute-git-dir", cwd=checkout.path))
            (entry / "config.worktree").write_text("[core]\n\tbare = true\n")
        assert spares(scene) == []
        assert scene.git("worktree", "list").count("\n") == 0

    scene.run(scenario, ONE)


def test_the_branch_of_an_attempt_is_free_once_its_worktree_is_in_quarantine(
    scene: Scene,
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        (path / "a.txt").write_text("work\n")
        await spaces.save(attempt, "a reason")
        await spaces.remove(attempt)
        assert len(spares(scene)) == 1
        assert str(attempt.branch) not in scene.git("branch", "--list", "banksman/*")
        assert scene.git("for-each-ref", "refs/banksman/saved") != ""

    scene.run(scenario, ONE)


def test_no_more_is_kept_than_is_of_use(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempts = [scene.attempt(task=number) for number in range(1, 6)]
        for attempt in attempts:
            await spaces.prepare(attempt)
        for attempt in attempts:
            await spaces.remove(attempt)
        assert len(spares(scene)) == 2
        await spaces.prepare_ahead()
        assert len(spares(scene)) == 1

    scene.run(scenario, ONE)


def test_without_spares_every_worktree_is_deleted(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        await spaces.prepare_ahead()
        await spaces.prepare(scene.attempt())
        await spaces.remove(scene.attempt())
        assert spares(scene) == []

    scene.run(scenario, WorkspaceSettings(spares=0))


def test_spares_that_are_no_longer_wanted_go(scene: Scene) -> None:
    scene.run(GitWorkspaces.prepare_ahead, ONE)
    assert len(spares(scene)) == 1
    scene.run(GitWorkspaces.prepare_ahead, WorkspaceSettings(spares=0))
    assert spares(scene) == []
    assert scene.git("worktree", "list").count("\n") == 0


def test_a_spare_that_was_damaged_is_replaced_by_a_new_worktree(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        await spaces.prepare_ahead()
        (ready,) = spares(scene)
        entry = Path(scene.git("rev-parse", "--absolute-git-dir", cwd=ready))
        (entry / "index").write_text("no index\n")
        path = (await spaces.prepare(scene.attempt())).path
        assert (path / "a.txt").read_text() == "alpha\n"
        assert scene.git("status", "--porcelain", cwd=path) == ""
        assert spares(scene) == []

    scene.run(scenario, ONE)


@pytest.mark.parametrize("of", ["worktrees", "cards"])
def test_a_file_system_that_refuses_spares_is_no_more_than_a_workspace_that_is_not_there(
    scene: Scene, of: str
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        folder = {"worktrees": scene.root, "cards": scene.state}[of] / "spares"
        folder.rmdir()
        folder.write_text("in the way")
        with pytest.raises(WorkspaceException, match="Not a directory"):
            await spaces.prepare_ahead()
        with pytest.raises(WorkspaceException, match="Not a directory"):
            await spaces.sweep(())

    scene.run(scenario, ONE)
