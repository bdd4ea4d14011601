"""Sizes as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from banksman.config.settings import Flags, load_settings
from banksman.exceptions import InputException


def _least(folder: Path, value: str) -> int:
    (folder / "banksman.toml").write_text(f"[run]\ndisk_free_min = {value}\n")
    return load_settings(folder, Flags(), {"HOME": "/nowhere"}).run.disk_free_min


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        ("0", 0),
        ("12", 12),
        ('"7B"', 7),
        ('"500MB"', 500_000_000),
        ('"1.5 GiB"', 3 << 29),
        ('"2kB"', 2000),
        ('"2KiB"', 2048),
        ('"1TB"', 10**12),
    ],
)
def test_a_size_is_bytes_or_a_text(tmp_path: Path, value: str, size_bytes: int) -> None:
    assert _least(tmp_path, value) == size_bytes


@pytest.mark.parametrize(
    "value", ["-1", "1.5", "true", '"1G"', '"MB"', '"1.2.3MB"', '"9999999TB"', "[]", '"-1MB"']
)
def test_what_is_no_size_is_refused_with_examples(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputException, match="disk_free_min must be bytes, or a text such as"):
        _least(tmp_path, value)


def test_the_default_leaves_a_gigabyte(tmp_path: Path) -> None:
    assert load_settings(tmp_path, Flags(), {"HOME": "/nowhere"}).run.disk_free_min == 10**9
