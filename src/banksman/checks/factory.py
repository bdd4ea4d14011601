"""From tables of settings to checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from banksman.checks.artefacts import Artefacts
from banksman.checks.command import CommandCheck
from banksman.checks.syntax import SyntaxCheck
from banksman.checks.tables import Table
from banksman.checks.tests import PLACEHOLDER, JUnitCheck
from banksman.core.quality import Stage
from banksman.ports import Check, Executor


def checks_from(
    tables: Mapping[str, Mapping[str, object]],
    *,
    executor: Executor,
    artefacts: Path,
    environment: Mapping[str, str],
    outfit: str = "",
) -> tuple[Check, ...]:
    """Return a check for each table of settings, in their order.

    Args:
        tables: Settings by name of the check; `type` is `syntax`, `tests` or `command`.
        executor: Runs the tools.
        artefacts: Folder for full outputs; made when the first is kept.
        environment: Variables that any tool gets: those the caller allows, and no others.
        outfit: Digest of what checkouts are set up with (`outfit_digest`): with another one,
            no earlier result is found again.

    Raises:
        InputException: A type, key or value that does not exist or makes no sense, with the
            nearest that does.
    """
    shop = _Shop(
        executor=executor,
        artefacts=Artefacts(artefacts),
        environment=environment,
        outfit=outfit,
    )
    return tuple(_check(Table(name, settings), shop) for name, settings in tables.items())


@dataclass(frozen=True, kw_only=True)
class _Shop:
    """What all checks work with."""

    executor: Executor
    artefacts: Artefacts
    environment: Mapping[str, str]
    outfit: str


def _check(table: Table, shop: _Shop) -> Check:
    kind = table.text("type", "")
    if kind not in _MAKERS:
        raise table.refused("type", f"is {kind!a}", known=_MAKERS, sought=kind)
    return _MAKERS[kind](table, shop)


def _syntax(table: Table, shop: _Shop) -> Check:
    table.allow("exclude")
    return SyntaxCheck(
        name=table.name,
        exclude=table.texts("exclude"),
        executor=shop.executor,
        environment=shop.environment,
        outfit=shop.outfit,
        required=table.flag("required", default=True),
    )


def _tests(table: Table, shop: _Shop) -> Check:
    table.allow("command", "junit", "timeout_min", "env", "network")
    runner, junit = table.tool(), table.text("junit", "")
    if bool(junit) == any(PLACEHOLDER in part for part in runner.command):
        raise table.refused(
            "command",
            f"needs {PLACEHOLDER} where the report goes, or `junit` names a glob of it",
        )
    parts = PurePosixPath(junit).parts
    if junit.startswith("/") or ".." in parts:
        raise table.refused("junit", "must lie below the checkout")
    if (junit and not parts) or any(_is_no_glob(part) for part in parts):
        raise table.refused("junit", "is no glob")
    return JUnitCheck(
        name=table.name,
        runner=runner,
        junit=junit,
        required=table.flag("required", default=True),
        executor=shop.executor,
        artefacts=shop.artefacts,
        environment=shop.environment,
        outfit=shop.outfit,
    )


def _is_no_glob(part: str) -> bool:
    return "\0" in part or ("**" in part and part != "**")


def _command(table: Table, shop: _Shop) -> Check:
    table.allow("command", "stage", "timeout_min", "env", "network")
    stage = table.text("stage", Stage.QUALITY)
    if stage not in set(Stage):
        raise table.refused(
            "stage", f"is {stage!a}", known=tuple(map(str, Stage)), sought=stage
        )
    return CommandCheck(
        name=table.name,
        runner=table.tool(),
        stage=Stage(stage),
        required=table.flag("required", default=True),
        executor=shop.executor,
        artefacts=shop.artefacts,
        environment=shop.environment,
        outfit=shop.outfit,
    )


_MAKERS: Final[Mapping[str, Callable[[Table, _Shop], Check]]] = {
    "syntax": _syntax,
    "tests": _tests,
    "command": _command,
}
