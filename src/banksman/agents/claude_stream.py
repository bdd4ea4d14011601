"""What Claude Code prints, one JSON object a line, as facts of one turn.

Nothing in it is believed further than its type and its range: any line may be garbage, cut in
the middle, or huge. What is unknown is passed over, since each version of the program says
more than the one before. How a turn went is said by its last `result` alone; its `subtype`
says `success` of errors too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from banksman.core.outcome import Usage
from banksman.core.prompt import clean
from banksman.core.task import Instant

LAST_WORDS: Final = "result"
"""Type of the event that ends a turn."""
DENIALS_MAX: Final = 50
DENIAL_CHARS_MAX: Final = 300
PLAIN_LINES_MAX: Final = 20
NUMBER_MAX: Final = 1 << 53
"""Largest number believed: what every JSON reader still takes for whole."""

_MICRO: Final = 1_000_000
_EPOCH_S_MAX: Final = 1 << 40
_ASKS: Final = "AskUserQuestion"
# What a denied call was about, by the names that its tools have for it.
_SUBJECTS: Final = ("command", "file_path", "notebook_path", "path", "url", "pattern", "query")

Event = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What the last `result` says.

    Attributes:
        subtype: `success`, also of errors, or the kind of limit or defect.
        is_error: Whether the turn failed.
        status: HTTP status of the provider's last refusal, if that ended the turn.
        terminal_reason: In one word, why it is over; not in all versions.
        text: What the agent said last, or the error in the program's words.
        denials: What it was not permitted to do.
        questions: What it wanted to ask.
    """

    subtype: str
    is_error: bool
    status: int | None
    terminal_reason: str
    text: str
    denials: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The facts of a turn.

    Attributes:
        ended: The last `result`; none if there was none.
        error: Kind of the last error in the program's words, such as `rate_limit`.
        text: What the agent said last.
        plain: The last lines that are no JSON, such as those of standard error.
        reset_at: When the provider takes requests again, if it told.
        usage: What the turn cost: as `result` says, or, if there is none because the turn was
            ended, an estimate: the tokens of each message that was seen, once, and no money.
        unanswered: Whether the provider gave no answer at all when it was last asked again.
    """

    ended: Ended | None = None
    error: str = ""
    text: str = ""
    plain: tuple[str, ...] = ()
    reset_at: Instant | None = None
    usage: Usage = field(default_factory=Usage)
    unanswered: bool = False


def read_stream(output: bytes, *, duration_ms: int = 0) -> Stream:
    """Return the facts in what a turn printed, however it was cut.

    Args:
        output: All that was kept of it.
        duration_ms: How long the turn took.
    """
    reading = _Reading()
    for line in output.split(b"\n"):
        event = _event(line)
        if event is not None:
            reading.take(event)
        elif line.strip():
            reading.plain.append(clean(line[:2000].decode(errors="replace")).strip())
            del reading.plain[:-PLAIN_LINES_MAX]
    return reading.facts(duration_ms)


def _event(line: bytes) -> Event | None:
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        return _map(json.loads(line.decode(errors="replace")))
    except (ValueError, RecursionError):
        return None


class _Reading:
    """Takes event after event."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self._result: Event | None = None
        self._error = self._text = self._model = self._present = ""
        self._retries = 0
        self._unanswered = False
        self._reset_at: Instant | None = None
        # Tokens read and written of each message by its id: parts of one repeat its numbers.
        self._messages: dict[str, tuple[int, int]] = {}

    def take(self, event: Event) -> None:
        match event.get("type"):
            case "result":
                self._result = event
            case "assistant":
                self._assistant(event)
            case "stream_event":
                self._part(_map(event.get("event")) or {})
            case "system" if event.get("subtype") == "init":
                self._model = _text(event.get("model")) or self._model
            case "system" if event.get("subtype") == "api_retry":
                self._retries += 1
                self._unanswered = _whole(event.get("error_status")) is None
                self._error = _text(event.get("error"))
            case "rate_limit_event":
                self._limit(_map(event.get("rate_limit_info")) or {})
            case _:
                pass

    def facts(self, duration_ms: int) -> Stream:
        result = self._result
        tokens = self._tokens() if result is None else _tokens(result)
        usage = Usage(
            model=self._model[:200],
            input_tokens=min(NUMBER_MAX, tokens[0]),
            output_tokens=min(NUMBER_MAX, tokens[1]),
            cost_microusd=0 if result is None else _cost_microusd(result),
            duration_ms=duration_ms,
            retries=self._retries,
        )
        return Stream(
            ended=None if result is None else _ended(result),
            error=self._error,
            text=self._text,
            plain=tuple(self.plain),
            reset_at=self._reset_at,
            usage=usage,
            unanswered=self._unanswered,
        )

    def _assistant(self, event: Event) -> None:
        message = _map(event.get("message")) or {}
        self._error = _text(event.get("error"))
        texts = [
            _text(block.get("text"))
            for block in map(_map, _list(message.get("content")))
            if block is not None and block.get("type") == "text"
        ]
        if event.get("parent_tool_use_id") is None:
            self._text = "\n".join(filter(None, texts)) or self._text
        self._count(message)

    def _part(self, event: Event) -> None:
        """Take a part of a message: the last one says what was really written."""
        match event.get("type"):
            case "message_start":
                message = _map(event.get("message")) or {}
                self._present = _text(message.get("id"))
                self._count(message)
            case "message_delta":
                self._count({"id": self._present, "usage": event.get("usage")})
            case _:
                pass

    def _count(self, message: Event) -> None:
        name, usage = _text(message.get("id")), _map(message.get("usage"))
        if name and usage is not None:
            known = self._messages.get(name, (0, 0))
            told = (_read(usage), _whole(usage.get("output_tokens")) or 0)
            self._messages[name] = (max(known[0], told[0]), max(known[1], told[1]))

    def _tokens(self) -> tuple[int, int]:
        read, written = (
            zip(*self._messages.values(), strict=True) if self._messages else ((), ())
        )
        return sum(read), sum(written)

    def _limit(self, limit: Event) -> None:
        reset_s = _whole(limit.get("resetsAt"))
        if limit.get("status") == "rejected" and reset_s is not None and reset_s < _EPOCH_S_MAX:
            self._reset_at = Instant(reset_s * 1000)


def _ended(result: Event) -> Ended:
    denials = [one for one in map(_map, _list(result.get("permission_denials"))) if one]
    errors = "; ".join(filter(None, map(_text, _list(result.get("errors")))))
    return Ended(
        subtype=_text(result.get("subtype")),
        is_error=result.get("is_error") is not False,
        status=_whole(result.get("api_error_status")),
        terminal_reason=_text(result.get("terminal_reason")),
        text=_text(result.get("result")) or errors,
        denials=tuple(
            _denial(one) for one in denials[:DENIALS_MAX] if one.get("tool_name") != _ASKS
        ),
        questions=tuple(
            question
            for one in denials[:DENIALS_MAX]
            if one.get("tool_name") == _ASKS
            for question in _questions(_map(one.get("tool_input")) or {})
        ),
    )


def _denial(denial: Event) -> str:
    """Return what was denied in a few words: the tool, and what it was to be used on."""
    given = _map(denial.get("tool_input")) or {}
    subject = next((text for name in _SUBJECTS if (text := _text(given.get(name)))), "")
    words = f"{_text(denial.get('tool_name')) or 'a tool'} {subject}"
    return " ".join(clean(words).split())[:DENIAL_CHARS_MAX]


def _questions(given: Event) -> Iterator[str]:
    for question in map(_map, _list(given.get("questions"))):
        if question is not None and (text := _text(question.get("question"))):
            yield clean(text)[:DENIAL_CHARS_MAX]


def _tokens(result: Event) -> tuple[int, int]:
    """Return the tokens read and written in this turn alone.

    The sums by model know of side conversations too. Those since the last result are this
    turn's; `modelUsage` goes on counting where an earlier turn of the conversation ended.
    """
    models = _models(result)
    if models:
        names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        read = sum(_whole(model.get(name)) or 0 for model in models for name in names)
        return read, sum(_whole(model.get("outputTokens")) or 0 for model in models)
    usage = _map(result.get("usage")) or {}
    return _read(usage), _whole(usage.get("output_tokens")) or 0


def _cost_microusd(result: Event) -> int:
    models = _models(result)
    if models:
        return min(NUMBER_MAX, sum(_microusd(model.get("costUSD")) for model in models))
    return _microusd(result.get("total_cost_usd"))


def _models(result: Event) -> list[Event]:
    by_name = _map(result.get("model_usage_since_last_result")) or {}
    return [model for model in map(_map, by_name.values()) if model is not None]


def _read(usage: Event) -> int:
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(_whole(usage.get(name)) or 0 for name in names)


def _microusd(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    # Compared before it is counted: a whole number may be too large for a fraction.
    if not 0 <= value <= NUMBER_MAX or math.isnan(value):
        return 0
    return min(NUMBER_MAX, round(value * _MICRO))


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return min(max(value, 0), NUMBER_MAX)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _map(value: object) -> Event | None:
    return cast("Event", value) if isinstance(value, dict) else None
