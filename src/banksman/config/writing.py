"""The text of a fresh plan and configuration, for `banksman init`: right by construction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from banksman.config.detect import Detected, Runner

SCHEMA_FOLDER: Final = ".git/banksman"
"""Where the texts say that the schemas are; see `banksman.config.schemas.write_schemas`."""

# Each may write files where it is started; the prompt comes on standard input, or in a file.
_COMMANDS: Final = {
    "codex": ("codex", "exec", "--sandbox", "workspace-write", "-"),
    "gemini": ("gemini", "--approval-mode", "auto_edit"),
    "opencode": ("opencode", "run"),
    "aider": ("aider", "--yes-always", "--no-auto-commits", "--message-file", "{prompt_file}"),
}
_KEYS: Final = {
    "codex": "CODEX_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "opencode": "OPENROUTER_API_KEY",
    "aider": "OPENAI_API_KEY",
}

_PLAN: Final = """\
# yaml-language-server: $schema={folder}/plan.schema.json
#
# The tasks, in any order. `banksman plan lint` checks this file, `banksman run` runs it.
version: 1
tasks:
  - key: first
    title: Describe in one line what is to be done
    # What the agent is told. Say what must hold in the end rather than how to get there.
    instructions: |
      Say here what the agent must know: what is wrong, where to look, what must not change.
    # kind: fix                  # feature, fix, refactor, test, docs or chore
    # priority: 5                # 1 to 10; 10 goes first
    # estimate: 30m              # minutes, or "2h"
    # touches: ["src/**"]        # what it is expected to change
    # acceptance: ["The page loads without a warning."]

  - key: second
    title: Describe what can begin when the first is completed
    needs: [first]
    # gate: manual               # a person must let it begin
"""

_HEAD: Final = """\
#:schema {folder}/config.schema.json
#
# How Banksman works on this repository. What is left out has its default.

[project]
# target = "banksman/target"    # accepted work goes there; `banksman land` brings it to you
# style = "rebase"              # or "merge"

[run]
"""

_WORKSPACES: Final = """\

# Each attempt has a worktree of its own, each check a fresh checkout: what git does not have,
# they get here.
[workspaces]
"""

_CLAUDE: Final = """
[agents.claude]
type = "claude-code"
# model = "sonnet"              # the one that Claude Code takes, if left out
# allowed_tools = ["Bash(make test:*)"]    # what it may use in any mode
# max_turns = 200               # calls of the model in one turn
"""

_NO_AGENT: Final = """\

# No agent was found. An agent is any program that reads its task from standard input and
# changes files in the folder where it is started:
# [agents.mine]
# type = "command"
# command = ["my-agent", "--headless"]
"""

_CHECKS: Final = """\

# Files that were changed must parse.
[checks.syntax]
type = "syntax"
"""


def plan_text() -> str:
    """Return the text of a first `plan.yaml`."""
    return _PLAN.format(folder=SCHEMA_FOLDER)


def config_text(detected: Detected) -> str:
    """Return the text of a `banksman.toml` for what was found."""
    return "".join(
        (
            _HEAD.format(folder=SCHEMA_FOLDER),
            *_run(detected),
            _WORKSPACES,
            *_workspaces(detected),
            *map(_agent, detected.agents),
            "" if detected.agents else _NO_AGENT,
            _CHECKS,
            *_runners(detected.runners),
        )
    )


def _run(detected: Detected) -> Iterator[str]:
    if detected.agents:
        yield f"agent = {_toml(detected.agents[0])}\n"
    yield "# parallel = 4                  # attempts at the same time\n"
    yield '# attempt_timeout = "1h"\n'
    yield '# silence_timeout = "15m"       # how long an agent may print nothing\n'


def _workspaces(detected: Detected) -> Iterator[str]:
    if detected.setup:
        commands = ", ".join(_toml_list(command) for command in detected.setup)
        yield f"setup = [{commands}]\n"
    else:
        yield '# setup = [["make", "deps"]]    # commands, read by no shell\n'
    yield '# copy = [".env"]\n'
    yield '# link = ["node_modules"]\n'
    yield '# ports = ["PORT"]              # variables that get a free port\n'


def _agent(name: str) -> str:
    if name == "claude":
        return _CLAUDE
    command = _toml_list(_COMMANDS[name])
    prompt = 'prompt = "file"\n' if "{prompt_file}" in _COMMANDS[name] else ""
    return (
        f'\n[agents.{name}]\ntype = "command"\ncommand = {command}\n{prompt}'
        f'# pass_env = ["{_KEYS[name]}"]    # other variables stay out of its sight\n'
    )


def _runners(runners: Sequence[Runner]) -> Iterator[str]:
    several = sum(bool(runner.command) for runner in runners) > 1
    for runner in runners:
        what = f"{runner.language}, tested by {runner.name}"
        if runner.command:
            name = f"tests-{runner.language.lower()}" if several else "tests"
            yield f"\n# {what}.\n[checks.{name}]\n{_check(runner)}"
        else:
            yield f"\n# {what}, has no check yet: {runner.advice}.\n"
    if not any(runner.command for runner in runners):
        yield "# A check of the tests reads the JUnit XML that your runner writes to {junit}:\n"
        yield '# [checks.tests]\n# type = "tests"\n'
        yield '# command = ["python3", "-m", "pytest", "--junitxml={junit}"]\n'


def _check(runner: Runner) -> str:
    junit = f"junit = {_toml(runner.junit)}\n" if runner.junit else ""
    env = "".join(f"env.{name} = {_toml(text)}\n" for name, text in runner.env.items())
    return f'type = "tests"\ncommand = {_toml_list(runner.command)}\n{junit}{env}'


def _toml_list(words: Sequence[str]) -> str:
    return f"[{', '.join(map(_toml, words))}]"


def _toml(text: str) -> str:
    # JSON's texts are TOML's, but for one character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
