"""The digest by which a check's earlier result is found again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence


def tool_digest(kind: str, version: int, settings: Mapping[str, object]) -> str:
    """Return the digest of a check: its code's version and everything it was told.

    Examples:
        >>> tool_digest("tests", 1, {"env": {}})[:12]
        'd57c16b4d376'
    """
    text = json.dumps([kind, version, settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def program_path(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return where a command's program is found, for the digest of the check.

    It stands for the program's version. It does not cover what the program loads: packages that
    are installed beside it, or an interpreter that is replaced in place. A program in the
    checkout (`./gradlew`) is covered by the tree, and stands here by its name.
    """
    program = command[0]
    if "/" in program:
        return program
    return shutil.which(program, path=environment.get("PATH")) or ""
