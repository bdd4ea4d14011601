"""The syntax check: what was changed parses, and no conflict markers were left in it.

Changed files are read where they lie in the checkout, through no link, by a process that is
ended if it takes too long over one of them. What is not parsed is counted as skipped, with why:
deleted files, symbolic links, binary files, other languages.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from banksman.checks.looking import READY, Finding, Kind, Request
from banksman.checks.text import plain_line
from banksman.checks.tool import tool_digest
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from banksman.core.task import ProjectId
from banksman.exceptions import ExecutorException
from banksman.ports import Confinement, Executor, ProcessEnd, ProcessSpec, Subject

VERSION: Final = 2
DETAILS_MAX: Final = 200
FILE_S: Final = 60.0
"""Time that one file may take; half a second is much."""

TOTAL_S: Final = 600.0
OUTPUT_BYTES_MAX: Final = 64 << 20

# The engine's own path, as it is: no site, no variable and nothing in the checkout adds to it.
_STARTER: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from banksman.checks.looking import main; main()"
)
_SOURCES: Final = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True, kw_only=True)
class SyntaxCheck:
    """Parses what was changed; see `banksman.ports.Check`.

    Attributes:
        exclude: Globs of files that are broken on purpose, such as test data.
        environment: Variables that the parsing process gets.
        outfit: Digest of what checkouts are set up with.
        file_s: Time in seconds that one file may take, above 0.
    """

    name: str
    executor: Executor
    environment: Mapping[str, str]
    exclude: tuple[str, ...] = ()
    required: bool = True
    stage: Stage = Stage.SYNTAX
    compares: bool = False
    outfit: str = ""
    file_s: float = FILE_S

    @property
    def tool(self) -> str:
        """Digest of the settings, the outfit, this code's version and the parsing Python."""
        settings = {
            "exclude": self.exclude,
            "python": sys.version_info[:3],
            "outfit": self.outfit,
        }
        return tool_digest("syntax", VERSION, settings)

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        """Answer for the changed files, one after another."""
        findings = await self._findings(subject) if subject.changes else []
        counts = Counter(finding.kind for finding in findings)
        return CheckResult(
            project_id=project_id,
            tree=subject.checkout.tree,
            check=self.name,
            tool=self.tool,
            stage=self.stage,
            status=_status(counts),
            passed=counts[Kind.PASSED],
            failed=counts[Kind.FAILED],
            skipped=counts[Kind.SKIPPED],
            errors=counts[Kind.ERROR],
            message=_message(findings, counts),
            details=_details(findings),
        )

    def cases(self, result: CheckResult) -> dict[str, str]:
        """Return nothing: files are no tests, and are not compared."""
        return {}

    async def _findings(self, subject: Subject) -> list[Finding]:
        """Return a finding for each change."""
        spec = self._spec(subject)
        try:
            end = await self.executor.run(subject.spool, spec)
        except ExecutorException as error:
            end = ProcessEnd(how="lost", why=str(error))
        else:
            self.executor.discard(subject.spool)
        findings = _told(end.output)
        if findings is None:
            why = f"the parsers could not be started: {_how(end)}"
            return [Finding(Kind.ERROR, why) for _ in subject.changes]
        paths = [change.path for change in subject.changes[len(findings) :]]
        return [*findings, *self._left(paths, end)]

    def _spec(self, subject: Subject) -> ProcessSpec:
        root = subject.checkout.path
        request = Request(
            root=str(root.absolute()),
            exclude=self.exclude,
            changes=[(one.path, one.change, one.mode) for one in subject.changes],
        )
        paths = [path for path in sys.path if Path(path).is_absolute()]
        sources = map(Path, (_SOURCES, *paths))
        return ProcessSpec(
            argv=(sys.executable, "-I", "-S", "-c", _STARTER, _SOURCES, *paths),
            cwd=root,
            env=self.environment,
            stdin=json.dumps(asdict(request)).encode(),
            timeout_s=TOTAL_S,
            # It prints something for every file.
            silence_s=self.file_s,
            output_bytes_max=OUTPUT_BYTES_MAX,
            ttl_s=0,
            marker=subject.spool,
            confinement=Confinement(
                home=subject.checkout.home, readable=(root, *filter(Path.exists, sources))
            ),
        )

    def _left(self, paths: Sequence[str], end: ProcessEnd) -> Iterable[Finding]:
        """Return a finding for each file that the process did not come to the end of."""
        if not paths:
            return ()
        if end.how in {"stopped", "lost"} or (end.how, end.code) == ("exited", 0):
            why = f"cannot be looked at: {_how(end)}"
            return [Finding(Kind.ERROR, f"{path}: {why}") for path in paths]
        limit = {"silence": self.file_s, "timeout": TOTAL_S}.get(end.how)
        why = f"takes longer than {limit:g} s" if limit else f"ends the parser: {_how(end)}"
        # What stands behind it is judged when this file lets itself be parsed.
        behind = [Finding(Kind.SKIPPED, "not reached") for _ in paths[1:]]
        return [Finding(Kind.FAILED, f"{paths[0]}:1: {why}"), *behind]


def _told(output: bytes) -> list[Finding] | None:
    """Return what was told in whole lines, or None if the process never became ready."""
    # What a dying interpreter prints among them is no line that begins like these.
    lines = output.split(b"\n")[:-1]
    if json.dumps(READY).encode() not in lines:
        return None
    told: list[list[str]] = [json.loads(line) for line in lines if line.startswith(b'["')]
    return [Finding(Kind(kind), why) for kind, why in told]


def _how(end: ProcessEnd) -> str:
    """Return how the process ended."""
    if end.why:
        return plain_line(end.why)
    return end.how if end.code is None else f"{end.how} with code {end.code}"


def _status(counts: Counter[Kind]) -> CheckStatus:
    """A change without a file to parse passes: nothing in it fails to."""
    if counts[Kind.FAILED]:
        return CheckStatus.FAIL
    return CheckStatus.ERROR if counts[Kind.ERROR] else CheckStatus.PASS


def _message(findings: Sequence[Finding], counts: Counter[Kind]) -> str:
    skips = Counter(one.why for one in findings if one.kind is Kind.SKIPPED)
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(skips.items()))
    words = {
        Kind.PASSED: "parsed",
        Kind.FAILED: "not in order",
        Kind.ERROR: "unreadable",
        Kind.SKIPPED: f"skipped ({why})",
    }
    told = (f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind])
    return ", ".join(told) or "no file was changed"


def _details(findings: Sequence[Finding]) -> tuple[str, ...]:
    lines = [one.why for one in findings if one.kind in {Kind.FAILED, Kind.ERROR}]
    more = len(lines) - DETAILS_MAX
    return tuple(lines) if more <= 0 else (*lines[:DETAILS_MAX], f"and {more} more")
