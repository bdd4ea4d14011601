"""Looks at changed files one by one: the program that the syntax check runs in a child.

Parsers of hostile text can take minutes, or die; in a process of their own they hold up nobody
else, and can be ended. The program reads one `Request` as JSON from its standard input. It
prints a line with `READY`, then one finding as JSON for each change, in their order, each as
soon as it is there: whoever ends it knows by the number of lines at which file it was.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from banksman.checks.files import read_regular
from banksman.checks.parsing import SCAN_BYTES_MAX, conflict_in, language_of, problem_in
from banksman.core.globs import matches_any
from banksman.core.names import unescape_path

READY: Final = "ready"

_GITLINK: Final = "160000"
_SYMLINK: Final = "120000"


class Kind(StrEnum):
    """How a file counts."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """What was found in one file; `why` is a line for a failure, a reason for a skip."""

    kind: Kind
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to look at.

    Attributes:
        root: The checkout.
        exclude: Globs of files that are not looked at.
        changes: Path, kind of change and mode of each file.
    """

    root: str
    exclude: Sequence[str]
    changes: Sequence[tuple[str, str, str]]


def look(request: Request, change: Sequence[str]) -> Finding:
    """Return what is found in one changed file, of which there are path, change and mode."""
    path, how, mode = change
    if how == "deleted":
        return Finding(Kind.SKIPPED, "deleted")
    if matches_any(path, request.exclude):
        return Finding(Kind.SKIPPED, "excluded")
    if mode == _GITLINK:
        return _gitlink(path, how)
    if mode == _SYMLINK:
        return Finding(Kind.SKIPPED, "symbolic link")
    try:
        where = Path(os.fsdecode(unescape_path(path)))
        content = read_regular(Path(request.root), where, SCAN_BYTES_MAX)
    except OSError as error:
        return Finding(Kind.ERROR, f"{path}: cannot be read ({error.strerror})")
    return _judge(PurePosixPath(path), content)


def serve(asked: BinaryIO, told: BinaryIO) -> None:
    """Read one request and tell the finding for each of its changes."""
    request = Request(**json.load(asked))
    _tell(told, READY)
    for change in request.changes:
        finding = look(request, change)
        _tell(told, [finding.kind, finding.why])


def main() -> None:
    """Serve over the standard streams."""
    serve(sys.stdin.buffer, sys.stdout.buffer)


def _tell(told: BinaryIO, value: object) -> None:
    told.write(json.dumps(value).encode() + b"\n")
    told.flush()


def _gitlink(path: str, how: str) -> Finding:
    if how == "modified":
        return Finding(Kind.SKIPPED, "submodule")
    # Nobody can clone what a gitlink names unless .gitmodules says where it is; an agent that
    # ran `git init` or `git clone` in its workspace leaves one behind, without its content.
    return Finding(Kind.FAILED, f"{path}:1: is a repository within the repository")


def _judge(path: PurePosixPath, content: bytes | None) -> Finding:
    language = language_of(path)
    if content is None:
        if language is None:
            return Finding(Kind.SKIPPED, "too large")
        limit = f"is larger than {SCAN_BYTES_MAX >> 20} MiB"
        return Finding(Kind.FAILED, f"{path}:1: {limit}")
    binary = language is None and b"\0" in content
    problem = None if binary else conflict_in(content)
    if problem is None and language is not None:
        problem = problem_in(language, content)
    if problem is not None:
        return Finding(Kind.FAILED, f"{path}:{problem.line}: {problem.what}")
    if language is None:
        return Finding(Kind.SKIPPED, "binary" if binary else "other language")
    return Finding(Kind.PASSED)
