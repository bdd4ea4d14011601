"""How sure the engine is that the work is right: five features, a weight each, one number.

The weights are a prior, chosen and not learned; with few outcomes known the number is called
uncalibrated and decides nothing (`core.decision`). Every feature lies in [0, 1] and is
monotone: more of what speaks for the work never lowers it. What is not known counts as if it
spoke for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from banksman.core.evidence import Evidence, Thresholds

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "evidence_strength": 0.35,
        "validation": 0.25,
        "quality": 0.25,
        "complexity": 0.10,
        "history": 0.05,
    }
)
"""By feature; they add up to 1."""


def features_of(evidence: Evidence, thresholds: Thresholds) -> dict[str, float]:
    """Return each feature's value in [0, 1], by the names of `WEIGHTS`."""
    return {
        "evidence_strength": _evidence_strength(evidence),
        "validation": _validation(evidence),
        "quality": evidence.score,
        "complexity": _simplicity(evidence, thresholds),
        "history": (evidence.similar_right + 1) / (evidence.similar_seen + 2),
    }


def confidence_of(features: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return Σ w·f / Σ w, in [0, 1]; each feature has a weight and some weight is above 0."""
    reached = sum(weights[name] * value for name, value in features.items())
    # Rounding may leave a hair above 1.
    return min(1.0, reached / sum(weights[name] for name in features))


def _evidence_strength(evidence: Evidence) -> float:
    """Return how far the checks exercised the change.

    0.2 if tests ran at all, 0.4 × the share of changed lines that they execute, and 0.4 if a
    test passes with the change that does not without it. Nothing exercises an empty change.
    """
    if evidence.change_empty:
        return 0.0
    ran = 0.2 if evidence.tests_passed else 0.0
    witnessed = 0.4 if evidence.tests_newly_passing else 0.0
    return ran + 0.4 * (evidence.lines_covered or 0.0) + witnessed


def _validation(evidence: Evidence) -> float:
    """Return how well the work stood up to what was asked of it.

    0 after an error or a failed required check; else the share of tests that pass (½ if none
    ran), divided by 1 + tests that newly fail + checks that broke.
    """
    if evidence.error is not None or evidence.required_failed:
        return 0.0
    ran = evidence.tests_passed + evidence.tests_failed
    share = evidence.tests_passed / ran if ran else 0.5
    return share / (1 + evidence.tests_newly_failing + evidence.checks_broken)


def _simplicity(evidence: Evidence, thresholds: Thresholds) -> float:
    """Return 1 for the smallest change, ½ for one that is large in lines or in files.

    Each file outside what the plan expected, and each merge conflict, weighs as much as
    another large change.
    """
    large = evidence.lines_changed / thresholds.lines_large
    wide = evidence.files_changed / thresholds.files_large
    return 1 / (1 + max(large, wide) + evidence.outside_touches + evidence.conflicts)
