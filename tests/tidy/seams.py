"""Seams: clock, chance, environment, process start and SQL have one home each.

The table says what is refused elsewhere, where its homes are, and what to take instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.tidy.names import Use, imported, used
from tests.tidy.sources import Finding, Rule, Source, each, in_package, in_tests, is_below


@dataclass(frozen=True, kw_only=True)
class Seam:
    """Names that are refused outside their homes.

    Attributes:
        what: What they stand for, as the beginning of a sentence.
        instead: What to take instead, as its end.
        names: Functions, and modules that stand for all they hold; their use is refused.
        modules: Modules of which the import alone is refused.
        homes: Packages and modules that may.
    """

    what: str
    instead: str
    names: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()


SEAMS: Final = (
    Seam(
        what="The clock",
        instead="take the time from the Clock passed in; core functions take `now`",
        names=(
            "time.time",
            "time.time_ns",
            "time.monotonic",
            "time.monotonic_ns",
            "time.perf_counter",
            "time.perf_counter_ns",
            "time.sleep",
            "datetime.datetime.now",
            "datetime.datetime.today",
            "datetime.datetime.utcnow",
            "datetime.date.today",
        ),
        homes=("banksman.app", "banksman.executors", "banksman.testing"),
    ),
    Seam(
        what="Chance",
        instead="take it as an argument (Chance, or an id that the caller made)",
        names=("random", "secrets", "uuid.uuid1", "uuid.uuid4", "os.urandom"),
        homes=("banksman.app", "banksman.testing"),
    ),
    Seam(
        what="The environment",
        instead="read it in banksman.config, and take the value as an argument",
        names=("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"),
        homes=("banksman.config", "banksman.executors"),
    ),
    Seam(
        what="Starting and ending processes",
        instead="use the Executor passed in",
        names=(
            "asyncio.create_subprocess_exec",
            "asyncio.create_subprocess_shell",
            "asyncio.subprocess.create_subprocess_exec",
            "os.execv",
            "os.execve",
            "os.execvp",
            "os.execvpe",
            "os.fork",
            "os.forkpty",
            "os.kill",
            "os.killpg",
            "os.popen",
            "os.posix_spawn",
            "os.posix_spawnp",
            "os.system",
        ),
        modules=("multiprocessing", "pty", "subprocess"),
        homes=(
            "banksman.executors",
            "banksman.workspaces",
            "banksman.checks",
            "banksman.testing.kill_at",  # Ends itself: that is what it is for.
        ),
    ),
    Seam(
        what="SQL",
        instead="use the Store passed in",
        modules=("sqlite3", "sqlalchemy", "alembic"),
        homes=("banksman.stores",),
    ),
    Seam(
        what="Printing",
        instead="return the value to banksman.cli, or log an event",
        names=("builtins.print",),
        homes=("banksman.cli",),
    ),
    Seam(
        what="Running text or bytes as code",
        instead="parse it into a value that is checked; YAML by `yaml.safe_load`",
        names=(
            "builtins.eval",
            "builtins.exec",
            "builtins.compile",
            "yaml.load",
            "yaml.load_all",
            "yaml.full_load",
            "yaml.unsafe_load",
        ),
        modules=("pickle", "marshal", "shelve"),
    ),
    Seam(
        what="A coroutine that nobody awaits",
        instead="start it on a TaskGroup",
        names=("asyncio.create_task", "asyncio.ensure_future"),
    ),
)

WAITS: Final = Seam(
    what="Sleeping in a test",
    instead="wait for an event, move the clock, or poll with what tests.waiting offers",
    names=("time.sleep",),
    homes=("tests.waiting",),
)


def crossings(seam: Seam, source: Source) -> Iterator[Finding]:
    """Yield each place where a module crosses the seam though it is not its home."""
    if source.within(*seam.homes):
        return
    allowed = f" outside {' and '.join(seam.homes)}" if seam.homes else ""
    for use in _refused(seam, source):
        yield Finding(
            source, use.line, f"{seam.what} is refused{allowed} ({use.name}): {seam.instead}"
        )


def _refused(seam: Seam, source: Source) -> Iterator[Use]:
    for use in used(source):
        if any(is_below(use.name, name) for name in seam.names):
            yield use
    for use in imported(source):
        if any(is_below(use.name, module) for module in seam.modules):
            yield use


def sample(name: str) -> str:
    """Return a module that uses a name, by its import or as a built-in function."""
    top, _, last = name.rpartition(".")
    if top == "builtins":
        return f"{last}('1')\n"
    first = name.partition(".")[0]
    return f"import {first}\n\nTHING = {name}\n"


def _rule(seam: Seam) -> Rule:
    (first, *_) = (*seam.names, *seam.modules)
    return Rule(
        name=f"{seam.what} has one home",
        applies=in_tests if seam is WAITS else in_package,
        check=each(partial(crossings, seam)),
        trips=({"banksman.core.sample": sample(first)},),
        spares=(
            *({home: sample(first)} for home in seam.homes),
            {"banksman.core.sample": "class Sample:\n    def eval(self) -> None: ...\n"},
        ),
    )


SEAM_RULES: Final = tuple(_rule(seam) for seam in (*SEAMS, WAITS))
