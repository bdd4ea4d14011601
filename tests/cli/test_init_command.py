"""`banksman init` writes a plan and a configuration that are right as they stand."""

from __future__ import annotations

import json

from tests.cli.shell import Shell


def test_what_init_writes_passes_lint(shell: Shell) -> None:
    shell.commit({"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-q"\n'})
    said = shell.banksman("init")
    assert said.code == 0
    assert "Found Python, tested by pytest" in said.out
    assert "Wrote plan.yaml and banksman.toml." in said.out
    assert shell.banksman("plan", "lint").code == 0
    assert "{junit}" in (shell.folder / "banksman.toml").read_text()


def test_the_schemas_lie_where_the_files_say(shell: Shell) -> None:
    shell.banksman("init")
    first = (shell.folder / "plan.yaml").read_text().splitlines()[0]
    schema = shell.folder / first.partition("$schema=")[2]
    assert json.loads(schema.read_text())["title"] == "Banksman plan"


def test_nothing_is_overwritten(shell: Shell) -> None:
    (shell.folder / "plan.yaml").write_text("mine")
    said = shell.banksman("init")
    assert (said.code, said.out) == (2, "")
    assert "plan.yaml exists already." in said.err
    assert (shell.folder / "plan.yaml").read_text() == "mine"
    assert not (shell.folder / "banksman.toml").exists()


def test_force_replaces_a_link_and_not_what_it_leads_to(shell: Shell) -> None:
    outside = shell.folder.parent / "outside"
    outside.write_text("mine")
    (shell.folder / "plan.yaml").symlink_to(outside)
    assert shell.banksman("init").code == 2
    assert shell.banksman("init", "--force").code == 0
    assert outside.read_text() == "mine"
    assert not (shell.folder / "plan.yaml").is_symlink()


def test_print_only_prints(shell: Shell) -> None:
    said = shell.banksman("init", "--print")
    assert said.code == 0
    assert "### plan.yaml\n" in said.out
    assert "[checks.syntax]" in said.out
    assert shell.git("status", "--porcelain") == ""


def test_json_says_what_was_found_and_written(shell: Shell) -> None:
    shell.commit({"go.mod": "module demo\n"})
    said = shell.banksman("init", "--json")
    assert said.json["written"] is True
    assert "Go" in said.json["languages"]
    assert said.json["plan"] == str(shell.folder / "plan.yaml")


def test_init_works_on_the_whole_repository_from_below(shell: Shell) -> None:
    below = shell.folder / "src"
    below.mkdir()
    assert shell.banksman("init", cwd=below).code == 0
    assert (shell.folder / "plan.yaml").is_file()
