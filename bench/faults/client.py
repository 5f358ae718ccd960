"""The clients: each asks one question and checks its outcome."""

import http.client
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, IncompleteRead

LIMIT_SECONDS = 60.0


class Surprise(Exception):
    """A question met another outcome than it was asked for."""


@dataclass(frozen=True)
class Kind:
    """`question` is what the upstream is to do; `end` is what the client does with the reply."""

    name: str
    question: str
    end: Callable[[HTTPConnection, HTTPResponse], bool]
    """Whether it was the outcome that was meant."""
    has_key: bool = False

    @property
    def title(self) -> str:
        return f"{self.name}, {'keyed' if self.has_key else 'no key'}"

    def ask(self, port: int) -> None:
        """Raises Surprise."""
        connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT_SECONDS)
        headers = {"Content-Type": "application/json"}
        if self.has_key:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        try:
            body = json.dumps({"userPrompt": self.question})
            connection.request("POST", "/aiCompletion", body, headers)
            with connection.getresponse() as response:
                if not self.end(connection, response):
                    raise Surprise(f"{self.title}: status {response.status}")
        except (OSError, http.client.HTTPException) as error:
            raise Surprise(f"{self.title}: {type(error).__name__} {error}") from error
        finally:
            connection.close()


def status(expected: int) -> Callable[[HTTPConnection, HTTPResponse], bool]:
    """Reads the reply to its end. True if it has this status, and a body."""

    def read(_: HTTPConnection, response: HTTPResponse) -> bool:
        return bool(response.read()) and response.status == expected

    return read


def is_cut(_: HTTPConnection, response: HTTPResponse) -> bool:
    try:
        response.read()
    except (IncompleteRead, ConnectionError):
        return True
    return False


def stop(connection: HTTPConnection, response: HTTPResponse) -> bool:
    """Stops the answer after its first text. True if the reply then ends."""
    first = response.read1()
    other = HTTPConnection(connection.host, connection.port, timeout=LIMIT_SECONDS)
    try:
        other.request("DELETE", f"/aiCompletion/{response.headers['Completion-Id']}")
        stopped = other.getresponse().status
    finally:
        other.close()
    return bool(first) and stopped == 204 and response.read() == b""


def abandon(_: HTTPConnection, response: HTTPResponse) -> bool:
    """Leaves after the first text. True if there was one."""
    return bool(response.read1())


KINDS = [
    Kind(name, question, end, has_key)
    for name, question, end in (
        ("whole", "whole", status(200)),
        ("refused 400", "refused 400", status(502)),
        ("refused 401", "refused 401", status(502)),
        ("refused 429 with 50 KB", "refused 429", status(429)),
        ("cut in mid answer", "cut", is_cut),
        ("stopped", "endless", stop),
        ("abandoned", "endless", abandon),
        ("bad input", " ", status(400)),
    )
    for has_key in (False, True)
]
