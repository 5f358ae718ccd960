"""The transport over real sockets: connections, TLS, proxies, and what ends a request."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest
import trustme

from helpers.limits import WAIT_SECONDS
from helpers.upstream import Reply, Upstream, hello
from relay.deadline import Deadline
from relay.settings import SettingsError
from relay.upstream import transport as transport_module
from relay.upstream.cancellation import Cancellation, Cancelled
from relay.upstream.dialer import Dialer
from relay.upstream.exchange import Exchange
from relay.upstream.transport import MAX_IDLE, Transport


class Client:
    """Sends requests through a transport of its own."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def post(self, url: str, cancellation: Cancellation | None = None, **headers: str) -> Exchange:
        """The exchange, when the head of the response is there."""
        return self.transport.post(
            self.transport.endpoint(url, httpx2.Headers(headers)),
            b"{}",
            deadline=Deadline(WAIT_SECONDS),
            cancellation=cancellation or Cancellation(),
        )

    def whole(self, url: str) -> tuple[int, bytes]:
        """The status and the body of the response."""
        exchange = self.post(url)
        return exchange.status, exchange.read_whole()


@contextmanager
def client(max_connections: int = 8, **environ: str) -> Iterator[Client]:
    transport = Transport(Dialer(environ), max_connections=max_connections)
    yield Client(transport)
    transport.close()
    assert transport.open_connections == 0


def test_a_full_pool_fails_at_once(upstream: Upstream) -> None:
    """The connection too many is refused, not queued, and there is room again after."""
    upstream.answers(lambda reply: reply.until_gone())
    with client(max_connections=1) as http:
        cancellation = Cancellation()

        def wait() -> None:
            with pytest.raises(Cancelled):
                http.post(upstream.url, cancellation).read_whole()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert upstream.wait_until(lambda server: server.open == 1)
        with pytest.raises(httpx2.PoolTimeout):
            http.post(upstream.url)
        cancellation.cancel()
        waiting.join(WAIT_SECONDS)
        assert not waiting.is_alive()
        assert http.transport.open_connections == 0


def test_idle_connections_are_bounded(upstream: Upstream) -> None:
    """After a crowd only so many connections are kept."""
    everyone = threading.Barrier(MAX_IDLE + 20)

    @upstream.answers
    def script(reply: Reply) -> None:
        everyone.wait(WAIT_SECONDS)
        reply.finish()

    with client(max_connections=MAX_IDLE + 20) as http:
        crowd = [
            threading.Thread(target=http.whole, args=(upstream.url,)) for _ in range(MAX_IDLE + 20)
        ]
        for each in crowd:
            each.start()
        for each in crowd:
            each.join(WAIT_SECONDS)
        assert http.transport.open_connections == MAX_IDLE


def test_a_kept_connection_that_breaks_at_once(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has closed it while it was idle: the request is sent over a new one."""
    monkeypatch.setattr(transport_module, "STALE_SECONDS", WAIT_SECONDS)
    with client() as http:
        http.whole(upstream.url)
        broken = threading.Event()

        @upstream.answers
        def script(reply: Reply) -> None:
            if broken.is_set():
                hello(reply)
            else:
                broken.set()
                reply.reset()

        assert http.whole(upstream.url)[0] == 200
    assert len(upstream.requests) == 3


def test_a_kept_connection_that_breaks_late(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is not sent again: the server may have begun an answer."""
    monkeypatch.setattr(transport_module, "STALE_SECONDS", 0)
    with client() as http:
        http.whole(upstream.url)
        upstream.answers(lambda reply: reply.reset())
        with pytest.raises(httpx2.ReadError):
            http.post(upstream.url)
    assert len(upstream.requests) == 2


def test_a_line_break_in_a_header(upstream: Upstream) -> None:
    """Nobody can end a header and begin another, or a request."""
    with client() as http, pytest.raises(httpx2.LocalProtocolError):
        http.post(upstream.url, X="a\r\nY: b")
    assert not upstream.requests


def test_interim_responses(upstream: Upstream) -> None:
    """A 103 goes before the response and is not it (RFC 9110, 15.2)."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        reply.finish()

    with client() as http:
        exchange = http.post(upstream.url)
        exchange.read_whole()
    assert exchange.status == 200
    assert b"Link" not in dict(exchange.headers)


def test_a_body_up_to_the_end_of_the_connection(upstream: Upstream) -> None:
    """HTTP/1.0 servers end a body by closing; such a connection is not used again."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.raw(b"HTTP/1.0 200 OK\r\n\r\nwhole")

    with client() as http:
        assert http.whole(upstream.url) == (200, b"whole")
        assert http.transport.open_connections == 0


def test_bytes_after_the_end(upstream: Upstream) -> None:
    """What follows a response is no part of it, and its connection is not used again."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\nX: y")

    with client() as http:
        exchange = http.post(upstream.url)
        assert exchange.read_whole() == b"no"
        assert (exchange.status, http.transport.open_connections) == (429, 0)


def test_reading_on_after_a_timeout(upstream: Upstream) -> None:
    """A read that timed out can be repeated: nothing that arrives later is lost."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.chunk(b"one")
        gate.wait(10)
        reply.chunk(b"two")
        reply.end()

    with client() as http, closing(http.post(upstream.url)) as exchange:
        assert exchange.read(Deadline(5)) == b"one"
        with pytest.raises(httpx2.ReadTimeout):
            exchange.read(Deadline(0.01))
        gate.set()
        assert exchange.read(Deadline(5)) == b"two"
        assert exchange.read(Deadline(5)) == b""


def test_what_is_there_after_a_deadline() -> None:
    """It is read to the last byte, which may take more than one look."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 180000\r\n\r\n" + bytes(180_000))
        exchange = Exchange(ours, lambda _: None, Cancellation(), Deadline(5))
        exchange.send(b"")
        # With the head came as much of the body as one look takes.
        first, rest = exchange.read(Deadline(5)), exchange.read(Deadline.at(0))
        assert len(first) + len(rest) == 180_000
        exchange.close()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[Upstream, str]]:
    """An upstream behind TLS, and the file with the roots that vouch for it."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    roots = str(tmp_path / "roots.pem")
    authority.cert_pem.write_to_path(roots)
    server = Upstream(context)
    yield server, roots
    server.close()


def test_one_read_takes_all_records(tls: tuple[Upstream, str]) -> None:
    """A TLS server that makes a record of every token does not slow the text down."""
    server, roots = tls
    written = threading.Event()

    @server.answers
    def script(reply: Reply) -> None:
        for _ in range(50):
            reply.chunk(b"token ")
        written.set()
        reply.until_gone()

    with client(SSL_CERT_FILE=roots) as http, closing(http.post(server.url)) as exchange:
        assert written.wait(5)
        reads, received = 0, b""
        while len(received) < 300:
            received += exchange.read(Deadline(5))
            reads += 1
    assert received == b"token " * 50
    assert reads <= 3


def test_cancelling_over_tls(tls: tuple[Upstream, str]) -> None:
    """A read blocked inside TLS is ended from another thread too."""
    server, roots = tls

    @server.answers
    def script(reply: Reply) -> None:
        reply.chunk(b"one")
        reply.until_gone()

    cancellation = Cancellation()
    with (
        client(SSL_CERT_FILE=roots) as http,
        closing(http.post(server.url, cancellation)) as exchange,
    ):
        assert exchange.read(Deadline(5)) == b"one"
        threading.Timer(0.05, cancellation.cancel).start()
        with pytest.raises(Cancelled):
            exchange.read(Deadline(10))
    assert server.wait_until(lambda upstream: upstream.open == 0)


class Proxy:
    """An HTTP proxy for one connection: CONNECT, or the absolute form; keeps the head it saw."""

    def __init__(self, upstream_port: int, *, refuse: bool = False) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._upstream_port = upstream_port
        self._refuse = refuse
        self.head = b""
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://me:s%40crt@127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        client_side, _ = self._listener.accept()
        self._listener.close()
        with client_side, socket.create_connection(("127.0.0.1", self._upstream_port)) as server:
            while b"\r\n\r\n" not in self.head:
                self.head += client_side.recv(1)
            if self._refuse:
                client_side.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            if self.head.startswith(b"CONNECT"):
                client_side.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(self.head)
            back = threading.Thread(target=_copy, args=(server, client_side))
            back.start()
            _copy(client_side, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_a_proxy_for_https(tls: tuple[Upstream, str]) -> None:
    """HTTPS_PROXY gets a tunnel, with the credentials of its address, and sees no request."""
    server, roots = tls
    proxy = Proxy(server.port)
    with client(HTTPS_PROXY=proxy.url, SSL_CERT_FILE=roots) as http:
        assert http.whole(server.url)[0] == 200
    assert proxy.head.startswith(f"CONNECT localhost:{server.port} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic bWU6c0BjcnQ=" in proxy.head
    assert b"Host: localhost" in proxy.head


def test_a_proxy_that_refuses(tls: tuple[Upstream, str]) -> None:
    """A tunnel the proxy does not open is a failed connection."""
    server, roots = tls
    proxy = Proxy(server.port, refuse=True)
    with client(HTTPS_PROXY=proxy.url, SSL_CERT_FILE=roots) as http:  # noqa: SIM117
        with pytest.raises(httpx2.ConnectError, match="407"):
            http.post(server.url)
    assert not server.requests


def test_a_proxy_for_plain_http(upstream: Upstream) -> None:
    """HTTP_PROXY gets the whole address in the request line (RFC 9112, 3.2.2)."""
    proxy = Proxy(upstream.port)
    with client(http_proxy=proxy.url) as http:
        assert http.whole(f"{upstream.url}/x")[0] == 200
    assert upstream.targets == [f"http://127.0.0.1:{upstream.port}/v1/x"]


def test_no_proxy(upstream: Upstream) -> None:
    """NO_PROXY names the hosts that are reached directly."""
    with client(HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="localhost,127.0.0.1") as http:
        assert http.whole(upstream.url)[0] == 200


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTPS_PROXY": "socks5://127.0.0.1:1080"},
        {"HTTPS_PROXY": "http://proxy:eighty"},
        {"HTTPS_PROXY": "http://[x"},
        {"SSL_CERT_FILE": "/"},
        {"ALL_PROXY": "https://127.0.0.1:1080"},
        {"SSL_CERT_FILE": "/no/such/file.pem"},
        {"SSL_CERT_FILE": __file__},
    ],
)
def test_what_cannot_be_honoured_is_refused(environ: dict[str, str]) -> None:
    """A proxy or certificate file that cannot be used stops the start, by name."""
    with pytest.raises(SettingsError, match=r"_PROXY|SSL_CERT_FILE"):
        Dialer(environ)
