"""Ports that belong to one workspace as long as it lives, so that two servers never meet.

They are taken from below the range that systems hand out to outgoing connections, and begin at
a place that depends on the repository, so that two projects on one machine seldom look at the
same ones. A port is leased if nobody listens on it and no other workspace has it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from banksman.exceptions import WorkspaceException
from banksman.workspaces.layout import Layout, write_atomically
from banksman.workspaces.locks import hold

FIRST: Final = 20_000
COUNT: Final = 10_000

Ports = dict[str, int]


class Leases:
    """The ports of all live workspaces of one repository, in a file that is locked."""

    def __init__(self, layout: Layout, seed: str) -> None:
        self._file = layout.state / "ports.json"
        self._lock = layout.state / "ports.lock"
        # A digest in hexadecimal: where this repository begins to look.
        self._start = int(seed, 16) % COUNT

    async def lease(self, name: str, variables: tuple[str, ...]) -> Mapping[str, str]:
        """Return a port for each variable; what the workspace had before, it keeps.

        Raises:
            WorkspaceException: No port is free.
        """
        if not variables:
            return {}
        async with hold(self._lock):
            leases = self._read()
            mine = leases.get(name, {})
            taken = {port for ports in leases.values() for port in ports.values()}
            for variable in variables:
                if variable not in mine:
                    mine[variable] = self._free(taken)
                    taken.add(mine[variable])
            write_atomically(self._file, json.dumps({**leases, name: mine}).encode())
        return {variable: str(mine[variable]) for variable in variables}

    async def release(self, name: str) -> None:
        """Give a workspace's ports back. Safe to repeat."""
        if not self._file.exists():
            return
        async with hold(self._lock):
            leases = self._read()
            if leases.pop(name, None) is not None:
                write_atomically(self._file, json.dumps(leases).encode())

    def _read(self) -> dict[str, Ports]:
        with suppress(OSError, ValueError):
            leases: dict[str, Ports] = json.loads(self._file.read_bytes())
            return leases
        return {}

    def _free(self, taken: set[int]) -> int:
        for step in range(COUNT):
            port = FIRST + (self._start + step) % COUNT
            if port not in taken and is_free(port):
                return port
        raise WorkspaceException(message="no free port is left for this workspace.")


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback interface now."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as server:
                server.bind((host, port))
        except OSError:
            # A machine without IPv6 has nobody who listens there.
            if family == socket.AF_INET:
                return False
            if _has_ipv6():
                return False
    return True


def _has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as server:
        server.bind(("::1", 0))
        return True
    return False
