"""Codemods on packages that nobody here wrote, each with its own tests as the gate.

Three source distributions are fetched from the package index and become repositories. A plan of
real codemods runs on each: ruff's fixes, unsafe ones too, and renamings, some of which forget
the callers. What is accepted must keep every test that passed, what breaks one must be refused.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from defusedxml import ElementTree

from tests.conftest import CI, FIGURE
from tests.crash.real_projects import Project
from tests.tidy.sources import ROOT

RENAME = ROOT / "examples" / "codemods" / "rename_function.py"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
RUFF = (sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--exit-zero",
        "--target-version", "py311", "--fix", "--unsafe-fixes")  # fmt: skip
FETCH_S = 240


@dataclass(frozen=True)
class Package:
    """A source distribution and what is to be done to it.

    Attributes:
        digest: SHA-256 of the distribution.
        rules: Groups of ruff's rules whose fixes are made, a task for each.
        renamed: Old and new name of a function, which is renamed wherever it is used.
        refused: The tasks that break a test.
        without_callers: Folder in which alone another task renames it, to yet another name.
    """

    name: str
    version: str
    digest: str
    rules: tuple[str, ...]
    renamed: tuple[str, str]
    refused: frozenset[str]
    without_callers: str = ""


PACKAGES = (
    Package(
        name="inflection",
        version="0.5.1",
        digest="1a29730d366e996aaacffb2f1f1cb9593dc38e2ddd30c91250c6dde09ea9b417",
        rules=("UP", "I", "F", "SIM", "RET"),
        renamed=("titleize", "title_case"),
        without_callers="inflection",
        refused=frozenset({"rename-half"}),
    ),
    Package(
        name="tabulate",
        version="0.9.0",
        digest="0095b12bf5966de529c0feb1fa08671671b3368eec77d7ef7ab114be2c068b3c",
        rules=("UP", "I", "C4", "SIM", "B"),
        renamed=("simple_separated_format", "separated_by"),
        without_callers="tabulate",
        refused=frozenset({"rename-half"}),
    ),
    Package(
        name="toolz",
        version="0.12.1",
        digest="ecca342664893f177a13dac0e6b41cbd8ac25a358e5f215316d43e2100224f4d",
        rules=("UP", "I", "C4", "B", "RET", "SIM", "D"),
        renamed=("valfilter", "filter_values"),
        # Its curried namespace is found by name, and so are some of its doctests.
        refused=frozenset({"ruff-sim", "ruff-d", "rename-all"}),
    ),
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_codemods_that_break_a_test_are_refused_and_the_others_keep_all_green(
    package: Package, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    project = Project(unpacked(package, tmp_path), environ_of(tmp_path))
    commit_all(project)
    before = outcomes(project, "main", tmp_path)
    passing = {test for test, outcome in before.items() if outcome == "passed"}
    assert len(passing) > 100

    done = project.run("-m", "banksman", "run", "--no-wait")

    assert done.returncode == 3, done.stderr.decode()
    tasks = json.loads(project.output("-m", "banksman", "status", "--json"))["tasks"]
    states = {task["key"]: task["status"] for task in tasks}
    refused = {key for key, state in states.items() if state == "blocked"}
    accepted = {key for key, state in states.items() if state == "completed"}
    assert refused | accepted == set(states)
    assert refused == package.refused

    after = outcomes(project, "banksman/target", tmp_path)
    assert passing - {test for test, outcome in after.items() if outcome == "passed"} == set()
    subjects = project.git("log", "--format=%s", "main..banksman/target").splitlines()
    assert len(subjects) == len(accepted)
    for task in tasks:
        if task["key"] in refused:
            ref = f"refs/banksman/attempts/{task['id']}/{task['attempt']}"
            # It is its own base plus this change: whatever fails there, the change broke.
            now = outcomes(project, ref, tmp_path)
            broken = {test for test in passing if now.get(test) != "passed"}
            assert broken, f"{task['key']} was refused, and breaks nothing"
    record_property(
        FIGURE,
        f"{package.name} {package.version}: {len(passing)} tests pass; "
        f"{len(accepted)} codemods accepted, all still pass; "
        f"{len(refused)} refused: {', '.join(sorted(refused))}",
    )


def unpacked(package: Package, folder: Path) -> Path:
    """Return the folder of the package's sources, with settings and plan beside them."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.digest}\n")
    fetch = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--require-hashes",
            "-r",
            wanted,
            "-d",
            folder / "fetched",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=FETCH_S,
    )
    if fetch.returncode != 0:
        (pytest.fail if CI else pytest.skip)(
            f"NOT TESTED: {package.name} cannot be fetched: {fetch.stderr[-300:]}"
        )
    (archive,) = (folder / "fetched").iterdir()
    with tarfile.open(archive) as file:
        file.extractall(folder / "unpacked", filter="data")
    (sources,) = (folder / "unpacked").iterdir()
    write_plan(package, sources)
    return sources


def write_plan(package: Package, folder: Path) -> None:
    """Write settings with a codemod for each task, and the plan; no task needs another."""
    old, new = package.renamed
    commands = {
        f"ruff-{rule.lower()}": [*RUFF, "--select", rule, "."] for rule in package.rules
    }
    rename = [sys.executable, str(RENAME), old]
    if package.without_callers:
        commands["rename-half"] = [*rename, f"{new}_too", package.without_callers]
    commands["rename-all"] = [*rename, new, "."]
    settings = ["[run]", "parallel = 2", "[checks.tests]", 'type = "tests"']
    settings.append(f"command = {json.dumps([*PYTEST, '--junitxml={junit}'])}")
    for key, command in commands.items():
        settings += [f"[agents.{key}]", 'type = "command"', f"command = {json.dumps(command)}"]
    (folder / "banksman.toml").write_text("\n".join(settings) + "\n")
    tasks = [
        {"key": key, "title": f"Run {key}", "agent": key, "retries": 0, "turns": 1}
        for key in commands
    ]
    # Last, or whoever renames half of it would find nothing left to rename.
    tasks[-1]["priority"] = 1
    (folder / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))
    (folder / ".gitignore").write_text("__pycache__/\n*.pyc\n")


def commit_all(project: Project) -> None:
    """Make the folder a repository with one commit."""
    project.git("init", "-q", "-b", "main")
    project.git("config", "user.name", "Somebody")
    project.git("config", "user.email", "somebody@localhost")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "begin")


def environ_of(folder: Path) -> dict[str, str]:
    """Return what the run and the tests of a package find in their environment."""
    names = ("PATH", "PYTHONPATH", "BANKSMAN_SANDBOX")
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return {**passed, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}


def outcomes(project: Project, revision: str, folder: Path) -> dict[str, str]:
    """Return outcome by test of a revision, by pytest itself in a clone of its own."""
    clone, report = folder / "clone", folder / "report.xml"
    project.git("clone", "-q", "--no-checkout", str(project.root), str(clone))
    project.git("-C", str(clone), "fetch", "-q", "origin", f"{revision}:refs/heads/looked-at")
    project.git("-C", str(clone), "checkout", "-q", "looked-at")
    subprocess.run(
        [*PYTEST, f"--junitxml={report}"],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        check=False,
        capture_output=True,
    )
    shutil.rmtree(clone)
    root = ElementTree.fromstring(report.read_bytes())
    found = {
        f"{case.get('classname')}::{case.get('name')}": case[0].tag if len(case) else "passed"
        for case in root.iter("testcase")
    }
    report.unlink()
    return found
