"""gunicorn's gevent worker: how it ends, and our form for the requests that gunicorn refuses.

A request that is not HTTP never reaches the app. gunicorn would answer it with a page of HTML, and
would quote the request in the page and in the log. Pages that may read replies may read these too,
if the request's headers could be read.
"""

import contextlib
import json
import logging
import math
import os
import re
import signal
import ssl
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from socket import SHUT_RD, socket
from types import SimpleNamespace
from typing import Any

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.glogging import Logger
from gunicorn.http import Request, RequestParser
from gunicorn.http import errors as gunicorn_errors
from gunicorn.sock import ssl_context
from gunicorn.util import close_graceful, http_date, write_nonblock
from gunicorn.workers.ggevent import GeventWorker

from relay.deadline import Deadline
from relay.errors import (
    AddressTooLong,
    ExpectationRefused,
    HeadTooLarge,
    InvalidRequest,
    RelayError,
    UnknownCoding,
)
from relay.half_closed import ProbedSocket
from relay.headers import COMMON_HEADERS
from relay.intervals import CLOSING_SECONDS, DISMISSAL_SECONDS, LEAVING_SECONDS
from relay.log import line_format

# How often the master is told that the event loop runs.
NOTIFY_SECONDS = 1.0
# How often a worker that ends looks at its deadlines.
LOOK_SECONDS = 0.1

PASSED = Deadline.at(-math.inf)

# RFC 9110, 7.2: a name or an IPv6 address in brackets, and a port. It may be empty.
HOST = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")

# The first match counts. An invalid response header is a bug of the app.
REFUSALS: list[tuple[type[Exception], type[RelayError]]] = [
    (gunicorn_errors.InvalidResponseHeader, RelayError),
    (gunicorn_errors.InvalidResponseHeaderName, RelayError),
    (gunicorn_errors.ConfigurationProblem, RelayError),
    (gunicorn_errors.LimitRequestLine, AddressTooLong),
    (gunicorn_errors.LimitRequestHeaders, HeadTooLarge),
    (gunicorn_errors.ExpectationFailed, ExpectationRefused),
    (gunicorn_errors.UnsupportedTransferCoding, UnknownCoding),
    (gunicorn_errors.ParseException, InvalidRequest),
    (ssl.SSLError, InvalidRequest),
]


ORIGIN = re.compile(rb"^origin:[ \t]*([^\s]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class TracedRequest(Request):  # type: ignore[misc]  # gunicorn ships no types.
    """gunicorn's request. It tells its error the origin of the page that sent it."""

    def __init__(self, *args: Any) -> None:
        self._head = b""
        try:
            super().__init__(*args)
        except gunicorn_errors.ParseException as error:
            error.origin = self.origin()
            raise

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        if not from_trailer:
            self._head = bytes(data)
        headers: list[tuple[str, str]] = super().parse_headers(data, from_trailer)
        return headers

    def origin(self) -> str:
        """The value of `Origin`; "" if there is not exactly one, or the headers never arrived."""
        found = ORIGIN.findall(self._head)
        return found[0].decode("latin-1") if len(found) == 1 else ""


# The class that gunicorn's parser makes requests of.
RequestParser.mesg_class = TracedRequest


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types.
    """The gevent worker, which ends in an order of its own, and refuses in a form of its own.

    SIGTERM: the server stops. `drain` is called, and questions are taken for `drain_seconds` more.
    Then `close` is called, which refuses new questions, and returns when the running answers have
    ended. The worker accepts connections until then.

    SIGHUP: other workers take over (see `relay.master`). This one accepts no more connections, and
    its running answers get the time that they need.

    SIGINT and SIGQUIT: everything ends now.

    The app's side is set before the worker serves: `drain`; `close`, which gets a function that
    tells whether running answers must be cut off; `may_read`, which tells whether pages of an
    origin may read replies; and `on_refusal`, which gets each refusal with its request id, the
    connection's address, and the exception behind it if that is a bug.
    """

    drain_seconds: float
    drain: Callable[[], None]
    close: Callable[[Callable[[], bool]], None]
    may_read: Callable[[str], bool]
    on_refusal: Callable[[str, str, RelayError, BaseException | None], None]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._is_stopping = self._is_replaced = False
        self._drained = PASSED
        # When running answers are cut off, and when those who still read are left. Never, so far.
        self._answers_due = self._readers_due = Deadline(0)
        self._closing: Any = None
        # Connections without a request, or with half of its head; and those with a request.
        self._idle: set[socket] = set()
        self._busy: set[socket] = set()
        # Whether each connection ends after its request.
        self._dismisses = False
        # Set by signals, and when a connection or `close` has ended.
        self._changed = Event()

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGHUP, self.handle_replaced)
        signal.siginterrupt(signal.SIGHUP, False)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM. The master kills the worker after the graceful timeout."""
        self._leave_if_booting()
        if not self._is_stopping:
            self._is_stopping = True
            self.drain()
            whole = float(self.cfg.graceful_timeout)
            drain = min(self.drain_seconds, whole)
            answers = max(whole - CLOSING_SECONDS, (drain + whole) / 2)
            self._drained = Deadline(drain) if drain else PASSED
            self._answers_due = Deadline(answers)
            self._readers_due = Deadline(max(whole - LEAVING_SECONDS, answers))
        super().handle_exit(sig, frame)
        self._changed.set()

    def handle_replaced(self, sig: int, frame: Any) -> None:
        """SIGHUP. Nothing limits the time."""
        self._leave_if_booting()
        self._is_replaced = True
        super().handle_exit(sig, frame)
        self._changed.set()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT and SIGQUIT."""
        self._leave_if_booting()
        self._answers_due = PASSED
        self._begin_closing()
        super().handle_quit(sig, frame)

    def _leave_if_booting(self) -> None:
        """Ends the process if it does not serve yet.

        An exception would end it too, unless it was raised in code that ignores it.
        """
        if not self.booted:
            os._exit(0)

    def run(self) -> None:
        """Serves until a signal, then ends as the class describes."""
        servers = [self._serve(listener) for listener in self.sockets]
        self._wait(lambda: not self.alive)
        self._wait(lambda: self._is_replaced or self._drained.passed)
        if self._is_replaced:
            close_all(servers)
            self._wait_for_requests()
        self._wait(self._begin_closing().ready)
        close_all(servers)
        self._dismiss()
        self._wait(lambda: not self._busy or self._readers_due.passed)

    def wait_until_closed(self) -> None:
        """Called last, in whatever way the worker ends."""
        if self.booted:
            self._answers_due = PASSED
            self._begin_closing().join()

    def _serve(self, listener: Any) -> StreamServer:
        """Accepts connections, as gunicorn's own `run` does."""
        listener.setblocking(True)
        tls = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        # gunicorn asks for the name at each connection, and loses those that were accepted before
        # the socket was closed.
        name = listener.getsockname()
        handle = partial(self.handle, SimpleNamespace(getsockname=lambda: name))
        server = StreamServer(listener, handle, spawn=Pool(self.worker_connections), **tls)
        if self.cfg.workers > 1:
            server.max_accept = 1
        server.start()
        return server

    def _wait(self, condition: Callable[[], bool]) -> None:
        """Waits for what depends on signals, connections, deadlines and `close`."""
        while True:
            self.notify()
            self._changed.clear()
            if condition():
                return
            self._changed.wait(NOTIFY_SECONDS if self.alive else LOOK_SECONDS)

    def _wait_for_requests(self) -> None:
        """Waits while a question may come by a connection that is open."""
        # Connections that have just been accepted are handled from now on.
        gevent.sleep(0)
        limit = Deadline(self.cfg.keepalive or DISMISSAL_SECONDS)
        self._wait(lambda: not self._idle or self._is_stopping or limit.passed)

    def _dismiss(self) -> None:
        """Ends the connections without a request now, and all others after their request."""
        self._dismisses = True
        for connection in self._idle:
            end_input(connection)
        limit = Deadline(DISMISSAL_SECONDS)
        self._wait(lambda: not self._idle or limit.passed)

    def _note_change(self) -> None:
        # While the worker serves, it would be woken for nothing.
        if not self.alive:
            self._changed.set()

    def _begin_closing(self) -> Any:
        """The greenlet that runs `close`."""
        if self._closing is None:
            self._closing = gevent.spawn(self.close, lambda: self._answers_due.passed)
            self._closing.link(lambda _: self._changed.set())
        return self._closing

    def handle(self, listener: Any, client: socket, addr: Any) -> None:
        """Serves one connection."""
        self._idle.add(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._idle.discard(client)
            self._note_change()

    def handle_request(self, listener_name: Any, req: Any, sock: socket, addr: Any) -> None:
        """Refuses a request without a valid `Host` (RFC 9112, 3.2)."""
        host = next((value for name, value in req.headers if name == "HOST"), None)
        if host is None and req.version < (1, 1):
            host = ""
        if host is None or not HOST.fullmatch(host):
            raise gunicorn_errors.InvalidHeader("HOST", req=req)
        # Within TLS nothing can be sent behind the back of the library.
        line = sock if isinstance(sock, ssl.SSLSocket) else ProbedSocket(sock)
        self._idle.discard(sock)
        self._busy.add(sock)
        try:
            super().handle_request(listener_name, req, line, addr)
        finally:
            self._busy.discard(sock)
            self._idle.add(sock)
            if self._dismisses:
                end_input(sock)
            self._note_change()

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Refuses a request that is malformed or failed outside the app, and closes."""
        request_id = uuid.uuid4().hex
        refusal = refusal_of(exc)
        # Without the request itself: it may hold a secret.
        refusal.detail = type(exc).__name__
        address = addr[0] if isinstance(addr, tuple) else ""
        fault = exc if refusal.status == 500 else None
        self.on_refusal(request_id, address, refusal, fault)
        # The client may have left.
        with contextlib.suppress(OSError):
            write_nonblock(client, written(refusal, request_id, self._cors_headers(req, exc)))
        # A close with unread input would reset the connection before the reply arrives.
        close_graceful(client)

    def _cors_headers(self, req: Any, error: BaseException) -> dict[str, str]:
        origin = req.origin() if req else getattr(error, "origin", "")
        if not origin or not self.may_read(origin):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "X-Request-Id",
            "Vary": "Origin",
        }


class Log(Logger):  # type: ignore[misc]  # gunicorn ships no types.
    """gunicorn's own log, in the form of the relay's."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setFormatter(line_format(handler.stream))


def close_all(servers: Iterable[StreamServer]) -> None:
    """Accepts no more connections."""
    for server in servers:
        server.close()


def end_input(connection: socket) -> None:
    """Ends what a connection has to say. What has arrived by now can still be read."""
    # gevent's own shutdown would raise EBADF in whoever reads.
    plain_socket = monkey.get_original("socket", "socket")
    with (
        contextlib.suppress(OSError),
        plain_socket(fileno=os.dup(connection.fileno())) as same,
    ):
        same.shutdown(SHUT_RD)


def refusal_of(error: BaseException) -> RelayError:
    """The relay's error for one of gunicorn's."""
    return next((ours for theirs, ours in REFUSALS if isinstance(error, theirs)), RelayError)()


def written(refusal: RelayError, request_id: str, headers: Mapping[str, str]) -> bytes:
    """The whole reply."""
    body = json.dumps(refusal.body(request_id))
    return "\r\n".join(
        [
            f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
            f"Date: {http_date()}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Request-Id: {request_id}",
            *(f"{name}: {value}" for name, value in {**COMMON_HEADERS, **headers}.items()),
            "",
            body,
        ]
    ).encode("ascii")
