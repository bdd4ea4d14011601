"""The tests check: the project's own runner, believed only in what it reports test by test.

The runner writes JUnit XML, either to the path outside the checkout that stands for `{junit}`
in its command, or to files below the checkout that `junit` names; of those, what lay there
before counts only if the run wrote it again. Exit code and report must agree: a runner that
fails while every test passed has broken, and a test that failed has failed whatever the exit
code is.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from banksman.checks.artefacts import Artefact, Artefacts
from banksman.checks.files import Stamps, read_regular, stamps
from banksman.checks.junit import (
    REPORT_BYTES_MAX,
    Case,
    UnreadableReportException,
    read_cases,
)
from banksman.checks.process import Tool, run_tool, trouble
from banksman.checks.text import plain_line, tail_lines
from banksman.checks.tool import program_path, tool_digest
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from banksman.core.task import ProjectId
from banksman.ports import Executor, ProcessEnd, Subject

VERSION: Final = 3
DETAILS_MAX: Final = 200
PLACEHOLDER: Final = "{junit}"


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One run of the runner, and what it left.

    Attributes:
        texts: Its reports.
        cases: The tests in them.
        why: Why there is no answer, as a sentence; empty if there is one.
    """

    end: ProcessEnd
    texts: tuple[bytes, ...] = ()
    cases: tuple[Case, ...] = ()
    why: str = ""


class _Place:
    """Where the reports of one run are looked for; made before it starts."""

    def __init__(self, *, root: Path, glob: str, report: Path) -> None:
        self.root = root
        self._glob = glob
        self._report = report
        self._before: Stamps = stamps(root, glob) if glob else {}

    def reports(self) -> tuple[bytes, ...]:
        """Return the reports that the run wrote, in the order of their paths.

        Raises:
            UnreadableReportException: They are too large.
            OSError: One is no file that can be read.
        """
        if self._glob:
            after = stamps(self.root, self._glob).items()
            new = sorted(path for path, stamp in after if self._before.get(path) != stamp)
            folder = self.root
        else:
            new = [self._report] if self._report.exists() else []
            folder = self._report.parent
        texts: list[bytes] = []
        left = REPORT_BYTES_MAX
        for path in new:
            texts.append(_content(folder, path, left))
            left -= len(texts[-1])
        return tuple(texts)


@dataclass(frozen=True, kw_only=True)
class JUnitCheck:
    """Runs a project's tests; see `banksman.ports.Check`.

    Attributes:
        runner: The runner; its command has `{junit}` in it, unless `junit` is given.
        junit: Glob below the checkout of the reports that the runner writes by itself.
        environment: Variables that any tool gets; nothing else is passed on from the engine's.
        outfit: Digest of what checkouts are set up with.
    """

    name: str
    runner: Tool
    executor: Executor
    artefacts: Artefacts
    environment: Mapping[str, str]
    junit: str = ""
    required: bool = True
    stage: Stage = Stage.TESTS
    compares: bool = True
    outfit: str = ""

    @property
    def tool(self) -> str:
        """Digest of the settings, the outfit, this code's version and the program's path.

        It does not cover the program's own version or what is installed beside it.
        """
        settings = {
            "runner": asdict(self.runner),
            "junit": self.junit,
            "program": program_path(self.runner.command, self.environment),
            "outfit": self.outfit,
        }
        return tool_digest("tests", VERSION, settings)

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        """Run the tests of a checkout and read what the runner reports of each."""
        root = subject.checkout.path
        with self.artefacts.scratch() as folder:
            report = Path(folder) / "junit.xml"
            command = tuple(
                part.replace(PLACEHOLDER, str(report)) for part in self.runner.command
            )
            place = _Place(root=root, glob=self.junit, report=report)
            end = await run_tool(
                self.executor,
                replace(self.runner, command=command),
                subject,
                environment=self.environment,
                writable=(report.parent,),
            )
            # A report may have a hundred thousand tests; the engine goes on meanwhile.
            run = await asyncio.to_thread(self._read, end, place)
            kept = await asyncio.to_thread(self._keep, run)
        blank = CheckResult(
            project_id=project_id,
            tree=subject.checkout.tree,
            check=self.name,
            tool=self.tool,
            stage=self.stage,
            status=CheckStatus.ERROR,
            artefact=kept.path,
            digest=kept.digest,
            duration_ms=end.duration_ms,
        )
        return _answer(run, blank)

    def cases(self, result: CheckResult) -> dict[str, str] | None:
        """Return outcome by test from the kept artefact, or None if it is gone or altered."""
        content = self.artefacts.read(Artefact(path=result.artefact, digest=result.digest))
        if content is None:
            return None
        outcomes: dict[str, str] = json.loads(content)["cases"]
        return outcomes

    def _read(self, end: ProcessEnd, place: _Place) -> _Run:
        """Return what the run says, whether there is an answer in it or not."""
        why = trouble(self.runner, end)
        if why is not None:
            return _Run(end=end, why=why)
        run = _Run(end=end)
        try:
            run = replace(run, texts=place.reports())
            cases = read_cases(run.texts, place.root)
        except UnreadableReportException as error:
            return replace(run, why=f"the report {error.why}")
        except OSError as error:
            return replace(run, why=f"the report cannot be read: {error.strerror}")
        return replace(run, cases=cases, why=_doubt(end, run.texts, cases))

    def _keep(self, run: _Run) -> Artefact:
        content = {
            "how": run.end.how,
            "code": run.end.code,
            "why": run.why,
            "cases": {case.name: case.outcome for case in run.cases},
            "messages": {case.name: case.message for case in run.cases if case.message},
            "output": run.end.output.decode("utf-8", "replace"),
            "reports": [text.decode("utf-8", "replace") for text in run.texts],
        }
        return self.artefacts.keep(json.dumps(content, indent=1).encode())


def _content(root: Path, path: Path, size_bytes_max: int) -> bytes:
    content = read_regular(root, path, size_bytes_max)
    if content is None:
        raise UnreadableReportException(why=f"is larger than {REPORT_BYTES_MAX >> 20} MiB")
    return content


def _doubt(end: ProcessEnd, texts: Sequence[bytes], cases: Sequence[Case]) -> str:
    """Return why the report is not to be believed, or nothing."""
    ended = f"ended with exit code {end.code}"
    if not texts:
        return f"the program wrote no report and {ended}"
    if not cases:
        return f"the report has no tests in it, and the program {ended}"
    if end.code and not any(_broken(case) for case in cases):
        return f"the program {ended}, but no test in its report failed"
    return ""


def _broken(case: Case) -> bool:
    return case.outcome in {"failed", "error"}


def _answer(run: _Run, blank: CheckResult) -> CheckResult:
    """Return the result with its counts; `blank` is one of a check that broke."""
    counts = Counter(case.outcome for case in run.cases)
    counted = replace(
        blank,
        passed=counts["passed"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        errors=counts["error"],
    )
    if run.why:
        return replace(counted, message=plain_line(run.why), details=tail_lines(run.end.output))
    failing = [f"{case.name}: {case.message}" for case in run.cases if _broken(case)]
    more = len(failing) - DETAILS_MAX
    details = failing if more <= 0 else [*failing[:DETAILS_MAX], f"and {more} more"]
    status = CheckStatus.PASS if counts["passed"] else CheckStatus.SKIPPED
    return replace(
        counted,
        status=CheckStatus.FAIL if failing else status,
        message=_message(run.end, counts),
        details=tuple(details),
    )


def _message(end: ProcessEnd, counts: Counter[str]) -> str:
    words = {"passed": "passed", "failed": "failed", "error": "broke", "skipped": "skipped"}
    told = ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])
    lied = end.code == 0 and (counts["failed"] or counts["error"])
    return f"{told}, although the exit code is 0" if lied else told
