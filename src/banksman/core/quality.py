"""Stages, check results and how they add up to a score and a gate."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The four stages, in the order in which they run."""

    SYNTAX = "syntax"
    REQUIREMENTS = "requirements"
    QUALITY = "quality"
    TESTS = "tests"


class CheckStatus(StrEnum):
    """What a check found; `error` means the check itself broke and never counts as a pass."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    SKIPPED = "skipped"
    ERROR = "error"
