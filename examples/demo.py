"""Runs a real plan on a real repository, start to end: `make run`.

    python examples/demo.py [FOLDER]

Makes a git repository from `examples/sample` in FOLDER (by default `demo`, or `demo-2` and so
on if that exists), runs its plan with `banksman run`, answers the one question that the plan
asks a person, and shows what came of it. Everything goes through the command line that anyone
has. The exit code is 0 only if all tasks were completed and the merged branch passes its tests.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Final, TypedDict

EXAMPLES: Final = Path(__file__).resolve().parent
BIN: Final = Path(sys.executable).parent
TARGET: Final = "banksman/target"
TIMEOUT_S: Final = 600.0
LOOK_EVERY_S: Final = 1.0
STOP_S: Final = 30.0

Answer = Mapping[str, object]


class Row(TypedDict):
    """One line of the table at the end."""

    task: str
    state: str
    attempts: int
    commit: str


def main(arguments: Sequence[str]) -> int:
    """Run the demo; return the exit code."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        raise SystemExit(__doc__)
    require_tools()
    folder = new_folder(Path(arguments[0]) if arguments else None)
    make_repository(folder)
    say(f"A repository with a small package is in {folder}. Its plan:")
    banksman(folder, "plan", "show")
    say("banksman run")
    code = run_plan(folder)
    rows = table(folder)
    show(rows)
    completed = code == 0 and all(row["state"] == "completed" for row in rows)
    passed = completed and tests_pass(folder)
    tell_what_next(folder)
    return 0 if passed else 1


# --- before --------------------------------------------------------------------------------


def require_tools() -> None:
    """End with a sentence if something is missing that the plan runs."""
    path = search_path()
    missing = [tool for tool in ("git", "ruff") if shutil.which(tool, path=path) is None]
    missing += [one for one in ("pytest", "banksman") if importlib.util.find_spec(one) is None]
    if missing:
        advice = "`make run` sets everything up"
        raise SystemExit(f"demo: {', '.join(missing)} cannot be found; {advice}.")


def new_folder(wanted: Path | None) -> Path:
    """Make the folder of the repository, empty, and return its path."""
    numbered = (Path(f"demo-{number}") for number in count(2))
    names = [wanted] if wanted is not None else chain([Path("demo")], numbered)
    for name in names:
        with suppress(FileExistsError):
            name.mkdir(parents=True)
            return name.resolve()
    raise SystemExit(f"demo: {wanted} exists already; name a folder that does not.")


def make_repository(folder: Path) -> None:
    """Put the sample and the codemods that its agents run under version control."""
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
    shutil.copytree(EXAMPLES / "sample", folder, dirs_exist_ok=True, ignore=ignored)
    shutil.copytree(EXAMPLES / "codemods", folder / "codemods", ignore=ignored)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    person = ("-c", "user.name=Parcels", "-c", "user.email=parcels@localhost")
    git(folder, *person, "commit", "--quiet", "--message=Parcels 0.4.0")


# --- the run -------------------------------------------------------------------------------


def run_plan(folder: Path) -> int:
    """Run the plan and answer its question meanwhile; return the exit code of the run."""
    command = [*program(), "run", *without_sandbox(folder)]
    run = subprocess.Popen(command, cwd=folder, env=environment())
    try:
        return follow(run, folder)
    finally:
        stop(run)


def without_sandbox(folder: Path) -> list[str]:
    """Return the option that a run needs where there is no sandbox, having said so."""
    command = [*program(), "doctor", "--json"]
    done = subprocess.run(
        command, cwd=folder, env=environment(), check=False, stdout=subprocess.PIPE
    )
    found = {one["name"]: one for one in json.loads(done.stdout)}
    if found["sandbox"]["verdict"] != "bad":
        return []
    say(f"Without a sandbox, for {found['sandbox']['message']}.")
    return ["--no-sandbox"]


def follow(run: subprocess.Popen[bytes], folder: Path) -> int:
    """Wait for the run; let the task begin that waits at its gate, once it does."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            return run.wait(timeout=LOOK_EVERY_S)
        for event in open_breakpoints(folder):
            if event["type"] != "manual":
                print(f"The plan waits for a person: {event['message']}", file=sys.stderr)
                return 1
            say(f"banksman resolve {event['id']} accept")
            reason = ("--reason", "the demo lets it through")
            banksman(folder, "resolve", str(event["id"]), "accept", *reason)
    print(f"The plan has not ended after {TIMEOUT_S:g} s.", file=sys.stderr)
    return 1


def open_breakpoints(folder: Path) -> list[Answer]:
    """Return what waits for a person; nothing while the project is being set up."""
    command = [*program(), "breakpoint", "list", "--json"]
    listed = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, check=False
    )
    events: list[Answer] = json.loads(listed.stdout) if listed.returncode == 0 else []
    return events


def stop(run: subprocess.Popen[bytes]) -> None:
    """End the run, if it has not ended: twice Ctrl-C saves the work and stops the agents."""
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
        if run.poll() is not None:
            return
        run.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            run.wait(timeout=1 if number == signal.SIGINT else STOP_S)


# --- after ---------------------------------------------------------------------------------


def table(folder: Path) -> list[Row]:
    """Return state, attempts and commit of every task."""
    status = json.loads(output(folder, "status", "--json"))
    return [
        Row(
            task=task["key"],
            state=task["status"],
            attempts=task["attempt"],
            commit=commit_of(folder, task["key"]),
        )
        for task in status["tasks"]
    ]


def commit_of(folder: Path, key: str) -> str:
    """Return the commit that a task put on the target branch; empty if it did not."""
    attempts = json.loads(output(folder, "task", "show", key, "--json"))["attempts"]
    done = [attempt["new"] for attempt in attempts if attempt["ending"] == "integrated"]
    return done[-1][:10] if done else ""


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    width = max(len(row["task"]) for row in rows)
    print(f"\n{'TASK':<{width}}  {'STATE':<10}  ATTEMPTS  COMMIT")
    for row in rows:
        attempts = f"{row['attempts']:>8}"
        print(f"{row['task']:<{width}}  {row['state']:<10}  {attempts}  {row['commit']}")


def tests_pass(folder: Path) -> bool:
    """Run the tests of the merged branch in a clone of its own; return whether they pass."""
    say(f"The tests of {TARGET}, in a clean checkout:")
    with tempfile.TemporaryDirectory(prefix="parcels-") as place:
        git(folder, "clone", "--quiet", "--branch", TARGET, str(folder), place)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(command, cwd=place, env=environment(), check=False)
    return done.returncode == 0


def tell_what_next(folder: Path) -> None:
    """Print where to look next."""
    where = os.path.relpath(folder)
    say("Where to look next:")
    for command, what in (
        (f"cd {where}", ""),
        ("banksman log", "everything that happened, and why"),
        ("banksman task show fix-tiers", "the attempt that failed, and the one that did not"),
        ("banksman diff fix-tiers", "what a task changed"),
        ("git log --oneline banksman/target", "one commit for each task"),
        ("banksman land", "bring the work onto your branch, with a preview"),
    ):
        print(f"  {command:<36}{what}".rstrip())


# --- programs ------------------------------------------------------------------------------


def program() -> list[str]:
    """Return how `banksman` is started with this Python."""
    return [sys.executable, "-m", "banksman"]


def search_path() -> str:
    """Return the search path, this Python's own programs first."""
    return os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])


def environment() -> dict[str, str]:
    """Return the environment of all programs."""
    return {**os.environ, "PATH": search_path()}


def banksman(folder: Path, *arguments: str) -> None:
    """Run a command of Banksman and show what it prints."""
    subprocess.run([*program(), *arguments], cwd=folder, env=environment(), check=True)


def output(folder: Path, *arguments: str) -> bytes:
    """Return what a command of Banksman prints."""
    command = [*program(), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(), check=True, stdout=subprocess.PIPE
    )
    return done.stdout


def git(folder: Path, *arguments: str) -> None:
    """Run git."""
    subprocess.run(["git", *arguments], cwd=folder, env=environment(), check=True)


def say(text: str) -> None:
    """Print a line that stands out, before what is printed next by another program."""
    print(f"\n--- {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
