"""What `banksman init` finds, and that what it writes is right."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from banksman.agents.settings import ClaudeSettings, CommandSettings, read_settings
from banksman.checks.factory import checks_from
from banksman.config.detect import AGENTS, JEST, VENDORED, Detected, Runner, detect
from banksman.config.plan import load_plan
from banksman.config.settings import Flags, Settings, load_settings
from banksman.config.writing import config_text, plan_text
from banksman.ports import Executor
from tests.input.editors import an_editor_accepts
from tests.pages import all_pages, page

MODELS: dict[str, type[BaseModel]] = {
    "claude-code": ClaudeSettings,
    "command": CommandSettings,
}


def made(root: Path, *names: str, **contents: str) -> Detected:
    """Return what is found beside these files, with no program installed."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name, content in contents.items():
        (root / name.replace("__", ".")).write_text(content)
    return detect(root, str(root / "bin"))


def installed(root: Path, *names: str) -> str:
    for name in names:
        (root / name).write_text("#!/bin/sh\n")
        (root / name).chmod(0o700)
    return str(root)


def read_back(root: Path, detected: Detected, *, uncommented: bool = False) -> Settings:
    """Return the settings that were written, with their suggestions if they are wanted."""
    text = config_text(detected)
    if uncommented:
        text = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    return shown_to_plug_ins(root, text)


def shown_on_pages(language: str) -> dict[str, str]:
    """Return what is shown of the two files on the pages of the documentation, by place."""
    return {
        f"{path.name}:{number}": block.text
        for path in all_pages()
        for number, block in enumerate(page(path).blocks(language))
        if block.path in {"", "plan.yaml"}
    }


def shown_to_plug_ins(root: Path, text: str) -> Settings:
    """Return the settings in a text, having shown every table to its plug-in."""
    (root / "banksman.toml").write_text(text)
    assert an_editor_accepts("banksman.toml", tomllib.loads(text))
    settings = load_settings(root, Flags(), {"HOME": "/nobody"})
    for agent in settings.agents.values():
        read_settings(MODELS[agent.type], agent.options, agent.type)
    checks_from(
        {name: check.table for name, check in settings.checks.items()},
        executor=cast("Executor", None),
        artefacts=root,
        environment={},
    )
    return settings


TOML, YAML = shown_on_pages("toml"), shown_on_pages("yaml")


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
def test_every_configuration_on_a_page_is_one_that_plug_ins_take(
    tmp_path: Path, text: str
) -> None:
    shown_to_plug_ins(tmp_path, text)


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_every_plan_on_a_page_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    assert load_plan(tmp_path / "plan.yaml").tasks


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert made(tmp_path) == Detected()


@pytest.mark.parametrize(
    ("lock", "command"),
    [
        (".nothing", ("python3", "-m", "pytest", "--junitxml={junit}")),
        ("uv.lock", ("uv", "run", "--no-sync", "python", "-m", "pytest", "--junitxml={junit}")),
        ("poetry.lock", ("poetry", "run", "python", "-m", "pytest", "--junitxml={junit}")),
    ],
)
def test_pytest_is_found(tmp_path: Path, lock: str, command: tuple[str, ...]) -> None:
    found = made(tmp_path, lock, pyproject__toml="[tool.pytest.ini_options]\n")
    assert found.runners == (Runner(language="Python", name="pytest", command=command),)


def test_python_without_pytest_gets_advice_and_no_check(tmp_path: Path) -> None:
    (runner,) = made(tmp_path, "thing.py").runners
    assert (runner.name, runner.command) == ("unittest", ())
    assert "unittest, has no check yet: pytest runs" in config_text(Detected(runners=(runner,)))
    assert set(read_back(tmp_path, Detected(runners=(runner,))).checks) == {"syntax"}


def package(test: str = "", **dependencies: str) -> str:
    return json.dumps({"scripts": {"test": test}, "devDependencies": dependencies})


@pytest.mark.parametrize(
    ("content", "name", "has_command"),
    [
        (package("vitest", vitest="1"), "vitest", True),
        (package("jest", jest="1", **{"jest-junit": "1"}), "jest", True),
        (package("jest", jest="1"), "jest", False),
        (package("node --test"), "node", True),
        (package("mocha"), "npm test", False),
        ("not json", "npm test", False),
        ("[" * 100_000, "npm test", False),
        ('{"scripts": 3, "dependencies": ["jest"]}', "npm test", False),
    ],
)
def test_runners_of_javascript_are_found(
    tmp_path: Path,
    content: str,
    name: str,
    has_command: bool,  # noqa: FBT001  # By name.
) -> None:
    (runner,) = made(tmp_path, package__json=content).runners
    assert (runner.language, runner.name) == ("JavaScript", name)
    assert bool(runner.command) is has_command
    assert bool(runner.advice) is not has_command


def test_jest_is_made_to_tell_all_of_each_test(tmp_path: Path) -> None:
    content = package("jest", jest="1", **{"jest-junit": "1"})
    found = made(tmp_path, package__json=content)
    check = read_back(tmp_path, found).checks["tests"]
    assert check.options["junit"] == "junit.xml"
    assert check.options["env"] == dict(JEST)


@pytest.mark.parametrize(
    ("lock", "command"),
    [
        ("uv.lock", ("uv", "sync", "--locked")),
        ("poetry.lock", ("poetry", "install", "--no-interaction")),
        ("package-lock.json", ("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund")),
        ("pnpm-lock.yaml", ("pnpm", "install", "--frozen-lockfile", "--prefer-offline")),
        ("yarn.lock", ("yarn", "install", "--frozen-lockfile")),
        ("go.sum", ("go", "mod", "vendor")),
        ("Cargo.lock", ("cargo", "vendor", "--locked", "--quiet")),
    ],
)
def test_the_lock_file_says_how_packages_are_installed(
    tmp_path: Path, lock: str, command: tuple[str, ...]
) -> None:
    found = made(tmp_path, lock)
    assert found.setup == (command,)
    assert read_back(tmp_path, found).workspaces.setup == (command,)


def test_each_language_is_set_up(tmp_path: Path) -> None:
    found = made(tmp_path, "uv.lock", "package-lock.json", "yarn.lock")
    assert [command[0] for command in found.setup] == ["uv", "npm"]


def test_go_needs_gotestsum(tmp_path: Path) -> None:
    (runner,) = made(tmp_path, "go.mod").runners
    assert runner.command == ()
    (runner,) = detect(tmp_path, installed(tmp_path, "gotestsum")).runners
    assert runner.command == ("gotestsum", "--junitfile={junit}", "--", "-count=1", "./...")


def test_rust_needs_a_profile_of_nextest_with_a_report(tmp_path: Path) -> None:
    (runner,) = made(tmp_path, "Cargo.toml").runners
    assert runner.command == ()
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "nextest.toml").write_text(
        '[profile.ci]\n\n[profile.ci.junit]\npath = "junit.xml"\n'
    )
    (runner,) = made(tmp_path).runners
    assert runner.command == ("cargo", "nextest", "run", "--profile", "ci")
    (tmp_path / "Cargo.lock").touch()
    (runner,) = made(tmp_path).runners
    assert runner.command == ("cargo", "nextest", "run", *VENDORED, "--profile", "ci")
    assert runner.junit == "target/nextest/ci/junit.xml"


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("pytest")
    (tmp_path / "pyproject.toml").symlink_to("real")
    (runner,) = made(tmp_path).runners
    assert runner.name == "unittest"


def test_installed_agents_are_found_in_their_order(tmp_path: Path) -> None:
    path = installed(tmp_path, "codex", "claude")
    (tmp_path / "gemini").write_text("not executable")
    assert detect(tmp_path, path).agents == ("claude", "codex")


@pytest.mark.parametrize("agents", [(), ("codex",), AGENTS])
@pytest.mark.parametrize("uncommented", [False, True])
def test_what_is_written_is_right_with_and_without_its_suggestions(
    tmp_path: Path,
    agents: tuple[str, ...],
    uncommented: bool,  # noqa: FBT001  # By name.
) -> None:
    settings = read_back(tmp_path, Detected(agents=agents), uncommented=uncommented)
    assert set(settings.agents) == set(agents) | (
        {"mine"} if uncommented and not agents else set()
    )
    assert settings.run.agent == (agents[0] if agents else None)


def test_each_language_with_a_runner_has_a_check_of_its_own(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        "Cargo.toml",
        pyproject__toml="pytest",
        package__json=package("vitest", vitest="1"),
    )
    settings = read_back(tmp_path, found)
    assert set(settings.checks) == {"syntax", "tests-python", "tests-javascript"}


@pytest.mark.parametrize("uncommented", [False, True])
def test_the_plan_that_is_written_is_right(
    tmp_path: Path,
    uncommented: bool,  # noqa: FBT001  # By name.
) -> None:
    text = plan_text()
    if uncommented:
        text = re.sub(r"^( +)# (?=\w+: )", r"\1", text, flags=re.MULTILINE)
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    first, second = load_plan(path).tasks
    assert second.needs == (first.spec.key,)
    assert (second.spec.gate == "manual") is uncommented
