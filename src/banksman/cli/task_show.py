"""`banksman task show`: all that is recorded of one task."""

from __future__ import annotations

from collections.abc import Iterator

import click

from banksman.app.reads import Place, find_task, open_project, workspace_of
from banksman.cli.budget_words import words
from banksman.cli.here import Here, examples, json_option
from banksman.cli.tables import print_json, print_pairs
from banksman.cli.task_names import task_argument
from banksman.cli.text import clean
from banksman.cli.views import moment
from banksman.core.clocks import span
from banksman.core.records import Attempt, CheckResult
from banksman.core.task import TaskId
from banksman.stores.views import TaskDetails


@click.command(
    epilog=examples(
        "banksman task show parser", "banksman task show 7 --json | jq '.attempts[-1].message'"
    )
)
@task_argument()
@json_option(TaskDetails)
@click.pass_obj
def show(here: Here, name: str, *, as_json: bool) -> None:
    """Show all that is recorded of TASK, given by its key or number."""
    place = here.place()
    with open_project(place) as (reader, project):
        details = reader.task(find_task(reader, project.id, name))
        keys = {task.id: task.key for task in reader.status(project.id).tasks}
    if as_json:
        print_json(details)
        return
    _print_task(details, keys)
    for attempt in details.attempts:
        click.echo()
        for line in _attempt(details, attempt, place):
            click.echo(clean(line))


def _print_task(details: TaskDetails, keys: dict[TaskId, str]) -> None:
    task, spec = details.task, details.task.spec
    stops = [event.id for event in details.breakpoints if event.resolution is None]
    print_pairs(
        {
            "Task": f"{spec.key} ({task.id})",
            "Title": spec.title,
            "State": task.status.value,
            "Why": task.reason,
            "Breakpoints": ", ".join(
                f"{number}: banksman resolve {number}" for number in stops
            ),
            "Needs": ", ".join(keys.get(need, str(need)) for need in task.needs),
            "Kind": spec.kind.value,
            "Priority": spec.priority,
            "Deadline": "" if spec.deadline is None else moment(spec.deadline),
            "Agent": spec.agent,
            "Retries": f"{task.retries_used} used, {task.retries_left} left",
            "Spent": words(details.spent, details.limits),
            "Instructions": spec.instructions.strip(),
            "Acceptance": "; ".join(spec.acceptance),
        }
    )


def _attempt(details: TaskDetails, attempt: Attempt, place: Place) -> Iterator[str]:
    ended = attempt.ending.value if attempt.ending else f"under way, {attempt.step}"
    took = ""
    if attempt.ended_at is not None:
        took = f", {span(max(0, attempt.ended_at - attempt.started_at) // 1000)}"
    yield f"Attempt {attempt.number} ({moment(attempt.started_at)}{took}): {ended}"
    yield from (f"  {line}" for line in _facts(details, attempt))
    workspace = workspace_of(place, details.task.id, attempt.number)
    if workspace is not None:
        yield f"  workspace {workspace}"


def _facts(details: TaskDetails, attempt: Attempt) -> Iterator[str]:
    number = attempt.number
    if attempt.message:
        yield attempt.message
    for turn in details.turns:
        if turn.attempt == number:
            yield f"turn {turn.number}: {turn.outcome or 'under way'}"
    yield from (_check(result) for result in details.results if result.tree == attempt.tree)
    for decision in details.decisions:
        if decision.attempt == number:
            yield f"decision {decision.action}: {decision.explanation}"
    for change in details.changes:
        if change.attempt == number:
            yield f"{change.change} {change.path} (+{change.added} -{change.deleted})"


def _check(result: CheckResult) -> str:
    counts = (
        f"{count} {word}"
        for word, count in (
            ("passed", result.passed),
            ("failed", result.failed),
            ("skipped", result.skipped),
            ("errors", result.errors),
        )
        if count
    )
    # A message has the counts in it, where they say something.
    told = result.message or ", ".join(counts)
    return f"check {result.check}: {result.status}{f' ({told})' if told else ''}"
