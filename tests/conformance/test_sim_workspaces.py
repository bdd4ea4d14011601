"""Simulated workspaces keep the promises of the port: what the simulation finds is true."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from banksman.testing.sim_workspaces import SimWorkspaces
from banksman.testing.workspace_contract import WorkspaceContract
from banksman.testing.workspace_rig import FILES, an_attempt, capture_of, content, publish_of
from banksman.testing.world import Faults, Hand, World


class Still(Random):
    """Chance that never strikes and lets no time pass."""

    def random(self) -> float:
        return 0.0


class SimRig:
    """A world with `FILES`, and a hand in it."""

    def __init__(self) -> None:
        self.world = World(Still(), Faults())
        self.world.refs["base"] = self.world.commit((), FILES, "begin")
        self.hand = Hand(self.world)
        self.workspaces = SimWorkspaces(self.hand)

    def reopen(self) -> None:
        self.hand.alive = False
        self.hand = Hand(self.world)
        self.workspaces = SimWorkspaces(self.hand)

    def write(self, folder: Path, name: str, text: str) -> None:
        self.world.worktrees[_owner(folder)].files[name] = text

    def delete(self, folder: Path, name: str) -> None:
        del self.world.worktrees[_owner(folder)].files[name]

    def read(self, folder: Path, name: str) -> str | None:
        checkout = self.world.checkouts.get(folder)
        if checkout is not None:
            return self.world.commits[checkout.commit].tree.get(name)
        worktree = self.world.worktrees.get(_owner(folder))
        return None if worktree is None else worktree.files.get(name)


def _owner(folder: Path) -> tuple[int, int]:
    task, attempt = folder.name.split("-")
    return int(task), int(attempt)


class TestSimWorkspaces(WorkspaceContract):
    @pytest.fixture
    def rig(self) -> SimRig:
        return SimRig()


def test_work_that_began_on_another_base_is_laid_onto_the_new_one() -> None:
    async def scenario() -> None:
        rig = SimRig()
        base = await rig.workspaces.ensure_target()
        start = await capture_of(rig, base, {"a.txt": "mine\n"})
        tip = await publish_of(rig, base, task=9, files={"b.txt": "theirs\n"})
        again = an_attempt(tip, number=2, start=start)
        place = await rig.workspaces.prepare(again)
        assert rig.read(place.path, "a.txt") == "mine\n"
        assert rig.read(place.path, "b.txt") == "theirs\n"

    asyncio.run(scenario())


def test_work_that_the_base_holds_already_is_not_laid_again() -> None:
    async def scenario() -> None:
        rig = SimRig()
        base = await rig.workspaces.ensure_target()
        start = await publish_of(rig, base, task=8, files={"a.txt": "old\n"})
        tip = await publish_of(rig, start, task=9, files={"a.txt": "new\n"})
        place = await rig.workspaces.prepare(an_attempt(tip, start=start))
        assert rig.read(place.path, "a.txt") == "new\n"

    asyncio.run(scenario())


def test_a_checkout_that_died_with_its_engine_is_swept_and_one_in_use_is_not() -> None:
    async def scenario() -> None:
        rig = SimRig()
        base = await rig.workspaces.ensure_target()
        left = rig.workspaces.checkout(base, "left")
        await left.__aenter__()
        rig.reopen()
        async with rig.workspaces.checkout(base, "used"):
            assert [path.name for path in await rig.workspaces.leftovers(())] == ["left-1"]
            assert len(await rig.workspaces.sweep(())) == 1
            assert await rig.workspaces.leftovers(()) == ()
            assert [path.name for path in rig.world.checkouts] == ["used-2"]

    asyncio.run(scenario())


def test_what_is_swept_is_saved() -> None:
    async def scenario() -> None:
        rig = SimRig()
        attempt = an_attempt(await rig.workspaces.ensure_target())
        place = await rig.workspaces.prepare(attempt)
        rig.write(place.path, "a.txt", "half-done\n")
        await rig.workspaces.sweep(())
        saved = rig.world.refs["saved/1/1"]
        assert (await content(rig, saved))["a.txt"] == "half-done\n"

    asyncio.run(scenario())
