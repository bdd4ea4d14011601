"""What changes the digest of an outfit, and what does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from banksman.checks import outfit_digest

ENVIRONMENT = {"PATH": "/bin", "LANG": "C"}


def test_equal_outfits_have_equal_digests(tmp_path: Path) -> None:
    again = {"LANG": "de", "PATH": "/bin"}
    assert outfit_digest(tmp_path, environment=ENVIRONMENT) == outfit_digest(
        tmp_path, environment=again
    )


def test_each_part_of_an_outfit_changes_the_digest(tmp_path: Path) -> None:
    digests = [
        outfit_digest(tmp_path, environment=ENVIRONMENT),
        outfit_digest(tmp_path, environment=ENVIRONMENT, setup=[["touch", "a"]]),
        outfit_digest(tmp_path, environment=ENVIRONMENT, setup=[["touch a"]]),
        outfit_digest(tmp_path, environment=ENVIRONMENT, copied=["a"]),
        outfit_digest(tmp_path, environment=ENVIRONMENT, linked=["a"]),
        outfit_digest(tmp_path, environment=ENVIRONMENT, ports=["a"]),
        outfit_digest(tmp_path, environment={**ENVIRONMENT, "MORE": ""}),
        outfit_digest(tmp_path, environment={**ENVIRONMENT, "PATH": "/usr/bin"}),
    ]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("glob", [".env", "conf", "c*", "**/.env"])
def test_a_copied_file_counts_by_name_size_and_time(tmp_path: Path, glob: str) -> None:
    def digest() -> str:
        return outfit_digest(tmp_path, copied=[glob], environment={})

    digests = [digest()]
    for place in (tmp_path, tmp_path / "conf"):
        place.mkdir(exist_ok=True)
        (place / ".env").write_text("A=1")
    digests.append(digest())
    for place in (tmp_path, tmp_path / "conf"):
        (place / ".env").write_text("A=10")
    digests.append(digest())
    for place in (tmp_path, tmp_path / "conf"):
        os.utime(place / ".env", ns=(1, 1))
    digests.append(digest())
    assert len(set(digests)) == 4
    assert digest() == digests[-1]


def test_what_cannot_be_copied_needs_no_digest_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for glob in ("loop", "/etc/*", "", "**a"):
        assert outfit_digest(tmp_path, copied=[glob], environment={})
