"""What no single task can show: unknown names, tasks that need themselves, circles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from banksman.config.planned import PlannedTask
from banksman.config.problems import Document, KeyPath, Problems
from banksman.config.words import quoted, suggestion

_WALK_MAX: Final = 12


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A task that is right in itself, with its name for people and its place.

    Attributes:
        task: The task.
        label: Such as `task "build" (tasks[3])`.
        document: Knows the places.
        under: Where the task stands in the document.
    """

    task: PlannedTask
    label: str
    document: Document
    under: KeyPath


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names a plan may use; none stands for any name.

    Attributes:
        tasks: Keys of all tasks, also of those that are wrong in themselves.
        agents: Configured agents.
        checks: Configured checks.
    """

    tasks: Collection[str]
    agents: Collection[str] | None
    checks: Collection[str] | None


def check_entries(entries: Sequence[Entry], names: Names, problems: Problems) -> None:
    """Add a problem for each unknown name, each need of itself and each circle."""
    for entry in entries:
        if problems.full:
            return
        for path, sentence in _wrong_names(entry, names):
            mark = entry.document.mark((*entry.under, *path))
            problems.add(mark, f"{entry.label}: {sentence}")
    _check_circles(entries, problems)


def _wrong_names(entry: Entry, names: Names) -> Iterator[tuple[KeyPath, str]]:
    spec = entry.task.spec
    for number, need in enumerate(entry.task.needs):
        path: KeyPath = ("needs", number)
        if need == spec.key:
            yield path, "needs itself; take that out"
        elif need not in names.tasks:
            near = suggestion(need, names.tasks)
            yield path, f"needs {quoted(need)}, and there is no such task{near}"
    if names.agents is not None and spec.agent and spec.agent not in names.agents:
        yield ("agent",), _unknown("agent", spec.agent, names.agents)
    if names.checks is not None:
        for number, check in enumerate(spec.checks):
            if check not in names.checks:
                yield ("checks", number), _unknown("check", check, names.checks)


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    near = suggestion(name, known) or f"; add [{kind}s.{name}] there"
    return f"there is no {kind} {quoted(name)} in the configuration{near}"


def _check_circles(entries: Sequence[Entry], problems: Problems) -> None:
    by_key = {entry.task.spec.key: entry for entry in entries}
    for walk in _circles({key: entry.task.needs for key, entry in by_key.items()}):
        if problems.full:
            return
        first = by_key[walk[0]]
        steps = [f"{quoted(key)} (line {by_key[key].task.line})" for key in walk[:_WALK_MAX]]
        left = len(walk) - len(steps)
        middle = f" needs {left:,} more, the last of which" if left else ""
        round_ = f"{' needs '.join(steps)}{middle} needs {quoted(walk[0])}"
        mark = first.document.mark((*first.under, "needs"))
        problems.add(mark, f"tasks need one another in a circle: {round_}; take one need out")


def _circles(needs: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield circles of two and more, such that without one edge of each there is none."""
    done: set[str] = set()
    for start in needs:
        if start not in done:
            yield from _circles_from(start, needs, done)


def _circles_from(
    start: str, needs: Mapping[str, Sequence[str]], done: set[str]
) -> Iterator[list[str]]:
    """Go depth first, with a stack of its own: a chain may be as long as the plan."""
    walk: dict[str, Iterator[str]] = {start: iter(needs[start])}
    while walk:
        key = next(reversed(walk))
        need = next(walk[key], None)
        if need is None:
            del walk[key]
            done.add(key)
        elif need in walk and need != key:
            names = list(walk)
            yield names[names.index(need) :]
        elif need in needs and need not in walk and need not in done:
            walk[need] = iter(needs[need])
