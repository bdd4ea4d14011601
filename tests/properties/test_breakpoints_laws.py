"""What holds of every set of answers to the breakpoints of one task."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.core.breakpoints import (
    EFFECTS,
    BreakpointType,
    Left,
    Release,
    Resolution,
    effect_of,
    joined,
    release_of,
    sensible,
)
from banksman.core.task import EntryStep
from banksman.exceptions import CommandRefusedException

ORDER = list(EntryStep)
LEFT = st.sampled_from(Left)


@st.composite
def _releases(draw: st.DrawFn) -> list[Release]:
    """Return what answers to several events of one attempt do, each by itself."""
    left = draw(LEFT)
    kinds = draw(st.lists(st.sampled_from(BreakpointType), min_size=1, max_size=4))
    return [
        release_of(
            effect_of(kind, draw(st.sampled_from(sensible(kind, left))), left),
            attempt=3,
            left=left,
            guidance=draw(st.sampled_from(["", "mind a", "mind b"])),
        )
        for kind in kinds
    ]


@given(st.sampled_from(BreakpointType), st.sampled_from(Resolution), LEFT)
def test_a_pair_is_either_in_the_table_or_refused_with_those_that_are(
    kind: BreakpointType, resolution: Resolution, left: Left
) -> None:
    allowed = sensible(kind, left)
    assert Resolution.CANCEL in allowed
    if resolution in allowed:
        assert effect_of(kind, resolution, left).needs <= left
        return
    with pytest.raises(CommandRefusedException) as refusal:
        effect_of(kind, resolution, left)
    named = refusal.value.hint.removeprefix("Choose one of: ").removesuffix(".")
    assert named.split(", ") == list(allowed)


@given(st.sampled_from(BreakpointType), LEFT, LEFT)
def test_more_left_never_makes_less_sense(kind: BreakpointType, one: Left, other: Left) -> None:
    less, more = sorted([one, other])
    assert set(sensible(kind, less)) <= set(sensible(kind, more))


@given(st.sampled_from(sorted(EFFECTS)), LEFT)
def test_no_release_continues_or_integrates_what_is_not_there(
    pair: tuple[BreakpointType, Resolution], left: Left
) -> None:
    if EFFECTS[pair].needs > left:
        return
    release = release_of(EFFECTS[pair], attempt=3, left=left)
    if release.entry is not EntryStep.AGENT:
        assert release.resumes == 3
    if release.entry is EntryStep.INTEGRATION:
        assert left is Left.CAPTURE
    if left is Left.NOTHING:
        assert release.resumes is None


@given(_releases())
def test_nobody_is_overruled_by_a_later_entry(releases: list[Release]) -> None:
    together = joined(releases)
    for release in releases:
        if not release.notes_only:
            assert ORDER.index(together.entry) <= ORDER.index(release.entry)
        assert together.cancels >= release.cancels
        assert together.gate_passed >= release.gate_passed
        assert together.grants_retry >= release.grants_retry


@given(_releases(), st.data())
def test_the_order_of_answers_changes_nothing_but_the_order_of_words(
    releases: list[Release], data: st.DataObject
) -> None:
    one, other = joined(releases), joined(data.draw(st.permutations(releases)))
    assert sorted(one.guidance.split("\n\n")) == sorted(other.guidance.split("\n\n"))
    assert replace(one, guidance="") == replace(other, guidance="")


@given(_releases())
def test_joining_twice_changes_nothing(releases: list[Release]) -> None:
    together = joined(releases)
    assert joined([together]) == together
