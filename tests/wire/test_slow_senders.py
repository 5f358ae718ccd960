"""Clients that never finish, or never stop asking, hold nobody else up."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from helpers.client import Exchange, ask, connected
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Upstream

# More than gunicorn's other workers could bear.
CROWD = 30

HEAD = b"POST /aiCompletion HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'Content-Length: 99\r\n\r\n{"userPrompt"'


@contextlib.contextmanager
def stuck(url: str, data: bytes) -> Iterator[list[socket.socket]]:
    """A crowd that sends so much and no more."""
    parts = urlsplit(url)
    with contextlib.ExitStack() as cleanup:
        crowd = []
        for _ in range(CROWD):
            sock = socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS)
            crowd.append(cleanup.enter_context(sock))
            sock.sendall(data)
        yield crowd


@pytest.mark.parametrize(
    ("data", "reply"), [(HEAD, b""), (HEAD + BODY, b"HTTP/1.1 408 ")], ids=["heads", "bodies"]
)
def test_slow_senders(
    start_relay: StartRelay, upstream: Upstream, data: bytes, reply: bytes
) -> None:
    """Others are answered beside them, and then they are hung up on."""
    relay = start_relay(SEND_TIMEOUT="3")
    with stuck(relay.url, data) as crowd:
        assert Exchange(relay.url, method="GET", path="/").status == 200
        assert ask(relay.url).text() == "Hello there."
        for sock in crowd:
            received = sock.recv(65536)
            assert received.startswith(reply)
            assert reply or not received
    assert len(upstream.requests) == 1


def test_a_client_that_does_not_wait_for_replies(relay: RelayProcess) -> None:
    """It sends requests faster than they are served, and others are served between them."""
    requests = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    served = threading.Event()

    def send(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not served.is_set():
                sock.sendall(requests)

    def receive(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while sock.recv(65536):
                pass

    with connected(relay.url) as sock, ThreadPoolExecutor() as threads:
        try:
            threads.submit(send, sock)
            assert sock.recv(1)
            threads.submit(receive, sock)
            assert ask(relay.url).text() == "Hello there."
        finally:
            served.set()
            sock.shutdown(socket.SHUT_RDWR)
