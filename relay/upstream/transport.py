"""The HTTP/1.1 transport under the `openai` client: fast and interruptible.

httpx2's own transport parses HTTP in Python, in about 40 us for each piece of an answer, and its
blocked reads cannot be ended from outside. Here llhttp parses (through httptools), one read takes
all that has arrived, and a `Cancellation` ends it. The sockets are the standard library's: under
gevent they are cooperative, in a threaded server they block their thread.

All errors are `Cancelled` or httpx2's, which `openai` knows.
"""

import ssl
import threading
import time
from collections import defaultdict, deque
from functools import lru_cache, partial
from socket import socket
from typing import Any

import httpx2

from relay.deadline import Deadline
from relay.upstream.cancellation import Cancellation, current
from relay.upstream.dialer import Dialer, Origin, proxy_authorization
from relay.upstream.exchange import Exchange

# Servers close idle connections after 5 s (Node, uvicorn) up to some minutes.
KEEP_IDLE_SECONDS = 30.0
# More idle connections than this are closed.
MAX_IDLE = 128


class Transport(httpx2.BaseTransport):
    """Reuses connections. A request beyond `max_connections` open ones fails at once.

    The server may have closed a kept connection while it was idle. If it fails before any byte was
    received, the request is sent once more, on a new connection (RFC 9112, 9.3.1).
    """

    def __init__(self, dialer: Dialer, *, max_connections: int) -> None:
        self._dialer = dialer
        self._max = max_connections
        self._lock = threading.Lock()
        self._idle: dict[Origin, deque[tuple[float, socket]]] = defaultdict(deque)
        self.open_connections = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends `request`. The response's `extensions["exchange"]` is the `Exchange`.

        Raises httpx2.PoolTimeout when the pool is full, ConnectTimeout, ConnectError,
        WriteTimeout, WriteError, ReadTimeout, ReadError, RemoteProtocolError, or Cancelled.
        """
        cancellation = current.get(None) or Cancellation()
        origin = _origin(request.url)
        message = self._head(request, origin) + request.read()
        timeouts = request.extensions.get("timeout", {})
        # One limit up to the head of the response. The connection has a limit of its own as well.
        deadline = Deadline(timeouts.get("read") or 0)
        kept = self._take_idle(origin)
        if kept is not None:
            exchange = Exchange(
                kept, partial(self._give_back, origin, kept), cancellation, deadline
            )
            try:
                return exchange.send(request, message)
            except (httpx2.WriteError, httpx2.ReadError):
                cancellation.check()
        self._reserve()
        connected_by = Deadline(timeouts.get("connect") or 0).or_sooner(deadline)
        try:
            sock = self._dialer.dial(origin, timeout=connected_by.left(), cancellation=cancellation)
        except BaseException:
            self._unreserve()
            raise
        exchange = Exchange(sock, partial(self._give_back, origin, sock), cancellation, deadline)
        return exchange.send(request, message)

    def close(self) -> None:
        for origin in list(self._idle):
            while (sock := self._take_idle(origin)) is not None:
                self._discard(sock)

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

    def _head(self, request: httpx2.Request, origin: Origin) -> bytes:
        target = request.url.raw_path
        headers = list(request.headers.raw)
        proxy = self._dialer.proxy_for_plain_http(origin)
        if proxy is not None:
            target = b"http://" + origin.authority.encode("ascii") + target
            authorization = proxy_authorization(proxy)
            if authorization is not None:
                headers.append((b"Proxy-Authorization", authorization.encode("ascii")))
        lines = [request.method.encode("ascii") + b" " + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in headers]
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise httpx2.LocalProtocolError("a line break in a header")
        return b"\r\n".join([*lines, b"", b""])


class PlainClient(httpx2.Client):
    """A client without redirects, cookies and other log-ins.

    They would cost httpx2 a tenth of a millisecond for each request.
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport=transport, trust_env=False)

    def build_request(self, method: str, url: httpx2.URL | str, **more: Any) -> httpx2.Request:
        timeout = httpx2.Timeout(more["timeout"]).as_dict()
        return httpx2.Request(
            method,
            _parsed(url),
            # A compressing server would hold text back until a block is full.
            headers=[*more["headers"], ("Accept-Encoding", "identity")],
            content=more["content"],
            extensions={"timeout": timeout},
        )

    def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        return self._transport.handle_request(request)


@lru_cache(maxsize=8)
def _parsed(url: httpx2.URL | str) -> httpx2.URL:
    return httpx2.URL(url)


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
