"""A plan for Claude Code and a model that misbehaves; run as a program, it plays the night.

`python -m tests.e2e.claude_night FOLDER PROGRAM` makes a repository in the folder, runs its
plan by the front door against a scripted model on the loopback, and writes what came of it and
what the model was asked to `night.json`. A program of its own, so that it can be put into a
network namespace where nothing else can be reached.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, cast

from banksman.testing.model_server.script import (
    Fault,
    FaultKind,
    Script,
    Step,
    shell,
    write,
)
from banksman.testing.model_server.server import ModelServer
from tests.cli.shell import Shell, own_environment
from tests.waiting import until

SILENCE_S: Final = 15
RIGHT: Final = "done = True\n"
_K: Final = FaultKind
_OURS: Final = {"CLAUDE_CODE_MAX_RETRIES": "2", "API_TIMEOUT_MS": "3000", "IS_SANDBOX": "1"}
_DONE: Final = Step(text="All done.")
_NIGHT_S: Final = 240.0

_RUNNER: Final = """\
# Writes a JUnit report to $1: one test for each task's file, and one that always passes.
exec > "$1"
echo '<testsuite><testcase name="begin"/>'
for file in t_*.py; do
    [ -e "$file" ] || continue
    echo "<testcase name='$file'>"
    grep -qx 'done = True' "$file" || echo "<failure message='$file is not done yet'/>"
    echo '</testcase>'
done
echo '</testsuite>'
"""


def right(key: str) -> Step:
    """Return the step that does a task."""
    return Step(calls=(write(f"t_{key}.py", RIGHT),))


def refusing(
    key: str, status: int, *, times: int | None = None, retry_after_s: int | None = None
) -> Script:
    """Return a model that refuses, always or some times, and then does what is right."""
    fault = Fault(kind=_K.REFUSE, status=status, times=times, retry_after_s=retry_after_s)
    return Script(steps=(Step(calls=right(key).calls, fault=fault), _DONE))


def faulty(key: str, kind: FaultKind, *, times: int | None = None) -> Script:
    """Return a model whose first answer goes wrong in a way."""
    fault = Fault(kind=kind, times=times)
    return Script(steps=(Step(calls=right(key).calls, fault=fault), right(key), _DONE))


DAEMON: Final = "(setsid sleep 999 >/dev/null 2>&1 &) ; true"
SCRIPTS: Final = {
    "happy": Script(steps=(right("happy"), _DONE)),
    "mended": Script(
        steps=(
            Step(calls=(write("t_mended.py", "done = False\n"),)),
            _DONE,
            Step(calls=(shell("echo 'done = True' > t_mended.py"),)),
            Step(text="Mended."),
        )
    ),
    "denied": Script(steps=(right("denied"), _DONE)),
    "busy": refusing("busy", 429, times=2, retry_after_s=0),
    "limited": refusing("limited", 429, retry_after_s=1),
    "broken": refusing("broken", 500),
    "stranger": refusing("stranger", 401),
    "long": refusing("long", 400),
    "mute": faulty("mute", _K.HANG),
    "stalled": faulty("stalled", _K.STALL),
    "lingering": Script(steps=(right("lingering"), _DONE)),
    "cut": faulty("cut", _K.TRUNCATE, times=1),
    "garbled": faulty("garbled", _K.BAD_JSON, times=1),
    "haunted": Script(steps=(Step(calls=(shell(DAEMON),)), right("haunted"), _DONE)),
    "bounded": Script(steps=(right("bounded"), right("bounded"), _DONE)),
}
"""What the model does, by the key of the task."""

_SETTINGS: Final[dict[str, dict[str, object]]] = {
    "denied": {"permission_mode": "dontAsk"},
    "bounded": {"max_turns": 1},
    # Refused at once, or the pause between two tries would be the test's.
    "mute": {"env": {"CLAUDE_CODE_MAX_RETRIES": "1", "API_TIMEOUT_MS": "2000"}},
}


def _configuration(server: ModelServer, program: str, folder: Path) -> str:
    lines = [
        f'[run]\nparallel = 2\nsilence_timeout = "{SILENCE_S}s"\n',
        '[checks.tests]\ntype = "tests"\ncommand = ["sh", "report.sh", "{junit}"]\n',
    ]
    lingering = folder / "lingering"
    # It asks for the version first, and that it must not hang at.
    lingering.write_text(
        f'#!/bin/sh\n{shlex.quote(program)} "$@"\ncode=$?\n'
        'if [ "$1" = --version ]; then exit $code; fi\nsleep 999\n'
    )
    lingering.chmod(0o700)
    for key in SCRIPTS:
        own = dict(_SETTINGS.get(key, {}))
        env = {
            **_OURS,
            **cast("dict[str, str]", own.pop("env", {})),
            "ANTHROPIC_BASE_URL": server.url(key),
            "ANTHROPIC_API_KEY": "dummy",
        }
        table = {
            "type": "claude-code",
            "program": str(lingering) if key == "lingering" else program,
            "permission_mode": "bypassPermissions",
            **own,
        }
        lines.append(f"[agents.{key}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in table.items()]
        lines.append(f"[agents.{key}.env]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in env.items()]
    return "\n".join(lines) + "\n"


def _repository(server: ModelServer, program: str, folder: Path) -> Shell:
    root = folder / "project"
    root.mkdir()
    place = Shell(folder=root, env=own_environment(folder))
    place.git("init", "-q", "-b", "main")
    tasks = [
        {
            "key": key,
            "title": f"Do {key}",
            "instructions": f"Write t_{key}.py.",
            "agent": key,
            "retries": 0,
            "turns": 2,
        }
        for key in SCRIPTS
    ]
    place.commit(
        {
            "plan.yaml": json.dumps({"version": 1, "tasks": tasks}),
            "banksman.toml": _configuration(server, program, folder),
            "report.sh": _RUNNER,
        }
    )
    return place


def _is_over(place: Shell) -> bool:
    """Return whether all has come to rest but what waits for the end of a rate limit."""
    said = place.banksman("status", "--json")
    if said.code:
        return False
    resting = {"completed", "failed", "blocked", "cancelled"}
    tasks = said.json["tasks"]
    return bool(tasks) and all(
        task["status"] in resting or (task["key"], task["status"]) == ("limited", "retrying")
        for task in tasks
    )


def play(folder: Path, program: str) -> None:
    """Play the night; see above."""
    with ModelServer(SCRIPTS) as server:
        place = _repository(server, program, folder)
        # A person reads what is said while it goes on; here it is kept.
        with (folder / "said").open("wb") as said:
            run = subprocess.Popen(
                [sys.executable, "-m", "banksman", "run", "--no-wait", *sys.argv[3:]],
                cwd=place.folder,
                env=place.env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            try:
                until(
                    lambda: run.poll() is not None or _is_over(place),
                    "the end of the night",
                    patience_s=_NIGHT_S,
                )
            finally:
                run.send_signal(signal.SIGINT)
                code = run.wait(timeout=60)
        asked = {key: [one.body["messages"] for one in server.asked(key)] for key in SCRIPTS}
    shown = {key: place.banksman("task", "show", key, "--json").json for key in SCRIPTS}
    seen = {"code": code, "tasks": shown, "asked": asked, "alive": _alive(folder)}
    (folder / "night.json").write_text(json.dumps(seen))


def _alive(folder: Path) -> list[str]:
    """Return what still runs of what was started for this repository (Linux)."""
    mark = f"BANKSMAN_SPOOL={folder}".encode()
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


if __name__ == "__main__":
    play(Path(sys.argv[1]), sys.argv[2])
    sys.exit(os.EX_OK)
