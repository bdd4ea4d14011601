"""The digest of what a checkout is set up with: beside its tree, results depend on it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

FILES_MAX: Final = 10_000
"""Copied files that are told apart; as many as are ever copied."""


def outfit_digest(
    source: Path,
    *,
    setup: Sequence[Sequence[str]] = (),
    copied: Sequence[str] = (),
    linked: Sequence[str] = (),
    ports: Sequence[str] = (),
    environment: Mapping[str, str],
    confined: bool = False,
) -> str:
    """Return a digest that changes when a check might answer otherwise for the same tree.

    Copied files count by name, size and time of change, which are cheap to ask. What lies in a
    linked folder, what commands find when they run, and values of variables other than `PATH`
    do not count: they may change with every session.

    Args:
        source: The user's work tree, from which files are copied.
        setup: Commands that are run in each checkout.
        copied: Globs of files or folders below the source.
        linked: Folders below the source.
        ports: Names of variables.
        environment: Variables that setup commands and tools get.
        confined: Whether they run in the sandbox.
    """
    stamps = sorted(islice(_stamps(source, copied), FILES_MAX))
    parts = {
        "setup": [list(argv) for argv in setup],
        "copied": [list(copied), stamps],
        "linked": list(linked),
        "ports": list(ports),
        "confined": confined,
        "environment": [sorted(environment), environment.get("PATH", "")],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _stamps(source: Path, globs: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    for glob in globs:
        try:
            for found in source.glob(glob):
                yield from _files(source, found)
        except (OSError, ValueError, NotImplementedError):
            # Whoever copies refuses it with good words; it needs no digest.
            continue


def _files(source: Path, found: Path) -> Iterator[tuple[str, int, int]]:
    if found.is_symlink() or not found.is_dir():
        yield _stamp(source, found)
        return
    for place, folders, files in os.walk(found):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(files):
            yield _stamp(source, Path(place, name))


def _stamp(source: Path, path: Path) -> tuple[str, int, int]:
    name = str(path.relative_to(source))
    try:
        status = path.stat()
    except OSError:
        return name, -1, 0
    return name, status.st_size, status.st_mtime_ns
