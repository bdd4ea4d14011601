"""Ports and locks run out, are held by others, or are lost; each has its word."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from banksman.exceptions import WorkspaceException
from banksman.workspaces.layout import Layout
from banksman.workspaces.leases import COUNT, FIRST, Leases, is_free
from banksman.workspaces.locks import hold


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(root=tmp_path / "root", state=tmp_path / "state")
    layout.make()
    return layout


def test_a_workspace_keeps_its_ports_and_gets_more(layout: Layout) -> None:
    async def scenario() -> None:
        ports = Leases(layout, "0")
        first = await ports.lease("one", ("A",))
        more = await Leases(layout, "0").lease("one", ("A", "B"))
        assert more["A"] == first["A"]
        assert more["B"] != more["A"]
        assert await ports.lease("one", ()) == {}

    asyncio.run(scenario())


def test_repositories_begin_to_look_at_different_ports(layout: Layout) -> None:
    port = asyncio.run(Leases(layout, f"{5000:x}").lease("one", ("A",)))["A"]
    assert FIRST + 5000 <= int(port) < FIRST + 5100


def test_the_last_port_is_the_last(layout: Layout) -> None:
    others = {str(place): FIRST + place for place in range(COUNT)}
    (layout.state / "ports.json").write_text(json.dumps({"others": others}))
    with pytest.raises(WorkspaceException, match="no free port is left"):
        asyncio.run(Leases(layout, "0").lease("one", ("A",)))


def test_a_file_of_leases_that_cannot_be_read_is_begun_anew(layout: Layout) -> None:
    (layout.state / "ports.json").write_text("{ half")
    assert asyncio.run(Leases(layout, "0").lease("one", ("A",)))["A"]
    asyncio.run(Leases(layout, "0").release("nobody"))


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_port_is_taken_if_somebody_listens_on_either_address(family: int, host: str) -> None:
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("NOT TESTED: this machine has no IPv6")
    with server:
        assert not is_free(server.getsockname()[1])


def test_a_lock_that_is_held_for_too_long_is_an_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hold(tmp_path / "lock"):
            with pytest.raises(WorkspaceException, match=r"has held .*lock for 0\.02 s"):
                async with hold(tmp_path / "lock", patience_s=0.02):
                    pytest.fail("two hold it")

    asyncio.run(scenario())
