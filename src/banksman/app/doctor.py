"""What a run needs, looked at one by one: each is fine, worth knowing, or in the way."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from banksman.agents.claude_code import find_program
from banksman.app.claude_look import claude_found
from banksman.app.confining import WITHOUT, trouble
from banksman.app.reads import Place, engine_lives, find_place, is_begun
from banksman.config.detect import AGENTS
from banksman.config.environment import base_environment
from banksman.config.settings import Flags, load_settings
from banksman.exceptions import BanksmanException
from banksman.executors.processes import layer
from banksman.executors.sandbox import find_bubblewrap
from banksman.stores.place import refuse_network
from banksman.stores.reader import Reader
from banksman.workspaces.git import Git
from banksman.workspaces.repository import Repository, count_dirty, inspect

_FREE_BYTES_MIN: Final = 1 << 30
_MIB: Final = 1 << 20
_SWITCHED: Final = "agents and checks can do all that you can do"


class Verdict(StrEnum):
    """What a look found."""

    FINE = "fine"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        verdict: `fine`, `note` or `bad`; only what is bad keeps a plan from running.
        message: What was found, and what to do if it is bad.
    """

    name: str
    verdict: Verdict
    message: str


def examine(
    start: Path, environ: Mapping[str, str], *, config: Path | None = None
) -> tuple[Finding, ...]:
    """Return what was found of everything that a run needs; nothing is changed.

    Args:
        start: A folder in the repository.
        environ: The environment.
        config: The configuration file that was named, if one was.
    """
    return tuple(_findings(start, environ, config))


def _findings(
    start: Path, environ: Mapping[str, str], config: Path | None
) -> Iterator[Finding]:
    yield _git(environ)
    try:
        place = find_place(start, environ)
    except BanksmanException as error:
        yield _bad("repository", error)
        return
    yield _repository(place, environ)
    yield _state_folder(place)
    yield _database(place)
    yield _engine(place)
    yield from _configuration(place, environ, config)
    yield _agents(environ)
    yield from _claude(environ)
    yield _free(place)
    yield from _sandbox(place, environ, config)


def _git(environ: Mapping[str, str]) -> Finding:
    try:
        git = Git(base_environment(environ))
        return _fine("git", asyncio.run(git.run(Path("/"), "version")).text)
    except BanksmanException as error:
        return _bad("git", error)


def _repository(place: Place, environ: Mapping[str, str]) -> Finding:
    try:
        git = Git(base_environment(environ))
        # Once it is known, it does not matter what is checked out at the moment.
        base = _base(place)
        repository, count = asyncio.run(_inspected(place, git, base))
    except BanksmanException as error:
        return _bad("repository", error)
    shallow = ", a shallow clone" if repository.shallow else ""
    dirty = f", {count} paths not committed" if count else ""
    return _fine("repository", f"{place.work_tree} on {repository.base}{shallow}{dirty}")


async def _inspected(place: Place, git: Git, base: str | None) -> tuple[Repository, int]:
    repository = await inspect(place.work_tree, git, base=base)
    return repository, await count_dirty(repository, git)


def _base(place: Place) -> str | None:
    if not is_begun(place):
        return None
    with Reader(place.database) as reader:
        # None, if the first run made the store and was refused then.
        return next((project.base for project in reader.projects()), None)


def _state_folder(place: Place) -> Finding:
    try:
        refuse_network(place.state_dir)
    except BanksmanException as error:
        return _bad("state folder", error)
    if place.state_dir.is_dir() and place.state_dir.stat().st_mode & 0o077:
        message = f"{place.state_dir} can be read by others: chmod 700 it"
        return _found("state folder", Verdict.NOTE, message)
    return _folder("state folder", place.state_dir)


def _folder(name: str, folder: Path) -> Finding:
    # Before the first run it is not there yet, and the one above it has to let it be made.
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return _found(name, Verdict.BAD, f"{there} cannot be written ({error.strerror})")
    return _fine(name, str(folder) if folder == there else f"{folder} (made by the first run)")


def _database(place: Place) -> Finding:
    if not is_begun(place):
        return _fine("database", "made by the first run")
    try:
        with Reader(place.database) as reader:
            return _fine("database", f"{place.database}, {reader.revision()} lines of journal")
    except BanksmanException as error:
        return _bad("database", error)


def _engine(place: Place) -> Finding:
    return _fine("engine", "one runs now" if engine_lives(place) else "none runs now")


def _configuration(
    place: Place, environ: Mapping[str, str], config: Path | None
) -> Iterator[Finding]:
    name = "configuration"
    try:
        settings = load_settings(place.work_tree, Flags(config=config), environ)
    except BanksmanException as error:
        yield _bad(name, error)
        return
    if settings.file is None:
        yield _found(name, Verdict.NOTE, "there is none; `banksman init` writes it")
    else:
        programs = ", ".join(sorted(settings.agents)) or "none"
        yield _fine(name, f"{settings.file}, agents: {programs}")
    yield _folder("workspaces", settings.workspaces_home)


def _agents(environ: Mapping[str, str]) -> Finding:
    path = environ.get("PATH", os.defpath)
    found = [agent for agent in AGENTS if shutil.which(agent, path=path)]
    if found:
        return _fine("agents", f"installed: {', '.join(found)}")
    return _found(
        "agents",
        Verdict.NOTE,
        f"none of {', '.join(AGENTS)} is installed; any program of yours can be an agent",
    )


def _claude(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what was found of Claude Code, if it is there at all."""
    program = find_program("", environ.get("PATH", os.defpath))
    if program is not None:
        bad, message = asyncio.run(claude_found(program, environ))
        yield _found("claude-code", Verdict.NOTE if bad else Verdict.FINE, message)


def _sandbox(
    place: Place, environ: Mapping[str, str], config: Path | None
) -> Iterator[Finding]:
    """Yield what holds of the sandbox, part by part."""
    why = trouble()
    wanted = _is_wanted(place, environ, config)
    if why:
        verdict = Verdict.BAD if wanted else Verdict.NOTE
        yield _found("sandbox", verdict, f"there is none: {why}; or: {WITHOUT}")
    elif wanted:
        yield _fine("sandbox", f"holds, by {find_bubblewrap()}: the machine is read-only")
        yield _fine("network", "agents have it unless `network = false`, checks do not")
    else:
        yield _found("sandbox", Verdict.NOTE, f"holds here, and is switched off: {_SWITCHED}")
    ends = "the PID namespace of its sandbox" if wanted and not why else layer()
    yield _fine("processes", f"a tree of processes is ended by {ends}")


def _is_wanted(place: Place, environ: Mapping[str, str], config: Path | None) -> bool:
    try:
        settings = load_settings(place.work_tree, Flags(config=config), environ)
    except BanksmanException:
        # It is told as what it is.
        return True
    return settings.sandbox.confined


def _free(place: Place) -> Finding:
    free = shutil.disk_usage(place.common_dir).free
    message = f"{free // _MIB:,} MiB are free"
    verdict = Verdict.FINE if free >= _FREE_BYTES_MIN else Verdict.NOTE
    return _found("disk", verdict, message)


def _fine(name: str, message: str) -> Finding:
    return _found(name, Verdict.FINE, message)


def _bad(name: str, error: Exception) -> Finding:
    return _found(name, Verdict.BAD, str(error))


def _found(name: str, verdict: Verdict, message: str) -> Finding:
    return Finding(name=name, verdict=verdict, message=message)
