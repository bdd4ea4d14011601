"""The dialect of Anthropic's Messages: what a request asks for, and how an answer is said.

Another dialect is another module with the same functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Final, cast

from banksman.testing.model_server.script import Call, Script, Step

PATH: Final = "/v1/messages"
USAGE: Final = {
    "input_tokens": 1200,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 200,
    "output_tokens": 60,
}
"""What every answer costs."""

_PIECE_CHARS: Final = 40
_NUMBERS: Final = count(1)
_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_SAID: Final = {
    400: "prompt is too long: 210000 tokens > 200000 maximum",
    401: "invalid x-api-key",
    403: "your account may not use this model",
    429: "this request would exceed your account's rate limit",
    529: "Overloaded",
}

Body = Mapping[str, object]
Event = tuple[str, Body]


def index(body: Body) -> int:
    """Return the number of the step that answers: how often the model has answered before."""
    messages = cast("list[Body]", body.get("messages") or [])
    return sum(message.get("role") == "assistant" for message in messages)


def is_aside(body: Body) -> bool:
    """Return whether this is a request beside the conversation: it offers no tools."""
    return not body.get("tools")


def aside(script: Script) -> Step:
    """Return the answer to a request beside the conversation."""
    return Step(text=script.side_text)


def error(status: int, message: str) -> Body:
    """Return the body of an error."""
    told = message or _SAID.get(status, "Internal server error")
    kind = _KINDS.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": told}, "request_id": "req_1"}


def whole(body: Body, step: Step, *, cut: bool) -> Body:
    """Return an answer at once; `cut` says that it reached its longest length."""
    blocks = [
        *([{"type": "text", "text": step.text}] if step.text or not step.calls else []),
        *(_block(call, call.input) for call in step.calls),
    ]
    return _message(body) | {
        "content": blocks,
        "stop_reason": _stop_reason(step, cut=cut),
        "usage": USAGE,
    }


def events(body: Body, step: Step, *, cut: bool, bad_json: bool) -> Iterator[Event]:
    """Yield the events of an answer that is streamed.

    Args:
        body: The request.
        step: What to say.
        cut: Whether it says that it reached its longest length.
        bad_json: Whether the input of its calls ends in the middle.
    """
    yield "message_start", {"message": _message(body)}
    blocks = _streamed(step, bad_json=bad_json)
    for at, (block, deltas) in enumerate(blocks):
        yield "content_block_start", {"index": at, "content_block": block}
        for delta in deltas:
            yield "content_block_delta", {"index": at, "delta": delta}
        yield "content_block_stop", {"index": at}
    ending = {"stop_reason": _stop_reason(step, cut=cut), "stop_sequence": None}
    usage = {"output_tokens": USAGE["output_tokens"]}
    yield "message_delta", {"delta": ending, "usage": usage}
    yield "message_stop", {}


def _streamed(step: Step, *, bad_json: bool) -> Iterator[tuple[Body, Sequence[Body]]]:
    if step.text or not step.calls:
        pieces = [{"type": "text_delta", "text": piece} for piece in _pieces(step.text)]
        yield {"type": "text", "text": ""}, pieces
    for call in step.calls:
        text = json.dumps(call.input)
        said = text[: len(text) // 2] if bad_json else text
        yield (
            _block(call, {}),
            [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(said)],
        )


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE_CHARS] for at in range(0, len(text), _PIECE_CHARS)]


def _block(call: Call, given: Body) -> Body:
    return {"type": "tool_use", "id": _name("toolu"), "name": call.tool, "input": given}


def _message(body: Body) -> dict[str, object]:
    return {
        "id": _name("msg"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "scripted"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**USAGE, "output_tokens": 1},
    }


def _stop_reason(step: Step, *, cut: bool) -> str:
    if cut:
        return "max_tokens"
    return "tool_use" if step.calls else "end_turn"


def _name(kind: str) -> str:
    return f"{kind}_{next(_NUMBERS):024}"
