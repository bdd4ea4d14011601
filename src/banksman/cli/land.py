"""`banksman land`: finished work onto a branch of the user's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import click

from banksman.app.landing import land_target, preview_landing
from banksman.cli.answers import LandAnswer
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import on_terminal, print_json
from banksman.cli.text import clean
from banksman.exceptions import InputException
from banksman.workspaces.landing import Landing, Way

_LISTED_MAX: Final = 50
_SHORT: Final = 10


@click.command(
    epilog=examples(
        "banksman land --preview", "banksman land --yes", "banksman land --into develop"
    )
)
@click.option("--into", metavar="BRANCH", help="Your branch; the one the project began on.")
@click.option(
    "--preview", "--dry-run", "only_preview", is_flag=True, help="Show what would be done."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option(LandAnswer)
@click.pass_obj
def land(here: Here, *, into: str | None, only_preview: bool, yes: bool, as_json: bool) -> None:
    """Bring the target branch, with all finished work, onto your branch.

    Your branch goes forward, or gets a merge commit; all or nothing. What you have not
    committed is never overwritten. No other command moves a branch of yours.
    """
    place = here.place()
    landing = preview_landing(place, here.environ, into=into)
    if not as_json:
        for line in _told(landing):
            click.echo(clean(line))
    if not only_preview and landing.way is not Way.NOTHING:
        # What cannot be done is refused without a question.
        if not (yes or landing.conflicts or landing.obstacles or landing.unfinished):
            _ask(landing)
        landing = land_target(place, here.environ, into=into)
        if not as_json:
            click.echo(clean(f"{landing.branch} has all of {landing.target} now."))
    if as_json:
        print_json(_answer(landing, landed=not only_preview))


def _ask(landing: Landing) -> None:
    if not (on_terminal() and sys.stdin.isatty()):
        raise InputException(
            message="nobody can be asked here.", hint="Say --yes to land, --preview to look."
        )
    click.confirm(clean(f"Bring this onto {landing.branch}?"), abort=True)


def _told(landing: Landing) -> Iterator[str]:
    if landing.way is Way.NOTHING:
        yield f"{landing.branch} has all of {landing.target} already."
        return
    yield f"{landing.target} → {landing.branch} ({landing.way}):"
    for commit, subject in landing.commits[:_LISTED_MAX]:
        yield f"  {commit[:_SHORT]} {subject}"
    if len(landing.commits) > _LISTED_MAX:
        yield f"  … and {len(landing.commits) - _LISTED_MAX} more"
    if landing.foreign:
        yield f"Made by no task ({len(landing.foreign)}):"
    for one in landing.foreign[:_LISTED_MAX]:
        yield f"  {one.commit[:_SHORT]} {one.subject}"
    added = sum(change.added for change in landing.changes)
    deleted = sum(change.deleted for change in landing.changes)
    yield f"{len(landing.changes)} files, {added} lines added, {deleted} deleted"
    if landing.conflicts:
        yield f"In conflict: {', '.join(landing.conflicts)}"
    if landing.obstacles:
        yield f"In the way in {landing.place}: {', '.join(landing.obstacles)}"
    if landing.unfinished:
        yield f"Under way on {landing.branch}: {landing.unfinished}"


def _answer(landing: Landing, *, landed: bool) -> LandAnswer:
    return LandAnswer(
        branch=landing.branch,
        target=landing.target,
        way=landing.way.value,
        landed=landed,
        commits=tuple(commit for commit, _ in landing.commits),
        foreign=tuple(one.commit for one in landing.foreign),
        changes=landing.changes,
        conflicts=landing.conflicts,
        obstacles=landing.obstacles,
        unfinished=landing.unfinished,
    )
