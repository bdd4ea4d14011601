"""Commands that must answer at once import nothing heavy, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.recorded import Recorded
from tests.cli.shell import Shell

HEAVY = {"sqlalchemy", "alembic", "pydantic", "yaml", "rich", "asyncio"}

_TELL = "import sys; print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"


def loaded(shell: Shell, program: str) -> set[str]:
    """Return the top modules that a program has imported at its end."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}\n{_TELL}"],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition(".")[0] for line in ended.stderr.splitlines()}


@pytest.mark.parametrize("module", ["banksman.cli.main", "banksman.cli.status"])
def test_importing_a_light_module_imports_nothing_heavy(shell: Shell, module: str) -> None:
    assert loaded(shell, f"import {module}") & HEAVY == set()


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["status"], ["status", "--json"], ["report"]],
    ids=" ".join,
)
def test_a_light_command_imports_nothing_heavy(
    recorded: Recorded, arguments: list[str]
) -> None:
    program = f"from banksman.cli.main import exit_code\nassert exit_code({arguments}) == 0"
    assert loaded(recorded.repo, program) & HEAVY == set()


def test_the_test_would_notice_a_heavy_import(shell: Shell) -> None:
    assert loaded(shell, "import banksman.cli.plan") & HEAVY >= {"pydantic", "yaml"}
