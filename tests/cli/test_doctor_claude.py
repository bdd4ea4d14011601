"""`banksman doctor` says which Claude Code there is, and what is in the way of using it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell

STRANGER = "is not logged in: run `claude` once, or set ANTHROPIC_API_KEY"
OLD = "2.0.30 is needed at least; update it (`claude update`)"


def found(shell: Shell, version: str, **env: str) -> tuple[str, str]:
    """Return verdict and message of the doctor about a program that tells a version."""
    programs = shell.folder.parent / "programs"
    programs.mkdir()
    program = programs / "claude"
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    environ = {**shell.env, "PATH": f"{programs}:{shell.env['PATH']}", **env}
    said = Shell(folder=shell.folder, env=environ).banksman("doctor", "--json")
    (finding,) = [one for one in said.json if one["name"] == "claude-code"]
    return finding["verdict"], finding["message"].replace(str(programs), "")


@pytest.mark.parametrize(
    ("version", "env", "verdict", "message"),
    [
        (
            "2.1.330 (Claude Code)",
            {"ANTHROPIC_API_KEY": "k"},
            "fine",
            "/claude, version 2.1.330",
        ),
        (
            "2.1.330 (Claude Code)",
            {},
            "note",
            f"/claude, version 2.1.330, {STRANGER}",
        ),
        (
            "1.0.128 (Claude Code)",
            {},
            "note",
            f"Claude Code 1.0.128 is too old: {OLD}",
        ),
        ("hello", {}, "note", "/claude tells no version: install it again"),
    ],
    ids=["fine", "stranger", "old", "odd"],
)
def test_what_is_in_the_way_is_told_in_one_sentence(
    shell: Shell, version: str, env: dict[str, str], verdict: str, message: str
) -> None:
    assert found(shell, version, **env) == (verdict, message)


def test_a_login_in_a_file_is_one(shell: Shell) -> None:
    login = Path(shell.env["HOME"]) / ".claude" / ".credentials.json"
    login.parent.mkdir(parents=True)
    login.write_text("{}")
    assert found(shell, "2.1.330")[0] == "fine"
