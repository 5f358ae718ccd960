"""The relay's answers to requests exactly as real chat clients send them.

captures/ has what these sent to another origin, byte for byte but for the names of the two hosts
and CR LF, which stands as LF:

- `useCompletion({streamProtocol: 'text'})` and `useChat` with `TextStreamChatTransport`, of ai
  7.0.173 and @ai-sdk/react 4.0.177 in Chromium 156; the transport alone in Node 24.19
- deep-chat 2.4.2 in Chromium 156: nothing but a `url`; `stream: {readable: true}` with
  `additionalBodyProps: {stream: true}`; `stream: true`; and `stream: false` with either
  `additionalBodyProps: {stream: false}` or an `Accept` of JSON
- `useChat` and `useCompletion` by their own protocol, `-ui`; assistant-ui 0.15.22 with
  `AssistantChatTransport`; openai 7.57.0 of npm in Chromium 156, and 3.54.0 of PyPI

`-options` carries headers and a field of the page's own, `-again` is `regenerate()`, `-failed`
the question after an answer that was stopped and one that was refused.
"""

import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helpers.client import LIMIT_SECONDS
from helpers.relay_process import RelayProcess
from helpers.upstream import Reply, Upstream

CAPTURES = Path(__file__).with_name("captures")
PAGE = "http://localhost:5173"

QUESTION = [("user", "안녕하세요?")]
CONVERSATION = [*QUESTION, ("assistant", "Hello there."), ("user", "And now?")]
# Its second answer was stopped by the reader, its third question refused by the server.
TROUBLED = [
    *CONVERSATION[:-1],
    ("user", "Stop me?"),
    ("assistant", "Half an ans"),
    ("user", "Refuse me?"),
    ("user", "And now?"),
]

# What each reads, and what it asked, oldest turn first.
TEXT = {
    "ai-sdk-completion": QUESTION,
    "ai-sdk-completion-options": QUESTION,
    "ai-sdk-chat": CONVERSATION,
    "ai-sdk-chat-again": CONVERSATION,
    "ai-sdk-chat-failed": TROUBLED,
    "ai-sdk-chat-node": CONVERSATION,
    "deep-chat-readable": CONVERSATION,
}
EVENTS = {
    "deep-chat-event": CONVERSATION,
    "deep-chat-event-options": QUESTION,
}
WHOLE = {
    "deep-chat-default": CONVERSATION,
    "deep-chat-whole": CONVERSATION,
    "deep-chat-whole-accept": CONVERSATION,
}
ALL = TEXT | EVENTS | WHOLE

# Those that speak a protocol of their own, at its door.
UI_MESSAGES = {
    "ai-sdk-chat-ui": CONVERSATION,
    "ai-sdk-completion-ui": QUESTION,
    "assistant-ui": CONVERSATION,
}
CHUNKS = {
    "openai-browser": [("user", "Why is the sky blue?")],
    "openai-python-streamed": CONVERSATION,
}
COMPLETION = {"openai-python-whole": CONVERSATION}
THEIRS = UI_MESSAGES | CHUNKS | COMPLETION


class Client:
    """One client's connection, on which a browser sends the preflight and then the question."""

    def __init__(self, relay: RelayProcess, name: str) -> None:
        self.name = name
        *self.preflights, self.question = captured(name)
        self.in_browser = bool(self.preflights)
        address = urlsplit(relay.url)
        self._stack = contextlib.ExitStack()
        self._socket = self._stack.enter_context(
            socket.create_connection((address.hostname, address.port), LIMIT_SECONDS)
        )

    def ask(self) -> http.client.HTTPResponse:
        """The reply to its question, which a browser sends only if it may, and lets the page see.

        Only the head is there yet; `read1` and `read` are the body.
        """
        for preflight in self.preflights:
            assert_allows(self._send(preflight), preflight)
        reply = self._send(self.question)
        if self.in_browser:
            assert reply.headers["Access-Control-Allow-Origin"] == PAGE
        return reply

    def _send(self, request: bytes) -> http.client.HTTPResponse:
        self._socket.sendall(request)
        reply = http.client.HTTPResponse(self._socket, method=request.split(b" ")[0].decode())
        self._stack.callback(reply.close)
        reply.begin()
        return reply

    def close(self) -> None:
        self._stack.close()


def captured(name: str) -> Iterator[bytes]:
    """The requests in a file, each a head in lines, an empty line, and a body by its length."""
    rest = (CAPTURES / f"{name}.http").read_bytes()
    while rest:
        head, _, rest = rest.partition(b"\n\n")
        length = re.search(rb"\ncontent-length: (\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        yield head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + rest[:size]
        rest = rest[size:].removeprefix(b"\n")


def assert_allows(reply: http.client.HTTPResponse, preflight: bytes) -> None:
    """The Fetch standard's CORS preflight check, for a POST from the page."""
    assert 200 <= reply.status < 300
    assert reply.read() == b""
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE
    assert "POST" in reply.headers["Access-Control-Allow-Methods"].split(", ")
    asked = re.search(rb"\nAccess-Control-Request-Headers: (.*)\r", preflight)
    assert asked is not None
    allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(asked[1].decode().split(",")) <= set(allowed)


@pytest.fixture
def client(relay: RelayProcess, request: pytest.FixtureRequest) -> Iterator[Client]:
    """The client of the test's parameter, connected."""
    with contextlib.closing(Client(relay, request.param)) as client:
        yield client


@pytest.fixture
def gate(upstream: Upstream) -> Iterator[threading.Event]:
    """The model says 안녕, waits for this event, and says 하세요."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("안녕")
        gate.wait(LIMIT_SECONDS)
        reply.text("하세요")
        reply.finish()

    yield gate
    gate.set()


@pytest.mark.parametrize("client", TEXT, indirect=True)
def test_text(client: Client, gate: threading.Event) -> None:
    """Who reads plain text gets it in chunks as it is written, and nothing else."""
    reply = client.ask()
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert reply.read1().decode() == "안녕"
    gate.set()
    assert reply.read().decode() == "하세요"


@pytest.mark.parametrize("client", EVENTS, indirect=True)
def test_events(client: Client, gate: threading.Event) -> None:
    """Who reads events gets one with `text` for each piece as it is written, then [DONE]."""
    reply = client.ask()
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert reply.read1().decode() == 'id: 6\ndata: {"text":"안녕"}\n\n'
    gate.set()
    assert reply.read().decode() == 'id: 15\ndata: {"text":"하세요"}\n\nid: 15\ndata: [DONE]\n\n'


@pytest.mark.parametrize("client", WHOLE, indirect=True)
def test_whole(client: Client, gate: threading.Event) -> None:
    """Who reads the answer whole gets JSON with it as `text`."""
    gate.set()
    reply = client.ask()
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.read())["text"] == "안녕하세요"


@pytest.mark.parametrize("client", UI_MESSAGES | CHUNKS, indirect=True)
def test_streams_of_their_own(client: Client, gate: threading.Event) -> None:
    """Who reads another protocol gets it at its door, each piece as it is written, and its end."""
    reply = client.ask()
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert "안녕" in reply.read1().decode()
    gate.set()
    rest = reply.read().decode()
    assert "하세요" in rest
    assert rest.endswith("data: [DONE]\n\n")
    if client.name in UI_MESSAGES:
        exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
        assert "x-vercel-ai-ui-message-stream" in exposed


@pytest.mark.parametrize("client", COMPLETION, indirect=True)
def test_whole_of_their_own(client: Client, gate: threading.Event) -> None:
    """Options and a system message, which these clients send by habit, stand in nobody's way."""
    gate.set()
    reply = client.ask()
    assert json.loads(reply.read())["choices"][0]["message"]["content"] == "안녕하세요"
    assert reply.headers["Askbot-Ignored"] == "system, max_tokens, temperature"


@pytest.mark.parametrize(
    ("client", "asked"), (ALL | THEIRS).items(), indirect=["client"], ids=ALL | THEIRS
)
def test_conversation(client: Client, upstream: Upstream, asked: list[tuple[str, str]]) -> None:
    """The conversation reaches the model turn by turn, whatever shape the client gives it."""
    client.ask().read()
    (sent,) = upstream.requests
    turns = [(message["role"], message["content"]) for message in sent["messages"]]
    assert turns[0][0] == "system"
    assert turns[-len(asked) :] == asked


@pytest.mark.parametrize(
    "client", ["ai-sdk-completion-options", "deep-chat-event-options"], indirect=True
)
def test_persona(client: Client, upstream: Upstream) -> None:
    """The persona that a page names in the client's own options is the one who answers."""
    client.ask().read()
    assert "secretary" in upstream.requests[0]["messages"][0]["content"]


@pytest.mark.parametrize("client", ALL, indirect=True)
def test_refusal(client: Client, upstream: Upstream) -> None:
    """A failure before the first text is a status and JSON that the page may read."""
    upstream.answers(lambda reply: reply.refuse("429 Slow", {"message": "x"}, Retry_After="7"))
    reply = client.ask()
    assert reply.status == 429
    assert reply.headers["Content-Type"] == "application/json"
    refusal = json.loads(reply.read())
    error = refusal if client.name in EVENTS else refusal["error"]
    assert error["code"] == "upstream_rate_limited"
    assert reply.headers["Retry-After"] == "7"
    if client.in_browser:
        assert "Retry-After" in reply.headers["Access-Control-Expose-Headers"].split(", ")


@pytest.mark.parametrize("client", EVENTS, indirect=True)
def test_refusal_in_words(client: Client, upstream: Upstream) -> None:
    """Who reads events gets a refusal as a failure in mid stream: deep-chat shows no other."""
    upstream.answers(lambda reply: reply.refuse("503 Busy", {"message": "x"}))
    refusal = json.loads(client.ask().read())
    assert set(refusal) == {"error", "code"}
    assert refusal["error"].endswith(".")


def breaks_off(reply: Reply) -> None:
    reply.text("Half an ans")
    reply.reset()


@pytest.mark.parametrize("client", TEXT, indirect=True)
def test_broken_text(client: Client, upstream: Upstream) -> None:
    """An answer that breaks is cut, which fetch makes an error of the client's."""
    upstream.answers(breaks_off)
    reply = client.ask()
    assert reply.status == 200
    with pytest.raises(http.client.IncompleteRead) as cut:
        reply.read()
    assert cut.value.partial == b"Half an ans"


@pytest.mark.parametrize("client", EVENTS, indirect=True)
def test_broken_events(client: Client, upstream: Upstream) -> None:
    """An answer that breaks ends with an `error` that is a sentence, as deep-chat shows it."""
    upstream.answers(breaks_off)
    *texts, error, nothing = client.ask().read().decode().split("\n\n")
    assert texts == ['id: 11\ndata: {"text":"Half an ans"}']
    assert isinstance(json.loads(error.removeprefix("id: 11\ndata: "))["error"], str)
    assert nothing == ""


@pytest.mark.parametrize("client", WHOLE, indirect=True)
def test_broken_whole(client: Client, upstream: Upstream) -> None:
    """An answer that breaks is cut, which is no JSON for who reads it whole."""
    upstream.answers(breaks_off)
    reply = client.ask()
    assert reply.status == 200
    with pytest.raises(http.client.IncompleteRead):
        reply.read()
