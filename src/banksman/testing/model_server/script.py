r"""What the model server is to say, as values, and how they are read from JSON.

A script is a list of steps, one for each answer of the model in a conversation:

    {"steps": [
        {"calls": [{"tool": "Write", "input": {"file_path": "a.py", "content": "A = 1\n"}}],
         "fault": {"kind": "refuse", "status": 429, "times": 2, "retry_after_s": 1}},
        {"text": "done"}
    ]}

Which step answers a request is read from the request's own history, so retries, side requests
and resumed conversations need no memory; only faults are counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import cast


class FaultKind(StrEnum):
    """How an answer can go wrong."""

    REFUSE = "refuse"
    """An error with a status, such as 429, instead of an answer."""
    HANG = "hang"
    """Nothing at all: not even a header."""
    RESET = "reset"
    """The connection is closed before anything is said."""
    STALL = "stall"
    """The stream stops in the middle, and stays open."""
    TRUNCATE = "truncate"
    """The stream is cut in the middle."""
    BAD_JSON = "bad_json"
    """The input of the tool calls is cut in the middle."""
    MAX_TOKENS = "max_tokens"
    """The answer says that it reached its longest length."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with a step.

    Attributes:
        kind: How.
        status: For `refuse`, the HTTP status.
        message: For `refuse`, what the error says; by default something fitting.
        retry_after_s: For `refuse`, the header `retry-after`.
        times: How often, the first times that the step is asked for; none for always.
    """

    kind: FaultKind
    status: int = 500
    message: str = ""
    retry_after_s: int | None = None
    times: int | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of one of the tools that the client offers, by its own name for it."""

    tool: str
    input: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, kw_only=True)
class Step:
    """One answer: text, calls of tools, or both; without calls it ends the agent's turn."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, kw_only=True)
class Script:
    """A conversation; beyond its end, the last step is repeated.

    Attributes:
        steps: At least one.
        side_text: The answer to requests that offer no tools, such as those for a title.
    """

    steps: tuple[Step, ...]
    side_text: str = "A title"

    def step(self, index: int) -> Step:
        """Return the step with this number, 0 first."""
        return self.steps[min(index, len(self.steps) - 1)]


def shell(command: str) -> Call:
    """Return a call of Claude Code's shell."""
    return Call(tool="Bash", input={"command": command, "description": "run a command"})


def write(path: str, content: str) -> Call:
    """Return a call that has Claude Code write a new file."""
    return Call(tool="Write", input={"file_path": path, "content": content})


def read_scripts(text: str) -> dict[str, Script]:
    """Return the scripts in a JSON object by name.

    Raises:
        ValueError: It is no such object; the message says where.
    """
    return {name: _script(name, value) for name, value in _fields(json.loads(text), "").items()}


def _script(name: str, value: object) -> Script:
    told = _known(Script, value, name)
    steps = _items(told.get("steps"), f"{name}.steps")
    if not steps:
        raise _wrong(f"{name}.steps", "at least one step")
    made = tuple(_step(step, f"{name}.steps.{at}") for at, step in enumerate(steps))
    return Script(steps=made, side_text=_text(told, "side_text", Script.side_text))


def _step(value: object, place: str) -> Step:
    told = _known(Step, value, place)
    calls = _items(told.get("calls", []), f"{place}.calls")
    fault = told.get("fault")
    return Step(
        text=_text(told, "text"),
        calls=tuple(_call(call, f"{place}.calls.{at}") for at, call in enumerate(calls)),
        fault=None if fault is None else _fault(fault, f"{place}.fault"),
    )


def _call(value: object, place: str) -> Call:
    told = _known(Call, value, place)
    tool = _text(told, "tool")
    if not tool:
        raise _wrong(f"{place}.tool", "the name of a tool")
    return Call(tool=tool, input=_fields(told.get("input", {}), f"{place}.input"))


def _fault(value: object, place: str) -> Fault:
    told = _known(Fault, value, place)
    kinds = {str(kind): kind for kind in FaultKind}
    kind = kinds.get(str(told.get("kind")))
    if kind is None:
        raise _wrong(f"{place}.kind", f"one of {', '.join(kinds)}")
    return Fault(
        kind=kind,
        status=_whole(told, "status") or Fault.status,
        message=_text(told, "message"),
        retry_after_s=_whole(told, "retry_after_s"),
        times=_whole(told, "times"),
    )


def _known(kind: type, value: object, place: str) -> Mapping[str, object]:
    """Return the fields of an object, all of which this class has."""
    told = _fields(value, place)
    names = [field.name for field in fields(kind)]
    unknown = [name for name in told if name not in names]
    if unknown:
        raise _wrong(f"{place}.{unknown[0]}", f"nothing; known are {', '.join(names)}")
    return told


def _fields(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _wrong(place, "an object")
    return cast("Mapping[str, object]", value)


def _items(value: object, place: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise _wrong(place, "a list")
    return cast("Sequence[object]", value)


def _text(told: Mapping[str, object], name: str, default: str = "") -> str:
    value = told.get(name, default)
    if not isinstance(value, str):
        raise _wrong(name, "a text")
    return value


def _whole(told: Mapping[str, object], name: str) -> int | None:
    value = told.get(name)
    if value is not None and not isinstance(value, int):
        raise _wrong(name, "a whole number")
    return value


def _wrong(place: str, wanted: str) -> ValueError:
    return ValueError(f"{place.strip('.') or 'the script'} must be {wanted}")
