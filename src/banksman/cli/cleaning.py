"""`banksman clean`: room on the disk."""

from __future__ import annotations

import click

from banksman.app.cleaning import Cleaned, clean
from banksman.cli.here import Here, Number, examples, json_option
from banksman.cli.tables import on_terminal, print_json, print_rows


@click.command("clean", epilog=examples("banksman clean --dry-run", "banksman clean --days 7"))
@click.option("--dry-run", is_flag=True, help="Remove nothing; show what would go.")
@click.option(
    "--days",
    type=Number(0, 36_500),
    default=30,
    show_default=True,
    help="Age from which on the full outputs of checks go.",
)
@json_option(Cleaned)
@click.pass_obj
def clean_(here: Here, *, dry_run: bool, days: int, as_json: bool) -> None:
    """Remove what finished attempts left: workspaces, spools, old outputs of checks.

    Work is saved under private refs before its workspace goes. What a task that goes on may
    need stays; the list says what and why. No engine may run meanwhile.
    """
    config = None if here.config is None else here.path(here.config)
    cleaned = clean(here.place(), here.environ, config=config, days=days, dry=dry_run)
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
