"""Following a project: what has happened since the last look, a few times a second.

`run`, `watch` and `log -f` look through the same reader at the same store; that `run` has its
engine in the same process makes no difference.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from banksman.app.reads import Feed, now
from banksman.cli.answers import EventAnswer
from banksman.cli.phrases import event_of
from banksman.cli.views import Progress, progress_of
from banksman.core.task import ProjectId
from banksman.stores.reader import Reader

LOOK_S: Final = 0.25

_CLAIMS: Final = frozenset({"run.begun", "claims.held", "claims.freed"})


class Screen(Protocol):
    """Shows what is followed."""

    def show(self, events: tuple[EventAnswer, ...], progress: Progress) -> None:
        """Show what has just happened, and where things stand now."""
        ...


@dataclass(kw_only=True)
class Look:
    """Looks at a project, again and again.

    Attributes:
        reader: An open store.
        project_id: The project.
        feed: Its journal from some point on.
        held: Why nothing more is started, as far as the journal was read.
    """

    reader: Reader
    project_id: ProjectId
    feed: Feed
    held: str

    def at(self, screen: Screen) -> None:
        """Show one look."""
        entries = self.feed.news()
        for entry in entries:
            if entry.kind in _CLAIMS:
                self.held = entry.reason if entry.kind == "claims.held" else ""
        status = self.reader.status(self.project_id)
        keys = {task.id: task.key for task in status.tasks}
        events = tuple(event_of(entry, keys) for entry in entries)
        stops = self.reader.breakpoints(self.project_id)
        progress = progress_of(status, stops, now(), held=self.held)
        screen.show(events, progress)


def look_at(reader: Reader, project_id: ProjectId, *, after: int | None = None) -> Look:
    """Return a look at all that happens from now on, or after a line of the journal."""
    known = reader.revision() if after is None else after
    feed = Feed(reader, project_id, after=known)
    held = reader.held(project_id)
    return Look(reader=reader, project_id=project_id, feed=feed, held=held)


async def follow(look: Look, screen: Screen, ended: asyncio.Event) -> None:
    """Show look after look until it has ended; the last look is after the end."""
    while not ended.is_set():
        look.at(screen)
        await pause_or(ended)
    look.at(screen)


async def pause_or(ended: asyncio.Event) -> None:
    """Return after the pause between two looks, or as soon as it has ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S):
            await ended.wait()
