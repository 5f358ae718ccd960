"""When a client counts as one who takes nothing of a reply."""

import io
import time
from collections.abc import Callable, Iterator
from typing import cast

import gevent
import pytest
from gevent import socket

from helpers.limits import WAIT_SECONDS
from relay.reply_socket import PARTS, ReplySocket

# More than the buffers of both ends hold.
DATA = bytes(range(256)) * 40_000
SEND_TIMEOUT = 0.4

# The server's end of a connection, and the client's.
Pair = tuple[socket.socket, socket.socket]
Send = Callable[[ReplySocket], object]


def send(line: ReplySocket) -> None:
    line.sendall(DATA)


def send_file(line: ReplySocket) -> None:
    line.sendfile(io.BytesIO(b"before" + DATA + b"after"), offset=6, count=len(DATA))


@pytest.fixture
def pair() -> Iterator[Pair]:
    server, client = socket.socketpair()
    client.settimeout(WAIT_SECONDS)
    with server, client:
        yield server, client


def blocked(server: socket.socket, send: Send) -> "gevent.Greenlet[[], None]":
    """A write to a client who has taken nothing so far."""

    def write() -> None:
        with server:
            send(ReplySocket(server, SEND_TIMEOUT))

    writing = gevent.spawn(write)
    gevent.sleep(0)
    assert not writing.ready()
    return writing


def received(client: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length and (piece := client.recv(length - len(data))):
        data += piece
    return bytes(data)


@pytest.mark.parametrize("send", [send, send_file])
def test_a_worker_that_stands_still(pair: Pair, send: Send) -> None:
    """Its client has as long to take something as if it had gone on all the time, or nearly."""
    server, client = pair
    writing = blocked(server, send)
    # Blocks the event loop too.
    time.sleep(2 * SEND_TIMEOUT)
    # The event loop sees that time has passed, and that the client has taken nothing.
    gevent.sleep(SEND_TIMEOUT / 100)
    assert received(client, len(DATA)) == DATA
    writing.get(timeout=WAIT_SECONDS)


@pytest.mark.parametrize("send", [send, send_file])
def test_a_client_who_takes_nothing(pair: Pair, send: Send) -> None:
    writing = blocked(pair[0], send)
    with pytest.raises(ConnectionResetError):
        writing.get(timeout=WAIT_SECONDS)


class Full:
    """A socket that has no room during the first waits, and notes how long they were."""

    def __init__(self, waits: int) -> None:
        self._waits = waits
        self._timeout: float | None = None
        self.seconds = 0.0

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def send(self, data: memoryview) -> int:
        if not self._waits:
            return len(data)
        self._waits -= 1
        assert self._timeout
        self.seconds += self._timeout
        raise TimeoutError


def test_a_client_who_takes_something_at_the_last_moment() -> None:
    """What they took may be too little to end the wait, but there is room for more."""
    full = Full(PARTS)
    ReplySocket(cast("socket.socket", full), SEND_TIMEOUT).sendall(b"HTTP/1.1 200 OK")
    assert full.seconds == pytest.approx(SEND_TIMEOUT)


def test_without_a_limit(pair: Pair) -> None:
    server, client = pair
    line = ReplySocket(server, 0)
    writing = gevent.spawn(line.sendall, DATA)
    assert received(client, len(DATA)) == DATA
    writing.get(timeout=WAIT_SECONDS)


def test_a_file_that_is_shorter_than_said(pair: Pair) -> None:
    server, client = pair
    line = ReplySocket(server, SEND_TIMEOUT)
    assert line.sendfile(io.BytesIO(b"Hello"), offset=1, count=10) == 4
    assert client.recv(10) == b"ello"


def test_the_first_byte(pair: Pair) -> None:
    """It is sent once, and not after the reply has begun."""
    server, client = pair
    for is_early in (True, False):
        line = ReplySocket(server, SEND_TIMEOUT)
        if is_early:
            assert line.probe()
            assert line.probe()
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        line.sendall(b"Header: H\r\n")
        assert line.probe() is is_early
        assert client.recv(100) == b"HTTP/1.1 200 OK\r\nHeader: H\r\n"


def test_the_next_request(pair: Pair) -> None:
    """The limit of a reply does not apply to what is read after it."""
    server, _ = pair
    ReplySocket(server, SEND_TIMEOUT).sendall(b"HTTP/1.1 200 OK")
    assert server.gettimeout() is None
