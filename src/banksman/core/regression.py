"""Tests compared, one by one, with what they did on the base.

The rule is simple and strict: a test that passed and now fails, a new test that fails, a test
that is no longer run and a test that is gone are each worse than before. The last two are
excused only in files that the task may change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from itertools import takewhile
from typing import Final

from banksman.core.globs import matches_any
from banksman.core.quality import CheckStatus, Comparison, Verdict

_BROKEN: Final = frozenset({"failed", "error"})


class Fate(Enum):
    """What became of a test; `Comparison` has a field for each."""

    NEWLY_FAILING = auto()
    ADDED_FAILING = auto()
    NEWLY_SKIPPED = auto()
    VANISHED = auto()
    EXCUSED = auto()
    NEWLY_PASSING = auto()
    STILL_FAILING = auto()


def case_name(*, file: str = "", classname: str = "", name: str = "") -> str:
    """Return the identity of a test: where it is and what it is called.

    Examples:
        >>> case_name(classname="tests.test_prices.TestVat", name="test_rounds")
        'tests.test_prices.TestVat::test_rounds'
    """
    return "::".join(part for part in (file, classname, name) if part)


def compare_cases(
    base: Mapping[str, str] | None, branch: Mapping[str, str], *, may_change: Sequence[str] = ()
) -> Comparison:
    """Compare two runs of the same tests, test by test.

    Args:
        base: Outcome (`passed failed skipped error`) by test on the base; None if it is not
            known, and then every failing test counts as failing.
        branch: Outcome by test on the attempt's work.
        may_change: Globs of test files that the task may change.
    """
    if base is None:
        failing = (case for case, outcome in branch.items() if outcome in _BROKEN)
        return Comparison(baseline_known=False, newly_failing=tuple(sorted(failing)))
    cases: dict[Fate, list[str]] = {fate: [] for fate in Fate}
    for case in sorted(base.keys() | branch.keys()):
        fate = _fate(base.get(case), branch.get(case))
        if fate in {Fate.NEWLY_SKIPPED, Fate.VANISHED} and _may_change(case, may_change):
            fate = Fate.EXCUSED
        if fate is not None:
            cases[fate].append(case)
    return Comparison(
        newly_failing=tuple(cases[Fate.NEWLY_FAILING]),
        added_failing=tuple(cases[Fate.ADDED_FAILING]),
        newly_skipped=tuple(cases[Fate.NEWLY_SKIPPED]),
        vanished=tuple(cases[Fate.VANISHED]),
        excused=tuple(cases[Fate.EXCUSED]),
        newly_passing=tuple(cases[Fate.NEWLY_PASSING]),
        still_failing=tuple(cases[Fate.STILL_FAILING]),
    )


def _fate(before: str | None, now: str | None) -> Fate | None:
    if now is None:
        return None if before == "error" else Fate.VANISHED
    if now in _BROKEN:
        if before is None:
            return Fate.ADDED_FAILING
        return Fate.STILL_FAILING if before in _BROKEN else Fate.NEWLY_FAILING
    if now == "skipped":
        return None if before in {None, "skipped"} else Fate.NEWLY_SKIPPED
    return None if before == "passed" else Fate.NEWLY_PASSING


def _may_change(case: str, globs: Sequence[str]) -> bool:
    """Return whether a test is in a file that one of the globs names.

    Runners name the file, or a dotted class such as `tests.test_prices.TestVat`, of which the
    parts before the first capital are taken for a Python module.
    """
    place = case.partition("::")[0]
    parts = takewhile(lambda part: not part[:1].isupper(), place.split("."))
    files = (place, "/".join(parts) + ".py")
    return any(matches_any(file, globs) for file in files)


def judge(verdict: Verdict, comparison: Comparison) -> Verdict:
    """Return the verdict of a test run as the comparison with the base makes it.

    What failed before and fails still is a warning. A run that broke stays broken: there is
    nothing to compare.
    """
    if verdict.status is CheckStatus.ERROR:
        return verdict
    status = verdict.status
    if comparison.regressions:
        status = CheckStatus.FAIL
    elif comparison.still_failing:
        status = CheckStatus.WARN
    told = "; ".join((verdict.message, *_summary(comparison)))
    return replace(verdict, status=status, message=told, comparison=comparison)


def _summary(comparison: Comparison) -> Iterator[str]:
    """Yield how many tests went which way, and whether there was a base to compare with."""
    known = comparison.baseline_known
    if not known:
        yield "the baseline is unknown, so every failing test counts"
    counted = {
        "failing that did not before" if known else "failing": comparison.newly_failing,
        "new and failing": comparison.added_failing,
        "no longer run": comparison.newly_skipped,
        "gone": comparison.vanished,
        "skipped or gone where the task may change tests": comparison.excused,
        "failing as before": comparison.still_failing,
    }
    yield from (f"{len(cases)} {what}" for what, cases in counted.items() if cases)
