"""JUnit XML, the one report that all test runners write, in all its dialects.

A report is written by code under test, so it may be anything: it is bounded before it is
parsed, and declares no entities and no document type. What tests are called and what they say
is cleaned, and how many there are is counted here. What a report itself adds up is not believed
either, but one that claims failures without showing any is: something that failed is not in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol, cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree as SafeElementTree
from junitparser import Attr, Error, Failure, Skipped, TestCase

from banksman.checks.text import plain_line
from banksman.core.regression import case_name

REPORT_BYTES_MAX: Final = 32 << 20
CHUNK_BYTES: Final = 1 << 20
NAME_CHARACTERS_MAX: Final = 400

_ROOTS: Final = frozenset({"testsuites", "testsuite"})
_LOCATION: Final = re.compile(r"([^\s:]+:\d+): \S")
# Node's own runner gives all tests this class, and says in nested suites where they belong.
_NO_CLASS: Final = "test"
# Some runners write what became of a test into an attribute, and no element below it.
_STATUS: Final = {
    "notrun": "skipped",
    "disabled": "skipped",
    "skipped": "skipped",
    "suppressed": "skipped",
    "fail": "failed",
    "failed": "failed",
    "failure": "failed",
    "error": "error",
}


_COUNT: Final = re.compile(r"\d{1,9}")


class UnreadableReportException(Exception):
    """A report that is no JUnit XML; `why` continues a sentence that begins with it."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a report is read before it is refused."""

    cases_max: int = 200_000
    elements_max: int = 1_000_000
    depth_max: int = 50


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test: its outcome is `passed`, `failed`, `skipped` or `error`."""

    name: str
    outcome: str
    message: str = ""


def read_cases(
    reports: Iterable[bytes], root: Path, limits: Limits | None = None
) -> tuple[Case, ...]:
    """Return the tests of all reports, each with a name of its own.

    Args:
        reports: XML texts; a test that occurs again gets a number behind its name.
        root: The checkout; its path is taken out of names, which must not change with it.

    Raises:
        UnreadableReportException: One is no JUnit XML, is hostile, or has too many tests.
    """
    limits = limits or Limits()
    prefixes = (f"{root.resolve()}/", f"{root}/")
    seen: Counter[str] = Counter()
    cases: list[Case] = []
    for report in reports:
        for case in _cases(report, prefixes, limits):
            seen[case.name] += 1
            nth = seen[case.name]
            name = case.name if nth == 1 else f"{case.name} #{nth}"
            cases.append(Case(name=name, outcome=case.outcome, message=case.message))
            if len(cases) > limits.cases_max:
                raise UnreadableReportException(why=f"has more than {limits.cases_max} tests")
    return tuple(cases)


def _cases(report: bytes, prefixes: tuple[str, ...], limits: Limits) -> Iterator[Case]:
    try:
        for element, suites in _elements(report, limits):
            yield _case(_parsed(element), suites, prefixes)
            # Its outer elements hold on to it; what it holds is not needed any more.
            element.clear()
    except ParseError as error:
        raise UnreadableReportException(why=f"is no XML: {plain_line(str(error))}") from None
    except (ValueError, LookupError) as error:  # Entities, a document type, an encoding.
        raise UnreadableReportException(why=f"is refused: {plain_line(str(error))}") from None


@dataclass(kw_only=True)
class _Suite:
    """A suite that is being read.

    Attributes:
        path: Its name behind those of the suites that it is in.
        claimed: How many failures and errors it says it has.
        broken: A test that failed was seen in it.
    """

    path: str = ""
    claimed: int = 0
    broken: bool = False

    def inner(self, element: Element) -> _Suite:
        """Return the suite in this one that begins here."""
        # What holds all suites has the name of a tool or a project.
        name = element.get("name") if element.tag == "testsuite" else ""
        path = " > ".join(filter(None, (self.path, name)))
        counts = (element.get(what) or "" for what in ("failures", "errors"))
        claimed = sum(int(count) for count in counts if _COUNT.fullmatch(count))
        return _Suite(path=path[:NAME_CHARACTERS_MAX], claimed=claimed)

    def close(self, inner: _Suite) -> None:
        """Take note of a suite in this one that is over.

        Raises:
            UnreadableReportException: It claims failures and shows none.
        """
        if inner.claimed and not inner.broken:
            why = f"counts {inner.claimed} failed tests, but shows none that failed"
            raise UnreadableReportException(why=why)
        self.broken |= inner.broken


def _elements(report: bytes, limits: Limits) -> Iterator[tuple[Element, str]]:
    """Yield the elements of tests as they end, within bounds of depth and number.

    With each come the names of the suites that it is in, outermost first.
    """
    depth = count = 0
    suites = [_Suite()]
    parsed: Iterable[tuple[str, Element]] = SafeElementTree.iterparse(
        _Chunks(report), events=("start", "end"), forbid_dtd=True
    )
    for event, element in parsed:
        if event == "end":
            depth -= 1
            if element.tag == "testcase":
                suites[-1].broken |= _is_broken(element)
                yield element, suites[-1].path
            elif element.tag in _ROOTS:
                suites[-2].close(suites.pop())
            continue
        depth += 1
        count += 1
        if count == 1 and element.tag not in _ROOTS:
            begin = f"{element.tag!a:.60}"
            raise UnreadableReportException(why=f"is no JUnit report: it begins with {begin}")
        if depth > limits.depth_max or count > limits.elements_max:
            raise UnreadableReportException(why="is too deep or has too many elements")
        if element.tag in _ROOTS:
            suites.append(suites[-1].inner(element))


def _is_broken(element: Element) -> bool:
    """Return whether a test has anything that somebody may have counted as a failure."""
    told = _STATUS.get((element.get("status") or "").lower())
    return told in {"failed", "error"} or any(
        child.tag in {"failure", "error"} for child in element
    )


def _case(case: _Parsed, suites: str, prefixes: tuple[str, ...]) -> Case:
    owner = suites or case.classname if case.classname == _NO_CLASS else case.classname
    names = (case.file, owner, case.name)
    file, classname, name = (_name(text or "", prefixes) for text in names)
    outcome, message = _outcome(case)
    return Case(
        name=case_name(file=file.removeprefix("./"), classname=classname, name=name),
        outcome=outcome,
        message=message,
    )


class _Chunks(BytesIO):
    """A report in pieces: small ones make long texts slow, large ones let deep trees grow."""

    def read(self, _size: int | None = -1) -> bytes:
        return super().read(CHUNK_BYTES)


class _Result(Protocol):
    """A failure, an error or a skip."""

    @property
    def type(self) -> str | None: ...
    @property
    def message(self) -> str | None: ...
    @property
    def text(self) -> str | None: ...


class _Parsed(Protocol):
    """What is used of a test case; the library itself is not typed."""

    @property
    def file(self) -> str | None: ...
    @property
    def status(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def classname(self) -> str | None: ...
    @property
    def result(self) -> list[_Result]: ...


class _Case(TestCase):
    """A test case with the attributes that only some dialects have."""

    file = Attr()
    status = Attr()


# The library has no types for this one.
_parsed = cast("Callable[[Element], _Parsed]", _Case.fromelem)  # pyright: ignore[reportUnknownMemberType]


def _name(text: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        text = text.replace(prefix, "")
    return plain_line(text, NAME_CHARACTERS_MAX)


def _outcome(case: _Parsed) -> tuple[str, str]:
    """Return the worst of a test's results and its message."""
    results = case.result
    # What Node's runner calls to be done counts as not run: it may fail.
    if undone := [one for one in results if isinstance(one, Skipped) and one.type == "todo"]:
        return "skipped", _message(undone[0])
    for kind, outcome in ((Error, "error"), (Failure, "failed"), (Skipped, "skipped")):
        for result in results:
            if isinstance(result, kind):
                return outcome, _message(result)
    return _STATUS.get((case.status or "").lower(), "passed"), ""


def _message(result: _Result) -> str:
    """Return what a failed test says, and where if the last line of its text tells."""
    last = (result.text or "").rstrip().rpartition("\n")[2]
    told = plain_line(result.message or last)
    place = _LOCATION.match(last)
    return f"{told} ({plain_line(place[1])})" if place and result.message else told
