"""Which repositories can be worked on, and in what words the others are refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from banksman.exceptions import RepositoryException
from banksman.workspaces.git import Git
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.repository import Repository, count_dirty, inspect, locate
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def look(scene: Scene, path: Path | None = None, **how: str) -> Repository:
    return asyncio.run(inspect(path or scene.repo, scene.caller(), **how))


def refusal(scene: Scene, path: Path | None = None, **how: str) -> str:
    with pytest.raises(RepositoryException) as caught:
        look(scene, path, **how)
    assert caught.value.message.endswith(".")
    return str(caught.value)


def test_facts_of_a_plain_repository(scene: Scene) -> None:
    found = look(scene)
    assert found == Repository(
        work_tree=scene.repo,
        common_dir=scene.repo / ".git",
        base="main",
        base_commit=scene.git("rev-parse", "HEAD"),
        target="banksman/target",
        target_commit=None,
        author=("Ada Example", "ada@example.org"),
        shallow=False,
    )
    assert found.name == "repo"
    assert found.folder.startswith("repo-")
    assert len(found.folder) == len("repo-") + 8


def test_a_target_that_exists_is_known(scene: Scene) -> None:
    scene.git("branch", "banksman/target")
    assert look(scene).target_commit == scene.git("rev-parse", "main")


def test_dirty_files_are_counted_and_the_index_is_not_written(scene: Scene) -> None:
    scene.write("a.txt", "changed\n")
    scene.write("untracked\nname", "new\n")
    # A newer time alone would make a plain `git status` write the index.
    os.utime(scene.repo / "b.txt", (1, 1))
    before = (scene.repo / ".git/index").read_bytes()
    assert asyncio.run(count_dirty(look(scene), scene.caller())) == 2
    assert (scene.repo / ".git/index").read_bytes() == before


def test_a_folder_below_the_root_and_a_linked_worktree_lead_to_the_repository(
    scene: Scene,
) -> None:
    below = scene.repo / "below"
    below.mkdir()
    linked = scene.folder / "linked"
    scene.git("worktree", "add", "-q", "-b", "other", str(linked))
    assert look(scene, below).work_tree == scene.repo
    found = look(scene, linked)
    assert (found.work_tree, found.base) == (linked, "other")
    assert found.common_dir == scene.repo / ".git"
    assert found.folder == look(scene).folder


def test_a_worktree_of_a_bare_repository_can_be_worked_on(scene: Scene) -> None:
    bare, linked = scene.folder / "bare.git", scene.folder / "linked"
    scene.git("clone", "-q", "--bare", str(scene.repo), str(bare))
    scene.git("worktree", "add", "-q", str(linked), "main", cwd=bare)
    found = look(scene, linked)
    assert (found.common_dir, found.name) == (bare, "bare")


def test_a_shallow_clone_can_be_worked_on(scene: Scene) -> None:
    scene.commit("second")
    clone = scene.folder / "clone"
    scene.git("clone", "-q", "--depth", "1", f"file://{scene.repo}", str(clone))
    assert look(scene, clone).shallow


def test_without_a_name_the_commits_are_banksmans(scene: Scene) -> None:
    (scene.home / ".gitconfig").write_text("[user]\n\tname = <.>\n\temail = a@b\n")
    assert look(scene).author == ("Banksman", "banksman@localhost")
    (scene.home / ".gitconfig").unlink()
    assert look(scene).author == ("Banksman", "banksman@localhost")


def test_a_folder_that_is_not_there_is_refused(scene: Scene) -> None:
    assert refusal(scene, scene.folder / "no\nwhere").startswith("There is no folder")
    assert "no\\x0awhere" in refusal(scene, scene.folder / "no\nwhere")


def test_a_folder_outside_any_repository_is_refused(scene: Scene) -> None:
    assert "is not in a git repository. Go to one" in refusal(scene, scene.home)


def test_a_bare_repository_and_gits_own_folder_are_refused(scene: Scene) -> None:
    bare = scene.folder / "bare.git"
    scene.git("clone", "-q", "--bare", str(scene.repo), str(bare))
    assert "is a bare repository: there are no files" in refusal(scene, bare)
    assert "is git's own folder: there are no files" in refusal(scene, scene.repo / ".git")


def test_a_repository_without_a_commit_is_refused(scene: Scene) -> None:
    empty = scene.folder / "empty"
    scene.git("init", "-q", str(empty), cwd=scene.folder)
    assert refusal(scene, empty).startswith("The repository has no commit yet. Commit")


def test_a_detached_head_needs_a_base(scene: Scene) -> None:
    scene.git("checkout", "-q", "--detach")
    assert "(detached HEAD). Name the branch to start from with `--base`." in refusal(scene)
    assert look(scene, base="main").base == "main"


@pytest.mark.parametrize("base", ["no-such", "HEAD", "main~0", "-x", "main\n", ""])
def test_a_base_that_is_no_local_branch_is_refused(scene: Scene, base: str) -> None:
    scene.git("checkout", "-q", "--detach")
    told = refusal(scene, base=base)
    assert "There is no local branch" in told or "detached HEAD" in told


@pytest.mark.parametrize("target", ["", "..", "a b", "-x", "a..b", "x.lock", "a\n", "@{"])
def test_a_target_that_git_would_not_take_is_refused(scene: Scene, target: str) -> None:
    assert "cannot be the name of a branch" in refusal(scene, target=target)


def test_the_base_cannot_be_the_target(scene: Scene) -> None:
    assert "are the same, 'main'. Choose another" in refusal(scene, target="main")


def test_a_target_that_is_checked_out_is_refused(scene: Scene) -> None:
    linked = scene.folder / "linked"
    scene.git("worktree", "add", "-q", "-b", "banksman/target", str(linked))
    assert f"'banksman/target' is checked out at {linked}. Check out" in refusal(scene)


@pytest.mark.parametrize(
    ("branch", "target"),
    [
        ("banksman", "banksman/target"),
        ("banksman", "elsewhere"),
        ("banksman/target/x", "banksman/target"),
    ],
)
def test_a_branch_in_the_way_of_ours_is_named(scene: Scene, branch: str, target: str) -> None:
    scene.git("branch", branch)
    told = refusal(scene, target=target)
    assert f"The branch {branch!r} is in the way of" in told
    assert f"git branch -m {branch} other-name" in told


def test_submodules_are_refused_by_name(scene: Scene) -> None:
    commit = scene.git("rev-parse", "HEAD")
    scene.git("update-index", "--add", "--cacheinfo", f"160000,{commit},vendored/lib")
    scene.git("commit", "-q", "-m", "submodule")
    assert "has submodules (vendored/lib), which Banksman cannot carry" in refusal(scene)


def test_names_that_are_one_file_where_case_is_ignored_are_refused_by_name(
    scene: Scene,
) -> None:
    blob = scene.git("rev-parse", "HEAD:a.txt")
    for name in ("docs/Read\u00c9\nme", "docs/read\u00e9\nME"):
        scene.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    scene.git("commit", "-q", "-m", "two names")
    look(scene)
    scene.git("config", "core.ignorecase", "true")
    told = refusal(scene)
    assert "docs/Read\u00c9\\x0ame and docs/read\u00e9\\x0aME differ only by case" in told
    assert "git mv" in told


def test_where_case_is_ignored_other_names_are_no_obstacle(scene: Scene) -> None:
    scene.git("config", "core.ignorecase", "yes")
    look(scene)


def test_lfs_is_refused_without_its_program_and_works_with_it(scene: Scene) -> None:
    scene.write("deep/.gitattributes", "*.bin filter=lfs diff=lfs -text\n")
    scene.commit("large files")
    assert "uses Git LFS, which is not installed here. Install" in refusal(scene)
    program = scene.write("bin/git-lfs", "#!/bin/sh\n", at=scene.folder)
    program.chmod(0o700)
    path = f"{program.parent}:{scene.environment['PATH']}"
    scene.environment["PATH"] = path
    assert "uses Git LFS" in refusal(scene)
    scene.git("config", "--global", "filter.lfs.clean", "cat")
    assert look(scene).base == "main"


def test_a_git_that_is_too_old_or_missing_is_refused(scene: Scene) -> None:
    program = scene.write("bin/git", "#!/bin/sh\necho git version 2.37.4\n", at=scene.folder)
    program.chmod(0o700)
    old = Git({"PATH": f"{program.parent}:{os.environ['PATH']}"})
    with pytest.raises(
        RepositoryException, match=r"'git version 2\.37\.4', which cannot merge"
    ):
        asyncio.run(inspect(scene.repo, old))
    with pytest.raises(RepositoryException, match=r"Git was not found\. Install git 2\.38"):
        asyncio.run(inspect(scene.repo, Git({"PATH": "/nowhere"})))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_somebody_else_is_refused(scene: Scene) -> None:
    subprocess.run(["chown", "-R", "12345", str(scene.repo)], check=True)
    assert "belongs to somebody else. If you trust it" in refusal(scene)


def test_a_repository_is_located_without_being_judged(scene: Scene) -> None:
    scene.git("checkout", "-q", "--detach")
    found = asyncio.run(locate(scene.repo, scene.caller()))
    assert (found.work_tree, found.common_dir) == (scene.repo, scene.repo / ".git")


def test_a_repository_in_a_folder_with_a_line_end_is_found(tmp_path: Path) -> None:
    odd = tmp_path / "a\nb"
    odd.mkdir()
    scene = Scene(odd)
    assert look(scene).work_tree == scene.repo


@pytest.mark.parametrize("inside", [".", "below", ".git/banksman"])
def test_workspaces_inside_the_repository_are_refused(scene: Scene, inside: str) -> None:
    repository = look(scene)
    with pytest.raises(RepositoryException, match=r"lies inside .* Set `root`"):
        GitWorkspaces(
            repository,
            git=scene.caller(),
            root=scene.repo / inside,
            state=scene.state,
            executor=scene.executor,
        )
    assert not (scene.repo / "below").exists()
