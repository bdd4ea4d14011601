"""Artefacts: private, whole, and worth nothing once they are altered."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from banksman.checks.artefacts import Artefact, Artefacts


def test_content_is_kept_once_and_read_back(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "new" / "folder")
    kept = artefacts.keep(b"content")
    assert kept == artefacts.keep(b"content")
    assert kept.digest == hashlib.sha256(b"content").hexdigest()
    assert artefacts.read(kept) == b"content"
    files = [path for path in (tmp_path / "new").rglob("*") if path.is_file()]
    assert len(files) == 1
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_an_altered_file_is_not_read_and_is_put_right_by_the_next_keeping(
    tmp_path: Path,
) -> None:
    artefacts = Artefacts(tmp_path)
    kept = artefacts.keep(b"content")
    (tmp_path / kept.path).write_bytes(b"forged")
    assert artefacts.read(kept) is None
    artefacts.keep(b"content")
    assert artefacts.read(kept) == b"content"


def test_a_path_that_leads_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"content")
    artefacts = Artefacts(tmp_path / "folder")
    kept = artefacts.keep(b"content")
    for path in ("../outside", str(tmp_path / "outside"), "", "no/such", "a\0b"):
        assert artefacts.read(Artefact(path=path, digest=kept.digest)) is None


def test_a_scratch_folder_is_private_and_goes_with_all_it_holds(tmp_path: Path) -> None:
    with Artefacts(tmp_path / "folder").scratch() as place:
        folder = Path(place)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "sub").mkdir()
        (folder / "link").symlink_to(tmp_path)
    assert not folder.exists()
    assert tmp_path.exists()


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    place = tmp_path / artefacts.keep(b"content").path
    place.unlink()
    place.mkdir()
    with pytest.raises(IsADirectoryError):
        artefacts.keep(b"content")
    assert list(place.parent.iterdir()) == [place]
