"""What an agent needs of the world beside its workspace, and the home it finds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from banksman.exceptions import ExecutorException

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


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

    What is missing is left out, and what is there stays. Nothing is written through a link,
    not even one in the place of a folder: the home may be an agent's already.

    Raises:
        ExecutorException: One cannot be copied.
    """
    for name in names:
        try:
            _copy(user_home / name, home, PurePath(name))
        except (FileExistsError, FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ExecutorException(
                message=f"`home` of the agent: {user_home / name}: {error.strerror}"
            ) from error


def _copy(source: Path, home: Path, name: PurePath) -> None:
    with source.open("rb") as file, _folder(home, name.parent) as folder:
        new = os.open(name.name, _NEW, 0o600, dir_fd=folder)
        with os.fdopen(new, "wb") as copy:
            shutil.copyfileobj(file, copy)


@contextmanager
def _folder(home: Path, below: PurePath) -> Generator[int]:
    """Open a folder below a home, made if it is missing, step by step along real folders.

    Raises:
        NotADirectoryError: Something else is in the place of one, such as a link.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as opened:
        folder = os.open(home, _FOLDER)
        opened.callback(os.close, folder)
        for part in below.parts:
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=folder)
            folder = os.open(part, _FOLDER, dir_fd=folder)
            opened.callback(os.close, folder)
        yield folder
