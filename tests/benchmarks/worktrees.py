"""What a worktree of 2,000 files costs: git's own, a fresh one of ours, and a spare.

    python -m tests.benchmarks.worktrees

All in one run, on the same repository and the same load; medians with the middle half beside
them. `tests/benchmarks/README.md` keeps what it printed.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from banksman.workspaces.outfit import WorkspaceSettings
from tests.conformance.workspaces.scene import Scene

FILES = 2000
ROUNDS = 15


class Stopwatch:
    """Wall and processor time of the same thing, done many times."""

    def __init__(self) -> None:
        self._wall_ms: list[float] = []
        self._cpu_ms: list[float] = []

    @contextmanager
    def lap(self) -> Generator[None]:
        """Measure one time."""
        wall_s, cpu_s = time.perf_counter(), _cpu_s()
        yield
        self._wall_ms.append((time.perf_counter() - wall_s) * 1000)
        self._cpu_ms.append((_cpu_s() - cpu_s) * 1000)

    def row(self, name: str) -> str:
        """Return a line of the table."""
        low, middle, high = statistics.quantiles(self._wall_ms, n=4)
        cpu = statistics.median(self._cpu_ms)
        return f"| {name} | {middle:.0f} ({low:.0f}–{high:.0f}) | {cpu:.0f} |"


def _cpu_s() -> float:
    spent = [
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def gits_own(scene: Scene, commit: str) -> Stopwatch:
    """Let git make and remove a worktree."""
    watch = Stopwatch()
    for number in range(ROUNDS):
        path = str(scene.folder / f"git-{number}")
        with watch.lap():
            scene.git("worktree", "add", "-q", "--detach", path, commit)
            scene.git("worktree", "remove", "--force", path)
    return watch


def ours(scene: Scene, commit: str, *, spares: int) -> tuple[Stopwatch, Stopwatch]:
    """Open checkouts, and work in each; return what opening takes, and what making ready."""
    opened, renewed = Stopwatch(), Stopwatch()

    async def scenario() -> None:
        spaces = await scene.open(WorkspaceSettings(spares=spares))
        await spaces.prepare_ahead()
        for _ in range(ROUNDS):
            checkout = spaces.checkout(commit, "bench")
            with opened.lap():
                place = await checkout.__aenter__()
            _work_in(place.path)
            await checkout.__aexit__(None, None, None)
            with renewed.lap():
                await spaces.prepare_ahead()

    asyncio.run(scenario())
    return opened, renewed


def _work_in(path: Path) -> None:
    (path / "pkg1/m1.py").write_text("changed = True\n")
    (path / "left.ignored").write_text("left\n")


def main(say: Callable[[str], None] = print) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        for number in range(FILES):
            scene.write(f"pkg{number % 40}/m{number}.py", f"x = {number}\n" * 400)
        commit = scene.commit("many files")
        say("| | wall ms: median (middle half) | cpu ms: median |")
        say("| --- | --- | --- |")
        say(gits_own(scene, commit).row("`git worktree add` and `remove`"))
        say(ours(scene, commit, spares=0)[0].row("a fresh checkout"))
        lent, renewed = ours(scene, commit, spares=1)
        say(lent.row("a checkout from a spare"))
        say(renewed.row("making it a spare again, while agents work"))


if __name__ == "__main__":
    main()
