"""What the README shows works in the order in which it stands; what pages show is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from banksman.cli.main import banksman
from tests.cli.shell import Shell
from tests.pages import README, all_pages, links, page
from tools.cli_reference import ROOT

AGENT = """\
#!/bin/sh
# Stands for Claude Code: it reads what it is told, changes something, and says that it is done.
if [ "$1" = --version ]; then echo "2.1.0 (Claude Code)"; exit; fi
cat > /dev/null
echo "done = True" > "$BANKSMAN_TASK_KEY.py"
echo '{"type": "result", "subtype": "success", "is_error": false, "result": "done"}'
"""


@pytest.fixture
def with_agent(shell: Shell) -> Shell:
    """Return a repository on a machine on which an agent is installed."""
    programs = shell.folder.parent / "bin"
    programs.mkdir()
    agent = programs / "claude"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    return Shell(
        folder=shell.folder, env={**shell.env, "PATH": f"{programs}:{shell.env['PATH']}"}
    )


def test_the_minute_to_a_plan_of_ones_own_is_true(with_agent: Shell) -> None:
    (plan,) = page(README).blocks("yaml")
    commands = page(README).commands()
    assert commands[0] == "banksman init"
    codes: dict[str, int] = {}
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "banksman"
        said = with_agent.banksman(*arguments)
        codes[command] = said.code
        assert "Traceback" not in said.err
        if command == "banksman init":
            (with_agent.folder / "plan.yaml").write_text(plan.text)
    expected = dict.fromkeys(commands, 0) | {"banksman run --no-wait": 3}
    assert codes == expected
    assert {"parser.py", "manual.py"} <= {path.name for path in with_agent.folder.iterdir()}


def test_the_first_lines_say_the_two_commands() -> None:
    menu = (ROOT / "Makefile").read_text()
    head = README.read_text().partition("## ")[0]
    for target in ("run", "test"):
        assert re.search(rf"^    make {target} ", head, re.MULTILINE)
        assert f"\n{target}: " in menu


PAGES = pytest.mark.parametrize(
    "path", all_pages(), ids=lambda path: str(path.relative_to(ROOT))
)


@PAGES
def test_every_command_on_a_page_is_one_that_there_is(path: Path) -> None:
    lines = [line.partition(" > ")[0] for line in page(path).commands()]
    told = [shlex.split(line)[1:] for line in lines if line.startswith("banksman ")]
    for arguments in told:
        # Options are read in their order, so an unknown one is refused before help is given.
        said = CliRunner().invoke(banksman, [*arguments, "--help"])
        assert said.exit_code == 0, f"{path.name}: {shlex.join(arguments)}: {said.output}"


@PAGES
def test_every_file_that_a_page_points_at_exists(path: Path) -> None:
    missing = [link for link in links(path) if link and not (path.parent / link).exists()]
    assert missing == []
