"""From how a turn of Claude Code ended, and what it said, to its outcome and a person's words.

An error is told in two parts: what went wrong, with the program's own words for it, and what
to do if a person has to do something.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from banksman.agents.claude_stream import Ended, Stream
from banksman.core.outcome import (
    Answered,
    Capped,
    Exited,
    Outcome,
    RateLimited,
    Refused,
)
from banksman.core.prompt import clean, shortened
from banksman.core.retry import ErrorClass

WORDS_CHARS_MAX: Final = 160
"""Of the program's own words in a message."""

_E = ErrorClass
_LIMITED: Final = 429
_SERVER: Final = 500

_BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "invalid_request",
        401: "authentication_failed",
        402: "billing_error",
        403: "authentication_failed",
        404: "model_not_found",
        408: "unanswered",
        413: "prompt_too_long",
        _LIMITED: "rate_limit",
    }
)
"""What a status means where the program gives no name for the error."""

_SENTENCES: Final[Mapping[str, tuple[ErrorClass, str, str]]] = MappingProxyType(
    {
        "authentication_failed": (
            _E.AUTHENTICATION,
            "Claude Code could not log in to its provider",
            "Log in with `claude`, or see that ANTHROPIC_API_KEY holds a valid key.",
        ),
        "billing_error": (
            _E.POLICY,
            "the provider of Claude Code does not serve this account",
            "See to its credit or its plan, then retry the task.",
        ),
        "invalid_request": (
            _E.VALIDATION,
            "the provider of Claude Code refused the request as it is",
            "It would only be refused again: change the task or the agent's settings.",
        ),
        "max_output_tokens": (
            _E.VALIDATION,
            "an answer of Claude Code was longer than its model may write",
            "Split the task, or set CLAUDE_CODE_MAX_OUTPUT_TOKENS in the agent's `env`.",
        ),
        "model_not_found": (
            _E.NOT_FOUND,
            "the provider of Claude Code does not know this model",
            "Set `model` of the agent to one that your account may use.",
        ),
        "prompt_too_long": (
            _E.VALIDATION,
            "the conversation of Claude Code became too long for its model",
            "Split the task, or have it read less at once.",
        ),
        "server_error": (
            _E.SERVER_ERROR,
            "the provider of Claude Code failed",
            "",
        ),
        "unanswered": (
            _E.CONNECTION,
            "the provider of Claude Code could not be reached, or did not answer in time",
            "",
        ),
    }
)
"""Class, what went wrong, and what to do about it, by name of the error."""

_CAPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "error_max_turns": "Claude Code reached its limit of model calls (`max_turns`)",
        "error_max_budget_usd": "Claude Code spent all the money that this turn had",
    }
)
_UNKNOWN_OPTION: Final = "unknown option"
_ROOT: Final = "cannot be used with root"


def outcome_of(stream: Stream, code: int | None) -> Outcome:
    """Return how a turn went whose program ended, or had said all before it was ended.

    Args:
        stream: What it said.
        code: Its exit code, which is only asked if there is no result; none if it was ended.
    """
    if stream.ended is None:
        return _silent(stream, code)
    return _told(stream, stream.ended)


def text_of(stream: Stream) -> str:
    """Return what a person may want to read of a turn."""
    said = stream.ended.text if stream.ended is not None else ""
    return "\n".join(filter(None, (said or stream.text, *stream.plain)))


def _told(stream: Stream, ended: Ended) -> Outcome:
    text, usage = text_of(stream), stream.usage
    if ended.subtype in _CAPS:
        message = _sentence(_CAPS[ended.subtype], ended.text)
        return Capped(text=text, usage=usage, message=message)
    if ended.subtype == "success" and not ended.is_error:
        return Answered(
            text=text, usage=usage, denials=ended.denials, questions=ended.questions
        )
    name = _name(stream, ended)
    if name == "rate_limit":
        return RateLimited(text=text, usage=usage, reset_at=stream.reset_at)
    broke = (_E.UNKNOWN, "Claude Code broke off", "")
    error, what, cure = _SENTENCES.get(name, broke)
    message = _sentence(what, ended.text, cure)
    return Refused(text=text, usage=usage, error=error, message=message)


def _name(stream: Stream, ended: Ended) -> str:
    """Return the name of the error that ended a turn, as this table knows it."""
    if ended.terminal_reason == "prompt_too_long":
        return "prompt_too_long"
    status = ended.status
    if status is None:
        # The program counts a provider that never answers among those that fail.
        nobody = stream.unanswered and stream.error in {"", "unknown", "server_error"}
        return "unanswered" if nobody else stream.error
    if status >= _SERVER:
        return "server_error"
    named = stream.error in _SENTENCES and stream.error != "server_error"
    return stream.error if named else _BY_STATUS.get(status, "invalid_request")


def _silent(stream: Stream, code: int | None) -> Outcome:
    """Return how a turn went whose program told no result."""
    text, usage = text_of(stream), stream.usage
    last = stream.plain[-1] if stream.plain else ""
    if any(_ROOT in line for line in stream.plain):
        what = "Claude Code does not work for root with all permissions outside a sandbox"
        cure = "Run as another user, or set `permission_mode` of the agent."
        message = _sentence(what, "", cure)
        return Refused(text=text, usage=usage, error=_E.VALIDATION, message=message)
    if any(_UNKNOWN_OPTION in line for line in stream.plain):
        what = "Claude Code does not know one of the options that it is run with"
        message = _sentence(what, last, "Update it, or see to `extra_args` of the agent.")
        return Refused(text=text, usage=usage, error=_E.VALIDATION, message=message)
    if code:
        return Exited(text=text, usage=usage, code=code, message=_short(last))
    message = _sentence("Claude Code ended without telling a result", last)
    return Refused(text=text, usage=usage, error=_E.UNKNOWN, message=message)


def _sentence(what: str, words: str, cure: str = "") -> str:
    said = _short(words)
    told = f"{what}: {said}" if said else what
    return f"{told.rstrip('.')}. {cure}" if cure else told


def _short(words: str) -> str:
    return shortened(" ".join(clean(words).split()), WORDS_CHARS_MAX)
