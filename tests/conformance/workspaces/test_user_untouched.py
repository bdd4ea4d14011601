"""What is the user's stays as it was, to the byte, and none of their hooks runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from banksman.ports import Combined
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene

HOOKS = [
    "applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-checkout", "post-commit",
    "post-index-change", "post-merge", "post-rewrite", "pre-auto-gc", "pre-commit",
    "pre-merge-commit", "prepare-commit-msg", "reference-transaction",
]  # fmt: skip


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def arm(scene: Scene) -> Path:
    """Return a file that exists as soon as anything of the user's has run."""
    ran = scene.folder / "ran"
    script = f'#!/bin/sh\necho "$0" >> {ran}\nexit 1\n'
    for name in HOOKS:
        scene.write(f".git/hooks/{name}", script).chmod(0o755)
    program = str(scene.write("program", script, at=scene.folder))
    Path(program).chmod(0o755)
    for key, value in {
        "core.fsmonitor": program,
        "core.editor": program,
        "core.pager": program,
        "commit.gpgSign": "true",
        "tag.gpgSign": "true",
        "gpg.program": program,
        "diff.external": program,
        "diff.shown.textconv": program,
        "core.untrackedCache": "true",
        "core.splitIndex": "true",
        "gc.auto": "1",
        "rebase.autoStash": "true",
        "merge.autoStash": "true",
        "submodule.recurse": "true",
        "status.showUntrackedFiles": "no",
        "diff.renames": "false",
        "core.hooksPath": ".git/hooks",
    }.items():
        scene.git("config", key, value)
    return ran


def picture(scene: Scene) -> dict[str, bytes | str]:
    """Return everything of the user's: files, index, HEAD, branches, configuration, hooks."""
    git_dir = scene.repo / ".git"
    ours = {git_dir / name for name in ("objects", "banksman", "worktrees")}
    seen: dict[str, bytes | str] = {}
    for path in sorted(scene.repo.rglob("*")):
        is_ours = any(path.is_relative_to(one) for one in ours)
        if (
            path.is_file()
            and not is_ours
            and "banksman" not in path.relative_to(scene.repo).parts
        ):
            seen[str(path)] = path.read_bytes()
            seen[f"{path} time"] = str(path.stat().st_mtime_ns)
    return seen


def test_a_whole_life_leaves_a_dirty_repository_as_it_was(scene: Scene) -> None:
    scene.write(".gitattributes", "*.txt diff=shown\n")
    scene.commit("attributes")
    scene.git("branch", "feature")
    scene.git("tag", "v1")
    scene.write("a.txt", "staged\n")
    scene.git("add", "a.txt")
    scene.write("a.txt", "and changed again\n")
    scene.write("untracked.txt", "mine\n")
    scene.write(".env", "SECRET=1\n")
    (scene.repo / "b.txt").unlink()
    ran = arm(scene)
    before = picture(scene)

    async def scenario() -> None:
        spaces = await scene.open(
            WorkspaceSettings(copy=(".env",), ports=("PORT",), setup=(("true",),))
        )
        await spaces.ensure_target()
        for number in (1, 2):
            await one_attempt(scene, spaces, number)
        await spaces.sweep([])

    asyncio.run(scenario())
    assert not ran.exists()
    assert picture(scene) == before
    assert scene.git("branch", "--format=%(refname)").split("\n") == [
        "refs/heads/banksman/target",
        "refs/heads/feature",
        "refs/heads/main",
    ]
    assert scene.git("log", "--format=%s", "banksman/target").split("\n")[:2] == ["2", "1"]


async def one_attempt(scene: Scene, spaces: GitWorkspaces, number: int) -> None:
    attempt = scene.attempt(number=number, base="banksman/target")
    workspace = await spaces.prepare(attempt)
    scene.write(f"new{number}.txt", f"{number}\n", at=workspace.path)
    capture = await spaces.capture(attempt, str(number))
    async with spaces.checkout(capture.commit, "tests") as checkout:
        scene.write("made by tests", "x\n", at=checkout.path)
    tip = await spaces.tip()
    assert tip is not None
    combined = await spaces.combine(tip, capture.commit, str(number))
    assert isinstance(combined, Combined)
    assert await spaces.publish(tip, combined.commit)
    await spaces.save(attempt, "done")
    await spaces.remove(attempt)
