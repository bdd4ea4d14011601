"""Where a store may lie: on a local disk, for its owner alone."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Final

from banksman.exceptions import StoreUnusableException

MOUNTINFO: Final = Path("/proc/self/mountinfo")

NETWORK_TYPES: Final = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.ceph",
        "fuse.davfs2",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb2",
        "smb3",
        "smbfs",
    }
)
"""File systems whose locks or shared memory do not reach every machine that sees the file."""

# The place of the mount point in a line.
_POINT: Final = 4
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def refuse_network(folder: Path, mountinfo: Path = MOUNTINFO) -> None:
    """Refuse a folder on a network file system, where SQLite loses data.

    Args:
        folder: It need not exist yet.
        mountinfo: The kernel's list of mounts; a system without one is trusted.

    Raises:
        StoreUnusableException: It lies on one.
    """
    kind = file_system(folder, mountinfo)
    if kind in NETWORK_TYPES:
        raise StoreUnusableException(
            message=f"{folder} lies on a network file system ({kind}), where a database would "
            "be damaged; set BANKSMAN_STATE_DIR to a folder on a local disk."
        )


def file_system(folder: Path, mountinfo: Path = MOUNTINFO) -> str:
    """Return the type of the file system that a folder lies on; empty if it is unknown."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    real = Path(os.path.realpath(folder))
    for line in lines:
        point, mounted = _mount(line)
        # The longest prefix holds the folder; of two mounts on one point the later hides
        # the first.
        if point is not None and real.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), mounted
    return kind


def prepare(path: Path) -> None:
    """Make the folder and the file of a store, readable by their owner alone.

    Raises:
        StoreUnusableException: They cannot be made or written.
    """
    try:
        if not path.parent.is_dir():
            path.parent.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            # Only a new file is opened: closing one that this process uses through SQLite would
            # drop SQLite's locks on it.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            _close_to_others(path)
        if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise StoreUnusableException(
            message=f"the database {path} cannot be written ({error.strerror}); "
            "check the owner and permissions of its folder, or set BANKSMAN_STATE_DIR."
        ) from error


def _close_to_others(path: Path) -> None:
    """Take everyone else's rights to an existing file away."""
    status = path.stat()
    if (
        stat.S_ISREG(status.st_mode)
        and status.st_mode & 0o077
        and status.st_uid == os.geteuid()
    ):
        path.chmod(0o600)


def _mount(line: str) -> tuple[Path | None, str]:
    """Return mount point and type of one line of mountinfo."""
    before, _, after = line.partition(" - ")
    fields = before.split(" ")[_POINT:]
    if not fields or not after:
        return None, ""
    point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[0])
    return Path(point), after.split(" ")[0]
