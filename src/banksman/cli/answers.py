"""What `--json` prints where no record of the engine says it already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from banksman.core.records import BreakpointEvent, Project
from banksman.core.task import TaskStatus
from banksman.stores.views import TaskView


@dataclass(frozen=True, kw_only=True)
class StatusAnswer:
    """Where a project stands.

    Attributes:
        project: The project.
        engine: Whether an engine runs it now.
        revision: Grows with every change; equal revisions are equal answers.
        counts: Number of tasks by state, zeros included.
        tasks: All tasks by number.
        breakpoints: The breakpoints that are open.
        commands: Commands in the inbox that wait for an engine.
    """

    project: Project
    engine: bool
    revision: int
    counts: Mapping[TaskStatus, int]
    tasks: tuple[TaskView, ...]
    breakpoints: tuple[BreakpointEvent, ...]
    commands: int


@dataclass(frozen=True, kw_only=True)
class CommandAnswer:
    """What became of a command that writes.

    Attributes:
        id: Its number in the inbox.
        name: What was wished.
        applied: Whether it was applied; if not, it waits in the inbox for an engine.
        answer: What the engine answered, by name.
    """

    id: int
    name: str
    applied: bool
    answer: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class InitAnswer:
    """What `init` found and wrote.

    Attributes:
        plan: The plan's path.
        config: The configuration's path.
        languages: Languages found, with the runner of their tests.
        agents: Programs of agents that are installed.
        written: Whether the files were written.
    """

    plan: str
    config: str
    languages: Mapping[str, str]
    agents: tuple[str, ...]
    written: bool


@dataclass(frozen=True, kw_only=True)
class LintAnswer:
    """What is wrong with a plan and its configuration.

    Attributes:
        plan: The plan's path.
        tasks: Number of tasks, 0 if there are problems.
        problems: One sentence for each, with its place.
    """

    plan: str
    tasks: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GraphAnswer:
    """A plan as a graph.

    Attributes:
        levels: Keys of tasks; each level needs only tasks of those before it.
        edges: For each task, the keys of the tasks that it needs.
    """

    levels: tuple[tuple[str, ...], ...]
    edges: Mapping[str, tuple[str, ...]]
