"""What is copied and linked into workspaces: nothing from outside, and never committed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.workspaces import materials
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene, prepare, refusal


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_ignored_files_are_copied_private_and_never_captured(scene: Scene) -> None:
    scene.write(".env", "SECRET=1\n").chmod(0o755)
    scene.write("deep/x.ignored", "x\n")
    scene.write("deep/y.ignored", "y\n")
    settings = WorkspaceSettings(copy=(".env", "**/*.ignored", "not-there", "a.txt"))

    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        assert (path / ".env").read_text() == "SECRET=1\n"
        assert stat.S_IMODE((path / ".env").stat().st_mode) == 0o700
        assert stat.S_IMODE((path / "deep/x.ignored").stat().st_mode) == 0o600
        assert (path / "deep/y.ignored").read_text() == "y\n"
        # Not even an agent that stops ignoring it, and adds it by force, gets it into a commit.
        scene.write(".gitignore", "", at=path)
        scene.git("add", "-f", ".env", cwd=path)
        capture = await spaces.capture(attempt, "work")
        assert [change.path for change in capture.changes] == [".gitignore"]
        async with spaces.checkout(capture.commit, "tests") as checkout:
            assert (checkout.path / ".env").read_text() == "SECRET=1\n"

    scene.run(scenario, settings)


def test_a_file_that_git_does_not_ignore_is_not_copied(scene: Scene) -> None:
    scene.write("notes.txt", "mine\n")
    told = refusal(scene, WorkspaceSettings(copy=("notes.txt",)))
    assert "git does not ignore 'notes.txt'" in told.message


def test_the_users_own_version_of_a_tracked_file_is_not_copied(scene: Scene) -> None:
    scene.write("a.txt", "not committed\n")
    path = prepare(scene, WorkspaceSettings(copy=("*.txt",)))
    assert (path / "a.txt").read_text() == "alpha\n"


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../x", "a/../../x", ".git/config", "."])
def test_patterns_that_lead_outside_are_refused(scene: Scene, pattern: str) -> None:
    for settings in (WorkspaceSettings(copy=(pattern,)), WorkspaceSettings(link=(pattern,))):
        assert "is not a path inside your work tree" in refusal(scene, settings).message


def test_nothing_outside_is_read_through_a_link(scene: Scene) -> None:
    outside = scene.write("secret", "s\n", at=scene.folder)
    (scene.repo / "x.ignored").symlink_to(outside)
    told = refusal(scene, WorkspaceSettings(copy=("*.ignored",)))
    assert "'x.ignored' leads out of your work tree" in told.message


def test_a_link_inside_is_copied_as_what_it_leads_to(scene: Scene) -> None:
    scene.write("real.ignored", "real\n")
    (scene.repo / "link.ignored").symlink_to("real.ignored")
    path = prepare(scene, WorkspaceSettings(copy=("link.ignored",)))
    assert not (path / "link.ignored").is_symlink()
    assert (path / "link.ignored").read_text() == "real\n"


def test_nothing_outside_is_written_through_a_link_in_the_repository(scene: Scene) -> None:
    outside = scene.folder / "outside"
    outside.mkdir()
    (scene.repo / "conf").symlink_to(outside)
    scene.commit("a link")
    (scene.repo / "conf").unlink()
    scene.write("conf/x.ignored", "x\n")
    told = refusal(scene, WorkspaceSettings(copy=("conf/x.ignored",)))
    assert "would leave the workspace" in told.message
    assert list(outside.iterdir()) == []


def test_pipes_are_not_copied(scene: Scene) -> None:
    os.mkfifo(scene.repo / "pipe.ignored")
    path = prepare(scene, WorkspaceSettings(copy=("*.ignored",)))
    assert not (path / "pipe.ignored").exists()


def test_folders_are_linked_and_the_link_is_never_captured(scene: Scene) -> None:
    scene.write("node_modules/x.js", "x\n")

    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        assert (path / "node_modules").readlink() == scene.repo / "node_modules"
        scene.git("add", "-A", cwd=path)
        assert (await spaces.capture(attempt, "work")).changes == ()
        await spaces.remove(attempt)

    scene.run(scenario, WorkspaceSettings(link=("node_modules",)))
    assert (scene.repo / "node_modules/x.js").read_text() == "x\n"


def test_a_folder_that_cannot_be_linked_is_named(scene: Scene) -> None:
    missing = refusal(scene, WorkspaceSettings(link=("node_modules",)))
    assert "'node_modules' is not a folder in your work tree" in missing.message
    scene.write("src/x", "x\n")
    scene.commit("a folder")
    tracked = refusal(scene, WorkspaceSettings(link=("src",)))
    assert "'src' is in git" in tracked.message


def test_whole_folders_are_copied_without_repositories_and_pipes_in_them(scene: Scene) -> None:
    scene.write("cache.ignored/one", "1\n")
    scene.write("cache.ignored/deep/two", "2\n")
    scene.write("cache.ignored/deep/.git/config", "x\n")
    (scene.repo / "cache.ignored/alias").symlink_to("one")
    os.mkfifo(scene.repo / "cache.ignored/pipe")
    path = prepare(scene, WorkspaceSettings(copy=("cache.ignored",)))
    copied = {str(file.relative_to(path)) for file in (path / "cache.ignored").rglob("*")}
    assert copied == {
        "cache.ignored/alias",
        "cache.ignored/deep",
        "cache.ignored/deep/two",
        "cache.ignored/one",
    }
    assert (path / "cache.ignored/alias").read_text() == "1\n"


def test_a_link_to_a_folder_is_not_copied_as_one(scene: Scene) -> None:
    scene.write("cache.ignored/one", "1\n")
    (scene.repo / "cache.ignored/loop").symlink_to(".")
    told = refusal(scene, WorkspaceSettings(copy=("cache.ignored",)))
    assert "'cache.ignored/loop' is a link, but not to a file" in told.message


def test_copying_has_a_bound(scene: Scene) -> None:
    with scene.write("huge.ignored", "").open("wb") as file:
        file.truncate(materials.BYTES_MAX + 1)
    told = refusal(scene, WorkspaceSettings(copy=("*.ignored",)))
    assert "'*.ignored' is more than 10000 files or 1 GiB" in told.message
    assert not list(scene.folder.glob("**/work/**/huge.ignored")), "not even begun"


def test_copying_many_files_has_a_bound(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        folder.mkdir()
    for number in range(materials.FILES_MAX + 1):
        (source / str(number)).touch()
    with pytest.raises(WorkspaceException, match="more than 10000 files"):
        materials.copy_files(("*",), source, target)
    assert len(list(target.iterdir())) == materials.FILES_MAX


def test_a_link_that_leads_nowhere_is_not_copied(scene: Scene) -> None:
    (scene.repo / "x.ignored").symlink_to("nowhere")
    told = refusal(scene, WorkspaceSettings(copy=("*.ignored",)))
    assert "'x.ignored' is a link, but not to a file" in told.message
