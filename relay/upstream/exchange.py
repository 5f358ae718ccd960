"""One HTTP/1.1 exchange: sends a request, and reads the response with llhttp."""

import _thread
import contextlib
import ssl
from collections.abc import Callable
from socket import socket

import httptools
import httpx2

from relay.deadline import Deadline
from relay.upstream.cancellation import Cancellation, Cancelled

RECEIVE_BYTES = 64 * 1024
# A TLS read returns one record, and a server may make a record of every token. After a deadline,
# more may have arrived than one read takes. In both cases the socket is drained up to this limit.
DRAIN_BYTES = 256 * 1024
MAX_HEAD_BYTES = 128 * 1024
MAX_WHOLE_BYTES = 1024 * 1024
# Limits on the wait for the end of a response whose text is whole.
END_SECONDS, MAX_END_BYTES = 3.0, 4096


class Exchange:
    """A request on one connection, and its response.

    `release` is called once, with whether the connection can be used again. llhttp calls the
    methods named `on_...`.
    """

    def __init__(
        self,
        sock: socket,
        release: Callable[[bool], None],
        cancellation: Cancellation,
        deadline: Deadline,
    ) -> None:
        self._socket: socket | None = sock
        self._release = release
        self._cancellation = cancellation
        self._deadline = deadline
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self._head_complete = False
        self._keep_alive = False
        self._framed = False
        self._complete = False
        self._fault: httpx2.RemoteProtocolError | None = None
        self.received = 0
        # 0 before the head is there.
        self.status = 0

    def send(self, message: bytes) -> None:
        """Sends `message`, the bytes of a request, and reads the response's head.

        Never reads a body in a content coding: the relay asks for none, and it might inflate
        without end. A refusal with one is left without its body.
        """
        try:
            self._write(message)
            self._read_head()
            if self._is_coded():
                if self.status < 400:
                    raise httpx2.RemoteProtocolError("a content coding that nobody asked for")
                self.close()
                self._pieces.clear()
                self._complete = True
        except BaseException:
            self.close()
            raise

    def read(self, deadline: Deadline) -> bytes:
        """All bytes that have arrived. If there are none, waits for some until `deadline`.

        `b""` is the end of the body. After a ReadTimeout the body can be read on. Raises
        httpx2.ReadTimeout, ReadError, RemoteProtocolError or Cancelled.
        """
        while not self._pieces and not self._complete:
            self._receive(deadline)
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    def read_whole(self) -> bytes:
        """The whole body, which must be short, and closes the exchange. Raises as `read` does.

        The body has no content coding, so the limit also bounds its decoded size.
        """
        body = b""
        with contextlib.closing(self):
            while data := self.read(self._deadline):
                body += data
                if len(body) > MAX_WHOLE_BYTES:
                    raise httpx2.RemoteProtocolError("the body of a refusal is longer than 1 MiB")
        return body

    def close(self) -> None:
        """Releases the connection. It is kept only if the response was read to its end."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        self._cancellation.detach()
        self._release(self._complete and self._keep_alive and not self._cancellation.cancelled)

    def finish(self) -> None:
        """Closes an exchange of which at most the end of the response is missing. Does not wait.

        The end may arrive in a later packet. A thread waits for it, so that the connection can be
        used again.
        """
        if self._complete or not self._keep_alive or self._cancellation.cancelled:
            self.close()
            return
        self._cancellation.detach()
        # `threading.Thread` would wait for its start, and an event loop must not wait.
        _thread.start_new_thread(self._await_end, ())

    def on_message_begin(self) -> None:
        # A second response belongs to no request.
        self._keep_alive &= not self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return
        self.headers.append((name, value))
        self._framed |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self.headers.clear()
            return
        self.status = status
        self._head_complete = True
        self._keep_alive = self._parser.should_keep_alive() and self._framed

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._complete = self._head_complete

    def _write(self, message: bytes) -> None:
        sock = self._open_socket()
        self._cancellation.attach(sock)
        try:
            sock.settimeout(_positive(self._deadline.left()))
            sock.sendall(message)
        except TimeoutError as error:
            raise httpx2.WriteTimeout("sending the request took too long") from error
        except OSError as error:
            self._cancellation.check()
            raise httpx2.WriteError(error.strerror or type(error).__name__) from error

    def _await_end(self) -> None:
        deadline, most = Deadline(END_SECONDS), self.received + MAX_END_BYTES
        # A failure here only costs the connection.
        with contextlib.closing(self), contextlib.suppress(httpx2.TransportError, Cancelled):
            while not self._complete and self.received < most:
                self._receive(deadline)

    def _is_coded(self) -> bool:
        """RFC 9110, 8.4."""
        codings = [value for name, value in self.headers if _is_coding(name)]
        return any(each.strip().lower() not in (b"", b"identity") for each in codings)

    def _read_head(self) -> None:
        while not self._head_complete:
            self._receive(self._deadline)
            if self.received > MAX_HEAD_BYTES and not self._head_complete:
                raise httpx2.RemoteProtocolError("the head of a response is longer than 128 KiB")

    def _receive(self, deadline: Deadline) -> None:
        sock = self._open_socket()
        if self._fault is not None:
            raise self._fault
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
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # Raised after the bytes before it were read. The parser's message may quote the input.
            self._fault = httpx2.RemoteProtocolError(f"this is not HTTP ({type(error).__name__})")
            self._keep_alive = False
            if not self._pieces and not self._complete:
                raise self._fault from None

    def _broken(self, reason: str) -> httpx2.TransportError:
        """ReadError before the first byte of the response, because only then a retry is allowed."""
        if self.received:
            return httpx2.RemoteProtocolError(f"{reason} inside the response")
        return httpx2.ReadError(f"{reason} before the response")

    def _take(self, sock: socket, deadline: Deadline) -> bytes:
        sock.settimeout(_positive(deadline.left()))
        data = sock.recv(RECEIVE_BYTES)
        if not data or not (isinstance(sock, ssl.SSLSocket) or deadline.passed):
            return data
        records = [data]
        sock.settimeout(0)
        try:
            while data and sum(map(len, records)) < DRAIN_BYTES:
                data = sock.recv(RECEIVE_BYTES)
                records.append(data)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._fault = httpx2.RemoteProtocolError(f"{reason} inside the response")
        return b"".join(records)

    def _open_socket(self) -> socket:
        if self._socket is None:
            raise httpx2.ReadError("the response is closed")
        return self._socket


def _is_coding(header: bytes) -> bool:
    return header.lower() == b"content-encoding"


def _positive(timeout: float | None) -> float | None:
    """A timeout above 0, because 0 would make the socket non-blocking, with other errors."""
    return timeout if timeout is None else max(timeout, 0.000_001)
