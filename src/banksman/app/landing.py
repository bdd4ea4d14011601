"""Bringing the target branch onto the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from banksman.app.reads import Place, open_project
from banksman.config.environment import base_environment
from banksman.workspaces.git import Git
from banksman.workspaces.landing import Landing, land, preview
from banksman.workspaces.repository import Repository, inspect


def preview_landing(
    place: Place, environ: Mapping[str, str], *, into: str | None = None
) -> Landing:
    """Return what landing would do; nothing is touched.

    Args:
        place: The repository.
        environ: The environment.
        into: The user's branch; the one that the project was begun on by default.

    Raises:
        InputException: Nothing has been run here yet, or a branch is missing.
    """
    return asyncio.run(_preview(place, environ, into))


def land_target(
    place: Place, environ: Mapping[str, str], *, into: str | None = None
) -> Landing:
    """Move the user's branch so that it contains the target; return what was done.

    Raises:
        InputException: It cannot be done as things are; nothing was done.
    """
    return asyncio.run(_land(place, environ, into))


async def _preview(place: Place, environ: Mapping[str, str], into: str | None) -> Landing:
    git = Git(base_environment(environ))
    repository, ours = await _known(place, git)
    return await preview(repository, git, branch=into, ours=ours)


async def _land(place: Place, environ: Mapping[str, str], into: str | None) -> Landing:
    git = Git(base_environment(environ))
    repository, ours = await _known(place, git)
    return await land(repository, git, branch=into, ours=ours)


async def _known(place: Place, git: Git) -> tuple[Repository, frozenset[str]]:
    """Return the repository, and the commits that tasks were to bring onto the target."""
    with open_project(place) as (reader, project):
        begun = (task.id for task in reader.status(project.id).tasks if task.attempt)
        attempts = [one for task_id in begun for one in reader.task(task_id).attempts]
    repository = await inspect(place.work_tree, git, base=project.base, target=project.target)
    ours = (commit for one in attempts for commit in (one.new, *one.superseded) if commit)
    return repository, frozenset(ours)
