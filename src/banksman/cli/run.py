"""`banksman run`: run the plan, and show how it goes."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from banksman.app.reads import Place, is_begun, open_project
from banksman.app.running import PlanRun, RunRequest, plan_run
from banksman.cli.answers import DetachAnswer, EndAnswer, EventAnswer
from banksman.cli.detaching import announce, detach_run
from banksman.cli.ending import print_end
from banksman.cli.following import Look, Screen, follow, look_at
from banksman.cli.here import Here, Number, examples, json_option
from banksman.cli.logs import open_log
from banksman.cli.screens import screen_for
from banksman.cli.status import UNCONFINED
from banksman.cli.text import clean
from banksman.cli.views import Progress
from banksman.exceptions import InputException, StoreException
from banksman.orchestration.engine import RunEnd
from banksman.orchestration.plan_import import Imported

log = logging.getLogger(__name__)

EXIT_CODES: Final = {
    RunEnd.COMPLETED: 0,
    RunEnd.WAITING: 3,
    RunEnd.CAPPED: 3,
    RunEnd.FAILED: 4,
    RunEnd.INTERRUPTED: 130,
}
_NAMED_MAX: Final = 5


@click.command(
    epilog=examples(
        "banksman run",
        "banksman run --parallel 8 --no-wait",
        "banksman run night.yaml --json > events.jsonl",
        "banksman run --detach",
    )
)
@click.argument("plan", metavar="[PLAN]", required=False, type=click.Path(path_type=Path))
@click.option("--parallel", type=Number(1, 256), help="Attempts at the same time.")
@click.option("--no-wait", is_flag=True, help="End when only a person can move the plan.")
@click.option("--prune", is_flag=True, help="Cancel tasks that PLAN no longer names.")
@click.option("--base", metavar="BRANCH", help="Your branch to start from, on the first run.")
@click.option("--max-cost", metavar="USD", type=float, help="Dollars this run may spend.")
@click.option("--max-tokens", metavar="N", type=int, help="Tokens this run may spend.")
@click.option("--max-minutes", metavar="TIME", help="How long it may go on.")
@click.option("--max-turns", metavar="N", type=int, help="Prompts it may give to agents.")
@click.option(
    "--detach", is_flag=True, help="Go on in the background; return when it has begun."
)
@click.option(
    "--no-sandbox", is_flag=True, help="Let agents and checks do all that you can do."
)
@json_option(EventAnswer, lines=True, last=EndAnswer, instead={"--detach": DetachAnswer})
@click.pass_context
def run(
    ctx: click.Context,
    /,
    plan: Path | None,
    *,
    parallel: int | None,
    no_wait: bool,
    prune: bool,
    base: str | None,
    detach: bool,
    no_sandbox: bool,
    as_json: bool,
    **limits: float | str | None,
) -> None:
    """Run PLAN, or go on with it; plan.yaml unless another one is named.

    Ctrl-C lets the attempts that run come to their end; a second one stops them and saves
    their work. The same command goes on from there, as it does after a crash.

    What the run may spend is said in banksman.toml or by --max-…; when a limit is reached it
    starts nothing more, and ends when nothing works any more, all work kept.

    Exit codes: 0 all completed, 2 bad input, 3 waits for a person (--no-wait) or has spent
    what it may, 4 failed or cancelled work remains, 130 interrupted.
    """
    here: Here = ctx.obj
    if detach and not here.behind:
        ctx.exit(detach_run(here.place(), as_json=as_json))
    request = RunRequest(
        start=here.start,
        environ=here.environ,
        plan=None if plan is None else here.path(plan),
        config=None if here.config is None else here.path(here.config),
        parallel=parallel,
        wait=not no_wait,
        limits={name.removeprefix("max_"): _number(value) for name, value in limits.items()},
        prune=prune,
        base=base,
        sandbox=False if no_sandbox else None,
    )
    end = asyncio.run(_run(request, here, as_json=as_json, colour=ctx.color is not False))
    ctx.exit(EXIT_CODES[end])


async def _run(request: RunRequest, here: Here, *, as_json: bool, colour: bool) -> RunEnd:
    known = _known_lines(here.place())
    async with plan_run(request) as project:
        open_log(here.place())
        if not project.confined:
            click.secho(UNCONFINED, fg="red", bold=True, err=True)
        for line in _news(project.imported):
            click.echo(clean(line), err=True)
        with open_project(here.place()) as (reader, stored):
            look = look_at(reader, stored.id, after=known)
            with screen_for(as_json=as_json, colour=colour) as screen:
                seen: Screen = _Lenient(screen)
                end = await _shown(project, look, announce(here, seen) if here.behind else seen)
            with suppress(OSError):
                print_end(reader, stored.id, end.value, as_json=as_json)
    return end


def _known_lines(place: Place) -> int | None:
    """Return how far the journal goes before this run; none if that cannot be read yet."""
    if not is_begun(place):
        return 0
    # A store of an older version is brought up to date by the run itself.
    with suppress(StoreException, InputException), open_project(place) as (reader, _):
        return reader.revision()
    return None


async def _shown(project: PlanRun, look: Look, screen: Screen) -> RunEnd:
    """Run to the end and show it meanwhile; signals drain, then stop."""
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(follow(look, screen, ended))
        end = await _driven(project)
        ended.set()
    return end


async def _driven(project: PlanRun) -> RunEnd:
    loop = asyncio.get_running_loop()
    interrupts = _Interrupts(project)
    loop.add_signal_handler(signal.SIGINT, interrupts.interrupt)
    loop.add_signal_handler(signal.SIGTERM, interrupts.stop)
    try:
        return await project.run()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)


class _Interrupts:
    """What signals do to a run."""

    def __init__(self, project: PlanRun) -> None:
        self._project = project
        self._drains = False
        self._stops = False

    def interrupt(self) -> None:
        """Drain at first; stop when asked again."""
        if self._drains:
            self.stop()
            return
        self._drains = True
        _say("Finishing the attempts that run; Ctrl-C again stops them and saves their work.")
        self._project.drain()

    def stop(self) -> None:
        """Stop; being asked again changes nothing."""
        if self._stops:
            return
        self._stops = True
        _say("Stopping the attempts that run; their work is saved.")
        self._project.stop()


class _Lenient:
    """A screen whose reader may go away, or whose disk be full: the run goes on without it."""

    def __init__(self, screen: Screen) -> None:
        self._screen: Screen | None = screen

    def show(self, events: tuple[EventAnswer, ...], progress: Progress) -> None:
        """Show it, if somebody still looks."""
        if self._screen is None:
            return
        try:
            self._screen.show(events, progress)
        except BrokenPipeError:
            self._screen = None
        except OSError:
            log.warning("screen.not_shown", exc_info=True)


def _number(value: float | str | None) -> float | str | None:
    """Return what an option gave, as a file would give it: a text of digits is a number."""
    with suppress(ValueError):
        return float(value) if isinstance(value, str) else value
    return value


def _say(line: str) -> None:
    with suppress(OSError):  # The terminal may be gone; the run must still end well.
        click.echo(line, err=True)


def _news(imported: Imported) -> Iterator[str]:
    """Yield what reading the plan did, if it did anything."""
    parts = [
        f"{len(keys)} {word}"
        for word, keys in (
            ("added", imported.added),
            ("changed", imported.changed),
            ("cancelled", imported.cancelled),
        )
        if keys
    ]
    if parts:
        yield f"Plan: {', '.join(parts)}."
    if imported.kept:
        shown = ", ".join(imported.kept[:_NAMED_MAX])
        more = " …" if len(imported.kept) > _NAMED_MAX else ""
        yield f"Not in the plan any more, kept: {shown}{more} (--prune cancels them)."
