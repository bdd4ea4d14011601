"""Breakpoints: their types, and what each resolution of each type does.

The table is data: (type, resolution) → what the task does next. A pair that is absent makes no
sense and is refused with the ones that do. Which types fire when is `core.breakpoint_rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from banksman.core.task import EntryStep
from banksman.exceptions import CommandRefusedException


class Severity(StrEnum):
    """How much a breakpoint wants a person."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Resolution(StrEnum):
    """What a person answers."""

    ACCEPT = "accept"
    RETRY = "retry"
    EDIT = "edit"
    CANCEL = "cancel"


class BreakpointType(StrEnum):
    """The built-in rules."""

    ARCHITECTURE_DECISION = "architecture_decision"
    BREAKING_TEST_FAILURE = "breaking_test_failure"
    CONFLICTING_SOLUTIONS = "conflicting_solutions"
    MILESTONE_COMPLETION = "milestone_completion"
    RATE_LIMIT_HIT = "rate_limit_hit"
    TIME_THRESHOLD_EXCEEDED = "time_threshold_exceeded"
    CONFIDENCE_TOO_LOW = "confidence_too_low"
    CONSECUTIVE_FAILURES = "consecutive_failures"
    BUDGET_EXCEEDED = "budget_exceeded"
    MERGE_CONFLICT = "merge_conflict"
    TEST_TAMPERING = "test_tampering"
    PROTECTED_PATH = "protected_path"
    DEPENDENCY_FAILED = "dependency_failed"
    AGENT_QUESTION = "agent_question"
    AUDIT_SAMPLE = "audit_sample"
    TARGET_REWRITTEN = "target_rewritten"
    MANUAL = "manual"


_B = BreakpointType
_R = Resolution

SEVERITIES: Final[Mapping[BreakpointType, Severity]] = MappingProxyType(
    {
        _B.ARCHITECTURE_DECISION: Severity.HIGH,
        _B.BREAKING_TEST_FAILURE: Severity.HIGH,
        _B.CONFLICTING_SOLUTIONS: Severity.MEDIUM,
        _B.MILESTONE_COMPLETION: Severity.LOW,
        _B.RATE_LIMIT_HIT: Severity.LOW,
        _B.TIME_THRESHOLD_EXCEEDED: Severity.MEDIUM,
        _B.CONFIDENCE_TOO_LOW: Severity.MEDIUM,
        _B.CONSECUTIVE_FAILURES: Severity.HIGH,
        _B.BUDGET_EXCEEDED: Severity.HIGH,
        _B.MERGE_CONFLICT: Severity.MEDIUM,
        _B.TEST_TAMPERING: Severity.CRITICAL,
        _B.PROTECTED_PATH: Severity.CRITICAL,
        _B.DEPENDENCY_FAILED: Severity.HIGH,
        _B.AGENT_QUESTION: Severity.MEDIUM,
        _B.AUDIT_SAMPLE: Severity.LOW,
        _B.TARGET_REWRITTEN: Severity.CRITICAL,
        _B.MANUAL: Severity.MEDIUM,
    }
)


class Left(IntEnum):
    """What the attempt that a breakpoint stopped has left; each holds the one before."""

    NOTHING = 0
    WORKSPACE = 1
    CAPTURE = 2


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a resolution does, before the particular task is known.

    Attributes:
        entry: Where the next attempt starts.
        needs: What the stopped attempt must have left for this to make sense.
        resumes: Whether the next attempt continues the stopped one, if that left anything.
        grants_retry: Whether it grants exactly one more attempt.
        asks_guidance: Whether it is nothing without a person's words to the agent.
        gate_passed: Whether the task passes its manual gate.
        cancels: Whether the task is cancelled; for a failed dependency, its dependents.
        reruns_dependency: Whether the failed dependency is tried again.
        adopts_target: Whether the target branch's present tip is trusted from now on.
        notes_only: Whether nothing was stopped, so that nothing is released.
    """

    entry: EntryStep = EntryStep.AGENT
    needs: Left = Left.NOTHING
    resumes: bool = False
    grants_retry: bool = False
    asks_guidance: bool = False
    gate_passed: bool = False
    cancels: bool = False
    reruns_dependency: bool = False
    adopts_target: bool = False
    notes_only: bool = False


_INTEGRATE = Effect(entry=EntryStep.INTEGRATION, needs=Left.CAPTURE, resumes=True)
_RECHECK = Effect(entry=EntryStep.CHECKS, needs=Left.WORKSPACE, resumes=True)
_ANEW = Effect(grants_retry=True)
_GO_ON = Effect(grants_retry=True, resumes=True)
_CANCEL = Effect(cancels=True)

_JUDGED: Final = MappingProxyType(
    {_R.ACCEPT: _INTEGRATE, _R.RETRY: _ANEW, _R.EDIT: _RECHECK, _R.CANCEL: _CANCEL}
)
"""The work is done and was checked; a person says what is to become of it."""

_UNFINISHED: Final = MappingProxyType({_R.RETRY: _GO_ON, _R.EDIT: _RECHECK, _R.CANCEL: _CANCEL})
"""The work was cut short: no accept, since nothing has checked it. `edit` takes it as it is
through the checks; `retry` goes on where it was left."""

_BY_TYPE: Final[Mapping[BreakpointType, Mapping[Resolution, Effect]]] = MappingProxyType(
    {
        # The choice is made in the work: accept it, or say another and go on from there.
        _B.ARCHITECTURE_DECISION: {**_JUDGED, _R.RETRY: _GO_ON},
        # A person may know that the test was wrong; the journal keeps who said so.
        _B.BREAKING_TEST_FAILURE: _JUDGED,
        _B.CONFLICTING_SOLUTIONS: _JUDGED,
        _B.MILESTONE_COMPLETION: _JUDGED,
        # Notifies only: the task waits for the reset by itself. Trying at once meets the same
        # limit, and there is no work to edit.
        _B.RATE_LIMIT_HIT: {_R.ACCEPT: Effect(notes_only=True), _R.CANCEL: _CANCEL},
        _B.TIME_THRESHOLD_EXCEEDED: _UNFINISHED,
        _B.CONFIDENCE_TOO_LOW: _JUDGED,
        _B.CONSECUTIVE_FAILURES: _JUDGED,
        # Retry and edit grant the task its whole budget once more: of it only what the
        # attempts after the stopped one spend is counted, so that the answer is final. The
        # limits of the run and of the project hold on; they are set when one runs again.
        _B.BUDGET_EXCEEDED: _UNFINISHED,
        # What conflicts cannot be integrated, so no accept. Retry starts from the new tip:
        # carrying the old work over would carry the conflict along.
        _B.MERGE_CONFLICT: {_R.RETRY: _ANEW, _R.EDIT: _RECHECK, _R.CANCEL: _CANCEL},
        # The change to the tests may be meant; only a person can say so.
        _B.TEST_TAMPERING: _JUDGED,
        _B.PROTECTED_PATH: _JUDGED,
        # To run without a dependency is said in the plan (`on_dependency_failure: run`), and
        # the dependents have no work of their own yet: no accept, no edit.
        _B.DEPENDENCY_FAILED: {_R.RETRY: Effect(reruns_dependency=True), _R.CANCEL: _CANCEL},
        # Without an answer the agent would ask the same again.
        _B.AGENT_QUESTION: {
            **_UNFINISHED,
            _R.RETRY: Effect(grants_retry=True, resumes=True, asks_guidance=True),
        },
        _B.AUDIT_SAMPLE: _JUDGED,
        # Both trust the present tip: accept puts the work onto it, retry does the work again
        # from it. Whoever put the branch back says accept too. There is nothing to edit.
        _B.TARGET_REWRITTEN: {
            _R.ACCEPT: Effect(entry=EntryStep.INTEGRATION, resumes=True, adopts_target=True),
            _R.RETRY: Effect(grants_retry=True, adopts_target=True),
            _R.CANCEL: _CANCEL,
        },
        # Accept means `may start`, or `may go on` if a person stopped it in the middle. Only
        # then is there an attempt to repeat or a workspace to edit.
        _B.MANUAL: {
            _R.ACCEPT: Effect(gate_passed=True, resumes=True),
            _R.RETRY: Effect(
                gate_passed=True, grants_retry=True, resumes=True, needs=Left.WORKSPACE
            ),
            _R.EDIT: Effect(
                gate_passed=True,
                entry=EntryStep.CHECKS,
                resumes=True,
                needs=Left.WORKSPACE,
            ),
            _R.CANCEL: _CANCEL,
        },
    }
)

EFFECTS: Final[Mapping[tuple[BreakpointType, Resolution], Effect]] = MappingProxyType(
    {(kind, answer): effect for kind, row in _BY_TYPE.items() for answer, effect in row.items()}
)


def stops(kind: BreakpointType) -> bool:
    """Return whether a type stops its task; the others only tell a person something."""
    accept = EFFECTS.get((kind, Resolution.ACCEPT))
    return accept is None or not accept.notes_only


def sensible(kind: BreakpointType, left: Left = Left.CAPTURE) -> tuple[Resolution, ...]:
    """Return the resolutions that make sense for a type, given what the attempt left.

    Examples:
        >>> [str(answer) for answer in sensible(BreakpointType.MANUAL, Left.NOTHING)]
        ['accept', 'cancel']
    """
    effects = ((answer, EFFECTS.get((kind, answer))) for answer in Resolution)
    return tuple(answer for answer, effect in effects if effect and effect.needs <= left)


def effect_of(
    kind: BreakpointType, resolution: Resolution, left: Left = Left.CAPTURE
) -> Effect:
    """Return what a resolution does.

    Raises:
        CommandRefusedException: The pair makes no sense; the ones that do are named.
    """
    allowed = sensible(kind, left)
    if resolution in allowed:
        return EFFECTS[kind, resolution]
    lacks = "" if (kind, resolution) not in EFFECTS else ": the attempt left no work for it"
    raise CommandRefusedException(
        message=f"{resolution} makes no sense for a {kind} breakpoint{lacks}.",
        hint=f"Choose one of: {', '.join(allowed)}.",
    )


@dataclass(frozen=True, kw_only=True)
class Release:
    """What resolutions do to a particular task; the fields of `Effect`, made concrete.

    Attributes:
        entry: Where the next attempt starts.
        resumes: The attempt that it continues, if any.
        guidance: What its first prompt must say.
    """

    entry: EntryStep = EntryStep.AGENT
    resumes: int | None = None
    guidance: str = ""
    grants_retry: bool = False
    gate_passed: bool = False
    cancels: bool = False
    reruns_dependency: bool = False
    adopts_target: bool = False
    notes_only: bool = False


def release_of(effect: Effect, *, attempt: int, left: Left, guidance: str = "") -> Release:
    """Return what an effect does to a task that was stopped in its `attempt`."""
    # Only a rewritten target can be accepted without work: then the work is still to be done.
    entry = effect.entry if left is Left.CAPTURE or effect.needs else EntryStep.AGENT
    return Release(
        entry=entry,
        resumes=attempt if effect.resumes and left else None,
        guidance=guidance,
        grants_retry=effect.grants_retry,
        gate_passed=effect.gate_passed,
        cancels=effect.cancels,
        reruns_dependency=effect.reruns_dependency,
        adopts_target=effect.adopts_target,
        notes_only=effect.notes_only,
    )


_CAUTION: Final = tuple(EntryStep)
"""Entry steps, the most careful first: who starts earlier does all that the later one does."""


def joined(releases: Iterable[Release]) -> Release:
    """Return one release for all events that stopped a task: the most careful one counts.

    Whoever wants the work done again must not be overruled by whoever accepts another aspect
    of it. The releases are of one task and one attempt, oldest first; there is at least one.
    """
    stopping = [release for release in releases if not release.notes_only] or [
        Release(notes_only=True)
    ]
    first = min(stopping, key=lambda release: _CAUTION.index(release.entry))
    same = [release for release in stopping if release.entry is first.entry]
    # One that starts anew does not want the old work; continuing it would overrule that.
    resumes = first.resumes if all(r.resumes is not None for r in same) else None
    return Release(
        entry=first.entry,
        resumes=resumes,
        guidance="\n\n".join(dict.fromkeys(r.guidance for r in stopping if r.guidance)),
        grants_retry=any(r.grants_retry for r in stopping),
        gate_passed=any(r.gate_passed for r in stopping),
        cancels=any(r.cancels for r in stopping),
        reruns_dependency=any(r.reruns_dependency for r in stopping),
        adopts_target=any(r.adopts_target for r in stopping),
        notes_only=first.notes_only,
    )
