"""A model's server that follows a script, for what no real model does on command.

The relay that is examined is started with `OPENAI_BASE_URL` set to it.
"""

import contextlib
import json
import select
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from relay.settings import in_address

LARGEST_REQUEST = 1 << 20

Script = Callable[["Reply"], None]


class Left(Exception):
    """The relay has closed its connection."""


class Reply:
    """An answer while it is written."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._socket: socket.socket = handler.connection
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()

    def text(self, text: str) -> None:
        self._event({"content": text}, None)

    def finish(self) -> None:
        self._event({}, "stop")
        self._chunk(b"data: [DONE]\n\n")
        self._send(b"0\r\n\r\n")

    def wait(self, seconds: float) -> None:
        """Says nothing for so long. Raises Left as soon as the relay leaves."""
        readable, _, _ = select.select([self._socket], [], [], seconds)
        if readable:
            raise Left

    def _event(self, delta: dict[str, str], finish_reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        event = {"object": "chat.completion.chunk", "model": "doctor", "choices": [choice]}
        self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self._send(b"%x\r\n%b\r\n" % (len(data), data))

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Left from error


class Model:
    """The server. Each question has a script, and a script that returns early cuts its answer."""

    def __init__(self, host: str, port: int) -> None:
        self._scripts: dict[str, Script] = {}
        self.questions: list[str] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                model.answer(self)

            def log_message(self, *_: Any) -> None:
                """The report says all there is to say."""

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

        self._server = Server((host, port), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{in_address(str(host))}:{port}/v1"

    def answers(self, question: str, script: Script) -> None:
        self._scripts[question] = script

    def was_asked(self, question: str) -> bool:
        return question in self.questions

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Handles one request."""
        length = int(handler.headers.get("Content-Length", 0))
        question = _question_in(handler.rfile.read(min(length, LARGEST_REQUEST)))
        script = self._scripts.get(question)
        if script is None:
            handler.send_error(404, "the doctor did not ask this")
            return
        self.questions.append(question)
        # Without the last chunk, this cuts the answer.
        handler.close_connection = True
        # The relay may leave at any time.
        with contextlib.suppress(Left, ConnectionError):
            script(Reply(handler))


def _question_in(body: bytes) -> str:
    """The last message of a request; "" if it is none."""
    try:
        return str(json.loads(body)["messages"][-1]["content"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
