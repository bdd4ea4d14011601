"""The syntax check: what was changed parses, and no conflict markers were left in it.

Changed files are read where they lie in the checkout, through no link. What is not parsed is
counted as skipped, with why: deleted files, symbolic links, binary files, other languages.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path, PurePosixPath
from typing import Final

from banksman.checks.files import read_regular
from banksman.checks.parsing import SCAN_BYTES_MAX, conflict_in, language_of, problem_in
from banksman.checks.tool import tool_digest
from banksman.core.globs import matches_any
from banksman.core.names import unescape_path
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult, FileChange
from banksman.core.task import ProjectId
from banksman.ports import Subject

VERSION: Final = 1
DETAILS_MAX: Final = 200

_GITLINK: Final = "160000"
_SYMLINK: Final = "120000"


class _Kind(Enum):
    """How a file counts."""

    PASSED = auto()
    FAILED = auto()
    SKIPPED = auto()
    ERROR = auto()


@dataclass(frozen=True)
class _Finding:
    """What was found in one file; `why` is a line for a failure, a reason for a skip."""

    kind: _Kind
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class SyntaxCheck:
    """Parses what was changed; see `banksman.ports.Check`.

    Attributes:
        exclude: Globs of files that are broken on purpose, such as test data.
    """

    name: str
    exclude: tuple[str, ...] = ()
    required: bool = True
    stage: Stage = Stage.SYNTAX
    compares: bool = False

    @property
    def tool(self) -> str:
        """Digest of the settings, of this code's version and of the Python that parses."""
        settings = {"exclude": self.exclude, "python": sys.version_info[:3]}
        return tool_digest("syntax", VERSION, settings)

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        """Answer for the changed files, one after another."""
        findings: list[_Finding] = []
        for change in subject.changes:
            findings.append(self._look(subject.checkout.path, change))
            # A file takes up to a second or two; the engine goes on between them.
            await asyncio.sleep(0)
        counts = Counter(finding.kind for finding in findings)
        return CheckResult(
            project_id=project_id,
            tree=subject.checkout.tree,
            check=self.name,
            tool=self.tool,
            stage=self.stage,
            status=_status(counts),
            passed=counts[_Kind.PASSED],
            failed=counts[_Kind.FAILED],
            skipped=counts[_Kind.SKIPPED],
            errors=counts[_Kind.ERROR],
            message=_message(findings, counts),
            details=_details(findings),
        )

    def cases(self, result: CheckResult) -> dict[str, str]:
        """Return nothing: files are no tests, and are not compared."""
        return {}

    def _look(self, root: Path, change: FileChange) -> _Finding:
        path = PurePosixPath(change.path)
        if change.change == "deleted":
            return _Finding(_Kind.SKIPPED, "deleted")
        if matches_any(change.path, self.exclude):
            return _Finding(_Kind.SKIPPED, "excluded")
        if change.mode == _GITLINK:
            return _gitlink(change)
        if change.mode == _SYMLINK:
            return _Finding(_Kind.SKIPPED, "symbolic link")
        try:
            where = Path(os.fsdecode(unescape_path(change.path)))
            content = read_regular(root, where, SCAN_BYTES_MAX)
        except OSError as error:
            return _Finding(_Kind.ERROR, f"{path}: cannot be read ({error.strerror})")
        return _judge(path, content)


def _gitlink(change: FileChange) -> _Finding:
    if change.change == "modified":
        return _Finding(_Kind.SKIPPED, "submodule")
    # Nobody can clone what a gitlink names unless .gitmodules says where it is; an agent that
    # ran `git init` or `git clone` in its workspace leaves one behind, without its content.
    return _Finding(_Kind.FAILED, f"{change.path}:1: is a repository within the repository")


def _judge(path: PurePosixPath, content: bytes | None) -> _Finding:
    language = language_of(path)
    if content is None:
        if language is None:
            return _Finding(_Kind.SKIPPED, "too large")
        limit = f"is larger than {SCAN_BYTES_MAX >> 20} MiB"
        return _Finding(_Kind.FAILED, f"{path}:1: {limit}")
    binary = language is None and b"\0" in content
    problem = None if binary else conflict_in(content)
    if problem is None and language is not None:
        problem = problem_in(language, content)
    if problem is not None:
        return _Finding(_Kind.FAILED, f"{path}:{problem.line}: {problem.what}")
    if language is None:
        return _Finding(_Kind.SKIPPED, "binary" if binary else "other language")
    return _Finding(_Kind.PASSED)


def _status(counts: Counter[_Kind]) -> CheckStatus:
    """A change without a file to parse passes: nothing in it fails to."""
    if counts[_Kind.FAILED]:
        return CheckStatus.FAIL
    return CheckStatus.ERROR if counts[_Kind.ERROR] else CheckStatus.PASS


def _message(findings: Sequence[_Finding], counts: Counter[_Kind]) -> str:
    skips = Counter(one.why for one in findings if one.kind is _Kind.SKIPPED)
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(skips.items()))
    words = {
        _Kind.PASSED: "parsed",
        _Kind.FAILED: "not in order",
        _Kind.ERROR: "unreadable",
        _Kind.SKIPPED: f"skipped ({why})",
    }
    told = (f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind])
    return ", ".join(told) or "no file was changed"


def _details(findings: Sequence[_Finding]) -> tuple[str, ...]:
    lines = [one.why for one in findings if one.kind in {_Kind.FAILED, _Kind.ERROR}]
    more = len(lines) - DETAILS_MAX
    return tuple(lines) if more <= 0 else (*lines[:DETAILS_MAX], f"and {more} more")
