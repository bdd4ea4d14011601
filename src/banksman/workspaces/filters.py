"""Which of the user's filters git may run on files that an agent wrote.

Git runs a filter outside the sandbox, in the agent's worktree: a command such as
`python3 -m nbstripout` would find its module there, with whatever the agent put into it. So the
files decide nothing: Git LFS runs, whose commands name one program and nothing to be looked up
beside it; so does what the user allows by name; every other filter is switched off.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Final

ASKED: Final = ("config", "-z", "--get-regexp", r"^(filter|lfs\.(extension|customtransfer))\.")
"""What git is asked for the configuration that matters here."""

_LFS: Final = "lfs"
_LFS_COMMANDS: Final = frozenset(
    {
        "git-lfs clean -- %f",
        "git-lfs smudge -- %f",
        "git-lfs smudge --skip -- %f",
        "git-lfs filter-process",
        "git-lfs filter-process --skip",
    }
)
_COMMANDS: Final = frozenset({"clean", "smudge", "process"})
_OFF: Final = {"clean": "", "smudge": "", "process": "", "required": "false"}


def switched_off(listed: Iterable[bytes], allowed: Collection[str]) -> tuple[str, ...]:
    """Return the names of the configured filters that are not run, sorted.

    Args:
        listed: What git answers when it is `ASKED`.
        allowed: Names of filters that the user lets run.
    """
    off: set[str] = set()
    for entry in listed:
        key, _, value = os.fsdecode(entry).partition("\n")
        section, _, rest = key.partition(".")
        name, _, what = rest.rpartition(".")
        if section != "filter":
            # A program of the user's that Git LFS would run.
            off.add(_LFS)
        elif what in _COMMANDS and not (name == _LFS and value in _LFS_COMMANDS):
            off.add(name)
    return tuple(sorted(off.difference(allowed)))


def variables(names: Iterable[str]) -> Mapping[str, str]:
    """Return the variables that switch filters off: a name may hold what `-c` cannot say."""
    settings = [
        (f"filter.{name}.{key}", value) for name in names for key, value in _OFF.items()
    ]
    pairs = {
        f"GIT_CONFIG_{kind}_{number}": text
        for number, setting in enumerate(settings)
        for kind, text in zip(("KEY", "VALUE"), setting, strict=True)
    }
    return {"GIT_CONFIG_COUNT": str(len(settings)), **pairs}


def without_relative(path: str) -> str:
    """Return a search path without what would be looked up in the folder of the moment."""
    return os.pathsep.join(filter(os.path.isabs, path.split(os.pathsep)))
