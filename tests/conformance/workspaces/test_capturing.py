"""A capture tells what the files are, whatever an agent has done to git around them."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from banksman.core.names import unescape_path
from banksman.core.records import FileChange
from banksman.exceptions import WorkspaceException
from banksman.ports import Capture
from banksman.workspaces.git_workspaces import GitWorkspaces
from tests.conformance.workspaces.scene import Scene, captured, kinds


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def change(capture: Capture, path: str) -> FileChange:
    (found,) = [one for one in capture.changes if one.path == path]
    return found


def test_a_capture_is_one_commit_on_its_base_under_its_ref(scene: Scene) -> None:
    capture = captured(scene, lambda path: scene.write("new.txt", "new\n", at=path))
    assert scene.git("rev-parse", "refs/banksman/attempts/1/1") == capture.commit
    assert scene.git("log", "-1", "--format=%P|%T|%an|%ae|%s", capture.commit) == (
        f"{scene.git('rev-parse', 'main')}|{capture.tree}|Ada Example|ada@example.org|work"
    )


def test_each_kind_of_change_is_told_from_the_others(scene: Scene) -> None:
    scene.write("moved.txt", "".join(f"line {number}\n" for number in range(20)))
    scene.write("tool", "#!/bin/sh\n")
    scene.write("blob", "text\n")
    scene.commit("more")

    def work(path: Path) -> None:
        scene.write("a.txt", "alpha\nand more\nand more\n", at=path)
        (path / "b.txt").unlink()
        (path / "c.txt").unlink()
        (path / "c.txt").symlink_to("a.txt")
        (path / "moved.txt").rename(path / "here.txt")
        (path / "tool").chmod(0o755)
        (path / "blob").write_bytes(b"\0binary\0")
        scene.write("new.txt", "1\n2\n3", at=path)

    capture = captured(scene, work)
    assert kinds(capture) == {
        "a.txt": "modified",
        "b.txt": "deleted",
        "blob": "modified",
        "c.txt": "type",
        "here.txt": "renamed",
        "new.txt": "added",
        "tool": "modified",
    }
    assert change(capture, "here.txt").old_path == "moved.txt"
    assert (change(capture, "a.txt").added, change(capture, "a.txt").deleted) == (2, 0)
    assert (change(capture, "new.txt").added, change(capture, "b.txt").deleted) == (3, 1)
    assert (change(capture, "blob").added, change(capture, "blob").deleted) == (0, 0)
    assert change(capture, "tool").mode == "100755"
    assert change(capture, "c.txt").mode == "120000"
    assert change(capture, "b.txt").mode == "000000"


def test_the_agents_index_head_and_branch_are_left_alone(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("staged.txt", "staged\n", at=path)
        scene.git("add", "staged.txt", cwd=path)
        scene.write("loose.txt", "loose\n", at=path)
        git_dir = Path(scene.git("rev-parse", "--absolute-git-dir", cwd=path))
        before = {name: (git_dir / name).read_bytes() for name in ("index", "HEAD")}
        status = scene.git("--no-optional-locks", "status", "--porcelain", cwd=path)
        capture = await spaces.capture(attempt, "work")
        assert kinds(capture) == {"loose.txt": "added", "staged.txt": "added"}
        assert {name: (git_dir / name).read_bytes() for name in before} == before
        assert scene.git("status", "--porcelain", cwd=path) == status
        assert scene.git("rev-parse", "HEAD", cwd=path) == attempt.base

    scene.run(scenario)


def test_capturing_the_same_again_gives_the_same_commit(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        first = await spaces.capture(attempt, "work\n")
        assert await spaces.capture(attempt, "work\n") == first
        other = await spaces.capture(attempt, "other words\n")
        assert (other.commit != first.commit, other.tree) == (True, first.tree)

    scene.run(scenario)


def test_what_an_agent_committed_is_captured(scene: Scene) -> None:
    def work(path: Path) -> None:
        scene.write("one.txt", "one\n", at=path)
        scene.commit("mine", at=path)
        scene.write("two.txt", "two\n", at=path)

    capture = captured(scene, work)
    assert kinds(capture) == {"one.txt": "added", "two.txt": "added"}
    assert scene.git("log", "-1", "--format=%P", capture.commit) == capture.base


@pytest.mark.parametrize(
    "command",
    [
        "checkout -q --detach",
        "checkout -q -b elsewhere",
        "checkout -q --orphan rootless",
        "update-ref -d HEAD",
        "symbolic-ref HEAD refs/heads/gone",
        "update-index --assume-unchanged a.txt",
        "update-index --skip-worktree a.txt",
        "update-index --force-remove a.txt",
        "read-tree --empty",
        "config core.sparseCheckout true",
        "config core.trustctime false",
        "config core.fileMode true",
    ],
)
def test_no_state_of_the_agents_git_hides_a_change(scene: Scene, command: str) -> None:
    def work(path: Path) -> None:
        scene.git(*command.split(), cwd=path)
        scene.write("a.txt", "gamma\n", at=path)
        os.utime(path / "a.txt", ns=(0, 0))

    assert kinds(captured(scene, work)) == {"a.txt": "modified"}


def ruin_by_unlinking(path: Path) -> None:
    (path / ".git").unlink()


def ruin_by_other_repository(path: Path) -> None:
    (path / ".git").unlink()
    os.mkdir(path / ".git")  # noqa: PTH102 - as an agent's shell would
    (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")


def ruin_by_pointing_elsewhere(path: Path) -> None:
    (path / ".git").write_text("gitdir: /nowhere\n")


def ruin_by_link(path: Path) -> None:
    (path / ".git").unlink()
    (path / ".git").symlink_to("/etc")


def ruin_index(path: Path) -> None:
    pointer = (path / ".git").read_text().removeprefix("gitdir: ").strip()
    (Path(pointer) / "index").write_bytes(b"DIRC nonsense")


@pytest.mark.parametrize(
    "ruin",
    [
        ruin_by_unlinking,
        ruin_by_other_repository,
        ruin_by_pointing_elsewhere,
        ruin_by_link,
        ruin_index,
    ],
)
def test_a_ruined_git_folder_does_not_matter(
    scene: Scene, ruin: Callable[[Path], None]
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        ruin(path)
        # Others tidy up; ours is locked, and stays.
        scene.git("worktree", "prune")
        assert kinds(await spaces.capture(attempt, "work")) == {"new.txt": "added"}
        saved = await spaces.save(attempt, "cancelled")
        await spaces.remove(attempt)
        assert scene.show(str(saved), "new.txt") == "new"
        assert not path.exists()
        assert scene.git("worktree", "list").count("\n") == 0

    scene.run(scenario)


def test_a_worktree_that_git_forgot_is_captured_all_the_same(scene: Scene) -> None:
    def work(path: Path) -> None:
        scene.write("new.txt", "new\n", at=path)
        shutil.rmtree(scene.repo / ".git" / "worktrees" / "task-1-1")

    assert kinds(captured(scene, work)) == {"new.txt": "added"}


def test_deleting_everything_is_captured_but_a_missing_folder_is_not(scene: Scene) -> None:
    def empty(path: Path) -> None:
        for file in path.iterdir():
            file.unlink()

    capture = captured(scene, empty)
    assert set(kinds(capture).values()) == {"deleted"}
    assert scene.files(capture.commit) == {}
    with pytest.raises(WorkspaceException, match="is gone"):
        captured(scene, shutil.rmtree)


def test_a_workspace_replaced_by_a_link_is_refused(scene: Scene) -> None:
    def work(path: Path) -> None:
        shutil.rmtree(path)
        path.symlink_to(scene.home)

    with pytest.raises(WorkspaceException, match="is gone"):
        captured(scene, work)


HOSTILE = [
    b"line\nend",
    b"tab\tand \x1b[31m",
    b"\xff\xfe not utf-8",
    b"quote\"back\\slash'",
    b"-rf",
    b":(glob)**",
    b" ",
    "\u202egnp.exe".encode(),
    b"dir with\n/x",
]


def test_hostile_names_are_captured_and_shown_escaped(scene: Scene) -> None:
    def work(path: Path) -> None:
        for name in HOSTILE:
            whole = path / os.fsdecode(name)
            whole.parent.mkdir(exist_ok=True)
            whole.write_bytes(name)

    capture = captured(scene, work)
    assert all(one.path.isprintable() for one in capture.changes)
    assert {unescape_path(one.path) for one in capture.changes} == set(HOSTILE)


def test_ignored_files_are_captured_only_if_the_agent_added_them_by_force(
    scene: Scene,
) -> None:
    def work(path: Path) -> None:
        scene.write("loose.ignored", "x\n", at=path)
        scene.write("forced.ignored", "x\n", at=path)
        scene.write("deep/committed.ignored", "x\n", at=path)
        scene.git("add", "-f", "forced.ignored", "deep/committed.ignored", cwd=path)
        scene.git("commit", "-q", "-m", "mine", cwd=path)
        scene.git("rm", "-q", "--cached", "forced.ignored", cwd=path)
        scene.git("add", "-f", "forced.ignored", cwd=path)
        scene.write("deep/committed.ignored", "changed later\n", at=path)

    capture = captured(scene, work)
    assert kinds(capture) == {"deep/committed.ignored": "added", "forced.ignored": "added"}
    assert scene.show(capture.commit, "deep/committed.ignored") == "changed later"


def test_names_from_the_agents_index_lead_nowhere(scene: Scene) -> None:
    outside = scene.write("outside/x.ignored", "secret\n", at=scene.folder)

    def work(path: Path) -> None:
        (path / "link").symlink_to(outside.parent)
        blob = scene.git("hash-object", "-w", str(path / "a.txt"), cwd=path)
        for name in ("link/x.ignored", "gone.ignored", "a.txt/x.ignored"):
            scene.git("update-index", "--add", "--replace", "--cacheinfo",
                      f"100644,{blob},{name}", cwd=path)  # fmt: skip

    assert kinds(captured(scene, work)) == {"link": "added"}


def test_repositories_inside_count_as_folders(scene: Scene) -> None:
    scene.write("tracked/x.txt", "x\n")
    scene.commit("a folder")

    def work(path: Path) -> None:
        scene.git("init", "-q", str(path / "app"))
        scene.write("app/file.txt", "x\n", at=path)
        scene.write("app/ok.ignored", "x\n", at=path)
        scene.commit("inner", at=path / "app")
        for name in ("app/deep/er", "empty", "tracked"):
            scene.git("init", "-q", str(path / name))
        scene.write("app/deep/er/file.txt", "x\n", at=path)
        scene.write("tracked/new.txt", "x\n", at=path)
        (path / "a.txt").unlink()
        scene.git("init", "-q", str(path / "a.txt"))
        scene.write("a.txt/inside", "x\n", at=path)

    capture = captured(scene, work)
    assert kinds(capture) == {
        "a.txt": "deleted",
        "a.txt/inside": "added",
        "app/deep/er/file.txt": "added",
        "app/file.txt": "added",
        "tracked/new.txt": "added",
    }


def test_an_endless_nest_of_repositories_is_refused(scene: Scene) -> None:
    def work(path: Path) -> None:
        for depth in range(1, 20):
            scene.git("init", "-q", str(path.joinpath(*["n"] * depth)))

    with pytest.raises(WorkspaceException, match=r"more than 16 deep.* is n/n/n/"):
        captured(scene, work)


def test_a_tracked_file_that_became_a_pipe_or_socket_is_gone(scene: Scene) -> None:
    def work(path: Path) -> None:
        (path / "a.txt").unlink()
        os.mkfifo(path / "a.txt")
        (path / "b.txt").unlink()
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(path)  # The path of a socket is short.
            server.bind("b.txt")
        os.mkfifo(path / "pipe")
        scene.write("new.txt", "new\n", at=path)

    before = Path.cwd()
    try:
        capture = captured(scene, work)
    finally:
        os.chdir(before)
    assert kinds(capture) == {"a.txt": "deleted", "b.txt": "deleted", "new.txt": "added"}


def test_links_are_captured_as_links_wherever_they_lead(scene: Scene) -> None:
    def work(path: Path) -> None:
        (path / "out").symlink_to("/etc/passwd")
        (path / "loop").symlink_to("loop")

    capture = captured(scene, work)
    assert {one.path: one.mode for one in capture.changes} == {
        "loop": "120000",
        "out": "120000",
    }


def test_filters_that_the_user_allows_work_on_files_as_for_the_user(scene: Scene) -> None:
    scene.filters = ("shout",)
    scene.git("config", "--global", "filter.shout.clean", "tr a-z A-Z")
    scene.git("config", "--global", "filter.shout.smudge", "tr A-Z a-z")
    scene.write(".gitattributes", "*.loud filter=shout\n")
    scene.write("x.loud", "quiet\n")
    scene.commit("filtered")

    def work(path: Path) -> None:
        assert (path / "x.loud").read_text() == "quiet\n"
        scene.write("y.loud", "also\n", at=path)

    capture = captured(scene, work)
    assert kinds(capture) == {"y.loud": "added"}
    assert scene.show(capture.commit, "y.loud") == "ALSO"


def test_a_file_of_equal_size_and_time_is_seen_to_differ(scene: Scene) -> None:
    def work(path: Path) -> None:
        before = (path / "a.txt").stat()
        (path / "a.txt").write_text("ALPHA\n")
        os.utime(path / "a.txt", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert kinds(captured(scene, work)) == {"a.txt": "modified"}
