"""What the pages for each language show works: built from the page, run from the front door.

The project of each section is tiny and its toolchain is real. Of two tasks one adds a test and
is accepted, one breaks a test and is refused.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from banksman.config.detect import detect
from tests.cli.shell import Shell, own_environment
from tests.conftest import CI, search_path
from tests.e2e.languages import HOW_TO, RECIPES, Edit, Recipe
from tests.pages import Section, sections

IGNORED = ".venv/\nnode_modules/\ntarget/\nvendor/\njunit.xml\n__pycache__/\nscripts/\n"
AGENT = """\
[run]
parallel = 1

[agents.edits]
type = "scripted"
scripts = "scripts"

"""
INSTALL_S, RUN_S = 240, 300
PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "BANKSMAN_SANDBOX")
RECIPE = pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: f"{one.page}:{one.section}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home for all: what one test has fetched, the next finds in the caches."""
    home = tmp_path_factory.mktemp("home")
    toolchains = Path.home() / ".rustup"
    if toolchains.is_dir():
        (home / ".rustup").symlink_to(toolchains)
    return home


@pytest.mark.timeout(600)
@RECIPE
def test_a_plan_run_as_the_page_says_accepts_good_work_and_refuses_what_breaks_a_test(
    recipe: Recipe, home: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    for tool in recipe.tools:
        require(tool)
    section = sections(recipe.path)[recipe.section]
    shell = built(recipe, section, folder=tmp_path / "demo", home=home)
    if recipe.found:
        assert_init_says_the_same(shell, section)

    ran = shell.banksman("run", "--no-wait", timeout_s=RUN_S)

    assert ran.code == 3, ran.out + ran.err
    tasks = shell.banksman("status", "--json").json["tasks"]
    states = {task["key"]: task["status"] for task in tasks}
    assert states == {"good": "completed", "bad": "blocked"}, ran.out
    assert counts(shell, "good") == (recipe.passed + 1, 0, recipe.skipped)
    left = recipe.passed - recipe.failed
    assert counts(shell, "bad") == (left, recipe.failed, recipe.skipped)
    assert shell.git("status", "--porcelain") == ""


@pytest.mark.parametrize("page", sorted({recipe.page for recipe in RECIPES}))
def test_every_section_of_a_page_that_shows_something_is_run(page: str) -> None:
    shown = {title for title, section in sections(HOW_TO / page).items() if section.blocks()}
    assert shown == {recipe.section for recipe in RECIPES if recipe.page == page}


def built(recipe: Recipe, section: Section, *, folder: Path, home: Path) -> Shell:
    """Return the project, set up as the section says, with two tasks to be done."""
    folder.mkdir()
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    shell = Shell(
        folder=folder, env={**own_environment(home), **passed_on, "PATH": search_path()}
    )
    shell.git("init", "-q", "-b", "main", ".")
    files = {block.path: block.text for block in section.blocks("toml") if block.path}
    settings = [block.text for block in section.blocks("toml") if not block.path]
    plan = {"version": 1, "tasks": [task("good"), task("bad")]}
    shell.commit(
        {
            **recipe.files,
            **files,
            ".gitignore": IGNORED,
            "banksman.toml": AGENT + "".join(settings),
            "plan.yaml": json.dumps(plan),
            "scripts/good.yaml": script(recipe.good),
            "scripts/bad.yaml": script(recipe.bad),
        }
    )
    for command in (*recipe.install, *map(shlex.split, section.commands())):
        install(shell, command)
    shell.git("add", "-A")
    shell.git("commit", "-q", "--allow-empty", "-m", "Install")
    return shell


def task(key: str) -> dict[str, object]:
    return {"key": key, "title": f"Do {key} work", "retries": 0, "turns": 1}


def script(edit: Edit) -> str:
    replace = {"path": edit.path, "old": edit.old, "new": edit.new}
    return json.dumps([[[{"replace": replace}]]])


def install(shell: Shell, command: Sequence[str]) -> None:
    """Run a command of the page; what cannot be fetched is no failure of the page's."""
    ended = subprocess.run(
        command,
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        check=False,
        text=True,
        timeout=INSTALL_S,
    )
    if ended.returncode != 0:
        told = f"NOT TESTED: {shlex.join(command)} failed: {ended.stderr[-500:]}"
        (pytest.fail if CI else pytest.skip)(told)


def counts(shell: Shell, key: str) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped in the work on a task."""
    details = shell.banksman("task", "show", key, "--json").json
    tree = details["attempts"][-1]["tree"]
    (result,) = (
        one for one in details["results"] if (one["tree"], one["check"]) == (tree, "tests")
    )
    assert result["errors"] == 0, result["message"]
    return result["passed"], result["failed"], result["skipped"]


def assert_init_says_the_same(shell: Shell, section: Section) -> None:
    """What `banksman init` finds out is what the section says."""
    detected = detect(shell.folder, shell.env["PATH"])
    text = "".join(block.text for block in section.blocks("toml") if not block.path)
    settings = tomllib.loads(text)
    assert list(map(list, detected.setup)) == settings["workspaces"]["setup"]
    (runner,) = detected.runners
    check = settings["checks"]["tests"]
    assert list(runner.command) == check["command"]
    assert runner.junit == check.get("junit", "")
    assert dict(runner.env) == check.get("env", {})
