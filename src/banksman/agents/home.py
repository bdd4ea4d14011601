"""What an agent needs of the world beside its workspace, and the home it finds."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from banksman.exceptions import ExecutorException


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an agent needs where it is confined.

    Attributes:
        network: A network.
        home: Files of the user's `HOME`, by their paths from there, to be copied into its own.
    """

    network: bool = True
    home: tuple[str, ...] = ()


def furnish(home: Path, user_home: Path, names: tuple[str, ...]) -> None:
    """Copy files of the user's home into an agent's, for its owner alone.

    What is missing is left out, and what is there stays.

    Raises:
        ExecutorException: One cannot be copied.
    """
    for name in names:
        try:
            _copy(user_home / name, home / name)
        except (FileExistsError, FileNotFoundError):
            continue
        except OSError as error:
            raise ExecutorException(
                message=f"`home` of the agent: {user_home / name}: {error.strerror}"
            ) from error


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as file:
        new = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(new, "wb") as copy:
            shutil.copyfileobj(file, copy)
