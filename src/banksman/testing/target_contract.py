"""What every implementation of `Workspaces` promises of the target branch, as tests."""

from __future__ import annotations

import asyncio

from banksman.ports import Combined, Conflict
from banksman.testing.workspace_rig import (
    WorkspaceRig,
    capture_of,
    content,
    paths,
    publish_of,
)


class TargetContract:
    """The promises of combining and publishing; a part of `WorkspaceContract`."""

    def test_the_target_is_made_once_and_stays(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            assert await rig.workspaces.tip() is None
            made = await rig.workspaces.ensure_target()
            assert await rig.workspaces.tip() == made
            assert await rig.workspaces.ensure_target() == made

        asyncio.run(scenario())

    def test_work_on_a_tip_that_moved_has_both(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            commit = await capture_of(rig, base, {"a.txt": "mine\n"})
            tip = await publish_of(rig, base, task=9, files={"b.txt": "theirs\n"})
            combined = await rig.workspaces.combine(tip, commit, "both")
            assert isinstance(combined, Combined)
            assert await rig.workspaces.contains(combined.commit, tip)
            assert paths(await rig.workspaces.changes(tip, combined.commit)) == ["a.txt"]
            assert await rig.workspaces.tip() == tip
            files = await content(rig, combined.commit)
            assert (files["a.txt"], files["b.txt"]) == ("mine\n", "theirs\n")

        asyncio.run(scenario())

    def test_work_on_the_same_lines_is_a_conflict_that_names_them(
        self, rig: WorkspaceRig
    ) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            commit = await capture_of(rig, base, {"a.txt": "mine\n", "c.txt": "mine\n"})
            tip = await publish_of(rig, base, task=9, files={"a.txt": "theirs\n"})
            assert await rig.workspaces.combine(tip, commit, "both") == Conflict(
                paths=("a.txt",)
            )
            assert await rig.workspaces.tip() == tip

        asyncio.run(scenario())

    def test_work_that_the_tip_has_already_is_a_commit_that_changes_nothing(
        self, rig: WorkspaceRig
    ) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            commit = await capture_of(rig, base, {"a.txt": "same\n"})
            tip = await publish_of(rig, base, task=9, files={"a.txt": "same\n"})
            combined = await rig.workspaces.combine(tip, commit, "nothing left")
            assert isinstance(combined, Combined)
            assert combined.commit != tip
            assert await rig.workspaces.contains(combined.commit, tip)
            assert await rig.workspaces.changes(tip, combined.commit) == ()

        asyncio.run(scenario())

    def test_publishing_from_where_the_target_is_not_does_nothing(
        self, rig: WorkspaceRig
    ) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            tip = await publish_of(rig, base, task=9, files={"a.txt": "first\n"})
            commit = await capture_of(rig, base, {"b.txt": "late\n"})
            assert not await rig.workspaces.publish(base, commit)
            assert await rig.workspaces.tip() == tip

        asyncio.run(scenario())

    def test_of_many_who_publish_at_once_one_wins(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            commits = [
                await capture_of(rig, base, {"a.txt": f"{task}\n"}, task=task)
                for task in range(1, 9)
            ]
            async with asyncio.TaskGroup() as group:
                tries = {
                    commit: group.create_task(rig.workspaces.publish(base, commit))
                    for commit in commits
                }
            winners = [commit for commit, one in tries.items() if one.result()]
            assert len(winners) == 1
            assert await rig.workspaces.tip() == winners[0]

        asyncio.run(scenario())

    def test_history_knows_what_it_contains(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            aside = await capture_of(rig, base, {"c.txt": "aside\n"})
            tip = await publish_of(rig, base, task=9, files={"a.txt": "on\n"})
            assert await rig.workspaces.contains(tip, tip)
            assert await rig.workspaces.contains(tip, base)
            assert not await rig.workspaces.contains(base, tip)
            assert not await rig.workspaces.contains(tip, aside)

        asyncio.run(scenario())

    def test_the_commits_between_two_are_told_oldest_first(self, rig: WorkspaceRig) -> None:
        async def scenario() -> None:
            base = await rig.workspaces.ensure_target()
            one = await publish_of(rig, base, task=1, files={"new.txt": "1\n"})
            two = await capture_of(rig, one, {"new.txt": "2\n"}, task=2)
            found = await rig.workspaces.commits(base, two)
            told = [(written.commit, written.subject) for written in found]
            assert told == [(one, "task 1"), (two, "task 2")]
            assert await rig.workspaces.commits(two, base) == ()

        asyncio.run(scenario())
