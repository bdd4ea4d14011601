"""Tables of settings: what becomes a check, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from banksman.checks import checks_from
from banksman.checks.command import CommandCheck
from banksman.checks.syntax import SyntaxCheck
from banksman.checks.tests import JUnitCheck
from banksman.core.quality import Stage
from banksman.exceptions import InputException
from banksman.ports import Check, ProcessEnd
from tests.unit.checks.check_bench import FakeExecutor

PYTEST = ["python", "-m", "pytest", "--junitxml={junit}"]

NO_SETTING = "checks.mine.{} is no setting of this check. Known are {}."
NEEDS_REPORT = (
    "checks.mine.command needs {junit} where the report goes, or `junit` names a glob of it."
)
NO_ENV: tuple[object, ...] = ([], {"A": 1}, {"": "x"}, {"A=B": "x"}, {"A": "\0"}, {1: "x"})


def made(tables: dict[str, dict[str, object]], *, outfit: str = "") -> tuple[Check, ...]:
    return checks_from(
        tables,
        executor=FakeExecutor(lambda _: ProcessEnd(how="lost")),
        artefacts=Path("artefacts"),
        environment={},
        outfit=outfit,
    )


def refused(settings: dict[str, object]) -> str:
    with pytest.raises(InputException) as refusal:
        made({"mine": settings})
    return str(refusal.value)


def test_each_type_of_table_becomes_its_check_in_order() -> None:
    checks = made(
        {
            "tests": {
                "type": "tests",
                "command": PYTEST,
                "timeout_min": 5,
                "env": {"A": "1"},
                "required": False,
            },
            "java": {"type": "tests", "command": ["mvn"], "junit": "target/*.xml"},
            "syntax": {"type": "syntax", "exclude": ["tests/broken/**"]},
            "lint": {"type": "command", "command": ["ruff", "check"], "stage": "requirements"},
            "build": {"type": "command", "command": ("make",)},
        }
    )
    assert [(one.name, one.stage, one.required, one.compares) for one in checks] == [
        ("tests", Stage.TESTS, False, True),
        ("java", Stage.TESTS, True, True),
        ("syntax", Stage.SYNTAX, True, False),
        ("lint", Stage.REQUIREMENTS, True, False),
        ("build", Stage.QUALITY, True, False),
    ]
    tests, java, syntax, lint, _ = checks
    assert isinstance(tests, JUnitCheck)
    assert (tests.runner.command, tests.runner.timeout_min) == (tuple(PYTEST), 5.0)
    assert tests.runner.env == {"A": "1"}
    assert isinstance(java, JUnitCheck)
    assert java.junit == "target/*.xml"
    assert isinstance(syntax, SyntaxCheck)
    assert syntax.exclude == ("tests/broken/**",)
    assert isinstance(lint, CommandCheck)
    assert len({one.tool for one in checks}) == len(checks)


def test_no_result_is_found_again_with_another_outfit() -> None:
    tables: dict[str, dict[str, object]] = {
        "syntax": {"type": "syntax"},
        "tests": {"type": "tests", "command": PYTEST},
        "lint": {"type": "command", "command": ["ruff"]},
    }
    one, same, other = (made(tables, outfit=outfit) for outfit in ("a", "a", "b"))
    assert [check.tool for check in one] == [check.tool for check in same]
    assert not {check.tool for check in one} & {check.tool for check in other}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "checks.mine.type is ''. Known are 'syntax', 'tests', 'command'."),
        ({"type": "test"}, "checks.mine.type is 'test'. Did you mean 'tests'?"),
        ({"type": 3}, "checks.mine.type must be a text."),
        (
            {"type": "syntax", "exlude": []},
            "checks.mine.exlude is no setting of this check. Did you mean 'exclude'?",
        ),
        (
            {"type": "syntax", "x\x1b[31m": 1},
            NO_SETTING.format("x[31m", "'type', 'required', 'exclude'"),
        ),
        ({"type": "syntax", "exclude": "a"}, "checks.mine.exclude must be a list of texts."),
        ({"type": "syntax", "exclude": [1]}, "checks.mine.exclude must be a list of texts."),
        (
            {"type": "syntax", "required": "yes"},
            "checks.mine.required must be true or false.",
        ),
        (
            {"type": "tests"},
            "checks.mine.command must be a program and its arguments, as a list.",
        ),
        (
            {"type": "tests", "command": ["", "{junit}"]},
            "checks.mine.command must be a program and its arguments, as a list.",
        ),
        (
            {"type": "tests", "command": ["a\0", "{junit}"]},
            "checks.mine.command must be a program and its arguments, as a list.",
        ),
        (
            {"type": "tests", "command": "pytest {junit}"},
            "checks.mine.command must be a list of texts.",
        ),
        (
            {"type": "tests", "command": ["pytest"]},
            NEEDS_REPORT,
        ),
        (
            {"type": "tests", "command": PYTEST, "junit": "a.xml"},
            NEEDS_REPORT,
        ),
        (
            {"type": "tests", "command": ["mvn"], "junit": "/tmp/*.xml"},
            "checks.mine.junit must lie below the checkout.",
        ),
        (
            {"type": "tests", "command": ["mvn"], "junit": "../*.xml"},
            "checks.mine.junit must lie below the checkout.",
        ),
        (
            {"type": "tests", "command": ["mvn"], "junit": "**a/x"},
            "checks.mine.junit is no glob.",
        ),
        (
            {"type": "tests", "command": ["mvn"], "junit": "."},
            "checks.mine.junit is no glob.",
        ),
        *(
            (
                {"type": "command", "command": ["a"], "timeout_min": value},
                "checks.mine.timeout_min must be a number above 0 and at most 1440 minutes.",
            )
            for value in (0, -1, True, "5", float("nan"), float("inf"), 1441)
        ),
        *(
            (
                {"type": "command", "command": ["a"], "env": value},
                "checks.mine.env must be a table of texts by name.",
            )
            for value in NO_ENV
        ),
        (
            {"type": "command", "command": ["a"], "stage": "qualty"},
            "checks.mine.stage is 'qualty'. Did you mean 'quality'?",
        ),
        (
            {"type": "command", "command": ["a"], "junit": "x"},
            NO_SETTING.format(
                "junit",
                "'type', 'required', 'command', 'stage', 'timeout_min', 'env', 'network'",
            ),
        ),
    ],
)
def test_each_mistake_is_told_with_check_and_key(
    settings: dict[str, object], message: str
) -> None:
    assert refused(settings) == message
