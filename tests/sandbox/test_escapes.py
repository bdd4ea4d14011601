"""What a program in the sandbox tries, as an agent and as a check, and what it gets.

Each looks at the outside afterwards: what a program says of itself proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from banksman.workspaces.git import Git, Place
from tests.sandbox.escape import AUTHOR, SECRET, Scene

pytestmark = pytest.mark.usefixtures("sandbox_holds")


@pytest.fixture(params=["below /tmp", "elsewhere"])
def folder(request: pytest.FixtureRequest) -> Generator[Path]:
    """Yield a folder among the private ones, or one that would be seen."""
    places = ("/tmp",) if request.param == "below /tmp" else (Path.home(), "/srv", "/opt")
    place = next((place for place in places if os.access(place, os.W_OK)), None)
    if place is None or (request.param == "elsewhere" and str(place).startswith("/tmp")):
        pytest.skip("NOT TESTED: no folder outside /tmp may be written")
    made = Path(tempfile.mkdtemp(dir=place, prefix=".banksman-test-"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture(params=[True, False], ids=["agent", "check"])
def scene(request: pytest.FixtureRequest, folder: Path) -> Scene:
    return Scene(folder, network=bool(request.param))


def every(paths: list[Path]) -> str:
    return " ".join(f"'{path}'" for path in paths)


def test_nothing_outside_the_workspace_and_the_home_can_be_written(scene: Scene) -> None:
    git = scene.repo / ".git"
    targets = [
        scene.home / "notes.txt", scene.home / ".bashrc",
        scene.home / ".ssh" / "authorized_keys",
        scene.repo / "a.txt", git / "config", git / "hooks" / "post-commit",
        git / "packed-refs", git / "refs" / "heads" / "main", git / "index",
        git / "worktrees" / "task-1-1" / "HEAD",
        git / "info" / "attributes", git / "objects" / "aa" / "bb", scene.other / "a.txt",
        scene.state / "state.db", scene.prompt, scene.root / "shared-home" / "cache",
        scene.root / "homes" / "task-2-1" / "session", scene.folder / "new",
        Path("/etc/banksman-test"), Path("/usr/bin/banksman-test"), Path("/tmp/banksman-test"),
    ]  # fmt: skip
    before = scene.outside()
    end = scene.tries(
        f"for path in {every(targets)}; do"
        ' (mkdir -p "$(dirname "$path")"; echo evil >> "$path"; rm -f "$path";'
        ' mv a.txt "$path") 2> /dev/null; done; echo mine > mine.txt; echo mine > ~/mine.txt'
    )
    assert (end.how, end.code) == ("exited", 0)
    assert scene.outside() == before
    assert not any(path.exists() for path in targets[-3:])
    for own in (scene.mine, scene.own_home):
        assert (own / "mine.txt").read_text() == "mine\n"


def test_secrets_and_what_belongs_to_others_cannot_be_read(scene: Scene) -> None:
    end = scene.tries(
        f"grep -rs {SECRET} '{scene.folder}' ~ ..; find '{scene.folder}' -name '*.db';"
        f" cat '{scene.home}'/.netrc; cat '{scene.prompt}'"
    )
    assert SECRET.encode() not in end.output
    assert b"state.db" not in end.output
    # What it was given on purpose is there, in a folder that is hidden otherwise.
    assert end.output.endswith(b"do it")


def test_a_hidden_file_reads_as_empty_and_takes_nothing(scene: Scene) -> None:
    if str(scene.folder).startswith("/tmp"):
        pytest.skip("the whole home is out of sight there")
    end = scene.tries(f"cat '{scene.home}/.netrc'; echo x > '{scene.home}/.netrc'")
    assert end.code != 0
    assert b"Read-only file system" in end.output
    assert (scene.home / ".netrc").read_text() == SECRET


def test_links_lead_nowhere_else(scene: Scene) -> None:
    before = scene.outside()
    passwd = Path("/etc/passwd").read_bytes()
    scene.tries(
        "ln -s /etc/passwd p; echo evil >> p;"
        f" ln -s '{scene.home}' h; echo evil >> h/notes.txt; cat h/.ssh/*;"
        f" ln '{scene.repo}/a.txt' hard; echo evil >> hard;"
        f" ln -s '{scene.other}' o; echo evil >> o/a.txt"
    )
    assert scene.outside() == before
    assert Path("/etc/passwd").read_bytes() == passwd


def test_git_can_be_asked_and_not_told(scene: Scene) -> None:
    before, refs = scene.outside(), scene.git("for-each-ref")
    end = scene.tries("echo new >> a.txt; git status --short; git log --format=%s; git diff")
    assert end.code == 0, end.output
    assert end.output.startswith(b" M a.txt\nfirst\ndiff --git")
    author = " ".join(AUTHOR)
    for line in (
        f"git {author} commit -qam evil",
        "git add a.txt",
        "git config core.hooksPath .",
        "git update-ref refs/heads/main HEAD~0 --create-reflog && git branch evil",
        "git push . HEAD:refs/heads/evil",
        "git worktree add ../evil",
        "git stash",
    ):
        assert scene.tries(line).code != 0, line
    assert scene.outside() == before
    assert scene.git("for-each-ref") == refs


def test_other_processes_are_out_of_sight_and_reach(scene: Scene) -> None:
    with subprocess.Popen(["sleep", "300"], env={"KEY": SECRET, **os.environ}) as sleeper:
        try:
            pid = sleeper.pid
            end = scene.tries(
                f"cat /proc/{pid}/environ; kill -9 {pid}; kill -9 {os.getpid()}; kill -9 -1;"
            )
            assert SECRET.encode() not in end.output
            seen = scene.tries("for one in /proc/[0-9]*; do echo x; done").output.split()
            assert sleeper.poll() is None
            assert len(seen) <= 3
        finally:
            sleeper.kill()


def test_a_result_cannot_be_forged(scene: Scene) -> None:
    forged = '{"how": "exited", "code": 0}'
    end = scene.tries(
        'mkdir -p "$BANKSMAN_SPOOL"; for name in result.json result.json.new runner.json; do'
        f' echo \'{forged}\' > "$BANKSMAN_SPOOL/$name"; done; cat "$BANKSMAN_SPOOL"/*; exit 3'
    )
    assert (end.how, end.code) == ("exited", 3)
    assert b"program" not in end.output


def test_only_what_has_a_network_reaches_a_server_of_the_machine(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        port = server.getsockname()[1]
        text = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        assert (scene.python(text).code == 0) is scene.network
        if not scene.network:
            with pytest.raises(TimeoutError):
                server.accept()


@pytest.mark.parametrize("place", ["/tmp", "/run", "abstract"])
def test_sockets_of_services_are_out_of_reach(scene: Scene, place: str) -> None:
    if place == "abstract" and scene.network:
        pytest.skip("they belong to the network, which is not kept from agents: see the docs")
    if place != "abstract" and not os.access(place, os.W_OK):
        pytest.skip(f"NOT TESTED: {place} may not be written")
    name = f"banksman-test-{os.getpid()}"
    path = f"\0{name}" if place == "abstract" else f"{place}/{name}"
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(path)
        service.listen()
        text = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
        try:
            assert scene.python(text).code == 1
        finally:
            if place != "abstract":
                Path(path).unlink()


def test_no_mount_can_be_changed_or_taken_away(scene: Scene) -> None:
    before = scene.outside()
    hidden = scene.home / ".ssh"
    evil = (
        "mount -o remount,rw /; mount -o remount,bind,rw /; mount -t tmpfs none /mnt;"
        f" umount '{hidden}'; umount -l '{hidden}'; umount -l /tmp; umount -l '{scene.state}';"
        f" cat '{hidden}'/*; cat '{scene.state}'/*; echo evil >> '{scene.home}/notes.txt';"
        f" echo evil >> '{scene.repo}/a.txt'; touch /etc/banksman-test"
    )
    for line in (evil, f'unshare -Urm sh -c "{evil}"', f'unshare -m sh -c "{evil}"'):
        assert SECRET.encode() not in scene.tries(line).output
    assert scene.outside() == before
    assert not Path("/etc/banksman-test").exists()


def test_the_kernel_cannot_be_told_and_nobody_has_a_capability(scene: Scene) -> None:
    before = Path("/proc/sys/kernel/hostname").read_text()
    end = scene.tries(
        "grep Cap[EP] /proc/self/status; grep NoNewPrivs /proc/self/status; exec 2> /dev/null;"
        " (echo evil > /proc/sys/kernel/hostname) && echo told;"
        " find /proc/sys /sys -type f -writable | head;"
        " (: > /proc/sysrq-trigger) && echo told; (: > /sys/power/state) && echo told;"
        " (: < /dev/tty) && echo told; hostname evil && echo told; ls /dev/mem /dev/kvm"
    )
    values = [line.split()[1] for line in end.output.decode().splitlines()]
    assert values == ["0" * 16, "0" * 16, "1"]
    assert Path("/proc/sys/kernel/hostname").read_text() == before


def test_home_is_private_and_places_of_the_user_are_not_told(scene: Scene) -> None:
    places = {
        name: os.environ[name] for name in ("TMPDIR", "XDG_STATE_HOME") if name in os.environ
    }
    end = scene.tries("echo $HOME; env | grep -c '^XDG\\|^TMPDIR'; ls /tmp", env=places)
    home, *rest = end.output.decode().split("\n")
    assert home == str(scene.own_home)
    assert rest[0] == "0"


def test_what_is_configured_is_hidden_and_written(folder: Path) -> None:
    (folder / "shared").mkdir()
    (folder / "private").mkdir()
    (folder / "private" / "x").write_text(SECRET)
    settings = '[sandbox]\nhidden = ["../private", "a.txt"]\nwritable = ["../shared"]\n'
    scene = Scene(folder, network=False, settings=settings)
    end = scene.tries(
        f"cat '{folder}/private/x' '{scene.repo}/a.txt'; echo ours > '{folder}/shared/x'"
    )
    assert SECRET.encode() not in end.output
    assert b"alpha" not in end.output
    assert (folder / "shared" / "x").read_text() == "ours\n"


def test_a_program_that_is_not_there_for_the_sandbox_is_named(scene: Scene) -> None:
    end = scene.runs(("no-such-program",))
    assert (end.how, end.code) == ("exited", 127)
    assert end.why == "cannot run no-such-program in the sandbox: No such file or directory"


def test_no_filter_of_the_users_runs_outside_what_was_left_inside(scene: Scene) -> None:
    ran = scene.folder / "ran"
    scene.git("config", "filter.strip.clean", "python3 -m strip")
    end = scene.tries(
        "echo '* filter=strip' > .gitattributes; echo new > new.txt;"
        f' echo \'open("{ran}", "w")\' > strip.py'
    )
    assert end.code == 0, end.output
    git = Git({"PATH": os.environ["PATH"], "HOME": str(scene.home)})
    entry = scene.repo / ".git" / "worktrees" / scene.mine.name
    place = Place(git_dir=entry, work_tree=scene.mine)
    asyncio.run(git.run(place, "add", "-A"))
    assert "new.txt" in asyncio.run(git.run(place, "ls-files")).text
    assert not ran.exists()
