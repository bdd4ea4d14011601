"""How one turn of an agent can end: values, matched exhaustively, never parsed from text."""

from __future__ import annotations

from dataclasses import dataclass, field

from banksman.core.retry import ErrorClass
from banksman.core.task import Instant


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a turn cost; every number is 0 or more.

    Attributes:
        model: Name of the model, if the agent told one.
        input_tokens: Tokens read.
        output_tokens: Tokens written.
        cost_microusd: Millionths of a US dollar.
        duration_ms: Wall time of the turn.
        retries: Times that the agent's provider was asked again.
    """

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    duration_ms: int = 0
    retries: int = 0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Base of all endings.

    Attributes:
        text: The end of what the agent printed; untrusted.
        usage: What the turn cost.
    """

    text: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True)
class Answered(Ended):
    """The agent ended by itself and reports no error.

    Attributes:
        questions: What it asks a person; work may be unfinished.
        denials: What it wanted to do and was not permitted to; work may be unfinished.
    """

    questions: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TimedOut(Ended):
    """The whole attempt took longer than it may; its processes are gone."""

    after_s: float


@dataclass(frozen=True, kw_only=True)
class Stalled(Ended):
    """The agent was silent for longer than it may be; its processes are gone."""

    silent_s: float


@dataclass(frozen=True, kw_only=True)
class Exited(Ended):
    """The agent ended with an error.

    Attributes:
        code: Its exit code, below 0 for a signal.
        message: What it said last about it, if that is known.
    """

    code: int
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class RateLimited(Ended):
    """The agent's provider refused for now; `reset_at` says until when, if it told."""

    reset_at: Instant | None = None


@dataclass(frozen=True, kw_only=True)
class Refused(Ended):
    """The agent ended with an error that it told the kind of.

    Attributes:
        error: Its class, which decides whether it is tried again.
        message: One sentence for people, with the way out if a person has to take it.
    """

    error: ErrorClass
    message: str


@dataclass(frozen=True, kw_only=True)
class Capped(Ended):
    """A limit that was set for the turn was reached; the work so far is in the workspace.

    Attributes:
        message: Which limit, in one sentence for people.
    """

    message: str


@dataclass(frozen=True, kw_only=True)
class Stopped(Ended):
    """The engine stopped the agent; its processes are gone."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Lost(Ended):
    """The runner died and left no result; none of its processes are left."""


Outcome = (
    Answered | TimedOut | Stalled | Exited | RateLimited | Refused | Capped | Stopped | Lost
)
