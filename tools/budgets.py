"""How long each folder of tests may take, and whether it kept to that.

Two sums are kept for each folder. The wall time is what a person waits for, and is shown. The
processor time (of the test and of the programs it waited for) decides, since another load on
the machine stretches the wall time of an innocent test several times over, and its processor
time hardly. Even so a folder fails at three times its budget only: the point is to notice a
suite that grows slow, and not to time it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

FAIL_FACTOR: Final = 3
"""How many times its budget a folder may take before the run fails."""


@dataclass(kw_only=True)
class Spent:
    """What the tests of one folder have taken so far, in seconds."""

    tests: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0


def read_budgets(path: Path) -> dict[str, float]:
    """Return the budget of each folder, in seconds."""
    return {
        folder: float(seconds)
        for folder, seconds in tomllib.loads(path.read_text())["seconds"].items()
    }


def folder_of(test: str) -> str:
    """Return the folder that pays for a test, by its node id.

    Examples:
        >>> folder_of("tests/unit/core/test_retry.py::test_a_delay_doubles")
        'unit'
        >>> folder_of("src/banksman/core/task.py::banksman.core.task.parse")
        'src'
    """
    top, *below = PurePosixPath(test.partition("::")[0]).parts
    return below[0] if top == "tests" and len(below) > 1 else top


def cpu_s() -> float:
    """Return the processor time of this process and of the children it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def overspent(spent: Mapping[str, Spent], budgets: Mapping[str, float]) -> list[str]:
    """Return a sentence for each folder that has no budget, or took far more than it has."""
    return [
        f"tests/budgets.toml has no budget for {folder}"
        if folder not in budgets
        else f"{folder} took {sums.cpu_s:.0f} s of processor time; its budget is "
        f"{budgets[folder]:.0f} s, and {FAIL_FACTOR} times that is too much"
        for folder, sums in sorted(spent.items())
        if sums.cpu_s > FAIL_FACTOR * budgets.get(folder, 0)
    ]


def table(spent: Mapping[str, Spent], budgets: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of a table: a row for each folder that ran, and who did not."""
    yield f"{'folder':<12} {'tests':>6} {'wall s':>8} {'cpu s':>8} {'budget s':>9}"
    for folder, sums in sorted(spent.items()):
        budget = budgets.get(folder, 0.0)
        remark = "  over" if max(sums.cpu_s, sums.wall_s) > budget else ""
        yield (
            f"{folder:<12} {sums.tests:>6} {sums.wall_s:>8.1f} {sums.cpu_s:>8.1f}"
            f" {budget:>9.0f}{remark}"
        )
    missing = [folder for folder in budgets if folder not in spent]
    if missing:
        yield f"not run: {', '.join(missing)}"
