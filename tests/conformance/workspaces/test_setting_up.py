"""Ports and set-up commands: one set for each workspace, and no part of the work."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.executors.local import LocalExecutor
from banksman.testing.fakes import FakeClock
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.leases import FIRST, is_free
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene, prepare, python, refusal


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_live_workspaces_have_ports_of_their_own(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        one = await spaces.prepare(scene.attempt(task=1))
        two = await spaces.prepare(scene.attempt(task=2))
        async with spaces.checkout(one.base, "tests") as three:
            ports = [
                int(place.env[name]) for place in (one, two, three) for name in ("PORT", "DB")
            ]
            assert len(set(ports)) == 6
            assert all(FIRST <= port < FIRST + 10_000 and is_free(port) for port in ports)
            assert three.env["BANKSMAN_WORKSPACE"] == str(three.path)
        assert one.env["BANKSMAN_WORKSPACE"] == str(one.path)
        assert (await spaces.prepare(scene.attempt(task=1))).env == one.env
        await spaces.remove(scene.attempt(task=1))
        leased = json.loads((scene.state / "ports.json").read_bytes())
        assert set(leased) == {"task-2-1"}

    scene.run(scenario, WorkspaceSettings(ports=("PORT", "DB")))


def test_a_port_that_somebody_listens_on_is_not_leased(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        first = await spaces.prepare(scene.attempt())
        await spaces.remove(scene.attempt())
        with socket.create_server(("127.0.0.1", int(first.env["PORT"]))):
            second = await spaces.prepare(scene.attempt())
            assert second.env["PORT"] != first.env["PORT"]

    scene.run(scenario, WorkspaceSettings(ports=("PORT",)))


def test_commands_set_up_workspaces_and_checkouts_alike(scene: Scene) -> None:
    code = "import os, pathlib; pathlib.Path('x.ignored').write_text(os.environ['PORT'])"

    async def scenario(spaces: GitWorkspaces) -> None:
        workspace = await spaces.prepare(scene.attempt())
        assert (workspace.path / "x.ignored").read_text() == workspace.env["PORT"]
        async with spaces.checkout(workspace.base, "tests") as checkout:
            assert (checkout.path / "x.ignored").read_text() == checkout.env["PORT"]
        for spec in scene.executor.specs.values():
            assert (spec.ttl_s, spec.timeout_s) == (0, 9.0)
            assert not [name for name in spec.env if name.startswith("GIT_")]
            assert spec.env["HOME"] == str(scene.home)
            assert "LC_ALL" not in spec.env
        assert next(iter(scene.executor.specs.values())).marker == "1:1:1:setup"

    settings = WorkspaceSettings(ports=("PORT",), setup=(python(code),), setup_timeout_s=9.0)
    scene.run(scenario, settings)


def test_what_setup_leaves_behind_is_not_the_agents_work(scene: Scene) -> None:
    code = """
import pathlib
pathlib.Path('a.txt').write_text('by setup')
pathlib.Path('made.txt').write_text('by setup')
pathlib.Path('lock.txt').write_text('by setup')
pathlib.Path('c.txt').unlink()
"""

    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        assert (await spaces.capture(attempt, "nothing")).changes == ()
        scene.write("lock.txt", "by the agent", at=path)
        scene.write("b.txt", "by the agent", at=path)
        capture = await spaces.capture(attempt, "work")
        assert [change.path for change in capture.changes] == ["b.txt", "lock.txt"]
        assert scene.show(capture.commit, "a.txt") == "alpha"

    scene.run(scenario, WorkspaceSettings(setup=(python(code),)))


def test_setup_after_a_start_keeps_the_start(scene: Scene) -> None:
    code = "import pathlib; pathlib.Path('a.txt').write_text('by setup')"

    async def scenario(spaces: GitWorkspaces) -> None:
        scene.write("a.txt", "started\n")
        start = scene.commit("start")
        scene.git("reset", "-q", "--hard", "HEAD~")
        attempt = scene.attempt(start=start)
        await spaces.prepare(attempt)
        capture = await spaces.capture(attempt, "work")
        assert scene.show(capture.commit, "a.txt") == "started"

    scene.run(scenario, WorkspaceSettings(setup=(python(code),)))


def test_a_setup_that_fails_shows_the_end_of_its_output_and_is_tried_again(
    scene: Scene,
) -> None:
    code = "print('x' * 9000); print('\\x1b[31mno such package'); raise SystemExit(3)"
    told = refusal(scene, WorkspaceSettings(setup=(python("pass"), python(code))))
    assert "setup command" in told.message
    assert told.message.endswith("failed with exit code 3.")
    assert told.output.endswith("[31mno such package")
    assert "\x1b" not in told.output
    assert len(told.output) <= 4000
    path = prepare(scene, WorkspaceSettings(setup=(python("pass"), python("pass"))))
    assert (path / "a.txt").read_text() == "alpha\n"
    # The second try waited for the end of what the first one may have left running.
    first, second, *_ = scene.executor.specs
    assert scene.executor.ended == [first, second]


def test_a_workspace_whose_setup_failed_is_not_worth_saving(scene: Scene) -> None:
    code = "import pathlib; pathlib.Path('half.txt').write_text('x'); raise SystemExit(1)"
    refusal(scene, WorkspaceSettings(setup=(python(code),)))

    async def scenario(spaces: GitWorkspaces) -> None:
        assert await spaces.save(scene.attempt(), "failed") is None
        await spaces.remove(scene.attempt())

    scene.run(scenario)
    assert scene.git("for-each-ref", "refs/banksman") == ""
    assert list((scene.root / "work").iterdir()) == []


def test_a_setup_that_takes_too_long_is_an_error(scene: Scene) -> None:
    hang = python("import threading; threading.Event().wait(60)")
    told = refusal(scene, WorkspaceSettings(setup=(hang,), setup_timeout_s=0.5))
    assert told.message.endswith("did not end within 0.5 s.")


def test_a_checkout_whose_setup_fails_is_removed(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        with pytest.raises(WorkspaceException):
            async with spaces.checkout(scene.git("rev-parse", "main"), "tests"):
                pytest.fail("it has not been set up")
        assert await spaces.leftovers(()) == ()

    scene.run(scenario, WorkspaceSettings(setup=(python("raise SystemExit(1)"),)))
    assert list((scene.root / "checks").iterdir()) == []
    assert list((scene.root / "trash").iterdir()) == []
    assert scene.git("worktree", "list").count("\n") == 0


def test_the_real_executor_sets_up_and_is_asked_again_after_a_failure(scene: Scene) -> None:
    once = """
import os, pathlib, sys
mark = pathlib.Path(os.environ["HOME"], "failed-once")
if not mark.exists():
    mark.touch()
    sys.exit("not yet")
pathlib.Path("x.ignored").write_text(os.environ["BANKSMAN_WORKSPACE"])
"""
    settings = WorkspaceSettings(setup=(python(once),))
    spools = scene.state / "spool"

    async def scenario() -> None:
        spaces = GitWorkspaces(
            await scene.inspect(),
            git=scene.caller(),
            root=scene.root,
            state=scene.state,
            executor=LocalExecutor(spools, FakeClock()),
            settings=settings,
        )
        with pytest.raises(WorkspaceException, match="failed with exit code 1") as caught:
            await spaces.prepare(scene.attempt())
        assert caught.value.output == "not yet"
        path = (await spaces.prepare(scene.attempt())).path
        assert (path / "x.ignored").read_text() == str(path)
        await spaces.remove(scene.attempt())
        assert (await spaces.prepare(scene.attempt())).path == path
        async with spaces.checkout(scene.git("rev-parse", "main"), "tests") as checkout:
            assert (checkout.path / "x.ignored").read_text() == str(checkout.path)

    asyncio.run(scenario())
    assert list(spools.iterdir()) == []
