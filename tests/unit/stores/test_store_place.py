"""A store lies on a local disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from banksman.exceptions import StoreException
from banksman.stores.place import NETWORK_TYPES, file_system
from banksman.stores.sqlite import SqliteStore

MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw - proc proc rw
40 22 0:30 / /srv rw,relatime - nfs4 server:/export rw
41 40 0:31 / /srv/local rw - xfs /dev/vdb rw
42 22 0:32 / /with\\040space rw - cifs //server/share rw
43 22 0:33 / /twice rw - ext4 /dev/vdc rw
44 22 0:34 / /twice rw - 9p host rw
45 22 0:35 / /media/ann/remote rw shared:9 master:2 - fuse.sshfs ann@host: rw
garbage
"""


@pytest.fixture
def mountinfo(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/project/.git/banksman", "nfs4"),
        ("/srv/local/project", "xfs"),
        ("/srvlocal", "ext4"),
        ("/with space/project", "cifs"),
        ("/twice/project", "9p"),
        ("/media/ann/remote/x", "fuse.sshfs"),
        ("/media/ann", "ext4"),
    ],
)
def test_the_longest_and_latest_mount_counts(mountinfo: Path, folder: str, kind: str) -> None:
    assert file_system(Path(folder), mountinfo) == kind


def test_a_system_without_a_list_of_mounts_is_trusted(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "missing") == ""


def test_a_link_is_followed_to_where_the_file_would_lie(tmp_path: Path) -> None:
    remote, link = tmp_path / "remote", tmp_path / "link"
    remote.mkdir()
    link.symlink_to(remote)
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"{MOUNTS}50 22 0:36 / {remote} rw - nfs server:/ rw\n")
    assert file_system(link / "state", mountinfo) == "nfs"


@pytest.mark.parametrize("kind", sorted(NETWORK_TYPES))
def test_a_store_on_a_network_is_refused_before_anything_is_made(
    tmp_path: Path, kind: str
) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"50 22 0:36 / {tmp_path} rw - {kind} server:/ rw\n")
    path = tmp_path / "banksman" / "state.db"
    with pytest.raises(StoreException, match=rf"\({kind}\).*BANKSMAN_STATE_DIR"):
        SqliteStore.open(path, mountinfo=mountinfo)
    assert not path.parent.exists()
