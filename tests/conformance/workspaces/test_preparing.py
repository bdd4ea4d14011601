"""Workspaces are made from nothing or found again; what was there is never lost."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.leases import FIRST, is_free
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def refusal(scene: Scene, settings: WorkspaceSettings) -> WorkspaceException:
    async def prepare(spaces: GitWorkspaces) -> None:
        await spaces.prepare(scene.attempt())

    with pytest.raises(WorkspaceException) as caught:
        scene.run(prepare, settings)
    return caught.value


def prepare(scene: Scene, settings: WorkspaceSettings | None = None) -> Path:
    async def scenario(spaces: GitWorkspaces) -> Path:
        return (await spaces.prepare(scene.attempt())).path

    return scene.run(scenario, settings)


def test_a_workspace_is_a_locked_worktree_on_its_branch_outside_the_repository(
    scene: Scene,
) -> None:
    path = prepare(scene)
    assert path == scene.root / "work" / "task-1-1"
    assert scene.git("symbolic-ref", "HEAD", cwd=path).endswith("task-1-some-title/1")
    assert scene.git("status", "--porcelain", cwd=path) == ""
    assert "locked in use by banksman" in scene.git("worktree", "list", "--porcelain")
    assert "branch.banksman" not in scene.git("config", "--list", "--local")


def test_nobody_else_may_look_into_workspaces_or_state(scene: Scene) -> None:
    path = prepare(scene, WorkspaceSettings(ports=("PORT",)))
    for folder in (
        path,
        scene.root / "work",
        scene.root / "checks",
        scene.state / "workspaces",
    ):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in (scene.state / "workspaces").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((scene.state / "ports.json").stat().st_mode) == 0o600


def test_a_workspace_that_is_complete_is_not_touched_again(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt())).path
        (path / "a.txt").unlink()
        scene.git("checkout", "-q", "--detach", cwd=path)
        before = {file: file.stat().st_mtime_ns for file in path.iterdir()}
        await spaces.prepare(scene.attempt(start=scene.git("rev-parse", "main")))
        assert {file: file.stat().st_mtime_ns for file in path.iterdir()} == before
        assert len(scene.executor.specs) == 1

    scene.run(scenario, WorkspaceSettings(setup=(python(""),)))


def test_a_folder_and_branch_that_nobody_remembers_are_saved_and_replaced(
    scene: Scene,
) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("committed.txt", "committed\n", at=path)
        own = scene.commit("the agent's own", at=path)
        scene.write("loose.txt", "loose\n", at=path)
        await spaces.capture(attempt, "work")
        for file in (scene.state / "workspaces").iterdir():
            file.unlink()
        again = await spaces.prepare(attempt)
        assert scene.git("rev-parse", "HEAD", cwd=again.path) == attempt.base
        assert not (again.path / "loose.txt").exists()
        saved = "refs/banksman/saved/1/1/1"
        assert scene.show(saved, "loose.txt") == "loose"
        assert scene.git("rev-parse", f"{saved}^2") == own
        kept = scene.git("for-each-ref", "--format=%(contents:subject)", "refs/banksman/saved")
        assert "work" in kept.split("\n")
        assert scene.git("for-each-ref", "refs/banksman/attempts") == ""

    scene.run(scenario)


def test_a_branch_with_commits_and_no_worktree_is_saved(scene: Scene) -> None:
    attempt = scene.attempt()
    lost = scene.commit("somebody's")
    scene.git("branch", str(attempt.branch))
    scene.git("reset", "-q", "--hard", str(attempt.base))

    async def scenario(spaces: GitWorkspaces) -> None:
        workspace = await spaces.prepare(attempt)
        assert scene.git("rev-parse", "HEAD", cwd=workspace.path) == attempt.base

    scene.run(scenario)
    assert scene.git("rev-parse", "refs/banksman/saved/1/1/1") == lost


def test_a_branch_that_the_user_has_checked_out_is_left_alone(scene: Scene) -> None:
    branch = str(scene.attempt().branch)
    linked = scene.folder / "linked"
    scene.git("worktree", "add", "-q", "-b", branch, str(linked))
    assert "already checked out" in refusal(scene, WorkspaceSettings()).output
    assert scene.git("symbolic-ref", "HEAD", cwd=linked) == f"refs/heads/{branch}"


def test_a_workspace_whose_folder_was_deleted_is_made_again(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt())).path
        scene.git("worktree", "unlock", str(path))
        scene.git("worktree", "remove", "--force", str(path))
        assert (await spaces.prepare(scene.attempt())).path == path
        assert (path / "a.txt").read_text() == "alpha\n"

    scene.run(scenario)


def test_a_start_on_a_moved_base_has_both_and_marks_conflicts(scene: Scene) -> None:
    async def scenario(spaces: GitWorkspaces) -> None:
        first = scene.attempt()
        path = (await spaces.prepare(first)).path
        scene.write("a.txt", "mine\n", at=path)
        scene.write("b.txt", "mine too\n", at=path)
        commit = (await spaces.capture(first, "work")).commit
        scene.write("a.txt", "theirs\n")
        scene.commit("on the base")
        again = await spaces.prepare(replace(scene.attempt(number=2), start=commit))
        assert (again.path / "b.txt").read_text() == "mine too\n"
        told = (again.path / "a.txt").read_text()
        assert "<<<<<<<" in told
        assert "mine\n" in told
        assert "theirs\n" in told
        assert scene.git("rev-parse", "HEAD", cwd=again.path) == again.base

    scene.run(scenario)


def test_a_start_that_the_base_contains_adds_nothing(scene: Scene) -> None:
    earlier = scene.git("rev-parse", "main")
    scene.write("a.txt", "later\n")
    scene.commit("later")

    async def scenario(spaces: GitWorkspaces) -> None:
        path = (await spaces.prepare(scene.attempt(start=earlier))).path
        assert scene.git("status", "--porcelain", cwd=path) == ""

    scene.run(scenario)


def test_ignored_files_are_copied_private_and_never_captured(scene: Scene) -> None:
    scene.write(".env", "SECRET=1\n").chmod(0o755)
    scene.write("deep/x.ignored", "x\n")
    scene.write("deep/y.ignored", "y\n")
    settings = WorkspaceSettings(copy=(".env", "**/*.ignored", "not-there", "a.txt"))

    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        assert (path / ".env").read_text() == "SECRET=1\n"
        assert stat.S_IMODE((path / ".env").stat().st_mode) == 0o700
        assert stat.S_IMODE((path / "deep/x.ignored").stat().st_mode) == 0o600
        assert (path / "deep/y.ignored").read_text() == "y\n"
        # Not even an agent that stops ignoring it, and adds it by force, gets it into a commit.
        scene.write(".gitignore", "", at=path)
        scene.git("add", "-f", ".env", cwd=path)
        capture = await spaces.capture(attempt, "work")
        assert [change.path for change in capture.changes] == [".gitignore"]
        async with spaces.checkout(capture.commit, "tests") as checkout:
            assert (checkout.path / ".env").read_text() == "SECRET=1\n"

    scene.run(scenario, settings)


def test_a_file_that_git_does_not_ignore_is_not_copied(scene: Scene) -> None:
    scene.write("notes.txt", "mine\n")
    told = refusal(scene, WorkspaceSettings(copy=("notes.txt",)))
    assert "git does not ignore 'notes.txt'" in told.message


def test_the_users_own_version_of_a_tracked_file_is_not_copied(scene: Scene) -> None:
    scene.write("a.txt", "not committed\n")
    path = prepare(scene, WorkspaceSettings(copy=("*.txt",)))
    assert (path / "a.txt").read_text() == "alpha\n"


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../x", "a/../../x", ".git/config", "."])
def test_patterns_that_lead_outside_are_refused(scene: Scene, pattern: str) -> None:
    for settings in (WorkspaceSettings(copy=(pattern,)), WorkspaceSettings(link=(pattern,))):
        assert "is not a path inside your work tree" in refusal(scene, settings).message


def test_nothing_outside_is_read_through_a_link(scene: Scene) -> None:
    outside = scene.write("secret", "s\n", at=scene.folder)
    (scene.repo / "x.ignored").symlink_to(outside)
    told = refusal(scene, WorkspaceSettings(copy=("*.ignored",)))
    assert "'x.ignored' leads out of your work tree" in told.message


def test_a_link_inside_is_copied_as_what_it_leads_to(scene: Scene) -> None:
    scene.write("real.ignored", "real\n")
    (scene.repo / "link.ignored").symlink_to("real.ignored")
    path = prepare(scene, WorkspaceSettings(copy=("link.ignored",)))
    assert not (path / "link.ignored").is_symlink()
    assert (path / "link.ignored").read_text() == "real\n"


def test_nothing_outside_is_written_through_a_link_in_the_repository(scene: Scene) -> None:
    outside = scene.folder / "outside"
    outside.mkdir()
    (scene.repo / "conf").symlink_to(outside)
    scene.commit("a link")
    (scene.repo / "conf").unlink()
    scene.write("conf/x.ignored", "x\n")
    told = refusal(scene, WorkspaceSettings(copy=("conf/x.ignored",)))
    assert "would leave the workspace" in told.message
    assert list(outside.iterdir()) == []


def test_pipes_are_not_copied(scene: Scene) -> None:
    os.mkfifo(scene.repo / "pipe.ignored")
    path = prepare(scene, WorkspaceSettings(copy=("*.ignored",)))
    assert not (path / "pipe.ignored").exists()


def test_folders_are_linked_and_the_link_is_never_captured(scene: Scene) -> None:
    scene.write("node_modules/x.js", "x\n")

    async def scenario(spaces: GitWorkspaces) -> None:
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        assert (path / "node_modules").readlink() == scene.repo / "node_modules"
        scene.git("add", "-A", cwd=path)
        assert (await spaces.capture(attempt, "work")).changes == ()
        await spaces.remove(attempt)

    scene.run(scenario, WorkspaceSettings(link=("node_modules",)))
    assert (scene.repo / "node_modules/x.js").read_text() == "x\n"


def test_a_folder_that_cannot_be_linked_is_named(scene: Scene) -> None:
    missing = refusal(scene, WorkspaceSettings(link=("node_modules",)))
    assert "'node_modules' is not a folder in your work tree" in missing.message
    scene.write("src/x", "x\n")
    scene.commit("a folder")
    tracked = refusal(scene, WorkspaceSettings(link=("src",)))
    assert "'src' is in git" in tracked.message


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


def test_a_cancelled_prepare_ends_its_git_and_can_be_repeated(scene: Scene) -> None:
    # A filter that waits makes git wait in the middle of writing files.
    asked, answer = scene.folder / "asked", scene.folder / "answer"
    os.mkfifo(asked)
    os.mkfifo(answer)
    script = f"#!/bin/sh\n[ -e {answer}.off ] || {{ echo > {asked}; cat {answer}; }}\ncat\n"
    program = scene.write("filter", script, at=scene.folder)
    program.chmod(0o700)
    scene.git("config", "filter.slow.smudge", str(program))
    scene.write(".gitattributes", "b.txt filter=slow\n")
    scene.commit("a slow filter")

    async def scenario(spaces: GitWorkspaces) -> None:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(spaces.prepare(scene.attempt()))
            await asyncio.to_thread(asked.read_bytes)
            call.cancel()
        assert call.cancelled()
        Path(f"{answer}.off").touch()
        path = (await spaces.prepare(scene.attempt())).path
        assert (path / "b.txt").read_text() == "beta\n"
        assert scene.git("status", "--porcelain", cwd=path) == ""

    scene.run(scenario)


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


def test_every_file_is_checked_out_even_where_the_user_sees_few(scene: Scene) -> None:
    scene.write("deep/x", "x\n")
    scene.commit("deep")
    scene.git("sparse-checkout", "set", "--no-cone", "/a.txt")
    path = prepare(scene)
    assert (path / "deep/x").read_text() == "x\n"


def test_a_worktree_of_a_bare_repository_gets_workspaces(scene: Scene) -> None:
    bare, linked = scene.folder / "bare.git", scene.folder / "linked"
    scene.git("clone", "-q", "--bare", str(scene.repo), str(bare))
    scene.git("worktree", "add", "-q", str(linked), "main", cwd=bare)
    scene.repo = linked

    async def scenario() -> None:
        spaces = GitWorkspaces(
            await scene.inspect(),
            git=scene.caller(),
            root=scene.root,
            state=bare / "banksman",
            executor=scene.executor,
        )
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        capture = await spaces.capture(attempt, "work")
        assert [change.path for change in capture.changes] == ["new.txt"]

    asyncio.run(scenario())


def test_a_shallow_clone_goes_the_whole_way(scene: Scene) -> None:
    scene.commit("second")
    clone = scene.folder / "clone"
    scene.git("clone", "-q", "--depth", "1", f"file://{scene.repo}", str(clone))
    scene.repo = clone

    async def scenario(spaces: GitWorkspaces) -> None:
        tip = await spaces.ensure_target()
        attempt = scene.attempt()
        path = (await spaces.prepare(attempt)).path
        scene.write("new.txt", "new\n", at=path)
        capture = await spaces.capture(attempt, "work")
        combined = await spaces.combine(tip, capture.commit, "work")
        assert await spaces.publish(tip, combined.commit)  # type: ignore[union-attr]

    scene.run(scenario)
