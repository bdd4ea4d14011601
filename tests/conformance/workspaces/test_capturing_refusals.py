"""What an agent left is captured whole, or refused by the name of what stands in the way."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from tests.conformance.workspaces.scene import Scene, captured, kinds


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_what_an_agent_made_unreadable_is_captured_all_the_same(scene: Scene) -> None:
    outside = scene.write("outside", "x\n", at=scene.folder)
    outside.chmod(0)

    def work(path: Path) -> None:
        scene.write("secret", "x\n", at=path).chmod(0)
        scene.write("closed/in/new.txt", "x\n", at=path)
        (path / "closed/in").chmod(0)
        (path / "closed").chmod(0o400)
        scene.write("a.txt", "other\n", at=path).chmod(0o200)
        (path / "link").symlink_to(outside)

    assert kinds(captured(scene, work)) == {
        "a.txt": "modified",
        "closed/in/new.txt": "added",
        "link": "added",
        "secret": "added",
    }
    path = scene.root / "work/task-1-1"
    modes = {name: (path / name).stat().st_mode & 0o777 for name in ("secret", "closed/in")}
    # Only what reading needs, and only the owner's; what a link leads to is somebody else's.
    assert modes == {"secret": 0o400, "closed/in": 0o500}
    assert outside.stat().st_mode & 0o777 == 0


def nest(path: Path, *names: str) -> None:
    """Make folders deeper than a path may be long, with a file in the innermost."""
    before = Path.cwd()
    os.chdir(path)
    try:
        for name in (*names, *["deep" * 50] * 21):
            Path(name).mkdir()
            os.chdir(name)
        Path("lost.txt").write_text("x\n")
    finally:
        os.chdir(before)


def test_what_cannot_be_looked_into_is_an_error_that_names_it(scene: Scene) -> None:
    with pytest.raises(
        WorkspaceException, match=r"deepdeep\S+ in the workspace cannot be read"
    ):
        captured(scene, nest)


def test_what_git_ignores_may_be_unreadable(scene: Scene) -> None:
    capture = captured(scene, lambda path: nest(path, "cache.ignored"))
    assert kinds(capture) == {}


@pytest.mark.parametrize("name", ["git~1", ".GIT/config", "sub/.git ::$INDEX_ALLOCATION/x"])
def test_a_name_that_git_refuses_is_named(scene: Scene, name: str) -> None:
    with pytest.raises(WorkspaceException) as caught:
        captured(scene, lambda path: scene.write(name, "x\n", at=path))
    told = f"git cannot take what is in the workspace: invalid path '{name}'"
    assert caught.value.message.startswith(told)


def test_a_file_that_a_broken_filter_refuses_is_named(scene: Scene) -> None:
    scene.filters = ("broken",)
    scene.git("config", "filter.broken.clean", "false")
    scene.git("config", "filter.broken.required", "true")

    def work(path: Path) -> None:
        scene.write(".gitattributes", "*.odd filter=broken\n", at=path)
        scene.write("one.odd", "x\n", at=path)

    with pytest.raises(WorkspaceException, match=r"one\.odd: clean filter 'broken' failed"):
        captured(scene, work)


def test_a_file_that_is_too_large_for_our_own_limit_is_named(scene: Scene) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def work(path: Path) -> None:
        (path / "large.bin").write_bytes(os.urandom(1 << 20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))

    try:
        with pytest.raises(
            WorkspaceException, match=r"large\.bin in the workspace is too large"
        ):
            captured(scene, work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
