"""`banksman report`: what a run has done, what waits, and what it cost."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click

from banksman.app.reads import engine_lives, now, open_project
from banksman.app.reporting import Report, report_since
from banksman.cli.here import Here, examples, json_option
from banksman.cli.markdown import report_lines
from banksman.cli.tables import print_json
from banksman.core.clocks import span_ms
from banksman.core.records import Project
from banksman.core.task import Instant
from banksman.stores.reader import Reader

LAST_RUN: Final = "last run"


@click.command(
    epilog=examples(
        "banksman report > night.md",
        "banksman report --since 8h",
        "banksman report --since 2030-01-31T17:00 --json | jq .total",
    )
)
@click.option(
    "--since",
    metavar="WHEN",
    default=LAST_RUN,
    show_default=True,
    help='A span such as "8h", a time, or "last run".',
)
@json_option(Report)
@click.pass_obj
def report(here: Here, *, since: str, as_json: bool) -> None:
    """Sum up what was done, what waits for you, what failed, what is left, and the cost.

    It is Markdown, made to be pasted into a pull request or a mail: whatever agents and tools
    said is shown as it is, and does nothing there.
    """
    place = here.place()
    with open_project(place) as (reader, project):
        first = _first_line(reader, project, since)
        found = report_since(reader, project, first, now=now(), engine=engine_lives(place))
    if as_json:
        print_json(found)
        return
    for line in report_lines(found):
        click.echo(line)


def _first_line(reader: Reader, project: Project, since: str) -> int:
    """Return the line of the journal from which on something is told.

    Raises:
        BadParameter: That is no time.
    """
    words = " ".join(since.lower().replace("-", " ").split())
    if words == LAST_RUN:
        return reader.last_run(project.id)
    start = _time(since.strip(), now())
    # What comes after all that has happened is nothing.
    return reader.since(project.id, start) or reader.revision() + 1


def _time(text: str, at: Instant) -> Instant:
    ago_ms = span_ms(text)
    if ago_ms is not None:
        return Instant(at - ago_ms)
    try:
        # Without a zone it is the time of the clock on the wall.
        return Instant(round(datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        message = f'must be a span such as "8h", a time, or "{LAST_RUN}", not {text!r:.80}.'
        raise click.BadParameter(message, param_hint="--since") from None
