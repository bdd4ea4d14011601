"""What an agent adds to git's configuration and hooks is named, and never run by us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from banksman.exceptions import GitChangedException
from banksman.workspaces.git import Git, Place
from banksman.workspaces.trust import Trust
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def trust(scene: Scene) -> Trust:
    scene.state.mkdir(exist_ok=True)
    return Trust(scene.caller(), scene.repo / ".git", scene.state / "trusted.json")


def changes(trust: Trust) -> list[str]:
    """Return what is refused, without the folders."""
    try:
        asyncio.run(trust.check())
    except GitChangedException as error:
        return [" ".join(Path(word).name for word in one.split(" ")) for one in error.changes]
    return []


def begun(scene: Scene, *, anew: bool = True) -> Trust:
    made = trust(scene)
    asyncio.run(made.begin(anew=anew))
    return made


def hook(scene: Scene, mode: int = 0o700) -> Path:
    path = scene.write(".git/hooks/pre-commit", "#!/bin/sh\n")
    path.chmod(mode)
    return path


def include_later(scene: Scene) -> None:
    scene.write(".git/later", '[filter "x"]\n\tclean = evil\n')


PLANTS: dict[str, tuple[Callable[[Scene], object], list[str]]] = {
    "a filter": (
        lambda scene: scene.git("config", "filter.x.clean", "evil"),
        ["added: filter.x.clean in config"],
    ),
    "a filter of the user's changed": (
        lambda scene: scene.git("config", "filter.lfs.clean", "evil"),
        ["changed: filter.lfs.clean in config"],
    ),
    "a setting removed": (
        lambda scene: scene.git("config", "--unset", "filter.lfs.clean"),
        ["removed: filter.lfs.clean in config"],
    ),
    "a filter of the home": (
        lambda scene: scene.git("config", "--global", "filter.x.clean", "evil"),
        ["added: filter.x.clean in .gitconfig"],
    ),
    "another file of the home": (
        lambda scene: scene.write(
            ".config/git/config", "[alias]\n\tx = !evil\n", at=scene.home
        ),
        ["added: alias.x in config"],
    ),
    "what an include leads to": (include_later, ["added: filter.x.clean in later"]),
    "a hook": (hook, ["added: pre-commit"]),
    "attributes": (
        lambda scene: scene.write(".git/info/attributes", "* filter=lfs\n"),
        ["added: attributes"],
    ),
}


@pytest.mark.parametrize(("plant", "told"), PLANTS.values(), ids=PLANTS)
def test_what_was_planted_is_named(
    scene: Scene, plant: Callable[[Scene], object], told: list[str]
) -> None:
    scene.git("config", "filter.lfs.clean", "cat")
    scene.git("config", "include.path", "later")
    ours = begun(scene)
    assert changes(ours) == []
    plant(scene)
    assert changes(ours) == changes(ours) == told


def test_a_hook_that_can_be_run_now_is_another_one(scene: Scene) -> None:
    path = hook(scene, 0o600)
    ours = begun(scene)
    path.chmod(0o700)
    assert changes(ours) == ["changed: pre-commit"]


def test_what_people_and_tools_change_while_they_work_is_nobodys_concern(scene: Scene) -> None:
    ours = begun(scene)
    scene.git("config", "branch.main.remote", "origin")
    scene.git("config", "user.name", "Bob")
    scene.git("config", "lfs.https://example.org/x.git/info/lfs.access", "basic")
    scene.git("branch", "mine")
    scene.git("tag", "v1")
    assert changes(ours) == []
    scene.git("config", "lfs.customtransfer.x.path", "evil")
    assert changes(ours) == ["added: lfs.customtransfer.x.path in config"]


def test_what_is_undone_is_no_change(scene: Scene) -> None:
    ours = begun(scene)
    scene.git("config", "filter.x.clean", "evil")
    assert changes(ours)
    scene.git("config", "--remove-section", "filter.x")
    assert changes(ours) == []


def test_an_answer_trusts_what_was_told_and_is_left_and_nothing_else(scene: Scene) -> None:
    ours = begun(scene)
    scene.git("config", "filter.x.clean", "fine")
    path = hook(scene)
    assert len(changes(ours)) == 2
    path.unlink()
    scene.git("config", "filter.y.clean", "evil")
    ours.accept()
    assert changes(ours) == ["added: filter.y.clean in config"]
    hook(scene)
    assert changes(ours) == ["added: pre-commit", "added: filter.y.clean in config"]
    ours.accept()
    assert changes(ours) == []


def test_the_next_engine_remembers_what_was_trusted_asked_and_answered(scene: Scene) -> None:
    begun(scene)
    scene.git("config", "filter.x.clean", "evil")
    assert changes(begun(scene, anew=False)) == ["added: filter.x.clean in config"]
    begun(scene, anew=False).accept()
    assert changes(begun(scene, anew=False)) == []
    assert (scene.state / "trusted.json").stat().st_mode & 0o777 == 0o600


def test_without_an_agent_what_is_there_is_the_users(scene: Scene) -> None:
    begun(scene)
    scene.git("config", "filter.x.clean", "mine")
    assert changes(begun(scene)) == []


def test_a_guarded_git_looks_at_refs_and_does_nothing_else(scene: Scene) -> None:
    ours = begun(scene)
    git = scene.caller().guarded_by(ours.check).signing_as("Ada", "ada@example.org")
    place = Place(git_dir=scene.repo / ".git")
    scene.git("config", "filter.x.clean", "evil")

    async def ask(caller: Git) -> str:
        return (await caller.run(place, "rev-parse", "main")).text

    assert asyncio.run(ask(git)) == scene.git("rev-parse", "main")
    with pytest.raises(GitChangedException):
        asyncio.run(git.run(place, "hash-object", "-w", "--stdin"))


def test_no_commit_is_fetched_by_a_program_that_an_agent_named(scene: Scene) -> None:
    ran = scene.folder / "ran"
    ours = begun(scene)
    for key, value in {
        "extensions.partialClone": "evil",
        "core.repositoryFormatVersion": "1",
        "remote.evil.promisor": "true",
        "remote.evil.url": f"ext::touch {ran}",
        "protocol.ext.allow": "always",
    }.items():
        scene.git("config", key, value)
    git = scene.caller().guarded_by(ours.check)
    place = Place(git_dir=scene.repo / ".git")
    missing = f"{'1' * 40}^{{commit}}"
    answer = asyncio.run(git.run(place, "rev-parse", "--verify", missing, accept=(1, 128)))
    assert answer.code
    assert not ran.exists()


def test_what_was_told_and_not_answered_is_never_trusted_anew(scene: Scene) -> None:
    ours = begun(scene)
    scene.git("config", "filter.x.clean", "evil")
    assert changes(ours) == changes(begun(scene)) == ["added: filter.x.clean in config"]
    scene.git("config", "--remove-section", "filter.x")
    assert changes(begun(scene)) == []
    scene.git("config", "filter.y.clean", "mine")
    assert changes(begun(scene)) == []
