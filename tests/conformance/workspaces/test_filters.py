"""Filters run outside the sandbox: Git LFS's own do, and what the user allows, and no other."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from banksman.exceptions import RepositoryException
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.repository import require_filters
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def strict(scene: Scene, name: str, **commands: str) -> None:
    """Configure a filter without which git would refuse the files."""
    for key, command in commands.items():
        scene.git("config", "--global", f"filter.{name}.{key}", command)
    scene.git("config", "--global", f"filter.{name}.required", "true")


def worked(scene: Scene, name: str) -> str:
    """Return what is kept of a file to which an agent gave a filter, and its program."""

    async def scenario(spaces: GitWorkspaces) -> str:
        path = (await spaces.prepare(scene.attempt())).path
        ran = f"import pathlib; pathlib.Path({str(scene.folder / 'ran')!r}).touch()\n"
        scene.write("strip.py", ran, at=path)
        program = scene.write("git-lfs", f"#!{sys.executable}\n{ran}", at=path)
        program.chmod(0o700)
        scene.write(".gitattributes", f"*.nb filter={name}\n", at=path)
        scene.write("x.nb", "as it is\n", at=path)
        capture = await spaces.capture(scene.attempt(), "work")
        # What was captured is laid into a fresh checkout.
        async with spaces.checkout(capture.commit, "checks") as checkout:
            assert (checkout.path / "x.nb").read_text() == "as it is\n"
        return scene.show(capture.commit, "x.nb")

    return scene.run(scenario)


@pytest.mark.parametrize("key", ["clean", "smudge", "process"])
@pytest.mark.parametrize("name", ["strip", "a=b.c"])
def test_no_program_that_lies_beside_the_files_is_run(
    scene: Scene, name: str, key: str
) -> None:
    strict(scene, name, **{key: f"{sys.executable} -m strip"})
    assert worked(scene, name) == "as it is"
    assert not (scene.folder / "ran").exists()


def test_a_filter_that_only_calls_itself_git_lfs_is_not_run(scene: Scene) -> None:
    strict(scene, "lfs", clean=f"{sys.executable} -m strip")
    assert worked(scene, "lfs") == "as it is"
    assert not (scene.folder / "ran").exists()


def test_git_lfs_is_not_run_with_an_extension_of_its_own(scene: Scene) -> None:
    strict(scene, "lfs", clean="git-lfs clean -- %f", smudge="git-lfs smudge -- %f")
    scene.git("config", "lfs.extension.x.clean", "python3 -m strip")
    assert worked(scene, "lfs") == "as it is"


def test_the_program_of_git_lfs_is_run_from_where_the_user_has_it(scene: Scene) -> None:
    strict(scene, "lfs", clean="git-lfs clean -- %f", smudge="git-lfs smudge -- %f")
    turned = "#!/bin/sh\ntr a-zA-Z A-Za-z\n"
    program = scene.write("bin/git-lfs", turned, at=scene.folder)
    program.chmod(0o700)
    # A search path that leads into the folder of the moment, before anywhere else.
    scene.environment["PATH"] = f".::{program.parent}:{scene.environment['PATH']}"
    assert worked(scene, "lfs") == "AS IT IS"
    assert not (scene.folder / "ran").exists()


def needed(scene: Scene) -> None:
    repository = asyncio.run(scene.inspect())
    asyncio.run(require_filters(repository, scene.caller()))


@pytest.mark.parametrize("attributes", [".gitattributes", ".git/info/attributes"])
def test_a_repository_that_needs_another_filter_is_refused_by_name(
    scene: Scene, attributes: str
) -> None:
    strict(scene, "strip", clean="python3 -m strip", smudge="cat")
    strict(scene, "unused", clean="python3 -m strip")
    needed(scene)
    scene.write(attributes, "*.txt filter=strip\n*.bin filter=elsewhere\n")
    scene.git("-c", "filter.strip.clean=cat", "add", "-A")
    scene.git("-c", "filter.strip.clean=cat", "commit", "-q", "--allow-empty", "-m", "x")
    with pytest.raises(RepositoryException) as caught:
        needed(scene)
    assert "through the filter 'strip', which Banksman does not run" in str(caught.value)
    assert "allow it with `filters` below [workspaces]" in str(caught.value)
    scene.filters = ("strip",)
    needed(scene)
