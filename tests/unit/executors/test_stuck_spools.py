"""A spool that the system does not let go of costs space, and never the engine."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from banksman.testing.executor_programs import python
from tests.conformance.test_local_executor import local


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    return place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spools"


def test_a_spool_that_cannot_be_removed_is_left_with_a_warning(
    root: Path, place: Path, stuck: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def discard() -> None:
        executor = local(root)
        await executor.run("a", python(place, "print('x')"))
        stuck(root / "a")
        executor.discard("a")
        executor.discard("a")

    asyncio.run(discard())
    assert (root / "a").is_dir()
    assert [record.exc_info for record in caplog.records] == [None, None]
    assert all(text.startswith("spool.not_discarded a: ") for text in caplog.messages)


def test_a_sweep_goes_on_behind_spools_that_fail(
    root: Path, place: Path, stuck: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def sweep() -> tuple[str, ...]:
        executor = local(root)
        for name in ("a", "c"):
            await executor.run(name, python(place, ""))
        stuck(root / "a")
        # No lock can be had here: it cannot even be asked to stop.
        (root / "b" / "lock").mkdir(parents=True)
        return await executor.sweep(())

    assert "c" in asyncio.run(sweep())
    assert sorted(path.name for path in root.iterdir()) == ["a", "b"]
    assert [text.partition(":")[0] for text in caplog.messages] == [
        "spool.not_discarded a",
        "spool.not_swept b",
    ]


@pytest.fixture
def stuck() -> Generator[Callable[[Path], None]]:
    """Yield what makes a folder that its owner, or root, cannot remove."""
    made: list[tuple[Path, bool]] = []

    def stick(folder: Path) -> None:
        inner = folder / "stuck"
        inner.mkdir()
        (inner / "file\nname").touch()
        root = os.geteuid() == 0
        if root:
            # Permissions do not hold root back.
            chattr = shutil.which("chattr")
            if (
                chattr is None
                or subprocess.run([chattr, "+i", str(inner)], check=False).returncode
            ):
                pytest.skip("nothing here holds root back")
        else:
            inner.chmod(0o500)
        made.append((inner, root))

    yield stick
    for inner, root in made:
        if root:
            subprocess.run(["chattr", "-i", str(inner)], check=True)
        else:
            inner.chmod(0o700)
