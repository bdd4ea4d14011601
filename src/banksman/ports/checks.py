"""Questions asked of a checkout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from banksman.core.quality import Stage
from banksman.core.records import CheckResult, FileChange
from banksman.core.task import ProjectId
from banksman.ports.workspaces import Checkout


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a check is asked about."""

    checkout: Checkout
    changes: tuple[FileChange, ...]
    spool: str


class Check(Protocol):
    """One question asked of a checkout."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def stage(self) -> Stage:
        """The stage it belongs to."""
        ...

    @property
    def required(self) -> bool:
        """Whether the gate needs it."""
        ...

    @property
    def tool(self) -> str:
        """Digest of command, settings and tool version; results are found again by it."""
        ...

    @property
    def compares(self) -> bool:
        """Whether its result on the base commit is needed to judge a change."""
        ...

    async def run(self, project_id: ProjectId, subject: Subject) -> CheckResult:
        """Answer for this checkout. A tool that breaks is a result with status `error`."""
        ...

    def cases(self, result: CheckResult) -> Mapping[str, str] | None:
        """Return outcome by test (`passed failed skipped error`) from the kept artefact.

        None if the artefact is gone or was altered: the check must run again.
        """
        ...
