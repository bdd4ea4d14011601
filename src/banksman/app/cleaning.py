"""Removing what finished attempts left on disk.

Everything that matters is in the store and in git: workspaces are saved under private refs
before they go, spools whose ending is recorded say nothing new, and an output of a check that
is gone is made again by running the check. What anything under way may need stays.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from banksman.app.clock import SystemClock
from banksman.app.owning import owned
from banksman.app.reads import Place, open_project
from banksman.app.running import workspaces_root
from banksman.app.saved_work import Finished, forget_work, old_work, saved_work
from banksman.config.settings import Flags, Settings, load_settings
from banksman.core.names import workspace_name, workspace_owner
from banksman.core.records import Attempt, CheckResult, Project
from banksman.core.task import Instant, TaskId, TaskStatus
from banksman.executors.local import LocalExecutor
from banksman.executors.spool import RESULT
from banksman.stores.views import TaskDetails, TaskView
from banksman.workspaces.git import Git
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.layout import delete, folders
from banksman.workspaces.repository import Repository, inspect
from banksman.workspaces.trust import Trust

_OVER: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELLED, TaskStatus.FAILED})
# The names that the engine, its checks and its workspaces give to spools.
_SPOOLS: Final = re.compile(
    r"(?:p[0-9]+-t|check-[0-9]+-|setup-task-)(?P<task>[0-9]+)-a?(?P<attempt>[0-9]+)(?:-.*)?"
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something on disk.

    Attributes:
        kind: `workspace`, `spool`, `artefact` or `ref`.
        path: Where it is, or the name of the ref.
        why: Why it goes, or why it stays.
    """

    kind: str
    path: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What went, or would go, and what stays."""

    removed: tuple[Item, ...]
    kept: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the store says about what may be on disk.

    Attributes:
        project: The project.
        states: Keys and states of tasks by number.
        finished: When the last attempts of tasks ended, by number.
        unfinished: All attempts of tasks that can still go on.
        results: What is known of the trees of those.
    """

    project: Project
    states: Mapping[TaskId, tuple[str, TaskStatus]]
    finished: Mapping[TaskId, Finished]
    unfinished: tuple[Attempt, ...]
    results: tuple[CheckResult, ...]

    def stays(self, task_id: TaskId) -> str:
        """Return why what belongs to a task stays; empty if it may go."""
        key, status = self.states.get(task_id, ("", TaskStatus.CANCELLED))
        return "" if status in _OVER else f"{key} is {status}"


def clean(
    place: Place,
    environ: Mapping[str, str],
    *,
    config: Path | None,
    age_ms: int | None,
    dry: bool,
) -> Cleaned:
    """Remove what finished attempts left; return what went, and what stays and why.

    Args:
        place: The repository.
        environ: The environment.
        config: The configuration file that was named, if one was.
        age_ms: Age from which on outputs of checks and saved work of finished tasks go; none
            to keep them all.
        dry: Remove nothing, and return what would go.

    Raises:
        OwnershipException: An engine runs: it cleans up after itself.
        InputException: Nothing has been run here, or the settings are not usable.
    """
    known = _known(place)
    settings = load_settings(place.work_tree, Flags(config=config), environ)
    plan = asyncio.run(_plan(place, settings, known, age_ms=age_ms))
    if dry:
        return plan
    with owned(place):
        # Looked at again: an engine may have run in between.
        return asyncio.run(_clean(place, settings, _known(place), age_ms=age_ms))


async def _plan(
    place: Place, settings: Settings, known: _Known, *, age_ms: int | None
) -> Cleaned:
    repository = await _repository(place, settings, known)
    root = workspaces_root(settings, repository)
    found = [*_workspaces(root, known), *_spools(place, known)]
    if age_ms is not None:
        oldest = Instant(SystemClock().now() - age_ms)
        refs = await saved_work(Git(settings.environment), repository)
        found += _artefacts(place, known, oldest)
        found += (
            (Item(kind="ref", path=name, why=why), goes)
            for name, why, goes in old_work(refs, known.finished, oldest)
        )
    return Cleaned(
        removed=tuple(item for item, goes in found if goes),
        kept=tuple(item for item, goes in found if not goes),
    )


async def _clean(
    place: Place, settings: Settings, known: _Known, *, age_ms: int | None
) -> Cleaned:
    plan = await _plan(place, settings, known, age_ms=age_ms)
    executor = LocalExecutor(place.state_dir / "spool", SystemClock())
    repository = await _repository(place, settings, known)
    git = Git(settings.environment, filters=settings.workspaces.filters)
    trust = Trust(git, repository.common_dir, place.trust)
    await trust.begin(anew=not known.unfinished)
    workspaces = GitWorkspaces(
        repository,
        git=git,
        root=workspaces_root(settings, repository),
        state=place.state_dir,
        executor=executor,
        trust=trust,
    )
    await workspaces.sweep(known.unfinished)
    # Wants no spares, as it knows no settings: they go.
    await workspaces.prepare_ahead()
    for item in plan.removed:
        if item.kind == "spool":
            executor.discard(Path(item.path).name)
        elif item.kind == "artefact":
            delete(Path(item.path))
    names = {item.path for item in plan.removed if item.kind == "ref"}
    refs = await saved_work(git, repository) if names else {}
    old = {name: commit for name, commit in refs.items() if name in names}
    await forget_work(git, repository, old)
    return _as_done(plan)


def _as_done(plan: Cleaned) -> Cleaned:
    """Return what went, and what stays: also the workspaces that could not be removed."""
    stays = {item for item in plan.removed if item.kind == "workspace" and _is_there(item)}
    why = "it could not be removed; the log says why"
    return Cleaned(
        removed=tuple(item for item in plan.removed if item not in stays),
        kept=(*plan.kept, *(replace(item, why=why) for item in stays)),
    )


def _is_there(item: Item) -> bool:
    return Path(item.path).exists()


async def _repository(place: Place, settings: Settings, known: _Known) -> Repository:
    git = Git(settings.environment)
    base, target = known.project.base, known.project.target
    return await inspect(place.work_tree, git, base=base, target=target)


def _known(place: Place) -> _Known:
    with open_project(place) as (reader, project):
        tasks = reader.status(project.id).tasks
        details = {task.id: reader.task(task.id) for task in tasks}
        open_tasks = [details[task.id] for task in tasks if task.status not in _OVER]
    return _Known(
        project=project,
        states={task.id: (task.key, task.status) for task in tasks},
        finished={task.id: _finished(task, details[task.id]) for task in tasks},
        unfinished=tuple(attempt for task in open_tasks for attempt in task.attempts),
        results=tuple(result for task in open_tasks for result in task.results),
    )


def _finished(task: TaskView, details: TaskDetails) -> Finished:
    ends = [attempt.ended_at for attempt in details.attempts]
    last = max((end for end in ends if end is not None), default=None)
    return Finished(key=task.key, status=task.status, ended_at=None if None in ends else last)


def _workspaces(root: Path, known: _Known) -> Iterator[tuple[Item, bool]]:
    """Yield the workspaces on disk, and whether they go."""
    needed = {workspace_name(one.task_id, one.number) for one in known.unfinished}
    for path in folders(root / "work"):
        owner = workspace_owner(path.name)
        if owner is None:
            yield _item("workspace", path, "Banksman did not make it"), False
        elif path.name in needed:
            yield _item("workspace", path, known.stays(owner[0])), False
        else:
            yield _item("workspace", path, "its attempt is over; its work is saved"), True
    for path in folders(root / "spares"):
        yield _item("workspace", path, "a spare: made again when it is needed"), True


def _spools(place: Place, known: _Known) -> Iterator[tuple[Item, bool]]:
    for path in folders(place.state_dir / "spool"):
        match = _SPOOLS.fullmatch(path.name)
        stays = known.stays(TaskId(int(match["task"]))) if match else ""
        if stays:
            yield _item("spool", path, stays), False
        elif not (path / RESULT).exists():
            yield _item("spool", path, "it has no ending yet"), False
        else:
            yield _item("spool", path, "its execution has ended"), True


def _artefacts(place: Place, known: _Known, oldest: Instant) -> Iterator[tuple[Item, bool]]:
    needed = {result.digest for result in known.results}
    for shelf in folders(place.state_dir / "artefacts"):
        for path in sorted(shelf.iterdir()):
            if path.name in needed:
                yield _item("artefact", path, "a task that goes on may need it"), False
            elif path.lstat().st_mtime * 1000 < oldest:
                yield _item("artefact", path, "it is older than that"), True
            else:
                yield _item("artefact", path, "it is not older than that"), False


def _item(kind: str, path: Path, why: str) -> Item:
    return Item(kind=kind, path=str(path), why=why)
