"""What agents find in the homes of their own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from banksman.agents.home import furnish
from banksman.exceptions import ExecutorException


def test_files_are_copied_for_their_owner_alone_and_never_over_others(tmp_path: Path) -> None:
    (tmp_path / "user" / ".codex").mkdir(parents=True)
    login = tmp_path / "user" / ".codex" / "auth.json"
    login.write_text("token")
    login.chmod(0o644)
    home = tmp_path / "home"
    home.mkdir()
    copy = home / ".codex" / "auth.json"
    for text in ("token", "renewed"):
        furnish(home, tmp_path / "user", (".codex/auth.json", ".missing"))
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert copy.read_text() == text
        copy.write_text("renewed")
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert login.read_text() == "token"


def test_a_copy_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("token")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "login").symlink_to(tmp_path / "victim")
    furnish(tmp_path / "home", tmp_path, ("login",))
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("depth", [".codex", ".codex/deep"])
def test_a_copy_is_not_written_through_a_link_in_the_place_of_a_folder(
    tmp_path: Path, depth: str
) -> None:
    (tmp_path / ".codex/deep").mkdir(parents=True)
    (tmp_path / ".codex/deep/auth.json").write_text("token")
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    link = tmp_path / "home" / depth
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    furnish(tmp_path / "home", tmp_path, (".codex/deep/auth.json",))
    assert [path for path in outside.rglob("*") if path.is_file()] == []


def test_what_cannot_be_copied_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "home").mkdir()
    with pytest.raises(
        ExecutorException, match=r"`home` of the agent: .*folder: Is a directory"
    ):
        furnish(tmp_path / "home", tmp_path, ("folder",))
