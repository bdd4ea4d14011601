"""The private homes of what works in workspaces and checkouts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from banksman.workspaces.git_workspaces import GitWorkspaces
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_home_lives_as_long_as_its_workspace_and_is_never_part_of_the_work(
    scene: Scene,
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        made = await spaces.prepare(attempt)
        assert stat.S_IMODE(made.home.stat().st_mode) == 0o700
        assert not made.home.is_relative_to(made.path)
        (made.home / "session").write_text("remembered")
        again = await spaces.prepare(attempt)
        assert (again.home / "session").read_text() == "remembered"
        assert (await spaces.capture(attempt, "work")).changes == ()
        await spaces.remove(attempt)
        assert not made.home.exists()

    scene.run(scenario)


def test_a_workspace_that_is_made_anew_gets_a_new_home(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        made = await spaces.prepare(scene.attempt())
        (made.home / "session").write_text("of another base")
        base = scene.commit("a later base")
        again = await spaces.prepare(scene.attempt(base=base))
        assert list(again.home.iterdir()) == []

    scene.run(scenario)


def test_a_home_that_was_replaced_by_a_link_is_no_way_out(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        made = await spaces.prepare(scene.attempt())
        made.home.rmdir()
        made.home.symlink_to(scene.folder)
        again = await spaces.prepare(scene.attempt())
        assert not again.home.is_symlink()

    scene.run(scenario)


def test_the_home_of_a_checkout_goes_with_it(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        async with spaces.checkout(scene.git("rev-parse", "main"), "checks") as checkout:
            (checkout.home / "cache").write_text("warm")
        assert not checkout.home.exists()

    scene.run(scenario)


def test_a_home_that_nobody_remembers_is_swept(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        live = await spaces.prepare(scene.attempt())
        lost = live.home.with_name("task-9-1")
        lost.mkdir()
        await spaces.sweep([scene.attempt()])
        assert (live.home.exists(), lost.exists()) == (True, False)

    scene.run(scenario)
