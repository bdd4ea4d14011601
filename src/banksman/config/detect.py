"""Finds out what a repository is made of, by looking at files; runs nothing.

A runner is only suggested where it can write JUnit XML with what the repository already asks
for: a check that cannot run would count as an error from the first task on.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Final

from banksman.config.problems import Problems
from banksman.config.reading import read_text
from banksman.config.shapes import as_group
from banksman.exceptions import PlanException

AGENTS: Final = ("claude", "codex", "gemini", "opencode", "aider")
"""Programs of coding agents that are looked for, best supported first."""

# By itself it names tests without their file, and leaves out files that cannot be loaded.
JEST: Final = MappingProxyType(
    {
        "JEST_JUNIT_ADD_FILE_ATTRIBUTE": "true",
        "JEST_JUNIT_CLASSNAME": "{classname}",
        "JEST_JUNIT_TITLE": "{title}",
        "JEST_JUNIT_REPORT_TEST_SUITE_ERRORS": "true",
    }
)
"""Variables that make jest-junit tell all of each test."""

BUILT_ONCE: Final = MappingProxyType({"CARGO_INCREMENTAL": "0", "CARGO_PROFILE_DEV_DEBUG": "0"})
"""Variables by which Cargo builds nothing for the next build or for a debugger."""

VENDORED: Final = (
    "--config",
    "source.crates-io.replace-with='vendor'",
    "--config",
    "source.vendor.directory='vendor'",
    "--locked",
    "--offline",
)
"""Options by which Cargo takes crates from where `cargo vendor` has put them."""

_INSTALLED_BY: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Python": {
        "uv.lock": ("uv", "sync", "--locked"),
        "poetry.lock": ("poetry", "install", "--no-interaction"),
    },
    "JavaScript": {
        "package-lock.json": ("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"),
        "pnpm-lock.yaml": ("pnpm", "install", "--frozen-lockfile", "--prefer-offline"),
        "yarn.lock": ("yarn", "install", "--frozen-lockfile"),
    },
    "Go": {"go.sum": ("go", "mod", "vendor")},
    "Rust": {"Cargo.lock": ("cargo", "vendor", "--locked", "--quiet")},
}
_BYTES_MAX: Final = 1 << 20
_FILES_MAX: Final = 200
_PYTHON_FILES: Final = (
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    "conftest.py",
    "tests/conftest.py",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
)


@dataclass(frozen=True, kw_only=True)
class Runner:
    """How a part of the repository is tested.

    Attributes:
        language: Such as `Python`.
        name: Of the runner, such as `pytest`.
        command: Program and arguments, `{junit}` standing for the report's path; empty if the
            runner writes no JUnit XML as the repository stands.
        junit: Glob of the reports, if the runner says itself where they go.
        env: Variables for it, by name.
        advice: What makes it write JUnit XML, if it does not yet.
    """

    language: str
    name: str
    command: tuple[str, ...] = ()
    junit: str = ""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class Detected:
    """What was found.

    Attributes:
        runners: One for each language found, in no more than four languages.
        setup: Commands that a fresh checkout needs before tests can run.
        agents: Programs of agents that are installed, in the order of `AGENTS`.
    """

    runners: tuple[Runner, ...] = ()
    setup: tuple[tuple[str, ...], ...] = ()
    agents: tuple[str, ...] = ()


def detect(root: Path, path: str) -> Detected:
    """Return what a repository is made of and which agents are installed.

    Args:
        root: Its top folder.
        path: The variable PATH, in which programs are looked for.
    """
    found = (_python(root), _javascript(root), _go(root, path), _rust(root))
    return Detected(
        runners=tuple(runner for runner in found if runner is not None),
        setup=tuple(_setup(root)),
        agents=tuple(agent for agent in AGENTS if shutil.which(agent, path=path)),
    )


def _python(root: Path) -> Runner | None:
    texts = "\n".join(_text(root / name) for name in _PYTHON_FILES)
    signs = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
    if not any((root / name).is_file() for name in signs) and not _has(root, "*.py"):
        return None
    if not re.search(r"\bpytest\b", texts):
        advice = "pytest runs unittest's tests, too, and writes JUnit XML: install it"
        return Runner(language="Python", name="unittest", advice=advice)
    by_lock = {"uv.lock": ("uv", "run", "--no-sync"), "poetry.lock": ("poetry", "run")}
    prefix = next((run for lock, run in by_lock.items() if (root / lock).is_file()), ())
    command = (*prefix, "python" if prefix else "python3", "-m", "pytest", "--junitxml={junit}")
    return Runner(language="Python", name="pytest", command=command)


def _javascript(root: Path) -> Runner | None:
    if not (root / "package.json").is_file():
        return None
    package = _package(root)
    scripts = as_group(package.get("scripts")) or {}
    script = scripts.get("test")
    test = script if isinstance(script, str) else ""
    known = {name for key in package if "ependencies" in key for name in _names(package[key])}
    language = "JavaScript"
    if "vitest" in known:
        command = ("npx", "vitest", "run", "--reporter=junit", "--outputFile={junit}")
        return Runner(language=language, name="vitest", command=command)
    if "jest" in known and "jest-junit" in known:
        command = ("npx", "jest", "--ci", "--reporters=default", "--reporters=jest-junit")
        return Runner(
            language=language, name="jest", command=command, junit="junit.xml", env=JEST
        )
    if "jest" in known:
        advice = "jest writes JUnit XML with the package jest-junit: npm install -D jest-junit"
        return Runner(language=language, name="jest", advice=advice)
    if test.startswith("node --test"):
        report = ("--test-reporter=junit", "--test-reporter-destination={junit}")
        return Runner(language=language, name="node", command=("node", "--test", *report))
    advice = "its runner must write JUnit XML; vitest, jest with jest-junit and node --test can"
    return Runner(language=language, name="npm test", advice=advice)


def _go(root: Path, path: str) -> Runner | None:
    if not (root / "go.mod").is_file():
        return None
    if shutil.which("gotestsum", path=path):
        # An answer from Go's cache is no evidence.
        command = ("gotestsum", "--junitfile={junit}", "--", "-count=1", "./...")
        return Runner(language="Go", name="gotestsum", command=command)
    advice = "gotestsum runs go test and writes JUnit XML: install it"
    return Runner(language="Go", name="go test", advice=advice)


def _rust(root: Path) -> Runner | None:
    if not (root / "Cargo.toml").is_file():
        return None
    match = re.search(
        r"^\[profile\.([\w-]+)\.junit\]\s*^path\s*=\s*\"([\w./-]+)\"",
        _text(root / ".config" / "nextest.toml"),
        re.MULTILINE,
    )
    if match:
        locked = VENDORED if (root / "Cargo.lock").is_file() else ()
        command = ("cargo", "nextest", "run", *locked, "--profile", match[1])
        junit = f"target/nextest/{match[1]}/{match[2]}"
        return Runner(
            language="Rust", name="nextest", command=command, junit=junit, env=BUILT_ONCE
        )
    advice = "cargo-nextest writes JUnit XML if .config/nextest.toml says [profile.ci.junit]"
    return Runner(language="Rust", name="cargo test", advice=advice)


def _setup(root: Path) -> Iterator[tuple[str, ...]]:
    """Yield what installs the packages that lock files name, once for each language."""
    for by_lock in _INSTALLED_BY.values():
        command = next((run for lock, run in by_lock.items() if (root / lock).is_file()), None)
        if command:
            yield command


def _package(root: Path) -> dict[str, object]:
    try:
        return as_group(json.loads(_text(root / "package.json") or "{}")) or {}
    except (ValueError, RecursionError):
        return {}


def _names(value: object) -> tuple[str, ...]:
    return tuple(as_group(value) or ())


def _has(root: Path, pattern: str) -> bool:
    return any(path.is_file() for path in islice(root.glob(pattern), _FILES_MAX))


def _text(path: Path) -> str:
    """Return a file's text, or nothing if it is no plain file of ours."""
    try:
        return read_text(path, Problems(""), bytes_max=_BYTES_MAX, missing="")
    except PlanException:
        return ""
