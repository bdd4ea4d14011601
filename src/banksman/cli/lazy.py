"""Commands that are imported when they are called, and not before.

`banksman --version` and `banksman status` must answer at once; the libraries that a run needs
take longer to import than either takes to answer. This is the one place that imports by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from banksman.cli.text import clean
from banksman.config.words import suggestion


class Entry(NamedTuple):
    """Where a command is, and what it does in a few words.

    Attributes:
        module: The module that holds it.
        attribute: Its name there.
        summary: The line that help and completion show without importing it.
    """

    module: str
    attribute: str
    summary: str


# Whatever the module has: who asks knows what it is.
def load(module: str, attribute: str) -> Any:  # noqa: ANN401 - see above
    """Return what a module holds under a name, importing it now."""
    return getattr(import_module(module), attribute)


class LazyGroup(click.Group):
    """A group of commands by name and place.

    Args:
        table: Commands by name, in the order in which help lists them.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - handed on to click as they are
        table: Mapping[str, Entry],
        **kwargs: Any,  # noqa: ANN401 - handed on to click as they are
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = load(entry.module, entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with, and the rest of them.

        Raises:
            UsageError: There is none of that name; the nearest is named.
        """
        name = args[0]
        if name not in self.table and not name.startswith("-") and not ctx.resilient_parsing:
            near = suggestion(name, self.table) or "."
            message = f"there is no command {clean(name)!r}{near}"
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.table.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, without importing them."""
        commands = [
            CompletionItem(name, help=entry.summary)
            for name, entry in self.table.items()
            if name.startswith(incomplete)
        ]
        # What every command completes: its options.
        return commands + click.Command.shell_complete(self, ctx, incomplete)
