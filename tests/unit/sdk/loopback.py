"""A real HTTP server on loopback that answers as it is told and remembers exactly what arrived."""

import gzip
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

DEADLINE_S = 20.0


@dataclass(frozen=True)
class Arrived:
    """One request: its path, its headers, its events, and how many bytes it had on the wire."""

    path: str
    headers: dict[str, str]
    events: list[dict[str, Any]]
    wire_bytes: int


@dataclass(frozen=True)
class Reply:
    """What to answer: a status with headers, a status an event (`accepted` unless named), or none at all."""

    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    verdicts: dict[int, str] = field(default_factory=dict)
    body: bytes | None = None
    fault: Literal["", "hang", "reset"] = ""


class LoopbackGateway:
    """Answers with `replies` in order, then with 202 for all."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.arrived: list[Arrived] = []
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def dsn(self) -> str:
        return f"http://lw_test_key@127.0.0.1:{self._server.server_address[1]}/checkout"

    @property
    def events(self) -> list[dict[str, Any]]:
        with self._changed:
            return [event for request in self.arrived for event in request.events]

    def wait_for(self, fact: Callable[["LoopbackGateway"], bool]) -> None:
        """Return once `fact` holds; fail after a generous deadline."""
        with self._changed:
            assert self._changed.wait_for(lambda: fact(self), DEADLINE_S), f"only {self.arrived!r} arrived"

    def receive(self, request: Arrived) -> Reply:
        with self._changed:
            self.arrived.append(request)
            self._changed.notify_all()
            return self.replies.popleft() if self.replies else Reply()

    def hang(self) -> None:
        self._ending.wait(DEADLINE_S)

    def close(self) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                request = Arrived(self.path, dict(self.headers.items()), json.loads(plain), len(body))
                _answer(self, gateway, gateway.receive(request), request)

            def log_message(self, format: str, *args: Any) -> None:
                """Stay silent: what arrived is in `arrived`."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is what some tests are about."""


def _answer(handler: BaseHTTPRequestHandler, gateway: LoopbackGateway, reply: Reply, request: Arrived) -> None:
    if reply.fault == "hang":
        gateway.hang()
    if reply.fault:
        handler.close_connection = True
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        return
    results = [
        {"id": event["id"], "status": reply.verdicts.get(place, "accepted")}
        for place, event in enumerate(request.events)
    ]
    told = reply.status in (202, 422)
    body = reply.body if reply.body is not None else json.dumps({"results": results} if told else {}).encode()
    handler.send_response(reply.status)
    for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
