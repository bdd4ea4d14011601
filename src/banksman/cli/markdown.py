"""A report as Markdown, in which nothing that agents or tools said has any effect.

Foreign text stands in code spans alone: there no markup, link, mention or HTML is obeyed. It is
made harmless for terminals, too, since that is where a report is read first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from banksman.app.reporting import Report, TaskReport
from banksman.cli.phrases import phrase_of
from banksman.cli.text import clean
from banksman.cli.views import moment, question_of, totals_of
from banksman.core.budget import dollars
from banksman.core.clocks import span
from banksman.core.records import CheckResult
from banksman.core.task import TaskStatus
from banksman.stores.views import AgentUsage

TEXT_CHARS_MAX: Final = 300
LISTED_MAX: Final = 200
"""Tasks in one part; the rest is counted."""

_SHORT: Final = 10


def report_lines(report: Report) -> Iterator[str]:
    """Yield the lines of a report."""
    took = span(max(0, report.until - report.since) // 1000)
    yield f"# Report on {code(report.project.name)}"
    yield ""
    yield f"From {moment(report.since)} to {moment(report.until)} ({took}); {_state(report)}."
    yield f"All tasks: {totals_of(report.counts).words()}."
    yield ""
    waits = f"{len(report.waiting)} wait{'s' if len(report.waiting) == 1 else ''} for you"
    yield (
        f"**{len(report.done)} done** since then; {waits}, {len(report.failed)} failed or "
        f"cancelled, {len(report.left)} left. {_spent(report.total)}."
    )
    for head, lines in (
        ("Waits for you", _waiting(report)),
        ("Failed or cancelled", _failed(report.failed)),
        ("Done", _done(report)),
        ("Left to do", _left(report.left)),
        ("What happened on the way", _happened(report)),
        ("Cost by agent", _costs(report.usage)),
    ):
        found = list(lines)
        if found:
            yield from ("", f"## {head}", "", *found)


def code(text: str, *, in_table: bool = False) -> str:
    r"""Return foreign text as a code span that it cannot end; nothing for no text.

    Examples:
        >>> code("a `b` @c"), code("x | y", in_table=True), code("`")
        ('``a `b` @c``', '`x \\| y`', '`` ` ``')
    """
    shown = " ".join(clean(text).split())
    if len(shown) > TEXT_CHARS_MAX:
        shown = f"{shown[: TEXT_CHARS_MAX - 1]}…"
    if not shown:
        return ""
    if in_table:
        # Inside a table, and there alone, this is obeyed even in code.
        shown = shown.replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    gap = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{gap}{shown}{gap}{fence}"


def _state(report: Report) -> str:
    if report.engine:
        return "the run goes on"
    limit = f", {report.limit}" if report.limit else ""
    return f"the run is over: {report.end}{limit}" if report.end else "no engine runs"


def _spent(usage: AgentUsage) -> str:
    tokens = usage.input_tokens + usage.output_tokens
    return f"Spent: {usage.turns} turns, {tokens:,} tokens, {dollars(usage.cost_microusd)}"


def _waiting(report: Report) -> Iterator[str]:
    for one in report.waiting:
        question = question_of(one.event, {one.event.task_id: one.key})
        head = f"**{one.key}**, breakpoint {question.id} ({question.type})"
        yield f"- {head}: {code(question.message)}"
        yield f"  Answer: `{question.command}`"


def _failed(tasks: Iterable[TaskReport]) -> Iterator[str]:
    for task in tasks:
        error = f" ({task.error})" if task.error else ""
        yield f"- **{task.key}** {code(task.title)} {task.status}{error}: {code(task.reason)}"
        yield f"  {_took(task)}; more: `banksman task show {task.key}`"
        if task.status is TaskStatus.FAILED:
            yield f"  Once more: `banksman task retry {task.key}`"


def _done(report: Report) -> Iterator[str]:
    if not report.done:
        return
    yield "| task | title | commit | attempts | agent | time | cost | checks |"
    yield "| --- | --- | --- | --: | --- | --: | --: | --- |"
    for task in report.done[:LISTED_MAX]:
        cells = (
            task.key,
            code(task.title, in_table=True),
            f"`{task.commit[:_SHORT]}`" if task.commit else "",
            str(task.attempts),
            code(task.agent, in_table=True),
            span(task.duration_ms // 1000),
            dollars(task.cost_microusd),
            "; ".join(map(_check, task.checks)),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from _more(report.done)
    yield f"All of it is on {code(report.project.target)}: `banksman land --preview`."


def _left(tasks: Sequence[TaskReport]) -> Iterator[str]:
    for task in tasks[:LISTED_MAX]:
        why = f": {code(task.reason)}" if task.reason else ""
        yield f"- **{task.key}** {code(task.title)} {task.status}{why}"
    yield from _more(tasks)


def _happened(report: Report) -> Iterator[str]:
    if report.retries:
        yield f"- Tried again: {report.retries} times."
    if report.rate_limits:
        yield f"- Rate limits met: {report.rate_limits}."
    for one in report.happenings:
        why = f": {code(one.reason)}" if one.reason else ""
        yield f"- {moment(one.at)} {phrase_of(one.kind)}{why}"


def _costs(usage: Iterable[AgentUsage]) -> Iterator[str]:
    rows = tuple(usage)
    if not rows:
        return
    yield "| agent | turns | time | read | written | cost |"
    yield "| --- | --: | --: | --: | --: | --: |"
    for one in rows:
        took = span(one.duration_ms // 1000)
        yield (
            f"| {code(one.agent, in_table=True)} | {one.turns} | {took} | {one.input_tokens:,} "
            f"| {one.output_tokens:,} | {dollars(one.cost_microusd)} |"
        )


def _took(task: TaskReport) -> str:
    by = f" by {code(task.agent)}" if task.agent else ""
    attempts = f"{task.attempts} attempt{'' if task.attempts == 1 else 's'}"
    return f"{attempts}{by}, {span(task.duration_ms // 1000)}, {dollars(task.cost_microusd)}"


def _check(result: CheckResult) -> str:
    counts = (
        (result.passed, "passed"),
        (result.failed, "failed"),
        (result.skipped, "skipped"),
        (result.errors, "errors"),
    )
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{code(result.check, in_table=True)} {result.status}{f' ({told})' if told else ''}"


def _more(tasks: Sequence[TaskReport]) -> Iterator[str]:
    if len(tasks) > LISTED_MAX:
        yield f"… and {len(tasks) - LISTED_MAX} more: `banksman status`."
