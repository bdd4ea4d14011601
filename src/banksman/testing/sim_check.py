"""A simulated check: work is wrong if a file says so, or breaks what stands beside it.

A file whose text begins with `wrong` fails; one that says `breaks PATH` fails where there is a
file of that name. Each file counts as one test.
"""

from __future__ import annotations

from collections.abc import Mapping

from banksman.core.quality import CheckStatus, Stage
from banksman.core.records import CheckResult
from banksman.core.task import ProjectId
from banksman.ports import Subject
from banksman.testing.world import Hand


class SimCheck:
    """Looks at the commit that the checkout's path names."""

    name = "tests"
    stage = Stage.TESTS
    required = True
    tool = "simulated"
    compares = True

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        """Answer for the checkout."""
        await self._hand.take(most_s=30.0)
        cases = self._cases(subject.checkout.tree)
        failed = sum(outcome == "failed" for outcome in cases.values())
        return CheckResult(
            project_id=project_id,
            tree=subject.checkout.tree,
            check=self.name,
            tool=self.tool,
            stage=self.stage,
            status=CheckStatus.FAIL if failed else CheckStatus.PASS,
            passed=len(cases) - failed,
            failed=failed,
        )

    def cases(self, result: CheckResult) -> Mapping[str, str] | None:
        """Return one test for each file."""
        return self._cases(result.tree)

    def _cases(self, tree: str) -> dict[str, str]:
        parts = (part.partition("=") for part in tree.split("|"))
        files = {path: text for path, _, text in parts}
        return {
            path: "failed" if _fails(text, files) else "passed" for path, text in files.items()
        }


def _fails(text: str, files: Mapping[str, str]) -> bool:
    broken = text.removeprefix("breaks ") if text.startswith("breaks ") else ""
    return text.startswith("wrong") or broken in files
