"""The scripted model says what its script has it say, and goes wrong as it is told to."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from banksman.testing.model_server.script import (
    Call,
    Fault,
    FaultKind,
    Script,
    Step,
    read_scripts,
    shell,
    write,
)
from banksman.testing.model_server.server import HOST, ModelServer
from tests.waiting import until

TOOLS: Final = [{"name": "Write"}]
STEPS: Final = (Step(calls=(write("a.py", "A = 1\n" * 20),)), Step(text="done"))
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def serve() -> Iterator[Callable[..., ModelServer]]:
    servers: list[ModelServer] = []

    def start(*steps: Step) -> ModelServer:
        servers.append(ModelServer({"it": Script(steps=steps)}).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def ask(
    server: ModelServer,
    *,
    before: int = 0,
    path: str = "/s/it/v1/messages",
    timeout_s: float = 30.0,
    **body: object,
) -> Answer:
    """Return status, headers and body of the answer to a conversation with answers before."""
    messages = [{"role": "user"}, *[{"role": "assistant"}, {"role": "user"}] * before]
    asked = {"messages": messages, "tools": TOOLS, **body}
    connection = http.client.HTTPConnection(HOST, server.port, timeout=timeout_s)
    try:
        connection.request("POST", path, json.dumps(asked))
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


def events(answer: Answer) -> list[dict[str, Any]]:
    """Return what a stream of events says."""
    lines = answer[2].decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def given(said: list[dict[str, Any]]) -> str:
    """Return the input of a call, put together from its pieces."""
    deltas = [event["delta"] for event in said if event["type"] == "content_block_delta"]
    return "".join(delta["partial_json"] for delta in deltas)


def test_the_step_is_read_from_the_history_of_the_request(
    serve: Callable[..., ModelServer],
) -> None:
    server = serve(*STEPS)
    for before, reason in ((0, "tool_use"), (1, "end_turn"), (0, "tool_use"), (5, "end_turn")):
        status, _, text = ask(server, before=before)
        assert (status, json.loads(text)["stop_reason"]) == (200, reason)
    assert [one.step for one in server.asked("it")] == [0, 1, 0, 5]


def test_an_answer_is_streamed_in_pieces_that_make_it_up(
    serve: Callable[..., ModelServer],
) -> None:
    said = events(ask(serve(*STEPS), stream=True))
    assert [event["type"] for event in said][:2] == ["message_start", "content_block_start"]
    assert said[-1] == {"type": "message_stop"}
    assert json.loads(given(said)) == STEPS[0].calls[0].input


def test_what_is_asked_beside_the_conversation_takes_no_step(
    serve: Callable[..., ModelServer],
) -> None:
    server = serve(Step(text="x", fault=Fault(kind=FaultKind.REFUSE)))
    status, _, text = ask(server, tools=[])
    assert (status, json.loads(text)["content"][0]["text"]) == (200, "A title")
    assert server.asked("it") == ()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_a_refusal_is_said_as_often_as_it_is_due(
    serve: Callable[..., ModelServer], status: int, kind: str
) -> None:
    fault = Fault(kind=FaultKind.REFUSE, status=status, times=2, retry_after_s=7)
    server = serve(Step(text="at last", fault=fault))
    answers = [ask(server) for _ in range(3)]
    assert [answer[0] for answer in answers] == [status, status, 200]
    assert json.loads(answers[0][2])["error"]["type"] == kind
    assert answers[0][1]["retry-after"] == "7"
    assert [one.fault for one in server.requests] == [fault.kind, fault.kind, None]


def test_a_stream_can_be_cut(serve: Callable[..., ModelServer]) -> None:
    server = serve(Step(text="x", fault=Fault(kind=FaultKind.TRUNCATE)))
    with pytest.raises(http.client.IncompleteRead):
        ask(server, stream=True)


def test_a_connection_can_be_closed_at_once(serve: Callable[..., ModelServer]) -> None:
    server = serve(Step(text="x", fault=Fault(kind=FaultKind.RESET)))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(server)


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.STALL])
def test_a_model_can_fall_silent_and_its_server_ends_all_the_same(
    serve: Callable[..., ModelServer], kind: FaultKind
) -> None:
    server = serve(Step(text="x", fault=Fault(kind=kind)))
    with pytest.raises(TimeoutError):
        ask(server, stream=True, timeout_s=0.3)
    assert [one.fault for one in server.requests] == [kind]


def test_the_input_of_a_call_can_be_broken(serve: Callable[..., ModelServer]) -> None:
    step = Step(calls=STEPS[0].calls, fault=Fault(kind=FaultKind.BAD_JSON))
    said = events(ask(serve(step), stream=True))
    with pytest.raises(json.JSONDecodeError):
        json.loads(given(said))


def test_an_answer_can_be_too_long(serve: Callable[..., ModelServer]) -> None:
    step = Step(text="half", fault=Fault(kind=FaultKind.MAX_TOKENS))
    assert json.loads(ask(serve(step))[2])["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("path", ["/", "/s/it/other", "/s/nobody/v1/messages"])
def test_what_nobody_serves_is_not_found(serve: Callable[..., ModelServer], path: str) -> None:
    assert ask(serve(*STEPS), path=path)[0] == 404


def test_tokens_are_counted_without_a_step(serve: Callable[..., ModelServer]) -> None:
    server = serve(*STEPS)
    status, _, text = ask(server, path="/s/it/v1/messages/count_tokens")
    assert (status, json.loads(text)) == (200, {"input_tokens": 1000})
    assert not server.requests


def test_scripts_are_read_from_json() -> None:
    text = json.dumps(
        {
            "it": {
                "side_text": "Hm",
                "steps": [
                    {
                        "calls": [{"tool": "Bash", "input": shell("ls").input}],
                        "fault": {"kind": "refuse", "status": 429, "times": 2},
                    },
                    {"text": "done"},
                ],
            }
        }
    )
    fault = Fault(kind=FaultKind.REFUSE, status=429, times=2)
    steps = (Step(calls=(shell("ls"),), fault=fault), Step(text="done"))
    assert read_scripts(text) == {"it": Script(steps=steps, side_text="Hm")}
    assert steps[0].calls == (Call(tool="Bash", input=shell("ls").input),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "the script must be an object"),
        ('{"a": 1}', "a must be an object"),
        ('{"a": {}}', "a.steps must be a list"),
        ('{"a": {"steps": []}}', "a.steps must be at least one step"),
        ('{"a": {"steps": [{"txt": ""}]}}', "a.steps.0.txt must be nothing; known are text"),
        ('{"a": {"steps": [{"text": 1}]}}', "text must be a text"),
        ('{"a": {"steps": [{"calls": [{}]}]}}', "a.steps.0.calls.0.tool must be the name"),
        ('{"a": {"steps": [{"fault": {"kind": "x"}}]}}', "fault.kind must be one of refuse, "),
        (
            '{"a": {"steps": [{"fault": {"kind": "hang", "times": "x"}}]}}',
            "times must be a whole number",
        ),
        ("{", "Expecting property name"),
    ],
)
def test_a_script_that_is_none_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_scripts(text)


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"it": {"steps": [{"text": "hello"}]}}')
    command = [sys.executable, "-m", "banksman.testing.model_server"]
    said = tmp_path / "said"
    with said.open("wb") as file:
        running = subprocess.Popen([*command, str(script)], stdout=file)
    try:
        until(lambda: said.read_text().endswith("\n"), "the address")
    finally:
        running.terminate()
        running.wait()
    name, address = said.read_text().split()
    assert name == "it"
    assert address.startswith(f"http://{HOST}:")
    missing = subprocess.run(command, capture_output=True, check=False)
    assert missing.returncode == 2
    assert missing.stderr.startswith(b"usage: ")
