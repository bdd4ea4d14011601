"""Plays the steps of a script: the program that a scripted agent runs in its workspace.

A program of its own, of the standard library only: `python -I -S player.py` reads the steps as
JSON from standard input. A step is an object with one key; `banksman.agents.script` says what
there is, and has checked that paths stay inside. What the tree makes of them is checked here: a
symbolic link may lead out.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

QUESTION = "\x1equestion "
"""Begins a line with a question as JSON; the control character keeps it apart from output."""

_FAILED = 1
_ROUND_S = 3600.0


def main(arguments: list[str]) -> None:
    """Play the steps on standard input; a step that cannot be played ends with code 1."""
    # The end is no error of this program: no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    match arguments:
        case ["--daemon"]:
            # A session of its own, and a parent that is gone at once.
            os.setsid()
            _start("--wait")
        case ["--wait"]:
            _sleep(float("inf"))
        case _:
            for step in json.load(sys.stdin.buffer):
                _play(step)


def _play(step: Mapping[str, object]) -> None:
    ((name, value),) = step.items()
    try:
        PLAYED[name](value)
    except (OSError, ValueError) as error:
        _say(f"cannot {name}: {error}")
        sys.exit(_FAILED)


def _say(text: str) -> None:
    sys.stdout.buffer.write(f"{text}\n".encode(errors="replace"))
    sys.stdout.buffer.flush()


def _inside(name: str) -> Path:
    """Return the path in the workspace, which is the working folder."""
    path = Path(name)
    workspace = Path.cwd().resolve()
    # The last part may be a link itself: it is removed or renamed, or written through below.
    if not path.parent.resolve().is_relative_to(workspace):
        message = f"{name} leads out of the workspace"
        raise ValueError(message)
    return path


def _text(path: Path) -> bytes:
    if path.is_symlink():
        message = f"{path} is a symbolic link"
        raise ValueError(message)
    return path.read_bytes() if path.exists() else b""


def _put(path: Path, content: bytes) -> None:
    _text(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _write(fields: Mapping[str, str]) -> None:
    _put(_inside(fields["path"]), fields["text"].encode())


def _append(fields: Mapping[str, str]) -> None:
    path = _inside(fields["path"])
    _put(path, _text(path) + fields["text"].encode())


def _replace(fields: Mapping[str, object]) -> None:
    path = _inside(str(fields["path"]))
    old, new = str(fields["old"]).encode(), str(fields["new"]).encode()
    before = _text(path)
    found = before.count(old)
    if found != fields["count"]:
        message = f"{path} has the old text {found} times, not {fields['count']}"
        raise ValueError(message)
    _put(path, before.replace(old, new))


def _delete(name: str) -> None:
    _inside(name).unlink()


def _rename(fields: Mapping[str, str]) -> None:
    target = _inside(fields["new"])
    target.parent.mkdir(parents=True, exist_ok=True)
    _inside(fields["path"]).rename(target)


def _mkdir(name: str) -> None:
    _inside(name).mkdir(parents=True, exist_ok=True)


def _sleep(seconds: float) -> None:
    while seconds > 0:
        select.select((), (), (), min(seconds, _ROUND_S))
        seconds -= _ROUND_S


def _hang(_: object) -> None:
    # Deaf to every polite signal, as a program is that hangs.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _sleep(float("inf"))


def _ask(question: str) -> None:
    _say(QUESTION + json.dumps(question))


def _daemonize(_: object) -> None:
    _start("--daemon")


def _start(argument: str) -> None:
    """Start this program again, beside this one."""
    command = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), argument]
    # It runs below the executor, as every agent does; importing `subprocess` takes longer than
    # all of the rest.
    os.spawnv(os.P_NOWAIT, sys.executable, command)  # noqa: S606  # pyright: ignore[reportDeprecated]


PLAYED: Mapping[str, Callable[..., None]] = {
    "write": _write,
    "append": _append,
    "replace": _replace,
    "delete": _delete,
    "rename": _rename,
    "mkdir": _mkdir,
    "print": _say,
    "sleep_s": _sleep,
    "exit": sys.exit,
    "ask": _ask,
    "hang": _hang,
    "daemonize": _daemonize,
}
"""What plays each step."""


if __name__ == "__main__":
    main(sys.argv[1:])
