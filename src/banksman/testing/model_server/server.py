"""The server: loopback only, one script for each name in the address, faults as they are due.

    with ModelServer({"greet": Script(steps=(Step(text="hello"),))}) as server:
        ...  # ANTHROPIC_BASE_URL = server.url("greet")

Each request is answered in a thread of its own, so that one that hangs keeps nobody else from
being answered; leaving the context ends all of them.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self, cast

from banksman.testing.model_server import messages
from banksman.testing.model_server.script import Fault, FaultKind, Script, Step

HOST: Final = "127.0.0.1"
BODY_BYTES_MAX: Final = 64 << 20
REQUESTS_MAX: Final = 1000
"""Requests remembered; the oldest are forgotten."""

_ADDRESS: Final = re.compile(r"/s/([^/?]+)(/[^?]*)")
_EVENTS_BEFORE_A_CUT: Final = 3


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request that was answered.

    Attributes:
        script: Name of the script that answered.
        step: Number of the step, 0 first.
        aside: Whether it was beside the conversation.
        fault: What went wrong, if anything did.
        body: All that was asked.
    """

    script: str
    step: int
    aside: bool
    fault: FaultKind | None
    body: Mapping[str, object]


class ModelServer:
    """Answers by scripts, from `with` to its end.

    Attributes:
        requests: What was asked, oldest first.
    """

    def __init__(self, scripts: Mapping[str, Script], *, port: int = 0) -> None:
        """Answer by these scripts on a port of the loopback; 0 takes one that is free."""
        self._scripts = dict(scripts)
        self._faults: Counter[tuple[str, int]] = Counter()
        # Requests come in threads: guards the counters, which a fault is due by.
        self._lock = threading.Lock()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.requests: deque[Request] = deque(maxlen=REQUESTS_MAX)
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port that it listens to."""
        return int(self._server.server_address[1])

    def url(self, script: str) -> str:
        """Return the address under which a script answers."""
        return f"http://{HOST}:{self.port}/s/{script}"

    def asked(self, script: str) -> tuple[Request, ...]:
        """Return what a script was asked, but for what was asked beside the conversation."""
        return tuple(one for one in self.requests if one.script == script and not one.aside)

    def due(self, name: str, body: Mapping[str, object]) -> tuple[Step, Fault | None]:
        """Return what a request is to be answered, and what is to go wrong with it."""
        script = self._scripts[name]
        if aside := messages.is_aside(body):
            at, step, fault = -1, messages.aside(script), None
        else:
            at = messages.index(body)
            step = script.step(at)
            fault = step.fault if self._strikes(name, at, step.fault) else None
        kind = fault.kind if fault else None
        self.requests.append(Request(script=name, step=at, aside=aside, fault=kind, body=body))
        return step, fault

    def has(self, name: str) -> bool:
        """Return whether there is a script of this name."""
        return name in self._scripts

    def _strikes(self, name: str, at: int, fault: Fault | None) -> bool:
        with self._lock:
            self._faults[name, at] += 1
            asked = self._faults[name, at]
        return fault is not None and (fault.times is None or asked <= fault.times)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: ModelServer, port: int) -> None:
        self.model = model
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that was ended in the middle is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _model(self) -> ModelServer:
        return cast("_Server", self.server).model

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing: what was asked is in `ModelServer.requests`."""

    def do_HEAD(self) -> None:
        """Answer that somebody is here."""
        self._reply(HTTPStatus.OK, {})

    def do_GET(self) -> None:
        """Know nothing that can be got."""
        self._reply(HTTPStatus.NOT_FOUND, messages.error(404, f"there is no {self.path}"))

    def do_POST(self) -> None:
        """Answer by the script that the address names."""
        body = self._body()
        address = _ADDRESS.match(self.path)
        name, path = address.groups() if address else ("", self.path)
        if body is None or not self._model.has(name):
            said = messages.error(404, f"there is no script {name!r}, or no JSON was sent")
            return self._reply(HTTPStatus.NOT_FOUND, said)
        if path == f"{messages.PATH}/count_tokens":
            return self._reply(HTTPStatus.OK, {"input_tokens": 1000})
        if path != messages.PATH:
            said = messages.error(404, f"there is no {path}")
            return self._reply(HTTPStatus.NOT_FOUND, said)
        step, fault = self._model.due(name, body)
        return self._answer(body, step, fault)

    def _answer(self, body: messages.Body, step: Step, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        match fault:
            case Fault(kind=FaultKind.REFUSE):
                return self._refuse(fault)
            case Fault(kind=FaultKind.HANG):
                self._model.closing.wait()
                return self._cut()
            case Fault(kind=FaultKind.RESET):
                return self._cut()
            case _:
                cut = kind is FaultKind.MAX_TOKENS
                if body.get("stream"):
                    return self._stream(body, step, kind)
                return self._reply(HTTPStatus.OK, messages.whole(body, step, cut=cut))

    def _refuse(self, fault: Fault) -> None:
        after = fault.retry_after_s
        headers = {} if after is None else {"retry-after": str(after)}
        self._reply(fault.status, messages.error(fault.status, fault.message), **headers)

    def _stream(self, body: messages.Body, step: Step, kind: FaultKind | None) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        events = messages.events(
            body,
            step,
            cut=kind is FaultKind.MAX_TOKENS,
            bad_json=kind is FaultKind.BAD_JSON,
        )
        for at, (name, said) in enumerate(events, start=1):
            text = json.dumps({"type": name, **said})
            self._chunk(f"event: {name}\ndata: {text}\n\n".encode())
            if at == _EVENTS_BEFORE_A_CUT and kind is FaultKind.STALL:
                self._model.closing.wait()
            if at == _EVENTS_BEFORE_A_CUT and kind in {FaultKind.STALL, FaultKind.TRUNCATE}:
                return self._cut()
        return self._chunk(b"")

    def _chunk(self, text: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def _reply(self, status: int, body: Mapping[str, object], **headers: str) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _body(self) -> dict[str, object] | None:
        """Return the JSON object that was sent; none if it is none."""
        length = self.headers.get("content-length", "")
        size = int(length) if length.isdecimal() else 0
        try:
            body: object = json.loads(self.rfile.read(min(size, BODY_BYTES_MAX)))
        except (ValueError, RecursionError):
            return None
        return cast("dict[str, object]", body) if isinstance(body, dict) else None
