"""The HTTP/1.1 transport to the model's server: fast and interruptible.

httpx2's own transport parses HTTP in Python, in about 40 us for each piece of an answer, and its
blocked reads cannot be ended from outside. Here llhttp parses (through httptools), one read takes
all that has arrived, and a `Cancellation` ends it. The sockets are the standard library's: under
gevent they are cooperative, in a threaded server they block their thread.

All errors are `Cancelled` or httpx2's.
"""

import ssl
import threading
import time
from collections import defaultdict, deque
from functools import partial
from socket import socket
from typing import NamedTuple

import httpx2

from relay.deadline import Deadline
from relay.upstream.cancellation import Cancellation
from relay.upstream.dialer import Dialer, Origin, proxy_authorization
from relay.upstream.exchange import Exchange

# Servers close idle connections after 5 s (Node, uvicorn) up to some minutes.
KEEP_IDLE_SECONDS = 30.0
# More idle connections than this are closed.
MAX_IDLE = 128
# A server that has closed a kept connection says so within a round trip. One that breaks it later
# may have begun an answer.
STALE_SECONDS = 1.0


class Endpoint(NamedTuple):
    """An address to send requests to. `head` is what their heads have in common, without an end."""

    origin: Origin
    head: bytes


class Transport:
    """Reuses connections. A request beyond `max_connections` open ones fails at once.

    The server may have closed a kept connection while it was idle. If it fails before any byte was
    received, and within STALE_SECONDS, the request is sent once more, on a new connection
    (RFC 9112, 9.3.1).
    """

    def __init__(self, dialer: Dialer, *, max_connections: int) -> None:
        self._dialer = dialer
        self._max = max_connections
        self._lock = threading.Lock()
        self._idle: dict[Origin, deque[tuple[float, socket]]] = defaultdict(deque)
        self.open_connections = 0

    def endpoint(self, url: str, headers: httpx2.Headers) -> Endpoint:
        """The address `url`, for POST requests with these headers.

        Raises httpx2.InvalidURL, or LocalProtocolError for a line break in a header.
        """
        headers = headers.copy()
        # A compressing server would hold text back until a block is full.
        headers["Accept-Encoding"] = "identity"
        request = httpx2.Request("POST", url, headers=headers)
        # httpx2 adds a length. Each request has its own.
        del request.headers["Content-Length"]
        lines = [name + b": " + value for name, value in request.headers.raw]
        origin, target = _origin(request.url), request.url.raw_path
        proxy = self._dialer.proxy_for_plain_http(origin)
        if proxy is not None:
            target = b"http://" + origin.authority.encode("ascii") + target
            authorization = proxy_authorization(proxy)
            if authorization is not None:
                lines.append(b"Proxy-Authorization: " + authorization.encode("ascii"))
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise httpx2.LocalProtocolError("a line break in a header")
        return Endpoint(origin, b"\r\n".join([b"POST " + target + b" HTTP/1.1", *lines, b""]))

    def post(
        self,
        endpoint: Endpoint,
        body: bytes,
        *,
        deadline: Deadline,
        connect_seconds: float = 0,
        cancellation: Cancellation,
    ) -> Exchange:
        """Sends a request, and returns when the head of its response is there.

        The deadline is for all of this; connecting has a limit of its own as well (0: none).

        Raises httpx2.PoolTimeout when the pool is full, ConnectTimeout, ConnectError,
        WriteTimeout, WriteError, ReadTimeout, ReadError, RemoteProtocolError, or Cancelled.
        """
        origin = endpoint.origin
        message = b"%bContent-Length: %d\r\n\r\n%b" % (endpoint.head, len(body), body)
        kept = self._take_idle(origin)
        if kept is not None:
            start = time.monotonic()
            try:
                return self._sent(message, kept, origin, deadline, cancellation)
            except (httpx2.WriteError, httpx2.ReadError):
                cancellation.check()
                if time.monotonic() - start > STALE_SECONDS:
                    raise
        self._reserve()
        connected_by = Deadline(connect_seconds).or_sooner(deadline)
        try:
            sock = self._dialer.dial(origin, timeout=connected_by.left(), cancellation=cancellation)
        except BaseException:
            self._unreserve()
            raise
        return self._sent(message, sock, origin, deadline, cancellation)

    def close(self) -> None:
        for origin in list(self._idle):
            while (sock := self._take_idle(origin)) is not None:
                self._discard(sock)

    def _sent(
        self,
        message: bytes,
        sock: socket,
        origin: Origin,
        deadline: Deadline,
        cancellation: Cancellation,
    ) -> Exchange:
        exchange = Exchange(sock, partial(self._give_back, origin, sock), cancellation, deadline)
        exchange.send(message)
        return exchange

    def _give_back(self, origin: Origin, sock: socket, reusable: bool) -> None:
        now = time.monotonic()
        unused = []
        with self._lock:
            idle = self._idle[origin]
            while idle and now - idle[0][0] > KEEP_IDLE_SECONDS:
                unused.append(idle.popleft()[1])
            if reusable and len(idle) < MAX_IDLE:
                idle.append((now, sock))
            else:
                unused.append(sock)
        for each in unused:
            self._discard(each)

    def _discard(self, sock: socket) -> None:
        sock.close()
        self._unreserve()

    def _reserve(self) -> None:
        with self._lock:
            if self.open_connections >= self._max:
                raise httpx2.PoolTimeout("all connections are in use")
            self.open_connections += 1

    def _unreserve(self) -> None:
        with self._lock:
            self.open_connections -= 1

    def _take_idle(self, origin: Origin) -> socket | None:
        """The most recently used connection that is alive. Closes those found dead."""
        while True:
            with self._lock:
                if not self._idle[origin]:
                    return None
                since, sock = self._idle[origin].pop()
            if time.monotonic() - since < KEEP_IDLE_SECONDS and _is_silent(sock):
                return sock
            self._discard(sock)


def _origin(url: httpx2.URL) -> Origin:
    # The host as httpx2 encodes it for `Host`: Python would encode by an older standard.
    host = url.raw_host.decode("ascii")
    return Origin(url.scheme, host, url.port or (443 if url.scheme == "https" else 80))


def _is_silent(sock: socket) -> bool:
    """Whether an idle connection is open: the end of a closed one could be read."""
    sock.settimeout(0)
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False
