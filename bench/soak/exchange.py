"""A reader's requests to the relay, and what came of each."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from typing import Any

LIMIT_SECONDS = 60.0


class End(Enum):
    """How the reading of an answer ended."""

    WHOLE = "whole"
    CUT = "cut"
    LEFT = "left"
    """The reader has had enough for now."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Read:
    status: int
    text: bytes
    end: End
    id: str = ""


@dataclass(frozen=True)
class Relay:
    """The relay at this port. Every request goes over a connection of its own."""

    port: int

    def ask(self, question: str, key: str | None = None, *, leaves: bool = False) -> Read:
        """Asks, and reads to the end; or to the first text, if the reader `leaves`."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        body = json.dumps({"userPrompt": question})
        with self._reply("POST", "/aiCompletion", headers, body) as response:
            return read_text(response, leaves=leaves)

    def ask_and_stop(self, question: str, key: str) -> Read:
        """Stops the answer at its first text, and reads what still comes."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        body = json.dumps({"userPrompt": question})
        with self._reply("POST", "/aiCompletion", headers, body) as response:
            first = read_text(response, leaves=True)
            if first.end is not End.LEFT:
                return first
            with self._reply("DELETE", f"/aiCompletion/{key}", {}) as stopped:
                if stopped.status != 204:
                    return Read(stopped.status, first.text, End.REFUSED)
            rest = read_text(response)
            return Read(rest.status, first.text + rest.text, rest.end)

    def read(self, key: str, offset: int | None = None) -> Read:
        """The answer, or what it has from a byte on."""
        headers = {} if offset is None else {"Range": f"bytes={offset}-"}
        with self._reply("GET", f"/aiCompletion/{key}", headers) as response:
            return read_text(response)

    def read_events(self, key: str, offset: int) -> Read:
        """What the answer has from a byte on, as a browser's EventSource asks for it."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(offset)}
        with self._reply("GET", f"/aiCompletion/{key}", headers) as response:
            return read_events(response)

    def receipt(self, key: str) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        with self._reply("GET", f"/aiCompletion/{key}", headers) as response:
            receipt: dict[str, Any] = json.loads(response.read())
            return receipt

    @contextmanager
    def _reply(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> Iterator[HTTPResponse]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_SECONDS)
        try:
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()


def read_text(response: HTTPResponse, *, leaves: bool = False) -> Read:
    """The text form."""
    id = response.headers.get("Completion-Id", "")
    if response.status >= 300:
        response.read()
        return Read(response.status, b"", End.REFUSED, id)
    pieces = []
    try:
        while piece := response.read1():
            pieces.append(piece)
            if leaves:
                return Read(response.status, b"".join(pieces), End.LEFT, id)
    except (IncompleteRead, ConnectionError):
        return Read(response.status, b"".join(pieces), End.CUT, id)
    return Read(response.status, b"".join(pieces), End.WHOLE, id)


def read_events(response: HTTPResponse) -> Read:
    """The events form. 204 says that the answer has nothing more."""
    if response.status == 204:
        return Read(response.status, b"", End.WHOLE)
    if response.status >= 300:
        return Read(response.status, b"", End.REFUSED)
    text, end = b"", End.CUT
    try:
        for line in response:
            name, _, data = line.decode().rstrip("\n").partition(": ")
            if name != "data":
                continue
            if data == "[DONE]":
                end = End.WHOLE
            elif "text" in (fields := json.loads(data)):
                text += fields["text"].encode()
    except (http.client.HTTPException, ConnectionError):
        end = End.CUT
    return Read(response.status, text, end)
