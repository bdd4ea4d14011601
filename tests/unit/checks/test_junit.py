"""JUnit XML in the dialects of its writers, and in the hands of an enemy."""

from __future__ import annotations

from pathlib import Path

import pytest

from banksman.checks import junit
from banksman.checks.junit import Case, Limits, UnreadableReportException, read_cases

ROOT = Path("/checkout")


def cases(*reports: str, limits: Limits | None = None) -> tuple[Case, ...]:
    return read_cases([report.encode() for report in reports], ROOT, limits)


def one(inner: str) -> Case:
    (case,) = cases(f"<testsuites><testsuite>{inner}</testsuite></testsuites>")
    return case


PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1"
 tests="5" time="0.02" timestamp="x" hostname="h">
<testcase classname="tests.test_a" name="test_ok" time="0.001" />
<testcase classname="tests.test_a.TestB" name="test_bad[1-2]" time="0.001">
<failure message="assert 1 == 2&#10; +  where 1 = f()">def test_bad():
&gt;       assert 1 == 2
E       assert 1 == 2

tests/test_a.py:14: AssertionError</failure></testcase>
<testcase classname="tests.test_a" name="test_skip"><skipped type="pytest.skip"
 message="later">tests/test_a.py:20: later</skipped></testcase>
<testcase classname="tests.test_a" name="test_x"><error message="failed on setup">E   boom
tests/conftest.py:3: ValueError</error></testcase>
<testcase classname="" name="tests.test_broken"><error message="collection failure">E   no
</error></testcase>
</testsuite></testsuites>"""


def test_what_pytest_writes_is_read_test_by_test() -> None:
    assert cases(PYTEST) == (
        Case(name="tests.test_a::test_ok", outcome="passed"),
        Case(
            name="tests.test_a.TestB::test_bad[1-2]",
            outcome="failed",
            message="assert 1 == 2 + where 1 = f() (tests/test_a.py:14)",
        ),
        Case(
            name="tests.test_a::test_skip",
            outcome="skipped",
            message="later (tests/test_a.py:20)",
        ),
        Case(
            name="tests.test_a::test_x",
            outcome="error",
            message="failed on setup (tests/conftest.py:3)",
        ),
        Case(name="tests.test_broken", outcome="error", message="collection failure"),
    )


@pytest.mark.parametrize("count", ['failures="3"', 'errors="1"', 'failures="0" errors="2"'])
@pytest.mark.parametrize("inner", ['<testcase name="a"/>', "", "<failure>of nobody</failure>"])
def test_a_report_that_counts_failures_and_shows_none_is_refused(
    count: str, inner: str
) -> None:
    suite = f'<testsuite name="s" tests="4" {count}>{inner}</testsuite>'
    around = '<testsuite><testcase name="b"><failure/></testcase></testsuite>'
    for report in (
        suite,
        f"<testsuites>{around}{suite}</testsuites>",
        f"<testsuites {count}><testsuite>{inner}</testsuite></testsuites>",
        f"<testsuite>{suite}{around}</testsuite>",
    ):
        with pytest.raises(UnreadableReportException, match="failed tests, but shows none"):
            cases(report)


@pytest.mark.parametrize(
    "inner",
    [
        '<testcase name="a"><failure/></testcase>',
        '<testcase name="a" status="failed"/>',
        '<testcase name="a"><skipped type="todo"/><failure/></testcase>',
        '<testsuite><testcase name="a"><failure/><error/></testcase></testsuite>',
    ],
)
def test_counts_need_not_add_up_where_something_failed(inner: str) -> None:
    (case,) = cases(f'<testsuites failures="9" errors="x">{inner}</testsuites>')
    assert case.name.endswith("a")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_reports_in_other_encodings_are_read(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    report = f'{head}<testsuite><testcase name="é"/></testsuite>'.encode(encoding)
    assert read_cases([report], ROOT) == (Case(name="é", outcome="passed"),)


def test_an_encoding_that_cannot_be_told_is_refused() -> None:
    report = '<?xml version="1.0" encoding="utf-16-le"?><testsuite/>'.encode("utf-16-le")
    with pytest.raises(UnreadableReportException, match="is refused: multi-byte encodings"):
        read_cases([report], ROOT)


NODE = """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
<testcase name="adds" time="0.001" classname="test"/>
<testsuite name="outer" time="0.003" disabled="0" errors="0" tests="2" failures="1" skipped="0">
<testcase name="adds" time="0.001" classname="test"/>
<testsuite name="inner" time="0.001" disabled="0" errors="0" tests="1" failures="1" skipped="0">
<testcase name="adds" time="0.001" classname="test" failure="1 == 2">
<failure type="testCodeFailure" message="1 == 2">
Error [ERR_TEST_FAILURE]: 1 == 2
</failure></testcase></testsuite></testsuite>
<testcase name="divides" time="0.001" classname="test" failure="x">
<skipped type="todo" message="true"/>
<failure type="testCodeFailure" message="x">
[Error [ERR_TEST_FAILURE]: x]
</failure></testcase>
<testcase name="/checkout/broken.test.js" time="0.1" classname="test" failure="test failed">
<failure type="testCodeFailure" message="test failed"></failure></testcase>
<!-- tests 5 -->
</testsuites>"""


def test_tests_of_nodes_own_runner_are_named_by_their_suites() -> None:
    assert {case.name: case.outcome for case in cases(NODE)} == {
        "test::adds": "passed",
        "outer::adds": "passed",
        "outer > inner::adds": "failed",
        "test::divides": "skipped",
        "test::broken.test.js": "failed",
    }


def test_a_bare_suite_and_suites_within_suites_are_read() -> None:
    inner = '<testcase name="a"/><testsuite><testcase name="b"/></testsuite>'
    assert [case.name for case in cases(f"<testsuite>{inner}</testsuite>")] == ["a", "b"]


@pytest.mark.parametrize(
    ("children", "outcome"),
    [
        ("", "passed"),
        ("<system-out>printed</system-out>", "passed"),
        ("<failure/>", "failed"),
        ("<error/>", "error"),
        ("<skipped/>", "skipped"),
        ("<skipped/><failure/>", "failed"),
        ('<skipped type="todo"/><failure/>', "skipped"),
        ("<failure/><error/>", "error"),
    ],
)
def test_the_worst_of_a_tests_results_counts(children: str, outcome: str) -> None:
    assert one(f'<testcase name="a">{children}</testcase>').outcome == outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("run", "passed"),
        ("notrun", "skipped"),
        ("disabled", "skipped"),
        ("Skipped", "skipped"),
        ("suppressed", "skipped"),
        ("fail", "failed"),
        ("failed", "failed"),
        ("failure", "failed"),
        ("error", "error"),
    ],
)
def test_a_status_in_an_attribute_counts_where_no_result_stands(
    status: str, outcome: str
) -> None:
    assert one(f'<testcase name="a" status="{status}"/>').outcome == outcome


def test_a_file_is_part_of_the_name_and_the_checkouts_own_path_is_not() -> None:
    case = one(f'<testcase file="{ROOT}/web/a.test.ts" classname="{ROOT}/web A" name="adds"/>')
    assert case.name == "web/a.test.ts::web A::adds"
    assert one('<testcase file="./a.ts" name="adds"/>').name == "a.ts::adds"


def test_the_path_is_taken_out_also_where_the_checkout_lies_behind_a_link(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to("real")
    report = (
        f'<testsuite><testcase file="{tmp_path.resolve()}/real/a.ts" name="n"/></testsuite>'
    )
    assert read_cases([report.encode()], tmp_path / "way")[0].name == "a.ts::n"


def test_tests_of_one_name_are_numbered_over_all_reports() -> None:
    report = '<testsuite><testcase classname="c" name="a"/></testsuite>'
    double = f"<testsuite>{report}{report}</testsuite>"
    assert [case.name for case in cases(double, report)] == ["c::a", "c::a #2", "c::a #3"]


def test_names_and_messages_are_one_printable_line_each() -> None:
    case = one(
        '<testcase classname="c" name="a&#10;b&#x202e;c"><failure message="'
        "&#10;[31mred  line" + "x" * 5000 + '"/></testcase>'
    )
    assert case.name == "c::a bc"
    assert case.message.startswith("[31mred line")
    assert case.message.isprintable()
    assert len(case.message) <= 400


def test_a_failure_without_a_message_tells_its_last_line() -> None:
    assert one('<testcase name="a"><failure>one\ntwo\n\n</failure></testcase>').message == "two"
    assert (
        one('<testcase name="a"><failure>a.py:3: Boom</failure></testcase>').message
        == "a.py:3: Boom"
    )


def test_utf_16_is_read() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><testsuite><testcase name="é"/></testsuite>'
    assert read_cases([text.encode("utf-16")], ROOT)[0].name == "é"


BOMB = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""


@pytest.mark.parametrize(
    ("report", "why"),
    [
        ("", "is no XML"),
        ("\0", "is no XML"),
        ("<testsuite>", "is no XML"),
        ("<testsuite></testsuites>", "is no XML"),
        ("<html/>", "is no JUnit report: it begins with 'html'"),
        ("<testcase name='a'/>", "is no JUnit report"),
        (BOMB, "is refused"),
        ("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><testsuite/>", "is refused"),
        ('<?xml version="1.0" encoding="no-such"?><testsuite/>', "is refused"),
        ('<?xml version="1.0" encoding="utf-7"?><testsuite/>', "is refused"),
        ("<testsuite>" + "<a>" * 100 + "</a>" * 100 + "</testsuite>", "is too deep"),
    ],
)
def test_what_is_no_report_is_refused_with_why(report: str, why: str) -> None:
    with pytest.raises(UnreadableReportException) as refused:
        cases(report)
    assert refused.value.why.startswith(why)
    assert refused.value.why.isprintable()


def test_the_numbers_of_tests_and_elements_are_bounded() -> None:
    few = Limits(cases_max=3, elements_max=20)
    assert len(cases("<testsuite>" + "<testcase/>" * 3 + "</testsuite>", limits=few)) == 3
    with pytest.raises(UnreadableReportException, match="more than 3 tests"):
        cases("<testsuite>" + "<testcase/>" * 4 + "</testsuite>", limits=few)
    with pytest.raises(UnreadableReportException, match="too many elements"):
        cases("<testsuite>" + "<a/>" * 20 + "</testsuite>", limits=few)


def test_tests_within_tests_are_each_counted_once_and_cost_nothing_more() -> None:
    nested = "<testcase>" * 40 + "<failure/>" + "</testcase>" * 40
    outcomes = [case.outcome for case in cases(f"<testsuite>{nested}</testsuite>")]
    assert outcomes == ["failed"] + ["passed"] * 39


def test_a_report_in_many_pieces_is_read_whole() -> None:
    long = "x" * (2 * junit.CHUNK_BYTES)
    first = f'<testcase name="a"><failure message="{long}"/></testcase>'
    report = f'<testsuite>{first}<testcase name="b"/></testsuite>'
    assert [(case.name, case.outcome) for case in cases(report)] == [
        ("a", "failed"),
        ("b", "passed"),
    ]
