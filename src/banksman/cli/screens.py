"""How a run is shown: live on a terminal, line by line for programs, as JSON on request."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from banksman.cli.answers import EventAnswer
from banksman.cli.following import Screen
from banksman.cli.phrases import NOTABLE, told
from banksman.cli.tables import STATE_COLOURS, on_terminal, print_json_line
from banksman.cli.text import clean
from banksman.cli.views import Progress, Question, moment
from banksman.core.clocks import span

_OPENED: Final = frozenset({"task.breakpoint_opened", "task.attempt_blocked"})
"""Told as a question, with the commands that answer it."""


class JsonScreen:
    """One JSON object on each line, for every event."""

    def show(self, events: tuple[EventAnswer, ...], progress: Progress) -> None:
        """Print the events."""
        for event in events:
            print_json_line(event)


class LineScreen:
    """One line for each event of note: time, task, what; and for each question."""

    def __init__(self) -> None:
        self._asked: set[int] = set()

    def show(self, events: tuple[EventAnswer, ...], progress: Progress) -> None:
        """Print the events, then the questions that are new."""
        for event in events:
            if event.kind in NOTABLE - _OPENED:
                self._print(moment(event.at), event.task or "", told(event))
        for question in progress.questions:
            if question.id not in self._asked:
                self._asked.add(question.id)
                self._print(moment(question.opened_at), question.key, _asked(question))

    def _print(self, *cells: str) -> None:
        click.echo("\t".join(clean(cell) for cell in cells))


class LiveScreen:
    """Events scroll by; below them stands what is under way, redrawn at each look."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def show(self, events: tuple[EventAnswer, ...], progress: Progress) -> None:
        """Print the events and draw the progress."""
        for event in events:
            if event.kind in NOTABLE:
                self._console.print(_event_line(event))
        self._live.update(drawn(progress), refresh=True)


class _Console(Console):
    """A console whose terminal may go away without ending the process."""

    def on_broken_pipe(self) -> None:
        """Let the error go on to whoever draws."""
        raise  # noqa: PLE0704 - called while it is handled


def drawn(progress: Progress) -> Group:
    """Return what is under way as something that rich can draw; nothing in it is markup."""
    return Group(_attempts(progress), *_questions(progress.questions), _totals(progress))


@contextmanager
def screen_for(*, as_json: bool, colour: bool) -> Generator[Screen]:
    """Open the screen that fits; a terminal is given back as it was."""
    if as_json:
        yield JsonScreen()
        return
    console = _Console(no_color=not colour, highlight=False, markup=False, emoji=False)
    # Without a cursor that goes up nothing can be redrawn: a dumb terminal gets lines.
    if not on_terminal() or console.is_dumb_terminal:
        yield LineScreen()
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield LiveScreen(console, live)


def _attempts(progress: Progress) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for line in progress.attempts:
        turn = f", turn {line.turn}" if line.turn else ""
        table.add_row(
            Text(clean(line.key), style=STATE_COLOURS["running"]),
            Text(f"attempt {line.attempt}{turn}"),
            Text(span(line.elapsed_s), justify="right"),
            Text(clean(line.waits_for)),
        )
    for delay in progress.delays:
        table.add_row(
            Text(clean(delay.key), style=STATE_COLOURS["retrying"]),
            Text("retry"),
            Text(span(delay.in_s), justify="right"),
            Text(clean(f"waits: {delay.reason}" if delay.reason else "waits")),
        )
    return table


def _questions(questions: tuple[Question, ...]) -> Iterator[Text]:
    for question in questions:
        head = (clean(f"{question.key} waits for you: "), STATE_COLOURS["blocked"])
        yield Text.assemble(head, clean(question.message))
        yield Text(f"  {question.command}", style="bold")


def _totals(progress: Progress) -> Text:
    paused = "; paused, `banksman resume` goes on" if progress.paused else ""
    held = f"; nothing more is started: {clean(progress.held)}" if progress.held else ""
    spent = f"; spent {progress.spent}" if progress.spent else ""
    return Text(f"{progress.totals.words()}{spent}{paused}{held}", style="dim")


def _event_line(event: EventAnswer) -> Text:
    colour = STATE_COLOURS[event.target] if event.target else "default"
    return Text.assemble(
        (f"{moment(event.at)[11:19]}  ", "dim"),
        (clean(event.task or ""), colour),
        f"  {clean(told(event))}",
    )


def _asked(question: Question) -> str:
    return f"waits for you: {question.message} ({question.command})"
