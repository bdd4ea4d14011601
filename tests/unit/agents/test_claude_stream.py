"""What Claude Code prints becomes an outcome, whatever it is, and words that help a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.agents.claude_endings import outcome_of
from banksman.agents.claude_stream import NUMBER_MAX, read_stream
from banksman.core.outcome import (
    Answered,
    Capped,
    Exited,
    Outcome,
    RateLimited,
    Refused,
    Usage,
)
from banksman.core.retry import ErrorClass
from banksman.core.task import Instant

SAMPLES: Final = Path(__file__).parents[4] / "shared" / "samples"
_E = ErrorClass

RECORDED: Final[dict[str, type | ErrorClass]] = {
    "400ctx": _E.VALIDATION,
    "401": _E.AUTHENTICATION,
    "429ever": RateLimited,
    "429x2": Answered,
    "500ever": _E.SERVER_ERROR,
    "529ever": _E.SERVER_ERROR,
    "accept": Answered,
    "badjson": Answered,
    "budget": Capped,
    "hang": _E.CONNECTION,
    "happy": Answered,
    "maxtok": _E.VALIDATION,
    "maxturns": Capped,
    "new": Answered,
    "perm": Answered,
    "res": Answered,
    "root": Exited,
    "stall": Exited,
    "trunc": Answered,
    "trunc1": Answered,
}
"""What became of the turns that were recorded, by the ends of their names."""


def line(**event: object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def result(**fields: object) -> bytes:
    told = {"type": "result", "subtype": "success", "is_error": False, "result": "done"}
    return line(**(told | fields))


def failed(error: str = "", status: int | None = None, **fields: object) -> bytes:
    """Return the stream of a turn that an error ended."""
    said = line(type="assistant", error=error, message={"id": "m", "content": []})
    return said + result(is_error=True, api_error_status=status, result="its words", **fields)


def outcome(output: bytes, code: int | None = 0) -> Outcome:
    return outcome_of(read_stream(output), code)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_turn_has_its_outcome(name: str) -> None:
    path = SAMPLES / f"claude-{name}.jsonl"
    if not path.exists():
        pytest.skip(f"there are no recordings in {SAMPLES}")
    ending = outcome(path.read_bytes(), 1)
    wanted = RECORDED[name]
    if isinstance(wanted, ErrorClass):
        assert isinstance(ending, Refused)
        assert ending.error is wanted
        assert ending.message
    else:
        assert isinstance(ending, wanted)
    retries = {"429x2": 2, "429ever": 2, "500ever": 2, "529ever": 2, "401": 2, "hang": 1}
    assert ending.usage.retries == retries.get(name, 0)
    if isinstance(ending, Answered):
        assert ending.usage.cost_microusd > 0
        assert ending.usage.input_tokens > 1000
    if name == "perm":
        assert isinstance(ending, Answered)
        assert ending.denials[0] == "Write /w/w/c_perm/hello.py"


@pytest.mark.parametrize(
    ("output", "error", "told"),
    [
        (failed("authentication_failed"), _E.AUTHENTICATION, "could not log in"),
        (failed("authentication_failed", 401), _E.AUTHENTICATION, "ANTHROPIC_API_KEY"),
        (failed("", 403), _E.AUTHENTICATION, "Log in with `claude`"),
        (failed("billing_error", 400), _E.POLICY, "credit"),
        (failed("", 402), _E.POLICY, "its plan"),
        (failed("invalid_request", 400), _E.VALIDATION, "refused the request"),
        (failed("", 400), _E.VALIDATION, "refused the request"),
        (failed("", 418), _E.VALIDATION, "refused the request"),
        (failed("model_not_found", 404), _E.NOT_FOUND, "Set `model`"),
        (failed("invalid_request", 404), _E.VALIDATION, "refused"),
        (failed("", 413), _E.VALIDATION, "too long for its model"),
        (
            failed("invalid_request", 400, terminal_reason="prompt_too_long"),
            _E.VALIDATION,
            "Split the task",
        ),
        (failed("max_output_tokens"), _E.VALIDATION, "CLAUDE_CODE_MAX_OUTPUT_TOKENS"),
        (failed("server_error", 500), _E.SERVER_ERROR, "the provider of Claude Code failed"),
        (failed("server_error", 529), _E.SERVER_ERROR, "failed: its words"),
        (failed("unknown", 503), _E.SERVER_ERROR, "failed: its words"),
        (failed("server_error"), _E.SERVER_ERROR, "failed: its words"),
        (failed("", 408), _E.CONNECTION, "could not be reached"),
        (failed("unknown"), _E.UNKNOWN, "Claude Code broke off: its words"),
        (failed(subtype="error_during_execution"), _E.UNKNOWN, "broke off: its words"),
        (result(subtype="a new one", is_error=False), _E.UNKNOWN, "broke off: done"),
        (result(is_error="no"), _E.UNKNOWN, "broke off"),
        (b'{"type": "result"}\n', _E.UNKNOWN, "Claude Code broke off"),
    ],
)
def test_an_error_has_its_class_and_its_words(
    output: bytes, error: ErrorClass, told: str
) -> None:
    ending = outcome(output)
    assert isinstance(ending, Refused)
    assert ending.error is error
    assert told in ending.message


def test_a_provider_that_never_answered_is_a_matter_of_the_connection() -> None:
    retry = line(type="system", subtype="api_retry", error_status=None, error="unknown")
    for error in ("", "unknown", "server_error"):
        ending = outcome(retry + failed(error))
        assert isinstance(ending, Refused)
        assert ending.error is _E.CONNECTION


@pytest.mark.parametrize(
    "output", [failed("rate_limit", 429), failed("rate_limit"), failed("", 429)]
)
def test_a_rate_limit_is_one_however_it_is_told(output: bytes) -> None:
    assert outcome(output) == RateLimited(text="its words", reset_at=None)


def test_a_rate_limit_says_when_it_ends_if_that_was_told() -> None:
    info = {"status": "rejected", "resetsAt": 1_900_000_000}
    limit = line(type="rate_limit_event", rate_limit_info=info)
    ending = outcome(limit + failed("rate_limit", 429))
    assert isinstance(ending, RateLimited)
    assert ending.reset_at == Instant(1_900_000_000_000)
    wrongs: list[object] = [{**info, "status": "allowed"}, {**info, "resetsAt": 1e99}, []]
    for wrong in wrongs:
        event = line(type="rate_limit_event", rate_limit_info=wrong)
        assert outcome(event + failed("", 429)) == RateLimited(text="its words")


@pytest.mark.parametrize(
    ("subtype", "told"),
    [("error_max_turns", "`max_turns`): 5 turns"), ("error_max_budget_usd", "money")],
)
def test_a_limit_keeps_the_work_and_says_which(subtype: str, told: str) -> None:
    ending = outcome(result(subtype=subtype, is_error=True, result=None, errors=["5 turns"]), 1)
    assert isinstance(ending, Capped)
    assert told in ending.message


def test_what_was_denied_and_asked_is_told() -> None:
    denials = [
        {"tool_name": "Bash", "tool_input": {"command": "rm -rf\n\x1b[31m/", "file_path": "x"}},
        {"tool_name": "Write", "tool_input": {"content": "x", "file_path": "/a"}},
        {
            "tool_name": "AskUserQuestion",
            "tool_input": {"questions": [{"question": "Why?"}, 1]},
        },
        {"tool_name": "Odd"},
        "garbage",
        {},
    ]
    ending = outcome(result(permission_denials=denials))
    assert isinstance(ending, Answered)
    assert ending.denials == ("Bash rm -rf /", "Write /a", "Odd")
    assert ending.questions == ("Why?",)


def test_only_the_last_result_counts() -> None:
    assert isinstance(outcome(failed("", 500) + result()), Answered)
    assert isinstance(outcome(result() + failed("", 500)), Refused)


@pytest.mark.parametrize(
    ("printed", "code", "told"),
    [
        (b"", 0, "Claude Code ended without telling a result"),
        (b"oh no\n", 0, "Claude Code ended without telling a result: oh no"),
        (b"error: unknown option '--x'\n", 1, "does not know one of the options"),
        (
            b"--dangerously-skip-permissions cannot be used with root/sudo privileges\n",
            1,
            "root",
        ),
    ],
)
def test_a_turn_without_a_result_is_no_answer(printed: bytes, code: int, told: str) -> None:
    ending = outcome(line(type="system", subtype="init", model="m") + printed, code)
    assert isinstance(ending, Refused)
    assert told in ending.message


def test_a_program_that_breaks_says_why() -> None:
    ending = outcome(b"Error: Session ID is already in use.\n", 1)
    assert ending == Exited(
        text="Error: Session ID is already in use.",
        code=1,
        message="Error: Session ID is already in use.",
    )


def test_a_result_that_was_cut_is_none() -> None:
    ending = outcome(result()[:-20], 0)
    assert isinstance(ending, Refused)


def test_usage_is_this_turns_alone() -> None:
    here = {"inputTokens": 10, "outputTokens": 3, "cacheReadInputTokens": 7, "costUSD": 0.25}
    ending = outcome(
        line(type="system", subtype="init", model="opus")
        + result(
            total_cost_usd=9.0,
            usage={"input_tokens": 1, "output_tokens": 1},
            modelUsage={"opus": {"costUSD": 9.0}},
            model_usage_since_last_result={"opus": here, "haiku": {"costUSD": 0.5}},
        )
    )
    assert ending.usage == Usage(
        model="opus", input_tokens=17, output_tokens=3, cost_microusd=750_000
    )


def test_usage_of_older_programs_is_that_of_the_result() -> None:
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 4}
    ending = outcome(result(total_cost_usd=0.000_002, usage=usage))
    assert ending.usage == Usage(input_tokens=7, output_tokens=4, cost_microusd=2)


def test_usage_of_a_turn_that_was_ended_is_estimated_by_message() -> None:
    def said(name: str, written: int) -> dict[str, object]:
        return {"id": name, "usage": {"input_tokens": 100, "output_tokens": written}}

    start = {"type": "message_start", "message": said("a", 1)}
    delta = {"type": "message_delta", "usage": {"output_tokens": 60}}
    stream = read_stream(
        line(type="stream_event", event=start)
        + line(type="assistant", message=said("a", 1))
        + line(type="assistant", message=said("a", 1))
        + line(type="stream_event", event=delta)
        + line(type="assistant", message=said("b", 2)),
        duration_ms=5,
    )
    assert stream.usage == Usage(input_tokens=200, output_tokens=62, duration_ms=5)


@pytest.mark.parametrize(
    "cost", ["0.5", -1, True, None, float("nan"), float("inf"), 10**400, [], 1e300]
)
def test_a_cost_that_is_none_is_nothing(cost: object) -> None:
    usage = {"input_tokens": -5, "output_tokens": 10**30}
    spent = outcome(result(total_cost_usd=cost, usage=usage)).usage
    assert spent == Usage(output_tokens=NUMBER_MAX)


HOSTILE: Final = (
    b"\xff\xfe{\n",
    b"{" * 100_000 + b"\n",
    b'{"type": ' + b"[" * 50_000 + b"\n",
    b'{"type": ["result"]}\n',
    b'{"type": {"type": "result"}}\n',
    b'["result"]\nnull\n"result"\n1\n',
    b'{"type": "assistant"}\n{"type": "assistant", "message": 1, "error": 2}\n',
    b'{"type": "assistant", "message": {"id": [], "content": {"a": 1}, "usage": 3}}\n',
    b'{"type": "assistant", "message": {"content": [1, null, {"type": "text", "text": 7}]}}\n',
    b'{"type": "system", "subtype": "init", "model": {}}\n',
    b'{"type": "system", "subtype": "api_retry", "error": 5, "error_status": "x"}\n',
    b'{"type": "stream_event", "event": {"type": "message_delta", "usage": []}}\n',
    b'{"type": "stream_event", "event": 1}\n{"type": "rate_limit_event"}\n',
    b'{"n": ' + b"9" * 5000 + b"}\n",
    b"[... 123 bytes dropped ...]\n",
)


@pytest.mark.parametrize("noise", HOSTILE, ids=lambda noise: str(noise[:40]))
def test_garbage_around_a_result_changes_nothing(noise: bytes) -> None:
    ending = outcome(noise + result() + noise)
    assert isinstance(ending, Answered)
    assert ending.text.startswith("done")


def test_half_characters_of_json_reach_no_message() -> None:
    ending = outcome(failed("", 500).replace(b"its words", b"half \\ud800 and \\u001b[31mred"))
    assert isinstance(ending, Refused)
    ending.message.encode()
    assert "\x1b" not in ending.message


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_output_breaks_the_reader_wherever_it_is_cut(noise: bytes, at: int) -> None:
    whole = failed("rate_limit", 429) + noise + result()
    outcome(whole[:at] + noise + whole[at:])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "subtype", "message", "usage", "content", "id", "text"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
NAMES = (
    "subtype", "message", "event", "usage", "result", "errors", "is_error", "error",
    "permission_denials", "model_usage_since_last_result", "api_error_status",
    "rate_limit_info", "total_cost_usd", "terminal_reason",
)  # fmt: skip


@given(
    st.sampled_from(["result", "assistant", "system", "stream_event", "rate_limit_event"]),
    st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6),
)
def test_no_value_of_any_type_breaks_the_reader(kind: str, fields: dict[str, object]) -> None:
    ending = outcome(line(**fields, type=kind))
    assert ending.usage.input_tokens >= 0
    assert ending.usage.cost_microusd >= 0
