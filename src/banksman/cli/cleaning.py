"""`banksman clean`: room on the disk."""

from __future__ import annotations

import click

from banksman.app.cleaning import Cleaned, clean
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import on_terminal, print_json, print_rows
from banksman.core.clocks import span_ms


@click.command(
    "clean", epilog=examples("banksman clean --dry-run", "banksman clean --older-than 30d")
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; show what would go.")
@click.option(
    "--older-than",
    metavar="AGE",
    help='Also what is older and of finished tasks: outputs of checks, saved work; "30d".',
)
@json_option(Cleaned)
@click.pass_obj
def clean_(here: Here, *, dry_run: bool, older_than: str | None, as_json: bool) -> None:
    """Remove what finished attempts left: workspaces, spools; if asked, what is old.

    Work is saved under private refs before its workspace goes; those refs stay unless an age
    is given, and then those of tasks that have failed stay all the same. What a task that goes
    on may need stays; the list says what and why. No engine may run meanwhile.
    """
    config = None if here.config is None else here.path(here.config)
    cleaned = clean(
        here.place(), here.environ, config=config, age_ms=_age_ms(older_than), dry=dry_run
    )
    if as_json:
        print_json(cleaned)
        return
    done = "would go" if dry_run else "removed"
    rows = [(done, item.kind, item.path, item.why) for item in cleaned.removed]
    rows += [("kept", item.kind, item.path, item.why) for item in cleaned.kept]
    if rows:
        print_rows(("", "WHAT", "WHERE", "WHY"), rows)
    elif on_terminal():
        click.echo("There is nothing to remove.")


def _age_ms(text: str | None) -> int | None:
    if text is None:
        return None
    age_ms = span_ms(text)
    if age_ms is None:
        message = f'must be a span such as "30d" or "12h", not {text!r:.80}.'
        raise click.BadParameter(message, param_hint="--older-than")
    return age_ms
