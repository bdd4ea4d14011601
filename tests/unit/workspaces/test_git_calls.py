"""How git is called: nothing inherited, nothing that acts by itself, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import traceback
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.workspaces.git import Git, Place
from banksman.workspaces.locks import free, hold
from banksman.workspaces.refs import Refs
from tests.conformance.workspaces.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def stub(scene: Scene, script: str) -> Git:
    """Return a git that is a script of ours."""
    program = scene.write("bin/git", f"#!/bin/sh\n{script}\n", at=scene.folder)
    program.chmod(0o700)
    return Git({**scene.environment, "PATH": f"{program.parent}:{scene.environment['PATH']}"})


def test_no_variable_of_git_is_inherited(scene: Scene) -> None:
    environment = {**scene.environment, "GIT_DIR": "/nowhere", "GIT_CONFIG_COUNT": "x"}
    answer = asyncio.run(Git(environment).run(scene.repo, "rev-parse", "--git-dir"))
    assert answer.text == ".git"


def test_languages_prompts_and_optional_locks_are_off(scene: Scene) -> None:
    git = stub(scene, 'echo "$LC_ALL $LANGUAGE $GIT_TERMINAL_PROMPT $GIT_OPTIONAL_LOCKS"')
    assert asyncio.run(git.run(scene.repo, "version")).text == "C C 0 0"


def test_hooks_monitors_signatures_and_upkeep_are_off(scene: Scene) -> None:
    git = stub(scene, 'printf "%s\\n" "$@"')
    told = asyncio.run(git.run(scene.repo, "commit")).text.split("\n")
    assert {
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "commit.gpgSign=false",
        "gc.auto=0",
        "maintenance.auto=false",
    } < set(told)
    assert told[-1] == "commit"


def test_a_worktree_that_is_half_made_is_waited_for(scene: Scene) -> None:
    scene.git("worktree", "add", "-q", "-b", "other", str(scene.folder / "linked"))
    common = scene.repo / ".git" / "worktrees" / "linked" / "commondir"
    whole = common.read_text()
    common.write_text("")
    refs = Refs(scene.caller(), Place(git_dir=scene.repo / ".git"))

    async def scenario() -> Path | None:
        asyncio.get_running_loop().call_later(0.1, common.write_text, whole)
        return await refs.checked_out("other")

    assert asyncio.run(scenario()) == scene.folder / "linked"
    common.write_text("")
    with pytest.raises(WorkspaceException, match="worktree list"):
        asyncio.run(refs.checked_out("other"))


def test_an_error_names_the_command_and_what_git_said(scene: Scene) -> None:
    with pytest.raises(WorkspaceException, match="`git rev-parse --verify no-such`") as caught:
        asyncio.run(scene.caller().run(scene.repo, "rev-parse", "--verify", "no-such"))
    told = "`git rev-parse --verify no-such` failed with exit code 128."
    assert str(caught.value) == caught.value.message == told
    assert "Needed a single revision" in caught.value.output
    # A log has it too.
    assert "Needed a single revision" in "".join(traceback.format_exception(caught.value))


def test_what_git_says_is_bounded_and_harmless_on_a_terminal(scene: Scene) -> None:
    git = stub(scene, "yes 'a\033[2Jb' | head -c 100000 >&2; exit 3")
    with pytest.raises(WorkspaceException) as caught:
        asyncio.run(git.run(scene.repo, "x" * 1000))
    assert "\x1b" not in caught.value.output
    assert len(caught.value.output) <= 4000
    assert len(caught.value.message) < 300


def test_exit_codes_that_are_answers_are_returned(scene: Scene) -> None:
    git = stub(scene, "exit 1")
    assert asyncio.run(git.run(scene.repo, "diff", accept=(0, 1))).code == 1


def test_input_that_is_not_read_is_no_error(scene: Scene) -> None:
    git = stub(scene, "exec <&-; exit 0")
    assert asyncio.run(git.run(scene.repo, "any", stdin=b"x" * (1 << 20))).code == 0


def test_no_git_at_all_is_an_error_that_says_so(scene: Scene) -> None:
    why = r"^`git version` could not be started: No such file or directory\.$"
    with pytest.raises(WorkspaceException, match=why):
        asyncio.run(Git({"PATH": "/nowhere"}).run(scene.repo, "version"))


def test_git_that_hangs_is_ended_with_its_children(scene: Scene) -> None:
    pids = scene.folder / "pids"
    # The child ignores the polite signal and keeps the pipes open.
    script = f"(trap '' TERM; echo $$ >> {pids}; exec sleep 60) & echo $$ >> {pids}; wait"
    git = stub(scene, script)
    slow = Git({**git.inherited}, timeout_s=0.5)
    with pytest.raises(WorkspaceException, match=r"did not end within 0\.5 s"):
        asyncio.run(slow.run(scene.repo, "any"))
    assert not [pid for pid in pids.read_text().split() if alive(int(pid))]


def test_a_cancelled_call_ends_git_first(scene: Scene) -> None:
    started = scene.folder / "started"
    os.mkfifo(started)
    git = stub(scene, f"echo $$ > {started}; exec sleep 60")

    async def scenario() -> int:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(git.run(scene.repo, "any"))
            pid = int(await asyncio.to_thread(started.read_text))
            call.cancel()
        return pid

    assert not alive(asyncio.run(scenario()))


def test_a_lock_lives_as_long_as_the_git_that_holds_it(scene: Scene) -> None:
    path = scene.folder / "lock"
    ready, go = scene.folder / "ready", scene.folder / "go"
    os.mkfifo(ready)
    os.mkfifo(go)
    git = stub(scene, f"echo > {ready}; cat {go} > /dev/null")

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            async with hold(path) as lock:
                place = Place(git_dir=scene.repo / ".git", held=(lock,))
                group.create_task(git.run(place, "any"))
                await asyncio.to_thread(ready.read_bytes)
            assert not free(path)
            await asyncio.to_thread(go.write_bytes, b"")
        assert free(path)

    asyncio.run(scenario())


def test_a_lock_on_a_file_that_was_removed_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    async def scenario() -> list[str]:
        seen: list[str] = []

        async def second() -> None:
            async with hold(path):
                seen.append("second")
                assert not free(path)

        async with asyncio.TaskGroup() as group, hold(path):
            group.create_task(second())
            await asyncio.sleep(0)
            seen.append("first")
            path.unlink()
        return seen

    assert asyncio.run(scenario()) == ["first", "second"]


def alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
