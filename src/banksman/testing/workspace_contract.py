"""What every implementation of `Workspaces` promises, as tests.

Subclass `WorkspaceContract` in a test module and give it a fixture `rig` with a fresh project.
How a workspace stores its files is the rig's affair, so that simulated ones can be tested too.

    class TestMyWorkspaces(WorkspaceContract):
        @pytest.fixture
        def rig(self, tmp_path: Path) -> WorkspaceRig:
            return MyRig(tmp_path)
"""

from __future__ import annotations

import asyncio

import pytest

from banksman.exceptions import WorkspaceException
from banksman.testing.target_contract import TargetContract
from banksman.testing.workspace_rig import (
    FILES,
    WorkspaceRig,
    an_attempt,
    capture_of,
    content,
    paths,
    publish_of,
)


class WorkspaceContract(TargetContract):
    """The promises of `banksman.ports.Workspaces`."""

    def test_a_workspace_has_the_files_of_its_base(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            attempt = an_attempt(await rig.workspaces.ensure_target())
            workspace = await rig.workspaces.prepare(attempt)
            assert workspace.base == attempt.base
            assert workspace.branch == attempt.branch
            assert {name: rig.read(workspace.path, name) for name in FILES} == FILES

        asyncio.run(scenario())

    def test_preparing_again_after_a_restart_keeps_what_the_agent_wrote(
        self, rig: WorkspaceRig
    ) -> None:
        async def scenario() -> None:
            attempt = an_attempt(await rig.workspaces.ensure_target())
            first = await rig.workspaces.prepare(attempt)
            rig.write(first.path, "a.txt", "changed\n")
            rig.reopen()
            assert await rig.workspaces.prepare(attempt) == first
            assert rig.read(first.path, "a.txt") == "changed\n"

        asyncio.run(scenario())

    def test_workspaces_do_not_see_each_other(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            one = await rig.workspaces.prepare(an_attempt(base, task=1))
            two = await rig.workspaces.prepare(an_attempt(base, task=2))
            rig.write(one.path, "a.txt", "changed\n")
            assert rig.read(two.path, "a.txt") == "alpha\n"

        asyncio.run(scenario())

    def test_many_workspaces_are_made_at_once(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            async with asyncio.TaskGroup() as group:
                made = [
                    group.create_task(rig.workspaces.prepare(an_attempt(base, task=task)))
                    for task in range(1, 17)
                ]
            folders = {one.result().path for one in made}
            assert len(folders) == 16
            assert {rig.read(folder, "c.txt") for folder in folders} == {"gamma\n"}

        asyncio.run(scenario())

    def test_another_base_makes_the_workspace_anew_and_keeps_the_work(
        self, rig: WorkspaceRig
    ) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            moved = await publish_of(rig, base, task=9, files={"b.txt": "moved\n"})
            first = await rig.workspaces.prepare(an_attempt(base))
            rig.write(first.path, "a.txt", "changed\n")
            second = await rig.workspaces.prepare(an_attempt(moved))
            assert rig.read(second.path, "a.txt") == "alpha\n"
            assert rig.read(second.path, "b.txt") == "moved\n"

        asyncio.run(scenario())

    def test_an_earlier_capture_is_laid_into_a_new_workspace(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            commit = await capture_of(rig, base, {"a.txt": "changed\n", "new.txt": "new\n"})
            again = an_attempt(base, number=2, start=commit)
            workspace = await rig.workspaces.prepare(again)
            assert rig.read(workspace.path, "a.txt") == "changed\n"
            assert rig.read(workspace.path, "new.txt") == "new\n"
            capture = await rig.workspaces.capture(again, "again")
            assert paths(capture.changes) == ["a.txt", "new.txt"]

        asyncio.run(scenario())

    def test_a_capture_has_all_that_is_different(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            attempt = an_attempt(base)
            workspace = await rig.workspaces.prepare(attempt)
            rig.write(workspace.path, "a.txt", "changed\n")
            rig.write(workspace.path, "new.txt", "new\n")
            rig.delete(workspace.path, "b.txt")
            capture = await rig.workspaces.capture(attempt, "work")
            assert paths(capture.changes) == ["a.txt", "b.txt", "new.txt"]
            assert capture.base == base
            assert await rig.workspaces.contains(capture.commit, base)
            assert await content(rig, capture.commit) == {
                "a.txt": "changed\n", "b.txt": None, "c.txt": "gamma\n", "new.txt": "new\n",
            }  # fmt: skip

        asyncio.run(scenario())

    def test_a_capture_of_nothing_is_one_too(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            attempt = an_attempt(base)
            await rig.workspaces.prepare(attempt)
            capture = await rig.workspaces.capture(attempt, "nothing")
            assert capture.changes == ()
            assert await rig.workspaces.changes(base, capture.commit) == ()

        asyncio.run(scenario())

    def test_a_later_turn_captures_again(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            attempt = an_attempt(base)
            workspace = await rig.workspaces.prepare(attempt)
            rig.write(workspace.path, "a.txt", "first\n")
            first = await rig.workspaces.capture(attempt, "turn 1")
            rig.write(workspace.path, "b.txt", "second\n")
            second = await rig.workspaces.capture(attempt, "turn 2")
            assert paths(second.changes) == ["a.txt", "b.txt"]
            assert second.tree != first.tree
            assert rig.read(workspace.path, "a.txt") == "first\n"

        asyncio.run(scenario())

    def test_equal_contents_have_equal_trees(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            trees: set[str] = set()
            for task in (1, 2):
                attempt = an_attempt(base, task=task)
                workspace = await rig.workspaces.prepare(attempt)
                rig.write(workspace.path, "a.txt", "same\n")
                trees.add((await rig.workspaces.capture(attempt, f"task {task}")).tree)
            assert len(trees) == 1

        asyncio.run(scenario())

    def test_what_is_not_there_cannot_be_captured(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            attempt = an_attempt(await rig.workspaces.ensure_target())
            with pytest.raises(WorkspaceException):
                await rig.workspaces.capture(attempt, "nothing")

        asyncio.run(scenario())

    def test_saving_keeps_the_content_and_changes_nothing(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            attempt = an_attempt(await rig.workspaces.ensure_target())
            workspace = await rig.workspaces.prepare(attempt)
            rig.write(workspace.path, "a.txt", "half-done\n")
            commit = await rig.workspaces.save(attempt, "cancelled")
            assert commit is not None
            assert rig.read(workspace.path, "a.txt") == "half-done\n"
            await rig.workspaces.remove(attempt)
            assert (await content(rig, commit))["a.txt"] == "half-done\n"

        asyncio.run(scenario())

    def test_there_is_nothing_to_save_without_a_workspace(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            attempt = an_attempt(await rig.workspaces.ensure_target())
            assert await rig.workspaces.save(attempt, "cancelled") is None

        asyncio.run(scenario())

    def test_removing_can_be_repeated_and_begun_from_anew(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            attempt = an_attempt(await rig.workspaces.ensure_target())
            workspace = await rig.workspaces.prepare(attempt)
            rig.write(workspace.path, "a.txt", "old\n")
            await rig.workspaces.save(attempt, "done with")
            for _ in range(2):
                await rig.workspaces.remove(attempt)
                assert rig.read(workspace.path, "a.txt") is None
            fresh = await rig.workspaces.prepare(attempt)
            assert rig.read(fresh.path, "a.txt") == "alpha\n"

        asyncio.run(scenario())

    def test_a_checkout_has_the_commit_and_not_the_workspace(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            attempt = an_attempt(base)
            workspace = await rig.workspaces.prepare(attempt)
            rig.write(workspace.path, "a.txt", "captured\n")
            capture = await rig.workspaces.capture(attempt, "work")
            rig.write(workspace.path, "a.txt", "later\n")
            async with rig.workspaces.checkout(capture.commit, "tests") as checkout:
                assert checkout.path != workspace.path
                assert (checkout.commit, checkout.tree) == (capture.commit, capture.tree)
                assert rig.read(checkout.path, "a.txt") == "captured\n"

        asyncio.run(scenario())

    def test_checkouts_of_one_commit_stand_side_by_side(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            async with (
                rig.workspaces.checkout(base, "one") as one,
                rig.workspaces.checkout(base, "two") as two,
            ):
                assert one.path != two.path
                assert one.tree == two.tree
                assert await rig.workspaces.leftovers(()) == ()

        asyncio.run(scenario())

    def test_a_checkout_is_gone_after_a_failure_or_a_cancellation(
        self, rig: WorkspaceRig
    ) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            with pytest.raises(ZeroDivisionError):
                async with rig.workspaces.checkout(base, "fails"):
                    raise ZeroDivisionError
            opened = asyncio.Event()

            async def wait_in_a_checkout() -> None:
                async with rig.workspaces.checkout(base, "cancelled"):
                    opened.set()
                    await asyncio.Event().wait()

            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(wait_in_a_checkout())
                await opened.wait()
                waiting.cancel()
            assert waiting.cancelled()
            assert await rig.workspaces.leftovers(()) == ()

        asyncio.run(scenario())

    def test_workspaces_of_no_live_attempt_are_left_over_until_they_are_swept(
        self, rig: WorkspaceRig
    ) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            live, dead = an_attempt(base, task=1), an_attempt(base, task=2)
            kept = await rig.workspaces.prepare(live)
            gone = await rig.workspaces.prepare(dead)
            assert await rig.workspaces.leftovers((live, dead)) == ()
            rig.reopen()
            left = await rig.workspaces.leftovers((live,))
            assert len(left) == 1
            assert await rig.workspaces.sweep((live,)) == left
            assert await rig.workspaces.leftovers((live,)) == ()
            assert rig.read(kept.path, "a.txt") == "alpha\n"
            assert rig.read(gone.path, "a.txt") is None

        asyncio.run(scenario())
