"""A plan as a picture: levels for a terminal, DOT for Graphviz, Mermaid for pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from banksman.cli.text import clean
from banksman.config.planned import PlannedTask

Edges = Mapping[str, Sequence[str]]
"""For each task, the keys of the tasks that it needs; without a circle."""


def levels(edges: Edges) -> tuple[tuple[str, ...], ...]:
    """Return the tasks by level: each needs only tasks of the levels before its own.

    Examples:
        >>> levels({"c": ("a", "b"), "b": ("a",), "a": ()})
        (('a',), ('b',), ('c',))
    """
    found: list[tuple[str, ...]] = []
    missing = {key: set(needs) for key, needs in edges.items()}
    while missing:
        level = tuple(key for key, needs in missing.items() if not needs)
        assert level, "a plan that was read has no circle"
        found.append(level)
        for key in level:
            del missing[key]
        for needs in missing.values():
            needs.difference_update(level)
    return tuple(found)


def dot(tasks: Sequence[PlannedTask]) -> Iterator[str]:
    """Yield the lines of a directed graph in the language of Graphviz."""
    yield "digraph plan {"
    yield "  rankdir=LR;"
    yield "  node [shape=box];"
    for task in tasks:
        label = _quoted(f"{task.spec.key}: {task.spec.title}")
        yield f"  {_quoted(task.spec.key)} [label={label}];"
    for task in tasks:
        for need in task.needs:
            yield f"  {_quoted(need)} -> {_quoted(task.spec.key)};"
    yield "}"


def mermaid(tasks: Sequence[PlannedTask]) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart."""
    # Keys may be words of Mermaid's own, such as `end`; numbers cannot.
    names = {task.spec.key: f"t{number}" for number, task in enumerate(tasks, start=1)}
    yield "flowchart LR"
    for task in tasks:
        label = _entities(clean(f"{task.spec.key}: {task.spec.title}"))
        yield f'  {names[task.spec.key]}["{label}"]'
    for task in tasks:
        for need in task.needs:
            yield f"  {names[need]} --> {names[task.spec.key]}"


def _quoted(text: str) -> str:
    escaped = clean(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _entities(text: str) -> str:
    """Return text in which nothing is markup, written as Mermaid writes characters."""
    return "".join(f"#{ord(one)};" if one in '#"<>&`;[]{}()|' else one for one in text)
