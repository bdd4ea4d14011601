"""Completion scripts are right, and complete commands, options and tasks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.cli.recorded import Recorded
from tests.cli.shell import Shell


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_script_is_right_in_the_eyes_of_its_shell(
    shell: Shell, name: str, require: Callable[[str], str]
) -> None:
    said = shell.banksman("completion", name)
    assert said.code == 0
    assert "_BANKSMAN_COMPLETE" in said.out
    if name != "bash" and shutil.which(name) is None:
        return  # Its text is click's; the shell that everybody has is enough of a judge.
    subprocess.run([require(name), "-n"], input=said.out, text=True, check=True)


def complete(shell: Shell, words: str) -> list[str]:
    """Return what the last of these words can become."""
    said = shell.banksman(
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
        _BANKSMAN_COMPLETE="bash_complete",
    )
    assert said.code == 0, said.err
    return [line.partition(",")[2] for line in said.out.splitlines() if line]


def test_commands_and_options_are_completed(shell: Shell) -> None:
    assert complete(shell, "banksman st") == ["status", "stop"]
    assert complete(shell, "banksman task c") == ["cancel"]
    assert complete(shell, "banksman status --j") == ["--json"]
    assert complete(shell, "banksman resolve 3 a") == ["accept"]


def test_tasks_are_completed_where_there_are_some(recorded: Recorded) -> None:
    assert complete(recorded.repo, "banksman diff s") == ["second"]
    assert complete(recorded.repo, "banksman task show ") == ["first", "second"]


def test_a_completion_outside_a_project_offers_nothing(shell: Shell) -> None:
    assert complete(shell, "banksman diff s") == []


def test_an_unknown_shell_is_refused(shell: Shell) -> None:
    said = shell.banksman("completion", "tcsh")
    assert said.code == 2
    assert "'tcsh' is not one of" in said.err
