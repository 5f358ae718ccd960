"""gunicorn's gevent worker: how it serves, and how it ends."""

import contextlib
import logging
import math
import os
import signal
import ssl
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from socket import SHUT_RD, socket
from types import SimpleNamespace
from typing import Any

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.glogging import Logger
from gunicorn.sock import ssl_context
from gunicorn.util import close_graceful, write_nonblock
from gunicorn.workers.ggevent import GeventWorker

from relay.bad_requests import check_host, origin_of, refusal_of, written
from relay.connection_reset import reset_on_close
from relay.deadline import Deadline
from relay.errors import RelayError
from relay.intervals import CLOSING_SECONDS, DISMISSAL_SECONDS, LEAVING_SECONDS
from relay.log import line_format
from relay.master import ORDERS
from relay.reply_socket import ReplySocket

# How often the master is told that the event loop runs.
NOTIFY_SECONDS = 1.0
# How often a worker that ends looks at its deadlines.
LOOK_SECONDS = 0.1

PASSED = Deadline.at(-math.inf)


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types.
    """gunicorn's gevent worker, with a graceful stop, and with refusals in JSON.

    SIGTERM: the server stops. `drain` is called, and questions are taken for `drain_seconds` more.
    Then `close` is called, which refuses new questions, and returns when the running answers have
    ended. The worker accepts connections until then.

    SIGHUP: other workers take over (see `relay.master`). This one accepts no more connections, and
    the requests and answers that it has get the time that they need.

    SIGINT and SIGQUIT: everything ends now.

    The app's side is set before the worker serves: `drain_seconds`; `send_timeout`, the seconds for
    which a client may take nothing of a reply; `drain`; `close`, which gets a function that tells
    whether running answers must be cut off; `may_read`, which tells whether pages of an origin may
    read replies; and `on_refusal`, which gets each refusal with its request id, the connection's
    address, and the exception behind it if that is a bug.
    """

    drain_seconds: float
    send_timeout: float
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
        # See `Master.spawn_worker`.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ORDERS)

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
            self._finish_requests()
        self._wait(self._begin_closing().ready)
        close_all(servers)
        self._dismiss()
        self._wait(lambda: not self._busy or self._readers_due.passed)
        for connection in self._busy:
            # HTTP/1.0 would take the end of the connection for the end of the answer.
            reset_on_close(connection)

    def wait_until_closed(self) -> None:
        """Called last, in whatever way the worker ends."""
        if self.booted:
            self._answers_due = PASSED
            self._begin_closing().join()
            # For a question that was being opened when this began, and has been asked since.
            self.close(lambda: True)

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

    def _finish_requests(self) -> None:
        """Waits for all requests, because `close` would refuse a question that is not whole yet.

        Connections without one may send one for a while. Then each ends after its request. A
        server that stops waits until it has drained.
        """
        # Connections that have just been accepted are handled from now on.
        gevent.sleep(0)
        limit = Deadline(self.cfg.keepalive or DISMISSAL_SECONDS)

        def has_drained() -> bool:
            return self._is_stopping and self._drained.passed

        self._wait(lambda: not self._idle or limit.passed or has_drained())
        self._dismiss()
        self._wait(lambda: not self._busy or has_drained())

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
        """Serves one request."""
        check_host(req)
        # Within TLS nothing can be sent behind the back of the library.
        line = sock if isinstance(sock, ssl.SSLSocket) else ReplySocket(sock, self.send_timeout)
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
        # The loop turns to others only when somebody waits, and a client whose next request is
        # always there already never does.
        gevent.sleep(0)

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Refuses a request that is malformed or failed outside the app, and closes."""
        request_id = uuid.uuid4().hex
        refusal = refusal_of(exc)
        # Without the request itself: it may hold a secret.
        refusal.detail = type(exc).__name__
        address = addr[0] if isinstance(addr, tuple) else ""
        fault = exc if refusal.status == 500 else None
        self.on_refusal(request_id, address, refusal, fault)
        origin = origin_of(req, exc)
        reader = origin if origin and self.may_read(origin) else None
        # The client may have left.
        with contextlib.suppress(OSError):
            write_nonblock(client, written(refusal, request_id, reader))
        # A close with unread input would reset the connection before the reply arrives.
        close_graceful(client)


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
