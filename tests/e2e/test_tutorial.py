"""The tutorial, as it stands, with the real Claude Code and a scripted model."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.agents.claude_code import find_program
from banksman.testing.model_server.script import Call, Script, Step, write
from banksman.testing.model_server.server import ModelServer
from tests.cli.shell import Shell, own_environment
from tests.conftest import CI, search_path
from tests.pages import DOCS, Section, sections
from tests.waiting import until

TUTORIAL = DOCS / "tutorial.md"
PARTS = ("A repository", "The plan", "Let it work", "Answer", "Land it")
PROGRAMS = {"banksman": (sys.executable, "-m", "banksman")}
DONE = Step(text="Done.")
ROUNDED = """\
def with_tax(cents: int, percent: int) -> int:
    \"\"\"Return the price with tax, in whole cents.\"\"\"
    return cents + (cents * percent + 50) // 100
"""
TESTED = """\
from prices import with_tax


def test_a_round_price_is_exact() -> None:
    assert with_tax(1000, 20) == 1200


def test_half_a_cent_is_rounded_up() -> None:
    assert with_tax(10, 5) == 11
"""


def looked_at(name: str) -> Call:
    """Return a call that has Claude Code read a file, without which it replaces none."""
    return Call(tool="Read", input={"file_path": name})


MODEL = {
    "rounding": Script(
        steps=(
            Step(calls=(looked_at("prices.py"), looked_at("test_prices.py"))),
            Step(calls=(write("prices.py", ROUNDED), write("test_prices.py", TESTED))),
            DONE,
        )
    ),
    "manual": Script(steps=(Step(calls=(write("README.md", "`with_tax` rounds.\n"),)), DONE)),
}
"""What the model does, by the key of the task."""

CLAUDE = """\
#!/bin/sh
# Claude Code, with a provider for each task.
ANTHROPIC_BASE_URL="{url}$BANKSMAN_TASK_KEY" exec {program} "$@"
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Return a new folder on a machine with Claude Code and a key."""
    program = find_program("", os.environ.get("PATH", os.defpath))
    if program is None:
        (pytest.fail if CI else pytest.skip)("NOT TESTED: Claude Code is not installed")
    for name in ("prices", "home", "bin"):
        (tmp_path / name).mkdir()
    with ModelServer(MODEL) as server:
        claude = tmp_path / "bin" / "claude"
        claude.write_text(CLAUDE.format(url=server.url(""), program=shlex.quote(program)))
        claude.chmod(0o700)
        env = own_environment(tmp_path / "home")
        for name in ("BANKSMAN_SANDBOX",):
            env |= {name: os.environ[name]} if name in os.environ else {}
        env |= {"PATH": f"{claude.parent}:{search_path()}", "ANTHROPIC_API_KEY": "placeholder"}
        shell = Shell(folder=tmp_path / "prices", env=env)
        yield shell
        shell.banksman("stop", "--now", "--wait")


@pytest.mark.timeout(400)
def test_the_tutorial_is_true(shell: Shell) -> None:
    parts = sections(TUTORIAL)
    assert {title for title, part in parts.items() if part.blocks()} == set(PARTS)
    for title in PARTS[:3]:
        follow(shell, parts[title])
    until(
        lambda: states(shell) == {"rounding": "completed", "manual": "blocked"}, "the question"
    )
    follow(shell, parts["Answer"])
    until(lambda: set(states(shell).values()) == {"completed"}, "the end of the plan")
    until(lambda: not shell.banksman("status", "--json").json["engine"], "the end of the run")
    follow(shell, parts["Land it"])
    assert (shell.folder / "prices.py").read_text() == ROUNDED
    assert (shell.folder / "README.md").exists()
    assert shell.git("status", "--porcelain") == ""
    assert len(shell.git("log", "--format=%s").splitlines()) == 4


def follow(shell: Shell, part: Section) -> None:
    """Do what a part of the page says, and see that nothing is refused."""
    for block in part.blocks():
        if block.path:
            (shell.folder / block.path).write_text(block.text.partition("\n")[2])
    for command in part.commands():
        words = shlex.split(command)
        program = PROGRAMS.get(words[0], (words[0],))
        ended = subprocess.run(
            (*program, *words[1:]),
            cwd=shell.folder,
            env=shell.env,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"


def states(shell: Shell) -> dict[str, str]:
    """Return the state of each task by its key."""
    tasks = shell.banksman("status", "--json").json["tasks"]
    return {task["key"]: task["status"] for task in tasks}
