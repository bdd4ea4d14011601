"""The argument that names a task, by its key or its number, and how shells complete it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from banksman.app.reads import find_place, open_project
from banksman.cli.text import clean
from banksman.config.environment import environment
from banksman.exceptions import BanksmanException

F = TypeVar("F", bound=Callable[..., Any])


def task_argument(*, required: bool = True) -> Callable[[F], F]:
    """Return the decorator for the argument TASK, handed on as `name`."""
    return click.argument(
        "name", metavar="TASK", required=required, shell_complete=complete_task
    )


def complete_task(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the tasks whose keys begin so; none where there is nothing to read."""
    folder = ctx.find_root().params.get("folder") or Path()
    try:
        with open_project(find_place(folder, environment())) as (reader, project):
            tasks = reader.status(project.id).tasks
    except BanksmanException:
        # A completion that fails offers nothing: there is nobody to read a message.
        return []
    return [
        CompletionItem(task.key, help=clean(task.title))
        for task in tasks
        if task.key.startswith(incomplete)
    ]
