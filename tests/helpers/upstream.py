"""A model's server that misbehaves on command: real sockets, a script for each request.

    @upstream.answers
    def script(reply):
        reply.text("Hel")
        gate.wait(10)
        reply.text("lo")
        reply.finish()

Without a script it answers "Hello there." The script runs in the thread of its connection.
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from helpers.limits import HELD_SECONDS, WAIT_SECONDS


class Gone(Exception):
    """The relay has closed its connection."""


class Reply:
    """One request, for the script: the question, and all ways to answer."""

    def __init__(self, upstream: "Upstream", sock: socket.socket, head: bytes, body: bytes) -> None:
        self.upstream = upstream
        self.socket = sock
        self.target = head.split(b" ", 2)[1].decode()
        lines = head.split(b"\r\n")[1:]
        pairs = (line.decode("latin-1").partition(": ") for line in lines if line)
        self.request_headers = {name.lower(): value for name, _, value in pairs}
        self.body: dict[str, Any] = json.loads(body)
        self.chunked = False
        self.keep_alive = False

    def raw(self, data: bytes) -> None:
        """Sends bytes unchanged."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def headers(
        self, status: str = "200 OK", content_type: str = "text/event-stream", **more: str
    ) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        lines += ["Transfer-Encoding: chunked", "", ""]
        self.raw("\r\n".join(lines).encode("latin-1"))
        self.chunked = True

    def chunk(self, data: bytes) -> None:
        """Sends one piece of the body, and the head before the first."""
        if not self.chunked:
            self.headers()
        self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, payload: Mapping[str, Any] | str) -> None:
        data = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        self.chunk(f"data: {data}\n\n".encode())

    def text(self, text: str) -> None:
        self.event(chunk({"content": text}))

    def finish(self, reason: str | None = "stop", *, done: bool = True, usage: bool = True) -> None:
        """Ends a good answer: the reason, the usage, `[DONE]`, the last chunk."""
        self.event(chunk({}, reason))
        if usage:
            counts = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
            self.event({**chunk({}), "choices": [], "usage": counts})
        if done:
            self.event("[DONE]")
        self.end()

    def end(self) -> None:
        """Sends the last chunk, which completes the body for HTTP."""
        if not self.chunked:
            self.headers()
        self.raw(b"0\r\n\r\n")
        self.keep_alive = True

    def refuse(self, status: str, error: Mapping[str, Any] | str, **headers: str) -> None:
        """Sends a JSON error in OpenAI's form, or any other body as HTML."""
        is_html = isinstance(error, str)
        body = error if isinstance(error, str) else json.dumps({"error": error})
        self.headers(status, "text/html" if is_html else "application/json", **headers)
        self.chunk(body.encode())
        self.end()

    def reset(self) -> None:
        """Sends RST instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def until_gone(self) -> None:
        """Sends nothing more until the relay has left."""
        self.socket.settimeout(HELD_SECONDS)
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(4096):
                pass


def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    """One `chat.completion.chunk` of the OpenAI API."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish_reason}],
    }


Script = Callable[[Reply], None]


class Upstream:
    """The server. `requests` are the bodies that it received. `open` is how many are unanswered."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self._tls = tls
        self._changed = threading.Condition()
        self._script: Script = hello
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.targets: list[str] = []
        self.faults: list[BaseException] = []
        self.connections = 0
        self.open = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}/v1"

    def answers(self, script: Script) -> Script:
        """Answers all later requests with `script`."""
        self._script = script
        return script

    def forget(self) -> None:
        """Forgets requests and script, for the next test."""
        with self._changed:
            self._script = hello
            for seen in (self.requests, self.headers, self.targets, self.faults):
                seen.clear()
            self.connections = 0

    def wait_until(
        self, condition: Callable[["Upstream"], bool], seconds: float = WAIT_SECONDS
    ) -> bool:
        """Waits for `condition`, which is checked at each change of a count. False if too late."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), seconds)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            # A close alone would leave the accepting thread blocked.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with self._changed:
            self.connections += 1
        # Without this, a reset right after a write would drop data that the kernel holds back.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with contextlib.closing(sock):
                while self._exchange(sock):
                    pass
        except (OSError, Gone):
            # The relay may leave at any point. Tests look at the counts.
            return

    def _exchange(self, sock: socket.socket) -> bool:
        message = _read_request(sock)
        if message is None:
            return False
        reply = Reply(self, sock, *message)
        with self._counted(reply):
            self._script(reply)
        return reply.keep_alive

    @contextlib.contextmanager
    def _counted(self, reply: Reply) -> Iterator[None]:
        with self._changed:
            self.requests.append(reply.body)
            self.headers.append(reply.request_headers)
            self.targets.append(reply.target)
            self.open += 1
            self._changed.notify_all()
        try:
            yield
        except (OSError, Gone):
            raise
        except BaseException as fault:
            self.faults.append(fault)
        finally:
            with self._changed:
                self.open -= 1
                self._changed.notify_all()


def _read_request(sock: socket.socket) -> tuple[bytes, bytes] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        received = sock.recv(65536)
        if not received:
            return None
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(
        next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)[15:]
    )
    while len(body) < length:
        received = sock.recv(65536)
        if not received:
            return None
        body += received
    return head, body


def hello(reply: Reply) -> None:
    reply.text("Hello ")
    reply.text("there.")
    reply.finish()


def saying(text: str) -> Script:
    """A script that answers `text`."""

    def script(reply: Reply) -> None:
        reply.text(text)
        reply.finish()

    return script


def silent_after(text: str) -> Script:
    """A script that sends `text`, and then nothing until the relay has left."""

    def script(reply: Reply) -> None:
        reply.text(text)
        reply.until_gone()

    return script


class Paused:
    """A script that stops half-way through an answer until the test releases it."""

    def __init__(self, upstream: Upstream) -> None:
        self.go_on = threading.Event()
        upstream.answers(self._answer)

    def _answer(self, reply: Reply) -> None:
        reply.text("햇빛은 공기에서 ")
        assert self.go_on.wait(HELD_SECONDS)
        reply.text("흩어집니다 ☀️.")
        reply.finish()


WHOLE = "햇빛은 공기에서 흩어집니다 ☀️."
