"""What each resolution of each type of breakpoint does."""

from __future__ import annotations

import itertools

import pytest

from banksman.core.breakpoints import (
    EFFECTS,
    SEVERITIES,
    BreakpointType,
    Effect,
    Left,
    Release,
    Resolution,
    effect_of,
    joined,
    release_of,
    sensible,
    stops,
)
from banksman.core.task import EntryStep
from banksman.exceptions import CommandRefusedException

B = BreakpointType
R = Resolution

A, T, E, C = R.ACCEPT, R.RETRY, R.EDIT, R.CANCEL
SENSIBLE = {
    B.ARCHITECTURE_DECISION: (A, T, E, C),
    B.BREAKING_TEST_FAILURE: (A, T, E, C),
    B.CONFLICTING_SOLUTIONS: (A, T, E, C),
    B.MILESTONE_COMPLETION: (A, T, E, C),
    B.RATE_LIMIT_HIT: (A, C),
    B.TIME_THRESHOLD_EXCEEDED: (T, E, C),
    B.CONFIDENCE_TOO_LOW: (A, T, E, C),
    B.CONSECUTIVE_FAILURES: (A, T, E, C),
    B.BUDGET_EXCEEDED: (T, E, C),
    B.MERGE_CONFLICT: (T, E, C),
    B.TEST_TAMPERING: (A, T, E, C),
    B.PROTECTED_PATH: (A, T, E, C),
    B.DEPENDENCY_FAILED: (T, C),
    B.AGENT_QUESTION: (T, E, C),
    B.AUDIT_SAMPLE: (A, T, E, C),
    B.TARGET_REWRITTEN: (A, T, C),
    B.MANUAL: (A, T, E, C),
}
PAIRS = list(itertools.product(B, R))


@pytest.mark.parametrize("kind", B)
def test_every_type_has_the_resolutions_that_make_sense_for_it(kind: BreakpointType) -> None:
    assert sensible(kind) == SENSIBLE[kind]


@pytest.mark.parametrize("kind", B)
def test_every_type_has_a_severity(kind: BreakpointType) -> None:
    assert kind in SEVERITIES


@pytest.mark.parametrize(("kind", "resolution"), PAIRS)
def test_a_pair_has_its_effect_or_is_refused_with_the_ones_that_make_sense(
    kind: BreakpointType, resolution: Resolution
) -> None:
    if resolution in SENSIBLE[kind]:
        assert effect_of(kind, resolution) is EFFECTS[kind, resolution]
        return
    with pytest.raises(CommandRefusedException) as refusal:
        effect_of(kind, resolution)
    allowed = ", ".join(SENSIBLE[kind])
    assert str(refusal.value) == (
        f"{resolution} makes no sense for a {kind} breakpoint. Choose one of: {allowed}."
    )


@pytest.mark.parametrize("kind", B)
def test_a_task_can_always_be_cancelled(kind: BreakpointType) -> None:
    assert effect_of(kind, R.CANCEL, Left.NOTHING) == Effect(cancels=True)


@pytest.mark.parametrize("kind", B)
def test_accept_enters_at_integration_unless_there_is_nothing_to_integrate(
    kind: BreakpointType,
) -> None:
    effect = EFFECTS.get((kind, R.ACCEPT))
    if effect is None or effect.notes_only or kind is B.MANUAL:
        return
    assert effect.entry is EntryStep.INTEGRATION
    assert effect.resumes


@pytest.mark.parametrize("kind", B)
def test_retry_enters_at_the_agent_and_grants_exactly_one_more_attempt(
    kind: BreakpointType,
) -> None:
    effect = EFFECTS.get((kind, R.RETRY))
    if effect is None:
        return
    assert effect.entry is EntryStep.AGENT
    # A failed dependency is granted its attempt by the retry of that other task.
    assert effect.grants_retry != effect.reruns_dependency


@pytest.mark.parametrize("kind", B)
def test_edit_takes_the_workspace_through_the_checks(kind: BreakpointType) -> None:
    effect = EFFECTS.get((kind, R.EDIT))
    if effect is None:
        return
    assert effect.entry is EntryStep.CHECKS
    assert effect.resumes
    assert effect.needs is Left.WORKSPACE


def test_only_the_answer_to_a_question_is_nothing_without_words() -> None:
    asking = [pair for pair, effect in EFFECTS.items() if effect.asks_guidance]
    assert asking == [(B.AGENT_QUESTION, R.RETRY)]


def test_only_a_rate_limit_stops_nothing() -> None:
    assert [kind for kind in B if not stops(kind)] == [B.RATE_LIMIT_HIT]


def test_a_manual_gate_before_the_first_attempt_is_passed_or_cancelled() -> None:
    assert sensible(B.MANUAL, Left.NOTHING) == (A, C)
    assert effect_of(B.MANUAL, A, Left.NOTHING).gate_passed


def test_what_needs_work_is_refused_where_the_attempt_left_none() -> None:
    with pytest.raises(CommandRefusedException) as refusal:
        effect_of(B.CONFIDENCE_TOO_LOW, R.ACCEPT, Left.WORKSPACE)
    assert str(refusal.value) == (
        "accept makes no sense for a confidence_too_low breakpoint: the attempt left no work "
        "for it. Choose one of: retry, edit, cancel."
    )


def test_a_release_names_the_attempt_it_resumes_and_carries_the_words() -> None:
    effect = effect_of(B.AGENT_QUESTION, R.RETRY)
    assert release_of(effect, attempt=4, left=Left.WORKSPACE, guidance="use tabs") == Release(
        entry=EntryStep.AGENT, resumes=4, guidance="use tabs", grants_retry=True
    )


def test_a_release_resumes_nothing_where_nothing_is_left() -> None:
    effect = effect_of(B.AGENT_QUESTION, R.RETRY)
    assert release_of(effect, attempt=4, left=Left.NOTHING).resumes is None


@pytest.mark.parametrize(
    ("left", "entry", "resumes"),
    [
        (Left.CAPTURE, EntryStep.INTEGRATION, 2),
        (Left.WORKSPACE, EntryStep.AGENT, 2),
        (Left.NOTHING, EntryStep.AGENT, None),
    ],
)
def test_accepting_a_rewritten_target_goes_on_with_what_there_is(
    left: Left, entry: EntryStep, resumes: int | None
) -> None:
    release = release_of(effect_of(B.TARGET_REWRITTEN, R.ACCEPT), attempt=2, left=left)
    assert release == Release(entry=entry, resumes=resumes, adopts_target=True)


def test_edit_needs_no_capture_to_enter_at_the_checks() -> None:
    effect = effect_of(B.MERGE_CONFLICT, R.EDIT)
    release = release_of(effect, attempt=1, left=Left.WORKSPACE)
    assert release == Release(entry=EntryStep.CHECKS, resumes=1)


def test_a_failed_dependency_is_tried_again_and_its_dependents_get_no_attempt() -> None:
    release = release_of(
        effect_of(B.DEPENDENCY_FAILED, R.RETRY), attempt=4, left=Left.NOTHING, guidance="mind x"
    )
    assert release == Release(reruns_dependency=True, guidance="mind x")


ACCEPTED = Release(entry=EntryStep.INTEGRATION, resumes=1)
EDITED = Release(entry=EntryStep.CHECKS, resumes=1)
ANSWERED = Release(resumes=1, grants_retry=True, guidance="yes")
ANEW = Release(grants_retry=True, guidance="smaller")


@pytest.mark.parametrize("releases", list(itertools.permutations([ACCEPTED, EDITED, ANEW])))
def test_the_most_careful_of_several_answers_counts_whatever_their_order(
    releases: tuple[Release, ...],
) -> None:
    assert joined(releases) == ANEW


def test_words_are_joined_once_each() -> None:
    together = joined([ANSWERED, ANSWERED, ANEW])
    assert together.guidance == "yes\n\nsmaller"


def test_starting_anew_is_not_overruled_by_going_on() -> None:
    assert joined([ANSWERED, ANEW]).resumes is None
    assert joined([ANSWERED, ANSWERED]).resumes == 1


def test_one_cancel_cancels() -> None:
    assert joined([ACCEPTED, Release(cancels=True)]).cancels


def test_every_effect_of_several_answers_is_kept() -> None:
    flags = ("gate_passed", "reruns_dependency", "adopts_target", "grants_retry")
    parts = [ACCEPTED, *(Release(**{flag: True}) for flag in flags)]  # type: ignore[arg-type] # by name
    together = joined(parts)
    assert all(getattr(together, flag) for flag in flags)


def test_a_note_releases_nothing_and_changes_no_other_answer() -> None:
    note = Release(notes_only=True)
    assert joined([note]) == note
    assert joined([note, ACCEPTED]) == ACCEPTED
