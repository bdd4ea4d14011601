"""Settings of agents are checked, and every error names its key."""

from __future__ import annotations

from typing import Final

import pytest

from banksman.agents.settings import (
    OURS,
    ClaudeSettings,
    CommandSettings,
    ScriptedSettings,
    read_settings,
)
from banksman.exceptions import InputException

HEAD = "the settings of an agent of type 'command' are not usable: "


def test_a_command_and_its_defaults() -> None:
    settings = read_settings(CommandSettings, {"command": ["agent", "-p"]}, "command")
    assert settings.argv == ("agent", "-p")
    assert (settings.prompt, settings.env, settings.pass_env) == ("stdin", {}, ())
    assert settings.ok_codes == (0,)


def test_a_line_is_read_by_the_shell() -> None:
    settings = read_settings(CommandSettings, {"shell": "a | b"}, "command")
    assert settings.argv == ("/bin/sh", "-c", "a | b")


ONE = "give either command = [program, argument, …] or shell = a line"

KNOWN: Final = "command, shell, prompt, env, pass_env, ok_codes, network, home"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, ONE),
        ({"command": []}, ONE),
        ({"shell": " "}, ONE),
        ({"command": ["a"], "shell": "b"}, ONE),
        ({"comand": ["a"]}, "'comand' is not known (did you mean 'command'?)"),
        (
            {"shell": "a", "x": 1},
            f"'x' is not known (known: {KNOWN})",
        ),
        ({"command": "a"}, "'command': input should be a valid tuple"),
        ({"command": [1]}, "'command.0': input should be a valid string"),
        ({"shell": ["a"]}, "'shell': input should be a valid string"),
        (
            {"shell": "a", "prompt": "argument"},
            "'prompt': input should be 'stdin', 'file' or 'none'",
        ),
        ({"shell": "a", "env": {"A": 1}}, "'env.A': input should be a valid string"),
        (
            {"shell": "a", "env": {"A=B": "c"}},
            "'env.A=B.[key]': string should match pattern '^[A-Za-z_][A-Za-z0-9_]*$'",
        ),
        (
            {"shell": "a", "pass_env": ["A B"]},
            "'pass_env.0': string should match pattern '^[A-Za-z_][A-Za-z0-9_]*$'",
        ),
        ({"shell": "a", "ok_codes": ["0"]}, "'ok_codes.0': input should be a valid integer"),
        ({"shell": "a", "ok_codes": [True]}, "'ok_codes.0': input should be a valid integer"),
    ],
)
def test_a_setting_that_is_not_usable_is_named(table: dict[str, object], told: str) -> None:
    with pytest.raises(InputException) as caught:
        read_settings(CommandSettings, table, "command")
    assert str(caught.value) == HEAD + told


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InputException, match=r"'shell': .*; 'x' is not known"):
        read_settings(CommandSettings, {"shell": 1, "x": 2}, "command")


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(InputException, match=r"of type 'scripted'.*: 'scripts' is missing"):
        read_settings(ScriptedSettings, {}, "scripted")


def test_claude_code_needs_no_settings_and_gets_the_keys_of_its_provider() -> None:
    settings = read_settings(ClaudeSettings, {}, "claude-code")
    assert "ANTHROPIC_API_KEY" in settings.pass_env
    assert settings.home == (".claude/.credentials.json",)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"modle": "x"}, "'modle' is not known (did you mean 'model'?)"),
        ({"max_turns": 0}, "'max_turns': input should be greater than 0"),
        ({"max_turns": True}, "'max_turns': input should be a valid integer"),
        (
            {"permission_mode": "yolo"},
            "'permission_mode': input should be 'acceptEdits', 'bypassPermissions', ",
        ),
        *(
            (
                {"home": [path]},
                f"{path!r} must be a path below your home folder, such as '.netrc'",
            )
            for path in ("/etc/passwd", "../other", "a/../../b", "", ".")
        ),
    ],
)
def test_settings_of_claude_code_that_are_not_usable_are_told(
    table: dict[str, object], told: str
) -> None:
    with pytest.raises(InputException) as refusal:
        read_settings(ClaudeSettings, table, "claude-code")
    assert told in refusal.value.message


@pytest.mark.parametrize("option", sorted(OURS))
def test_no_further_argument_fights_what_a_turn_needs(option: str) -> None:
    for argument in (option, f"{option}=x"):
        with pytest.raises(InputException, match="is given by Banksman itself"):
            read_settings(ClaudeSettings, {"extra_args": ["--debug", argument]}, "claude-code")
