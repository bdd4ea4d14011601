"""Real repositories with plans, run by the real command, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from banksman.core.records import Command
from banksman.exceptions import StoreException
from banksman.state.recovery import differences, entries, rebuild
from banksman.stores.reader import Reader
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock
from tests.waiting import until

SETTINGS = """\
[run]
agent = "write"
parallel = 4

[agents.write]
type = "command"
command = ["sh", "write.sh"]

[checks.syntax]
type = "syntax"

[checks.tests]
type = "tests"
command = ["sh", "report.sh", "{junit}"]
"""
AGENT = """\
# Does its task; some only when told what is wrong with the work, and one never.
sleep 0.05
done=True
case $BANKSMAN_TASK_KEY in
    *1) grep -q "is not done yet" "$BANKSMAN_PROMPT_FILE" || done=False ;;
    t7) done=False ;;
esac
echo "done = $done" > "$BANKSMAN_TASK_KEY.py"
"""
RUNNER = """\
# Writes a JUnit report to $1: one test for each task's file, and one that always passes.
code=0
exec > "$1"
echo '<testsuite><testcase name="begin"/>'
for file in t*.py; do
    [ -e "$file" ] || continue
    echo "<testcase name='$file'>"
    if ! grep -qx 'done = True' "$file"; then
        echo "<failure message='$file is not done yet'/>"
        code=1
    fi
    echo '</testcase>'
done
echo '</testsuite>'
exit $code
"""
ASKING = "t7"
"""The task that no agent gets done, and for which a person is asked."""
COMMAND = ("-m", "banksman")
RUN = (*COMMAND, "run", "--no-wait")
WAITING = 3
"""The exit code of a run that waits for a person."""


@dataclass(frozen=True)
class Project:
    """A repository in a folder of its own, with its workspaces beside it.

    Attributes:
        root: The repository.
        environ: For everything that runs in it.
    """

    root: Path
    environ: dict[str, str]

    @property
    def state(self) -> Path:
        """The folder of the state."""
        return self.root / ".git" / "banksman"

    def git(self, *arguments: str) -> str:
        """Return what git prints."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Python with arguments here, in a session of its own."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run Python with arguments here, to its end."""
        process = self.start(*arguments)
        _, errors = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, b"", errors)

    def output(self, *arguments: str) -> str:
        """Return what Python with arguments prints here."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


def make_project(folder: Path, keys: dict[str, list[str]], settings: str = SETTINGS) -> Project:
    """Return a repository whose plan has these tasks and needs, committed."""
    root = folder / "project"
    root.mkdir()
    environ = {
        **{
            name: os.environ[name]
            for name in ("PATH", "PYTHONPATH", "BANKSMAN_SANDBOX")
            if name in os.environ
        },
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    project = Project(root, environ)
    tasks = [_task(key, needs) for key, needs in keys.items()]
    (root / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))
    (root / "write.sh").write_text(AGENT)
    (root / "report.sh").write_text(RUNNER)
    (root / "banksman.toml").write_text(settings)
    project.git("init", "-q", "-b", "main")
    project.git("config", "user.name", "Somebody")
    project.git("config", "user.email", "somebody@localhost")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "begin")
    return project


def _task(key: str, needs: list[str]) -> dict[str, object]:
    task: dict[str, object] = {"key": key, "title": f"Do {key}", "needs": needs}
    return task | ({"turns": 1, "retries": 0} if key == ASKING else {})


def finish(project: Project) -> None:
    """Run the plan to its end, which must be good."""
    ended = project.run(*RUN)
    assert ended.returncode == 0, ended.stderr.decode()


def wait_for_a_person(project: Project) -> None:
    """Run the plan until nothing but a person can move it."""
    ended = project.run(*RUN)
    assert ended.returncode == WAITING, ended.stderr.decode()


def asked(project: Project) -> tuple[int, ...]:
    """Return the breakpoints that are open."""
    with Reader(project.state / "state.db") as reader:
        events = [reader.breakpoints(known.id) for known in reader.projects()]
    return tuple(event.id for each in events for event in each)


def written(project: Project) -> int:
    """Return how many lines the journal has."""
    try:
        with Reader(project.state / "state.db") as reader:
            return reader.revision()
    except StoreException:  # Nobody has made it yet.
        return 0


def run_for(project: Project, lines: int) -> int:
    """Run until the journal has so many lines more, and kill the engine; return its code."""
    wanted = written(project) + lines
    engine = project.start(*RUN)
    try:
        until(
            lambda: engine.poll() is not None or written(project) >= wanted,
            f"line {wanted} of the journal",
        )
    finally:
        engine.kill()
        engine.communicate()
    return engine.returncode


def edit_by_hand(project: Project) -> None:
    """Answer the open breakpoint as a person does: look where the work is, mend it, say so."""
    (number,) = asked(project)
    shown = json.loads(project.output(*COMMAND, "breakpoint", "show", str(number), "--json"))
    assert shown["task"] == ASKING, shown
    (Path(shown["workspace"]) / f"{ASKING}.py").write_text("done = True\n")
    project.output(*COMMAND, "resolve", str(number), "edit")


def layers(count: int, width: int) -> dict[str, list[str]]:
    """Return tasks in layers, each of which needs two of the layer before."""
    keys: dict[str, list[str]] = {}
    for number in range(count):
        layer, place = divmod(number, width)
        before = [f"t{(layer - 1) * width + (place + shift) % width}" for shift in (0, 1)]
        keys[f"t{number}"] = sorted(set(before)) if layer else []
    return keys


def assert_done_once(project: Project, keys: dict[str, list[str]]) -> None:
    """Every task is integrated exactly once, and the journal rebuilds the tables."""
    subjects = project.git("log", "--format=%s", "main..banksman/target").splitlines()
    assert Counter(subjects) == Counter(f"Do {key}" for key in keys)
    works = [project.git("show", f"banksman/target:{key}.py") for key in keys]
    assert works == ["done = True\n"] * len(keys), "whose first turn was wrong was told so"
    assert project.git("status", "--porcelain") == ""
    listed = project.git("worktree", "list", "--porcelain").split("\n\n")[1:]
    # Nobody works in a spare, and there is one for each that git knows.
    spares = Path(project.environ["XDG_STATE_HOME"]).glob("banksman/*/spares/*")
    worktrees = [one.splitlines()[0].removeprefix("worktree ") for one in listed if one]
    assert sorted(worktrees) == sorted(map(str, spares))
    assert_rebuilt(project)
    assert survivors(project) == []


def assert_rebuilt(project: Project) -> None:
    """The journal alone gives the same tables."""
    live = SqliteStore.open(project.state / "state.db")
    again = SqliteStore.open(project.root.parent / "again.db")
    try:
        with live.transaction() as tx:
            (known,) = tx.projects()
        rebuild(entries(live), again)
        assert differences(live.tables(), again.tables()) == ()
        assert known.integrated == project.git("rev-parse", "banksman/target").strip()
    finally:
        live.close()
        again.close()


def wish_cancelled(project: Project) -> None:
    """Put the wish that `t0` be cancelled into the inbox, and wait for nothing."""
    store = SqliteStore.open(project.state / "state.db")
    with store.transaction() as tx:
        (known,) = tx.projects()
        tx.insert_command(
            Command(
                project_id=known.id,
                key="cancel-t0",
                name="cancel",
                by="somebody",
                at=FakeClock().now(),
                arguments={"task": "t0", "reason": "no longer wanted"},
            )
        )
    store.close()


def survivors(project: Project) -> list[str]:
    """Return the command lines of processes that this project started and that still live."""
    return list(processes(project).values())


def kill_everything(project: Project) -> int:
    """Kill all that this project started, in no order; return how many there were."""
    killed: set[int] = set()

    def none_is_left() -> bool:
        found = processes(project)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        return not found

    until(none_is_left, "the end of everything")
    return len(killed)


def processes(project: Project) -> dict[int, str]:
    """Return the command lines by pid of what this project started and what still lives."""
    ours = f"{project.root.parent}/".encode()
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                variables = (entry / "environ").read_bytes()
                line = (entry / "cmdline").read_bytes()
            except OSError:  # It has ended, or is somebody else's.
                continue
            is_runner = b"banksman.executors.runner" in line and ours in line
            if is_runner or (
                b"BANKSMAN_EXECUTION=" in variables and (ours in variables or ours in line)
            ):
                found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")
    return found
