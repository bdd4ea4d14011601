r"""Scripts of recorded edits: what a scripted agent does for one task, attempt by attempt.

A script is a YAML file named after the key of its task: a list of attempts, each a list of
turns, each a list of steps. What comes after the last attempt or turn repeats it.

    # scripts/fix-median.yaml
    - - - write: {path: stats/median.py, text: "def median(): ...\n"}
        - print: done
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from banksman.agents.settings import sentence
from banksman.exceptions import PlanException

SCRIPT_BYTES_MAX: Final = 4 << 20
SLEEP_S_MAX: Final = 86_400.0

Item = TypeVar("Item")


def _stays_inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        message = f"the path {path!r} leads out of the workspace"
        raise ValueError(message)
    if ".git" in (part.lower() for part in parts):
        message = f"the path {path!r} is git's own"
        raise ValueError(message)
    return path


def _has_something(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        message = "it is empty"
        raise ValueError(message)
    return items


InnerPath = Annotated[StrictStr, AfterValidator(_stays_inside)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Strict):
    """A file and what is written to it, or behind its end."""

    path: InnerPath
    text: StrictStr


class Replacement(_Strict):
    """A text in a file that must be there `count` times, and what takes its place."""

    path: InnerPath
    old: StrictStr = Field(min_length=1)
    new: StrictStr
    count: StrictInt = Field(default=1, ge=1)


class Renaming(_Strict):
    """A path and its new name."""

    path: InnerPath
    new: InnerPath


class Step(_Strict):
    """One thing to do; exactly one of these is set.

    Attributes:
        write: Write a file whole.
        append: Write behind the end of a file.
        replace: Exchange a text in a file.
        delete: Remove a file.
        rename: Give a file or folder another name.
        mkdir: Make a folder.
        print: Print a line.
        sleep_s: Wait, in seconds.
        exit: End with this code.
        ask: Ask a person; the turn is answered with the question.
        hang: Do nothing for ever, and mind no polite signal.
        daemonize: Leave a process behind that has left its parents and their session.
    """

    write: Text | None = None
    append: Text | None = None
    replace: Replacement | None = None
    delete: InnerPath | None = None
    rename: Renaming | None = None
    mkdir: InnerPath | None = None
    print: StrictStr | None = None
    sleep_s: float | None = Field(default=None, gt=0, le=SLEEP_S_MAX, allow_inf_nan=False)
    exit: StrictInt | None = Field(default=None, ge=0, le=255)
    ask: StrictStr | None = Field(default=None, min_length=1)
    hang: Literal[True] | None = None
    daemonize: Literal[True] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Step:
        if len(self.model_fields_set) != 1 or None in self.played.values():
            message = "a step is one of: " + ", ".join(type(self).model_fields)
            raise ValueError(message)
        return self

    @property
    def played(self) -> dict[str, object]:
        """The step as the player takes it."""
        return {name: _plain(getattr(self, name)) for name in self.model_fields_set}


Script: TypeAlias = tuple[tuple[tuple[Step, ...], ...], ...]
"""Steps by turn, by attempt."""

_Turn: TypeAlias = Annotated[tuple[Step, ...], AfterValidator(_has_something)]
_Attempt: TypeAlias = Annotated[tuple[_Turn, ...], AfterValidator(_has_something)]
_Script: TypeAlias = Annotated[tuple[_Attempt, ...], AfterValidator(_has_something)]
_SCRIPT: Final[TypeAdapter[Script]] = TypeAdapter(_Script)
_INNER: Final[Mapping[str, type[BaseModel]]] = {
    "write": Text,
    "append": Text,
    "replace": Replacement,
    "rename": Renaming,
}
_LEVELS: Final = ("attempt", "turn", "step")


def read_scripts(folder: Path) -> Mapping[str, Script]:
    """Return the scripts in a folder by the key of their task.

    Raises:
        PlanException: There is no such folder, or a script is not usable; all problems are
            told at once.
    """
    if not folder.is_dir():
        problem = f"there is no folder of scripts {folder}"
        raise PlanException(message=problem, problems=(problem,))
    problems: list[str] = []
    scripts: dict[str, Script] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            scripts[path.stem] = _read(path)
        except ValidationError as error:
            problems += (f"{path.name}: {_told(problem)}" for problem in error.errors())
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            problems.append(f"{path.name}: {' '.join(str(error).split())}")
    if problems:
        # The message alone says all too, for who tells it with a place of its own.
        raise PlanException(message="; ".join(problems), problems=tuple(problems))
    return scripts


def steps_of(script: Script, *, attempt: int, turn: int) -> tuple[Step, ...]:
    """Return the steps of a turn; beyond the script, the last attempt or turn is repeated."""
    turns = script[min(attempt, len(script)) - 1]
    return turns[min(turn, len(turns)) - 1]


def _read(path: Path) -> Script:
    with path.open("rb") as file:
        text = file.read(SCRIPT_BYTES_MAX + 1)
    if len(text) > SCRIPT_BYTES_MAX:
        message = f"longer than {SCRIPT_BYTES_MAX} bytes"
        raise ValueError(message)
    return _SCRIPT.validate_python(yaml.safe_load(text))


def _told(problem: ErrorDetails) -> str:
    """Return a problem with its place as people count."""
    where = problem["loc"]
    numbers = [part + 1 for part in where[: len(_LEVELS)] if isinstance(part, int)]
    path = [str(part) for part in where[len(numbers) :]]
    counted = zip(_LEVELS, numbers, strict=False)
    place = ", ".join(f"{level} {number}" for level, number in counted)
    model = _INNER.get(path[0], Step) if len(path) > 1 else Step
    said = sentence(problem, path, model)
    return f"{place}: {said}" if place else said


def _plain(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else value
