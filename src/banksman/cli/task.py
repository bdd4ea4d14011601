"""`banksman task`: one task, shown or acted on."""

from __future__ import annotations

from typing import Final

import click

from banksman.cli.lazy import Entry, LazyGroup

TABLE: Final = {
    "add": Entry("banksman.cli.task_add", "add", "Add a task to those of the plan."),
    "show": Entry("banksman.cli.task_show", "show", "Show all that is recorded of a task."),
    "cancel": Entry("banksman.cli.task_acts", "cancel", "Cancel a task."),
    "block": Entry("banksman.cli.task_acts", "block", "Stop a task at a breakpoint."),
    "retry": Entry("banksman.cli.task_acts", "retry", "Grant a failed task one more attempt."),
}


@click.group(cls=LazyGroup, table=TABLE)
def task() -> None:
    """Show, add, cancel and retry tasks."""
