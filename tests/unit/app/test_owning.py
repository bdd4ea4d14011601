"""Owning a project: who only looks for an engine is not taken for one."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from banksman.app.owning import acquire
from banksman.app.reads import Place, engine_lives
from banksman.exceptions import OwnershipException
from banksman.stores.ownership import FileOwnership


class Busy:
    """An ownership that somebody else has for the first few times it is asked."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.asked = 0

    def acquire(self) -> None:
        """Take it, if it is free by now."""
        self.asked += 1
        if self.asked <= self.refusals:
            raise OwnershipException(owner="somebody")

    def held(self) -> bool:
        """Return whether it was taken."""
        return self.asked > self.refusals

    def release(self) -> None:
        """Do nothing."""


def test_a_short_look_of_somebody_else_is_waited_for() -> None:
    ownership = Busy(refusals=3)
    acquire(ownership)
    assert ownership.held()


def test_an_engine_that_stays_is_told_before_long() -> None:
    ownership = Busy(refusals=1000)
    with pytest.raises(OwnershipException, match="somebody"):
        acquire(ownership)
    assert ownership.asked < 10


def test_two_who_look_do_not_take_each_other_for_an_engine(tmp_path: Path) -> None:
    place = Place(work_tree=tmp_path, common_dir=tmp_path, state_dir=tmp_path)
    looking = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert not engine_lives(place)
    os.close(looking)
    ownership = FileOwnership(place.lock)
    ownership.acquire()
    assert engine_lives(place)
    ownership.release()
