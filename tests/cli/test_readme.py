"""What the README shows works as it stands, in the order in which it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tools.cli_reference import ROOT

README = (ROOT / "README.md").read_text()

AGENT = """\
#!/bin/sh
# Stands for an agent: it reads what it is told, and changes something.
cat > /dev/null
echo "done = True" > "$BANKSMAN_TASK_KEY.py"
"""


def blocks(language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


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
    (plan,) = blocks("yaml")
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert commands[0] == "banksman init"
    codes: dict[str, int] = {}
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "banksman"
        said = with_agent.banksman(*arguments)
        codes[command] = said.code
        assert "Traceback" not in said.err
        if command == "banksman init":
            (with_agent.folder / "plan.yaml").write_text(plan)
    expected = dict.fromkeys(commands, 0) | {"banksman run --no-wait": 3}
    assert codes == expected
    assert {"parser.py", "manual.py"} <= {path.name for path in with_agent.folder.iterdir()}


def test_the_first_lines_say_the_two_commands() -> None:
    menu = (ROOT / "Makefile").read_text()
    for target in ("run", "test"):
        assert re.search(rf"^    make {target} ", README.partition("## ")[0], re.MULTILINE)
        assert f"\n{target}: " in menu


def test_every_file_that_is_pointed_at_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / Path(link)).exists()] == []
