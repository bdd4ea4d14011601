"""The first step in a repository: a plan to be filled in, and a configuration that fits it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from banksman.app.reads import Place
from banksman.config.detect import Detected, detect
from banksman.config.schemas import write_schemas
from banksman.config.settings import CONFIG_NAME, Settings
from banksman.config.writing import config_text, plan_text
from banksman.exceptions import InputException

PLAN_NAME: Final = "plan.yaml"


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """The two files that a project begins with, and what they were made from.

    Attributes:
        plan: Where the plan goes.
        config: Where the configuration goes.
        texts: What goes there, by path.
        detected: What the repository is made of.
    """

    plan: Path
    config: Path
    texts: Mapping[Path, str]
    detected: Detected


def beginning(place: Place, environ: Mapping[str, str]) -> Beginning:
    """Return what a project in this repository would begin with; nothing is written."""
    detected = detect(place.work_tree, environ.get("PATH", os.defpath))
    plan, config = place.work_tree / PLAN_NAME, place.work_tree / CONFIG_NAME
    return Beginning(
        plan=plan,
        config=config,
        texts={plan: plan_text(), config: config_text(detected)},
        detected=detected,
    )


def begin(place: Place, start: Beginning, *, force: bool = False) -> None:
    """Write both files, and the schemas with which editors check them.

    Args:
        place: The repository.
        start: What to write.
        force: Replace files that are there.

    Raises:
        InputException: One of them is there; nothing was written.
    """
    there = [path.name for path in start.texts if os.path.lexists(path)]
    if there and not force:
        raise InputException(
            message=f"{' and '.join(there)} exist{'s' if len(there) == 1 else ''} already.",
            hint="Nothing was written; --force replaces what is there, --print only shows.",
        )
    for path, text in start.texts.items():
        _write(path, text)
    write_schemas(place.common_dir / "banksman")


def known_checks(settings: Settings) -> frozenset[str]:
    """Return the names of the checks that a plan may name.

    That changed files parse is always asked, under this name unless another was given.
    """
    asked = any(check.type == "syntax" for check in settings.checks.values())
    return frozenset(settings.checks if asked else (*settings.checks, "syntax"))


def _write(path: Path, text: str) -> None:
    """Write a file in one step; a link in its place is replaced, and not followed."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    # It is the person's file, to be committed: what their other files are readable by.
    Path(beside).chmod(0o666 & ~_umask())
    Path(beside).replace(path)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
