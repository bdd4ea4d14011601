"""Which repository a state folder belongs to, where it was put elsewhere by a variable.

Two repositories whose variable names the same folder would read and drive each other's plan.
So the first run makes an identity and leaves it in both. It is neither the repository's path,
for a repository may be moved, nor a commit, for before the first integration there is none that
another clone lacks. A copy of the folder of a repository has its identity, too: what it would
spoil is noticed as a target that was rewritten.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Final

from banksman.config.words import escaped
from banksman.exceptions import InputException

IN_REPOSITORY: Final = "banksman-identity"
"""Beside the default state folder and not in it: that may be moved to where it is wanted."""

IN_STATE: Final = "repository"

_BYTES_MAX: Final = 100


def refuse_foreign(common_dir: Path, state_dir: Path) -> None:
    """Refuse a state folder that belongs to another repository.

    Raises:
        InputException: It does; nothing was changed.
    """
    owner = _read(state_dir / IN_STATE)
    if owner and owner != _read(common_dir / IN_REPOSITORY):
        raise InputException(
            message=f"the state folder {escaped(str(state_dir))} belongs to another "
            "repository.",
            hint="Set BANKSMAN_STATE_DIR to one of this repository's own, or leave it out.",
        )


def sign(common_dir: Path, state_dir: Path) -> None:
    """Leave the identity in both; whoever calls it holds the lock of the state folder.

    Raises:
        InputException: The folder belongs to another repository, or git's cannot be written.
    """
    refuse_foreign(common_dir, state_dir)
    identity = _read(common_dir / IN_REPOSITORY) or uuid.uuid4().hex
    # The repository's first: whoever dies in between has claimed nothing yet.
    for path in (common_dir / IN_REPOSITORY, state_dir / IN_STATE):
        _write(path, identity)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_BYTES_MAX).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _write(path: Path, identity: str) -> None:
    if _read(path) == identity:
        return
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "w", encoding="ascii") as file:
            file.write(f"{identity}\n")
        beside.replace(path)
    except OSError as error:
        raise InputException(
            message=f"{escaped(str(path))} cannot be written ({error.strerror}).",
            hint="Make room, or mend the owner and permissions of its folder.",
        ) from error
