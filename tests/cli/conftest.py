"""Repositories and states for the tests of the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.testing.fakes import FakeClock
from tests.cli.recorded import Recorded
from tests.cli.shell import Shell, own_environment


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a repository with one commit on `main`."""
    folder = tmp_path / "demo"
    folder.mkdir()
    (tmp_path / "home").mkdir()
    env = own_environment(tmp_path / "home")
    subprocess.run(["git", "init", "-q", "-b", "main", "."], cwd=folder, env=env, check=True)
    shell = Shell(folder=folder, env=env)
    shell.commit({"app.py": "print('hello')\n"}, "Begin")
    return shell


@pytest.fixture
def recorded(shell: Shell) -> Iterator[Recorded]:
    """Return the state of a project with two tasks, `first` and `second`, which needs it."""
    store = SqliteStore.open(shell.state / "state.db", synchronous="OFF")
    state = StateManager(store, FakeClock(1_700_000_000_000))
    project = state.create_project("demo", base="main", target="banksman/target")
    owned = state.own(project.id)
    recorded = Recorded(repo=shell, store=store, state=state, project=owned)
    first = recorded.add("first", "Do the first thing")
    recorded.add("second", "Do the second thing", needs=(first,))
    yield recorded
    store.close()
