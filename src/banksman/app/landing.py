"""Bringing the target branch onto the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from banksman.app.reads import Place, open_project
from banksman.config.environment import base_environment
from banksman.core.records import Project
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
    return await preview(await _repository(place, git), git, branch=into)


async def _land(place: Place, environ: Mapping[str, str], into: str | None) -> Landing:
    git = Git(base_environment(environ))
    return await land(await _repository(place, git), git, branch=into)


async def _repository(place: Place, git: Git) -> Repository:
    project = _project(place)
    return await inspect(place.work_tree, git, base=project.base, target=project.target)


def _project(place: Place) -> Project:
    with open_project(place) as (_, project):
        return project
