"""The HTTP/1.1 transport under the `openai` client: little Python per byte, and interruptible.

httpx2's own transport parses HTTP in Python, about 40 us for every piece of an answer, and a read
blocked in it cannot be ended from outside. Here llhttp parses (through httptools), one read takes
all that has arrived, and a `Cancellation` ends it. The sockets are the standard library's: under
gevent they are cooperative, in a threaded server they block their thread.

All errors are httpx2's, which `openai` knows, or `Cancelled`.
"""

import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from socket import socket

import httptools
import httpx2

from relay.cancellation import Cancellation, current
from relay.dialer import Dialer, Origin, proxy_authorization

RECEIVE_BYTES = 64 * 1024
# TLS hands out one record a read, and a server may make a record of every token.
DRAIN_BYTES = 256 * 1024
MAX_HEAD_BYTES = 128 * 1024
MAX_WHOLE_BYTES = 1024 * 1024
# Servers close idle connections after 5 s (Node, uvicorn) to some minutes.
KEEP_IDLE_SECONDS = 30.0


class Transport(httpx2.BaseTransport):
    """Connections are reused; with `max_connections` of them open another request fails at once.

    A kept connection that turns out to be dead before anything was received on it is replaced by
    a fresh one, once: the server closed it while it was idle (RFC 9112, 9.3.1).
    """

    def __init__(self, dialer: Dialer, *, max_connections: int) -> None:
        self._dialer = dialer
        self._max = max_connections
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[tuple[float, socket]]] = defaultdict(list)
        self.open_connections = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends `request`; the response's `extensions["body"]` is the `Body` itself.

        Raises httpx2.PoolTimeout when the pool is full, ConnectTimeout, ConnectError,
        WriteTimeout, WriteError, ReadTimeout, ReadError, RemoteProtocolError, or Cancelled.
        """
        cancellation = current.get(None) or Cancellation()
        origin = _origin(request.url)
        message = self._head(request, origin) + request.read()
        timeouts = request.extensions.get("timeout", {})
        kept = self._take_idle(origin)
        if kept is not None:
            body = Body(self, origin, kept, cancellation, timeouts.get("read"))
            try:
                return body.exchange(request, message, timeouts.get("write"))
            except (httpx2.WriteError, httpx2.ReadError):
                cancellation.check()
        self._reserve()
        try:
            sock = self._dialer.dial(
                origin, timeout=timeouts.get("connect"), cancellation=cancellation
            )
        except BaseException:
            self._unreserve()
            raise
        body = Body(self, origin, sock, cancellation, timeouts.get("read"))
        return body.exchange(request, message, timeouts.get("write"))

    def close(self) -> None:
        for origin in list(self._idle):
            while (sock := self._take_idle(origin)) is not None:
                self.discard(sock)

    def keep(self, origin: Origin, sock: socket) -> None:
        """Takes back a connection whose response was read to its end."""
        with self._lock:
            self._idle[origin].append((time.monotonic(), sock))

    def discard(self, sock: socket) -> None:
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
        """The connection used last that is still alive; those found dead are closed."""
        while True:
            with self._lock:
                if not self._idle[origin]:
                    return None
                since, sock = self._idle[origin].pop()
            if time.monotonic() - since < KEEP_IDLE_SECONDS and _is_silent(sock):
                return sock
            self.discard(sock)

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


def _origin(url: httpx2.URL) -> Origin:
    return Origin(url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))


def _is_silent(sock: socket) -> bool:
    """Whether an idle connection is open and has nothing to say; a closing server would have."""
    sock.settimeout(0)
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False


class Body(httpx2.SyncByteStream):
    """One exchange on one connection: the request goes out, the response's body comes in.

    The methods named `on_...` are llhttp's events.
    """

    def __init__(
        self,
        transport: Transport,
        origin: Origin,
        sock: socket,
        cancellation: Cancellation,
        read_timeout: float | None,
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._socket: socket | None = sock
        self._cancellation = cancellation
        self._read_timeout = read_timeout
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_complete = False
        self._keep_alive = False
        self._framed = False
        self._complete = False
        self.received = 0

    def exchange(
        self, request: httpx2.Request, message: bytes, write_timeout: float | None
    ) -> httpx2.Response:
        """Sends the request's bytes and reads the head of the response."""
        try:
            self._send(message, write_timeout)
            self._read_head()
        except BaseException:
            self.close()
            raise
        return httpx2.Response(
            self._parser.get_status_code(),
            headers=self._headers,
            stream=self,
            extensions={"body": self},
            request=request,
        )

    def read(self, timeout: float | None) -> bytes:
        """All that has arrived, waiting `timeout` seconds at most for the first of it.

        `b""` is the end of the body. After a ReadTimeout the same body can be read on. Raises
        httpx2.ReadTimeout, ReadError, RemoteProtocolError or Cancelled.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._pieces and not self._complete:
            self._receive(deadline)
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    def __iter__(self) -> Iterator[bytes]:
        """How httpx2 reads a body whole: replies to refused requests, which are short."""
        timeout = self._read_timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        while data := self.read(None if deadline is None else deadline - time.monotonic()):
            if self.received > MAX_WHOLE_BYTES:
                raise httpx2.RemoteProtocolError("a reply without end")
            yield data

    def close(self) -> None:
        """Gives the connection back if the response was read to its end, else closes it."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        self._cancellation.detach()
        if self._complete and self._keep_alive and not self._cancellation.cancelled:
            self._transport.keep(self._origin, sock)
        else:
            self._transport.discard(sock)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        self._framed |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._headers.clear()
            return
        self._head_complete = True
        self._keep_alive = self._parser.should_keep_alive() and self._framed

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._complete = self._head_complete

    def _send(self, message: bytes, timeout: float | None) -> None:
        sock = self._open_socket()
        self._cancellation.attach(sock)
        try:
            sock.settimeout(timeout)
            sock.sendall(message)
        except TimeoutError as error:
            raise httpx2.WriteTimeout("sending the request took too long") from error
        except OSError as error:
            self._cancellation.check()
            raise httpx2.WriteError(error.strerror or type(error).__name__) from error

    def _read_head(self) -> None:
        timeout = self._read_timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._head_complete:
            self._receive(deadline)
            if self.received > MAX_HEAD_BYTES and not self._head_complete:
                raise httpx2.RemoteProtocolError("a response head without end")

    def _receive(self, deadline: float | None) -> None:
        sock = self._open_socket()
        try:
            data = self._take(sock, deadline)
        except TimeoutError as error:
            raise httpx2.ReadTimeout("nothing arrived in time") from error
        except OSError as error:
            self._cancellation.check()
            raise self._broken(error.strerror or type(error).__name__) from error
        if not data:
            self._cancellation.check()
            if self._framed or not self._head_complete:
                raise self._broken("the connection was closed")
            # Without a length, the end of the connection is the end of the body.
            self._complete = True
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            # The parser's own message may quote what it read.
            raise httpx2.RemoteProtocolError("this is not HTTP") from error

    def _broken(self, reason: str) -> httpx2.TransportError:
        """Only a ReadError may be tried again: not a byte of the response had come."""
        if self.received:
            return httpx2.RemoteProtocolError(f"{reason} inside the response")
        return httpx2.ReadError(f"{reason} before the response")

    def _take(self, sock: socket, deadline: float | None) -> bytes:
        if deadline is None:
            sock.settimeout(None)
        else:
            # Zero would make the socket non-blocking, which is another error.
            sock.settimeout(max(deadline - time.monotonic(), 0.000_001))
        data = sock.recv(RECEIVE_BYTES)
        if not isinstance(sock, ssl.SSLSocket) or not data:
            return data
        records = [data]
        sock.settimeout(0)
        try:
            while data and sum(map(len, records)) < DRAIN_BYTES:
                data = sock.recv(RECEIVE_BYTES)
                records.append(data)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        return b"".join(records)

    def _open_socket(self) -> socket:
        if self._socket is None:
            raise httpx2.ReadError("the response is closed")
        return self._socket
