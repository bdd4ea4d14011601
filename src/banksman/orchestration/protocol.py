"""Intent → act → observe → record: where the engine may die, and what holds afterwards.

The store, git and processes cannot commit together. So every act on git or a process is
announced in the store first, is idempotent or compare-and-swap, and is recorded after what
happened was read back from the world. `PROTOCOL` says for each act what the truth is after a
crash; recovery has no code of its own: the attempt is simply entered again at its stored step,
and each step looks at the world before it acts. Tests kill the process at each `Point`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Point(StrEnum):
    """An instant between two durable facts, by name."""

    START_INTENDED = "start.intended"
    START_ACTED = "start.acted"
    START_RECORDED = "start.recorded"
    STOP_INTENDED = "stop.intended"
    STOP_ACTED = "stop.acted"
    STOP_SAVED = "stop.saved"
    CAPTURE_INTENDED = "capture.intended"
    CAPTURE_ACTED = "capture.acted"
    CAPTURE_RECORDED = "capture.recorded"
    CHECK_ACTED = "check.acted"
    CHECK_RECORDED = "check.recorded"
    DECIDED = "decided"
    INTEGRATE_COMBINED = "integrate.combined"
    INTEGRATE_INTENDED = "integrate.intended"
    INTEGRATE_ACTED = "integrate.acted"
    INTEGRATE_RECORDED = "integrate.recorded"
    CLEAN_SAVED = "clean.saved"
    CLEAN_ACTED = "clean.acted"


Reach = Callable[[Point], None]
"""Called at each point; does nothing in production, dies in tests."""


def pass_by(_point: Point) -> None:
    """Go on: nobody wants to stop the engine at a point."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One row of the protocol.

    Attributes:
        intent: What is in the store before the act.
        act: What is done, and why doing it twice is safe.
        truth: What is read from the world after a crash, and what follows.
        points: Where a crash is tried.
    """

    intent: str
    act: str
    truth: str
    points: tuple[Point, ...]


PROTOCOL: Final = (
    Act(
        intent="start attempt: number, spool folder, epoch",
        act="the runner locks its spool, writes pid, start time, boot id, executes the agent",
        truth="lock held: re-attached; result in the spool: taken; neither: lost",
        points=(Point.START_INTENDED, Point.START_ACTED, Point.START_RECORDED),
    ),
    Act(
        intent="stop attempt: why",
        act="end the process tree, save the work under the private ref",
        truth="process gone and ref there: done; else repeated",
        points=(Point.STOP_INTENDED, Point.STOP_ACTED, Point.STOP_SAVED),
    ),
    Act(
        intent="capture: the attempt's step",
        act="write-tree through a private index, commit object, private ref",
        truth="repeated: the same content gives the same tree, the ref is rewritten",
        points=(Point.CAPTURE_INTENDED, Point.CAPTURE_ACTED, Point.CAPTURE_RECORDED),
    ),
    Act(
        intent="check: tree, check, tool version",
        act="run in a fresh checkout",
        truth="result recorded: taken; else run again",
        points=(Point.CHECK_ACTED, Point.CHECK_RECORDED, Point.DECIDED),
    ),
    Act(
        intent="integrate: expected tip, new commit",
        act="compare-and-swap of the target ref",
        truth="new is an ancestor of the target: done; else decided again on the new tip",
        points=(
            Point.INTEGRATE_COMBINED,
            Point.INTEGRATE_INTENDED,
            Point.INTEGRATE_ACTED,
            Point.INTEGRATE_RECORDED,
        ),
    ),
    Act(
        intent="clean: the attempt has ended",
        act="save, then remove the worktree",
        truth="what is left is swept: saved, then removed; never assumed",
        points=(Point.CLEAN_SAVED, Point.CLEAN_ACTED),
    ),
)
