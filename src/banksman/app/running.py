"""The composition root: the adapters for a repository, the engine over them, and its end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from banksman.app.clock import SystemClock
from banksman.app.confining import project_sandbox, require_sandbox
from banksman.app.disk import MachineDisk
from banksman.app.owning import owned
from banksman.app.plug_ins import agents_of, checks_of
from banksman.app.reads import Place, find_place, open_project
from banksman.app.starting import known_checks
from banksman.config.plan import load_plan
from banksman.config.settings import Flags, Settings, load_settings
from banksman.core.plan import PlanItem
from banksman.core.records import Project
from banksman.exceptions import InputException
from banksman.executors.local import LocalExecutor
from banksman.orchestration.agent_step import TimeLimits
from banksman.orchestration.assembly import Assembly, Manner, Ports
from banksman.orchestration.budgets import Caps
from banksman.orchestration.doubts import is_about_git
from banksman.orchestration.engine import RunEnd, RunRules
from banksman.orchestration.plan_import import Imported
from banksman.orchestration.protocol import Reach, pass_by
from banksman.state.state_manager import StateManager
from banksman.stores.sqlite import SqliteStore
from banksman.workspaces.git import Git
from banksman.workspaces.git_workspaces import GitWorkspaces
from banksman.workspaces.outfit import WorkspaceSettings
from banksman.workspaces.repository import Repository, inspect, require_filters
from banksman.workspaces.trust import Trust


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What somebody wants to run.

    Attributes:
        start: A folder in the repository.
        environ: The environment.
        plan: The plan, instead of the configured one.
        config: The configuration, instead of `banksman.toml`.
        parallel: Attempts at once, instead of the configured number.
        wait: Go on while only a person can move the plan.
        limits: What the run may spend, instead of what is configured, by the names of
            `[limits] run`.
        prune: Cancel tasks that the plan no longer names.
        base: The user's branch to start from, when a project is first run.
        sandbox: Whether agents and checks are confined, instead of what is configured.
        reach: Called at each point of the protocol; for tests.
    """

    start: Path
    environ: Mapping[str, str]
    plan: Path | None = None
    config: Path | None = None
    parallel: int | None = None
    wait: bool = True
    limits: Mapping[str, object] = field(default_factory=dict[str, object])
    prune: bool = False
    base: str | None = None
    sandbox: bool | None = None
    reach: Reach = pass_by


class PlanRun:
    """A project that this process owns, its plan imported.

    Attributes:
        imported: What reading the plan did.
        state_dir: The folder of the state.
        confined: Whether agents and checks are.
    """

    def __init__(
        self, assembly: Assembly, imported: Imported, state_dir: Path, *, confined: bool
    ) -> None:
        self.confined = confined
        self._engine = assembly.engine
        self.imported = imported
        self.state_dir = state_dir

    async def run(self) -> RunEnd:
        """Run the plan until nothing can move it any more; return why it is over."""
        return await self._engine.run()

    def drain(self) -> None:
        """Claim nothing more; the run ends when the attempts that work have ended."""
        self._engine.drain()

    def stop(self) -> None:
        """Stop the attempts that work, saving what they have done; then end."""
        self._engine.stop()


@asynccontextmanager
async def plan_run(request: RunRequest) -> AsyncGenerator[PlanRun]:
    """Own the project of a repository and import its plan.

    Raises:
        InputException: Repository, configuration or plan are not usable; nothing was changed.
        OwnershipException: Another engine owns the project.
    """
    place = find_place(request.start, request.environ)
    flags = Flags(
        config=request.config,
        plan=request.plan,
        parallel=request.parallel,
        limits=request.limits,
        sandbox=request.sandbox,
    )
    settings = load_settings(place.work_tree, flags, request.environ)
    items = _plan(settings)
    require_sandbox(settings)
    async with _owned(place, settings, request) as assembly:
        imported = assembly.import_plan(items, prune=request.prune)
        confined = settings.sandbox.confined
        with open_project(place) as (reader, known):
            if reader.status(known.id).confined != confined:
                assembly.note_confinement(confined=confined)
        yield PlanRun(assembly, imported, place.state_dir, confined=confined)


def serve_once(start: Path, environ: Mapping[str, str]) -> None:
    """Apply the commands that wait in the inbox, with no engine running.

    What the last run did without a sandbox is served without one too.

    Raises:
        InputException: There is to be a sandbox, and there is no program for one.
        OwnershipException: An engine runs, and will apply them itself.
    """
    place = find_place(start, environ)
    with open_project(place) as (reader, known):
        unconfined = not reader.status(known.id).confined
    flags = Flags(sandbox=False if unconfined else None)
    settings = load_settings(place.work_tree, flags, environ)
    asyncio.run(_serve(place, settings, RunRequest(start=start, environ=environ)))


async def _serve(place: Place, settings: Settings, request: RunRequest) -> None:
    async with _owned(place, settings, request) as assembly:
        await assembly.engine.serve_once()


def _plan(settings: Settings) -> list[PlanItem]:
    plan = load_plan(
        settings.plan,
        agents=frozenset(settings.agents),
        checks=known_checks(settings),
    )
    if any(not task.spec.agent for task in plan.tasks):
        settings.require_agent()
    return [PlanItem(spec=task.spec, needs=task.needs) for task in plan.tasks]


@asynccontextmanager
async def _owned(
    place: Place, settings: Settings, request: RunRequest
) -> AsyncGenerator[Assembly]:
    """Hold the project's lock and its store around an engine."""
    with owned(place), closing(SqliteStore.open(place.database)) as store:
        yield await _assembled(place, settings, request, store=store)


async def _assembled(
    place: Place, settings: Settings, request: RunRequest, *, store: SqliteStore
) -> Assembly:
    clock = SystemClock()
    git = Git(settings.environment, filters=settings.workspaces.filters)
    known = _known_project(store)
    base = _base(known, request.base or settings.project.base)
    target = settings.project.target
    repository = await inspect(place.work_tree, git, base=base, target=target)
    await require_filters(repository, git)
    if known is None:
        _refuse_unrecorded_target(repository, place)
    project = known or _new_project(store, settings, repository)
    trust = Trust(git, repository.common_dir, place.trust)
    await trust.begin(anew=_is_idle(store, project))
    root = workspaces_root(settings, repository)
    sandbox = project_sandbox(place, settings, root)
    executor = LocalExecutor(place.state_dir / "spool", clock, sandbox=sandbox)
    await executor.sweep(_open_spools(store, project))
    ports = Ports(
        store=store,
        clock=clock,
        chance=random.Random() if settings.run.jitter else None,
        agents=agents_of(
            place,
            settings,
            request.environ,
            executor=executor,
            sandboxed=sandbox is not None,
        ),
        workspaces=GitWorkspaces(
            repository,
            git=git,
            root=root,
            state=place.state_dir,
            executor=executor,
            settings=_workspace_settings(settings),
            trust=trust,
        ),
        checks=checks_of(place, settings, executor),
        disk=MachineDisk(place.state_dir, workspaces_root(settings, repository)),
    )
    manner = Manner(
        default_agent=settings.default_agent or "",
        rules=RunRules(
            parallel=settings.run.parallel,
            wait=request.wait,
            disk_free_bytes_min=settings.run.disk_free_min,
        ),
        limits=TimeLimits(
            attempt_s=settings.run.attempt_timeout_s, silence_s=settings.run.silence_timeout_s
        ),
        caps=Caps(
            task=settings.limits.task.limits,
            run=settings.limits.run.limits,
            project=settings.limits.project.limits,
        ),
        reach=request.reach,
    )
    return Assembly(ports, project.id, manner)


def _refuse_unrecorded_target(repository: Repository, place: Place) -> None:
    """Refuse a target branch of which nothing is recorded: its work would be done again."""
    if repository.target_commit is not None:
        raise InputException(
            message=f"there is a branch {repository.target!r}, and {place.database} has no "
            "record of how it came.",
            hint="Put the state folder back, or move the branch out of the way with "
            f"`git branch -m {repository.target} old-target`.",
        )


def _is_idle(store: SqliteStore, project: Project) -> bool:
    """Return whether no agent can have changed anything since a person saw it."""
    with store.transaction() as tx:
        asked = any(map(is_about_git, tx.open_breakpoints(project.id)))
        return not asked and not tx.open_attempts(project.id)


def _open_spools(store: SqliteStore, project: Project) -> frozenset[str]:
    """Return the spools of turns whose endings are not recorded yet."""
    with store.transaction() as tx:
        return frozenset(
            turn.spool
            for attempt in tx.open_attempts(project.id)
            for turn in tx.turns(attempt.task_id, attempt.number)
            if turn.ended_at is None
        )


def _known_project(store: SqliteStore) -> Project | None:
    with store.transaction() as tx:
        return next(iter(tx.projects()), None)


def _base(known: Project | None, wanted: str | None) -> str | None:
    """Return the branch that the target starts from, which is fixed by the first run."""
    if known is None:
        return wanted
    if wanted not in {None, known.base}:
        raise InputException(
            message=f"this project was begun on the branch {known.base!r}, not {wanted!r}.",
            hint="Leave --base and [project] base out, or begin another clone for that branch.",
        )
    return known.base


def _new_project(store: SqliteStore, settings: Settings, repository: Repository) -> Project:
    name = settings.project.name or repository.name
    state = StateManager(store, SystemClock())
    return state.create_project(name, base=repository.base, target=repository.target)


def workspaces_root(settings: Settings, repository: Repository) -> Path:
    """Return the folder for worktrees: outside the repository, one of its own."""
    return settings.workspaces_home / repository.folder


def _workspace_settings(settings: Settings) -> WorkspaceSettings:
    return WorkspaceSettings(
        copy=settings.workspaces.copied,
        link=settings.workspaces.linked,
        ports=settings.workspaces.ports,
        setup=settings.workspaces.setup,
        setup_timeout_s=settings.workspaces.setup_timeout_s,
        spares=settings.workspaces.spares,
        style=settings.project.style.value,
    )
