"""A process that works on a workspace and dies before its n-th act on the world.

Acts are what Python tells its audit hooks of: starting git, and making, renaming, copying or
removing a file. Files that are written get their name by a rename, which is the act.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene

DEAD: Final = 77
SETTINGS: Final = WorkspaceSettings(
    copy=(".env",),
    ports=("PORT",),
    setup=(("sh", "-c", 'printf %s "$PORT" > x.ignored'),),
    spares=1,
)
ACTS: Final = frozenset(
    {
        "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "shutil.copyfile",
        "shutil.rmtree", "subprocess.Popen",
    }
)  # fmt: skip


def die_before(act: int) -> None:
    """End this process without a word before its n-th act."""
    count = 0

    def hook(event: str, _args: tuple[object, ...]) -> None:
        nonlocal count
        if event in ACTS:
            count += 1
            if count == act:
                os._exit(DEAD)

    sys.addaudithook(hook)


def main(folder: str, what: str, act: int) -> None:
    """Do one thing in a scene, up to an act (0 for all of it)."""
    asyncio.run(_do(Scene(Path(folder)), what, act))


async def _do(scene: Scene, what: str, act: int) -> None:
    """Do one thing to the workspace of attempt 1 of task 1."""
    attempt = scene.attempt()
    spaces: GitWorkspaces = await scene.open(SETTINGS)
    die_before(act)
    match what:
        case "prepare":
            await spaces.prepare(attempt)
        case "capture":
            await spaces.capture(attempt, "work\n")
        case "save":
            await spaces.save(attempt, "a reason")
        case "remove":
            await spaces.remove(attempt)
        case "ahead":
            await spaces.prepare_ahead()
        case "checkout":
            async with spaces.checkout(str(attempt.base), "tests"):
                pass
        case _:
            raise AssertionError(what)
