"""A proxy between the pipeline and its store that breaks what passes, where a plan says so.

It knows HTTP/1.1 as far as S3 clients and the store use it: bodies with a length, on the loopback address.
"""

import http.client
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"
#: No client in these tests waits longer than this for an answer.
_LONGEST_STALL_SECONDS = 30
_TRICKLE_PIECES, _TRICKLE_SECONDS = 20, 0.005
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class Fault(StrEnum):
    """What may happen to a request. `after` means that the store has done what it was asked."""

    ERROR_500 = "500"
    SLOW_DOWN = "503 SlowDown"
    RESET_BEFORE = "reset before"
    RESET_AFTER = "reset after"
    STALL_BEFORE = "stall before"
    STALL_AFTER = "stall after"
    CUT_OFF = "body cut off"
    TRICKLE = "slow trickle"
    LONG_LENGTH = "Content-Length too large"
    SHORT_LENGTH = "Content-Length too small"
    ERROR_IN_200 = "error inside a 200"


_ANYWHERE = (
    Fault.ERROR_500,
    Fault.SLOW_DOWN,
    Fault.RESET_BEFORE,
    Fault.RESET_AFTER,
    Fault.STALL_BEFORE,
    Fault.STALL_AFTER,
)
_IN_BODIES = (Fault.CUT_OFF, Fault.TRICKLE, Fault.LONG_LENGTH)
_BEFORE = {Fault.ERROR_500, Fault.SLOW_DOWN, Fault.RESET_BEFORE, Fault.STALL_BEFORE}


@dataclass(frozen=True)
class Request:
    """A request as it arrived; `number` counts from 1."""

    number: int
    method: str
    path: str
    is_copy: bool

    @property
    def kind(self) -> str:
        """What the pipeline does with it."""
        if self.is_copy:
            return "copy"
        if "uploadId=" in self.path or self.path.endswith("?uploads"):
            return "multipart"
        return {"GET": "read", "HEAD": "head", "PUT": "write"}.get(self.method, self.method.lower())

    @property
    def possible_faults(self) -> tuple[Fault, ...]:
        """A HEAD has no body; of a read alone nothing but its length tells that it is complete."""
        if self.method == "HEAD":
            return _ANYWHERE
        if self.kind == "read":
            return (*_ANYWHERE, *_IN_BODIES, Fault.SHORT_LENGTH)
        may_fail_late = self.is_copy or (self.method == "POST" and self.kind == "multipart")
        return (*_ANYWHERE, *_IN_BODIES, *([Fault.ERROR_IN_200] if may_fail_late else []))


class Plan:
    """Decides what becomes of each request; this one lets all pass. Its methods may wait or kill."""

    def before(self, request: Request) -> Fault | None:
        """Asked before the store sees the request."""

    def after(self, request: Request) -> None:
        """Told when the store has answered and the client does not know it yet."""

    def answered(self, request: Request) -> None:
        """Told when the client has its answer, or will never get one."""


class FaultProxy:
    """Counts what it let pass and what it broke.

    Parameters
    ----------
    target: the port of the store.
    plan: may be replaced at any time.
    """

    def __init__(self, target: int, plan: Plan | None = None) -> None:
        self.target = target
        self.plan = plan or Plan()
        self.requests = 0
        self.injected: Counter[tuple[str, Fault]] = Counter()
        self._lock = threading.Lock()
        self._server = _Server((LOOPBACK, 0), _Handler)
        self._server.proxy = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @contextmanager
    def running(self) -> Iterator["FaultProxy"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    @contextmanager
    def following(self, plan: Plan) -> Iterator[None]:
        """Follow another plan for a while, and count requests from 1 again."""
        kept, self.plan = self.plan, plan
        self.requests = 0
        try:
            yield
        finally:
            self.plan = kept

    def register(self, method: str, path: str, headers: Any) -> Request:
        with self._lock:
            self.requests += 1
            return Request(self.requests, method, path, "x-amz-copy-source" in headers)

    def count(self, request: Request, fault: Fault) -> None:
        with self._lock:
            self.injected[request.kind, fault] += 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    proxy: FaultProxy

    def shutdown_request(self, request: Any) -> None:
        """Only close: a farewell before it would turn a reset into an ordinary end."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what this is about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        request = proxy.register(self.command, self.path, self.headers)
        try:
            fault = proxy.plan.before(request)
            if fault:
                proxy.count(request, fault)
            if fault in _BEFORE:
                self._refuse(fault)
                return
            try:
                answer = self._ask_store(proxy.target, body)
            except (OSError, http.client.HTTPException):
                # The store is gone; the client notices as it would without a proxy.
                self._reset()
                return
            proxy.plan.after(request)
            self._reply(answer, fault)
        finally:
            proxy.plan.answered(request)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - the base class looks for these

    def _ask_store(self, port: int, body: bytes) -> "_Answer":
        store = http.client.HTTPConnection(LOOPBACK, port, timeout=_LONGEST_STALL_SECONDS)
        try:
            store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "expect"}:
                    store.putheader(name, value)
            store.endheaders(body or None)
            answer = store.getresponse()
            return _Answer(answer.status, answer.reason, answer.getheaders(), answer.read())
        finally:
            store.close()

    def _refuse(self, fault: Fault) -> None:
        if fault is Fault.RESET_BEFORE:
            self._reset()
        elif fault is Fault.STALL_BEFORE:
            self._stall()
        elif fault is Fault.SLOW_DOWN:
            self._reply(_make_error(503, "SlowDown", "Please reduce your request rate."), None)
        else:
            self._reply(_make_error(500, "InternalError", "We encountered an internal error."), None)

    def _reply(self, answer: "_Answer", fault: Fault | None) -> None:
        if fault is Fault.RESET_AFTER:
            self._reset()
        elif fault is Fault.STALL_AFTER:
            self._stall()
        elif fault is Fault.ERROR_IN_200:
            self._send(_make_error(200, "InternalError", "We encountered an internal error."))
        elif fault is Fault.CUT_OFF:
            self._send(answer, sent=len(answer.body) // 2)
        elif fault is Fault.LONG_LENGTH:
            self._send(answer, length=len(answer.body) + 7)
        elif fault is Fault.SHORT_LENGTH:
            length = len(answer.body) * 2 // 3
            self._send(answer, length=length, sent=length)
        else:
            self._send(answer, is_slow=fault is Fault.TRICKLE)

    def _send(
        self, answer: "_Answer", length: int | None = None, sent: int | None = None, is_slow: bool = False
    ) -> None:
        body = answer.body[:sent]
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if self.command == "HEAD":
            self.send_header("Content-Length", dict(answer.headers).get("Content-Length", "0"))
        elif answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body) if length is None else length))
        self.end_headers()
        for piece in _cut(body, _TRICKLE_PIECES if is_slow else 1):
            self.wfile.write(piece)
            if is_slow:
                time.sleep(_TRICKLE_SECONDS)
        if len(body) != (len(answer.body) if length is None else length):
            self.close_connection = True

    def _reset(self) -> None:
        """End the connection the hard way, without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _stall(self) -> None:
        """Say nothing until the client has had enough."""
        select.select([self.connection], [], [], _LONGEST_STALL_SECONDS)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


def _make_error(status: int, code: str, message: str) -> _Answer:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return _Answer(status, code, [("Content-Type", "application/xml")], body.encode())


def _cut(body: bytes, pieces: int) -> Iterator[bytes]:
    size = max(1, -(-len(body) // pieces))
    for start in range(0, len(body), size):
        yield body[start : start + size]
