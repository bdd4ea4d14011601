"""The command check: a tool that answers by its exit code, 0 for yes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from banksman.checks.artefacts import Artefacts
from banksman.checks.process import Tool, run_tool, trouble
from banksman.checks.text import plain_line, tail_lines
from banksman.checks.tool import program_path, tool_digest
from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from banksman.core.task import ProjectId
from banksman.ports import Executor, Subject

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class CommandCheck:
    """Runs a tool in the checkout; see `banksman.ports.Check`.

    Attributes:
        environment: Variables that any tool gets; nothing else is passed on from the engine's.
        outfit: Digest of what checkouts are set up with.
    """

    name: str
    runner: Tool
    executor: Executor
    artefacts: Artefacts
    environment: Mapping[str, str]
    stage: Stage = Stage.QUALITY
    required: bool = True
    compares: bool = False
    outfit: str = ""

    @property
    def tool(self) -> str:
        """Digest of the settings, the outfit, this code's version and the program's path.

        It does not cover the program's own version or what is installed beside it.
        """
        program = program_path(self.runner.command, self.environment)
        settings = {
            "runner": asdict(self.runner),
            "program": program,
            "outfit": self.outfit,
        }
        return tool_digest("command", VERSION, settings)

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        """Run the tool; it passes with exit code 0, fails with another and breaks without."""
        end = await run_tool(self.executor, self.runner, subject, environment=self.environment)
        why = trouble(self.runner, end)
        status = CheckStatus.FAIL if end.code else CheckStatus.PASS
        kept = self.artefacts.keep(end.output)
        return CheckResult(
            project_id=project_id,
            tree=subject.checkout.tree,
            check=self.name,
            tool=self.tool,
            stage=self.stage,
            status=CheckStatus.ERROR if why else status,
            passed=int(why is None and not end.code),
            failed=int(why is None and bool(end.code)),
            errors=int(why is not None),
            message=plain_line(why or f"ended with exit code {end.code}"),
            details=() if status is CheckStatus.PASS and not why else tail_lines(end.output),
            artefact=kept.path,
            digest=kept.digest,
            duration_ms=end.duration_ms,
        )

    def cases(self, result: CheckResult) -> dict[str, str]:
        """Return nothing: an exit code is no list of tests."""
        return {}
