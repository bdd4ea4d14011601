"""What is installed below `HOME` is found from another `HOME`."""

from __future__ import annotations

from pathlib import Path

from banksman.executors.sandbox import toolchains_of


def test_what_is_installed_in_a_home_is_found_where_it_really_lies(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / ".pyenv").mkdir(parents=True)
    (home / ".rustup").symlink_to(elsewhere)
    (home / ".nvm").touch()
    found = toolchains_of(home)
    assert found == {"PYENV_ROOT": str(home / ".pyenv"), "RUSTUP_HOME": str(elsewhere)}
