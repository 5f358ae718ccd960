"""A client of the relay that sees what is on the wire: pieces, cuts, resets."""

import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import urlsplit

from helpers.certificates import trusting
from helpers.limits import WAIT_SECONDS

LIMIT_SECONDS = WAIT_SECONDS


class Cut(Exception):
    """The body ended without its last chunk, or the connection was reset."""


class Exchange:
    """One request and its reply, read as it arrives. `leave_nothing_open` closes it."""

    opened: ClassVar[list["Exchange"]] = []

    def __init__(
        self,
        url: str,
        body: Any = None,
        *,
        method: str = "POST",
        path: str = "/aiCompletion",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._connection = (
            http.client.HTTPSConnection(parts.netloc, timeout=LIMIT_SECONDS, context=trusting())
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=LIMIT_SECONDS)
        )
        sent = {"Content-Type": "application/json"} | dict(headers or {})
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self._connection.request(method, path, data, sent)
        assert self._connection.sock is not None
        self.socket: socket.socket = self._connection.sock
        self._response: http.client.HTTPResponse | None = None
        self.opened.append(self)

    @property
    def response(self) -> http.client.HTTPResponse:
        """The reply, once its head is there."""
        if self._response is None:
            self._response = self._connection.getresponse()
        return self._response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> http.client.HTTPMessage:
        return self.response.headers

    def piece(self) -> str:
        """The next piece of the body; "" at its end. Raises Cut."""
        try:
            return self.response.read1().decode()
        except (http.client.IncompleteRead, ConnectionError) as error:
            raise Cut from error

    def text(self) -> str:
        """The body to its end. Raises Cut."""
        try:
            return self.response.read().decode()
        except (http.client.IncompleteRead, ConnectionError) as error:
            raise Cut from error

    def text_before_cut(self) -> str:
        """The body up to its cut. Fails if it was not cut."""
        text = ""
        try:
            while piece := self.piece():
                text += piece
        except Cut:
            return text
        raise AssertionError(f"the body was not cut but ended: {text!r}")

    def json(self) -> Any:
        return json.loads(self.text())

    def error(self) -> tuple[int, str]:
        """The status and the `code` of a refusal. Checks its whole shape."""
        assert self.headers["Content-Type"] == "application/json"
        error = self.json()["error"]
        assert set(error) == {"code", "message", "request_id"}
        assert error["request_id"] == self.headers["X-Request-Id"]
        assert error["message"]
        return self.status, error["code"]

    def leave(self, how: str = "FIN") -> None:
        """Closes the connection as a browser does, or with RST."""
        if how == "RST":
            linger = struct.pack("ii", 1, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if self._response is not None:
            self._response.close()
        self._connection.close()
        self.socket.close()


def ask(url: str, question: str = "Hi", **headers: str) -> Exchange:
    """Asks one question as the simplest page does. Headers by name: `Accept="..."`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(url, {"userPrompt": question}, headers=named)


def raw_exchange(url: str, data: bytes) -> bytes:
    """All bytes that the relay sends in reply until it closes. Raises Cut on RST."""
    with connected(url) as line:
        line.sendall(data)
        received = b""
        try:
            while piece := line.recv(65536):
                received += piece
        except ConnectionResetError as error:
            raise Cut from error
    return received


_BODY = b'{"userPrompt": "Hi"}'
_HEAD = (
    b"POST /aiCompletion HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n" % len(_BODY)
)
# A request as bytes.
QUESTION = _HEAD + b"\r\n" + _BODY


def connected(url: str) -> socket.socket:
    """A bare connection."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), LIMIT_SECONDS)


def received_until(line: socket.socket, part: bytes) -> bytes:
    """All that arrives until `part` has arrived. Fails if the connection ends before."""
    received = b""
    while part not in received:
        piece = line.recv(65536)
        assert piece, f"the connection ended without {part!r}: {received!r}"
        received += piece
    return received


@contextmanager
def half_sent(url: str) -> Iterator[Callable[[], bytes]]:
    """A question of which the relay has read the head.

    The call sends the rest, and returns the whole reply.
    """
    with connected(url) as line:
        line.sendall(_HEAD + b"Expect: 100-continue\r\n\r\n")
        assert b"100" in line.recv(65536)

        def finish() -> bytes:
            line.sendall(_BODY)
            received = b""
            while piece := line.recv(65536):
                received += piece
            return received

        yield finish


def close_exchanges() -> None:
    while Exchange.opened:
        Exchange.opened.pop().leave()
