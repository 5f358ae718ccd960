"""What the relay says over HTTP when all goes well, and to requests it refuses."""

import contextlib
import gzip
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from helpers.client import Exchange, ask, raw_exchange
from helpers.completions import Gated
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import KEY, PATIENT, RelayProcess, StartRelay, with_intervals
from helpers.upstream import Reply, Upstream
from relay.version import version

JSON = {"Content-Type": "application/json"}
ID = "6a7b3c1e-5d0f-4c55-9a53-0c8c6f0f6a11"
ORIGIN = "http://localhost:5173"


def test_liveness(relay: RelayProcess, upstream: Upstream) -> None:
    """`GET /` says exactly {"data": "success"} and touches nothing else."""
    reply = Exchange(relay.url, method="GET", path="/")
    assert (reply.status, reply.json()) == (200, {"data": "success"})
    assert not upstream.requests


def test_a_first_page(relay: RelayProcess, upstream: Upstream) -> None:
    """The simplest page's request, with axios' Accept, gets the chunked plain text."""
    reply = ask(relay.url, "hello", Accept="application/json, text/plain, */*")
    assert reply.text() == "Hello there."
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Transfer-Encoding"] == "chunked"
    sent = upstream.requests[0]
    assert sent["messages"][0]["role"] == "system"
    assert sent["messages"][-1] == {"role": "user", "content": "hello"}
    assert sent["stream"] is True
    assert upstream.targets == ["/v1/chat/completions"]
    assert upstream.headers[0]["authorization"] == f"Bearer {KEY}"


def test_headers_of_the_operator(start_relay: StartRelay, upstream: Upstream) -> None:
    """They replace the package's own, in any spelling, as with the package itself."""
    relay = start_relay(OPENAI_CUSTOM_HEADERS="authorization: Basic abc\nX-Team: relay")
    assert ask(relay.url).status == 200
    [headers] = upstream.headers
    assert (headers["authorization"], headers["x-team"]) == ("Basic abc", "relay")


def test_text_arrives_as_it_is_written(relay: RelayProcess, upstream: Upstream) -> None:
    """The reader has the first text while the model still holds back the second."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("안녕")
        gate.wait(10)
        reply.text("하세요")
        reply.finish()

    reply = ask(relay.url)
    assert reply.piece() == "안녕"
    gate.set()
    assert reply.text() == "하세요"


def test_headers_wait_for_the_first_text(relay: RelayProcess, upstream: Upstream) -> None:
    """A role chunk is no text: nothing leaves until there is something to read."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        gate.wait(10)
        reply.refuse("500 Late", {})

    reply = ask(relay.url)
    assert upstream.wait_until(lambda server: server.open == 1)
    reply.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        reply.socket.recv(1)
    gate.set()
    reply.leave()


CHAT = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("path", "accept", "body"),
    [
        ("/aiCompletion", "text/event-stream", CHAT),
        ("/aiCompletion", "application/json", CHAT),
        ("/api/chat", "*/*", CHAT),
        ("/v1/chat/completions", "*/*", CHAT | {"stream": True}),
        ("/v1/chat/completions", "*/*", CHAT),
    ],
)
def test_a_silence(
    start_relay: StartRelay, upstream: Upstream, path: str, accept: str, body: dict[str, Any]
) -> None:
    """Hosts end connections on which nothing is said. A space may come before JSON."""
    relay = start_relay(**with_intervals(HEARTBEAT_SECONDS=0.5), **PATIENT)
    gated = Gated(upstream, "Hello")
    gated.let()
    reply = Exchange(relay.url, body, path=path, headers={"Accept": accept})
    is_json = reply.headers["Content-Type"] == "application/json"
    received = ""
    while (" " if is_json else ": waiting\n\n") not in received:
        received += reply.piece()
    gated.let()
    received += reply.text()
    assert "Hello" in received
    if is_json:
        json.loads(received)


def test_headers(relay: RelayProcess) -> None:
    """Every answer carries its id, the request's, and the orders for caches and proxies."""
    reply = ask(relay.url, Origin=ORIGIN)
    assert len(reply.headers["Completion-Id"]) == 36
    assert reply.headers["X-Request-Id"]
    assert reply.headers["Cache-Control"] == "no-store, no-transform"
    assert reply.headers["X-Accel-Buffering"] == "no"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert float(reply.headers["Server-Timing"].removeprefix("first-token;dur=")) > 0
    exposed = reply.headers["Access-Control-Expose-Headers"]
    assert "Completion-Id" in exposed
    assert "X-Request-Id" in exposed
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert reply.text()


def test_events(relay: RelayProcess, upstream: Upstream) -> None:
    """`Accept: text/event-stream` gets each piece as an event with its last byte, and [DONE]."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("a\n")
        gate.wait(10)
        reply.text("나")
        reply.finish()

    reply = ask(relay.url, Accept="text/event-stream")
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert reply.piece() == 'id: 2\ndata: {"text":"a\\n"}\n\n'
    gate.set()
    assert reply.text() == 'id: 5\ndata: {"text":"나"}\n\nid: 5\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    ("body", "accept"),
    [
        ({"userPrompt": "Hi", "stream": False}, "*/*"),
        ({"userPrompt": "Hi"}, "application/json"),
        ({"userPrompt": "Hi", "stream": False}, "text/event-stream"),
        ({"messages": [{"role": "user", "text": "Hi"}]}, "*/*"),
    ],
)
def test_json(relay: RelayProcess, body: object, accept: str) -> None:
    """`stream: false`, an Accept of JSON alone, or deep-chat's default is one reply with usage."""
    reply = Exchange(relay.url, body, headers=JSON | {"Accept": accept})
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json() == {
        "id": reply.headers["Completion-Id"],
        "text": "Hello there.",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def test_an_empty_answer(relay: RelayProcess, upstream: Upstream) -> None:
    """A model that ends without a word is an empty 200, not an error."""
    upstream.answers(lambda reply: reply.finish())
    reply = ask(relay.url)
    assert (reply.status, reply.text()) == (200, "")


def test_a_form(relay: RelayProcess, upstream: Upstream) -> None:
    """A plain HTML form can ask too."""
    reply = Exchange(
        relay.url,
        b"userPrompt=%EC%95%88%EB%85%95+%26",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert reply.text() == "Hello there."
    assert upstream.requests[0]["messages"][-1]["content"] == "안녕 &"


def test_a_refusal_is_text(relay: RelayProcess, upstream: Upstream) -> None:
    """What the model says in `delta.refusal` is for the reader."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.event({"choices": [{"index": 0, "delta": {"refusal": "I'd rather not."}}]})
        reply.finish()

    assert ask(relay.url).text() == "I'd rather not."


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_partial_answers_stay(relay: RelayProcess, upstream: Upstream, reason: str) -> None:
    """An answer that the model ended early is an answer; the JSON form says why it ended."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("As I was say")
        reply.finish(reason)

    body = {"userPrompt": "Hi", "stream": False}
    answer = Exchange(relay.url, body).json()
    assert (answer["text"], answer["finish_reason"]) == ("As I was say", reason)


REFUSED = {
    "empty": b"",
    "not JSON": b"userPrompt=hi",
    "an array": b"[]",
    "a string": b'"hi"',
    "bad UTF-8": b'{"userPrompt": "\xff"}',
    "very deep": b'{"userPrompt":' + b"[" * 100_000,
    "half an emoji": b'{"userPrompt": "\\ud83d"}',
    "nothing asked": b"{}",
    "blank": b'{"userPrompt": " \\n"}',
    "null": b'{"userPrompt": null}',
    "a number": b'{"userPrompt": 1}',
    "two ways at once": b'{"userPrompt": "a", "prompt": "b"}',
    "stream of the wrong type": b'{"userPrompt": "a", "stream": "no"}',
    "persona of the wrong type": b'{"userPrompt": "a", "persona": 1}',
    "messages no list": b'{"messages": {}}',
    "no messages": b'{"messages": []}',
    "a message no object": b'{"messages": ["hi"]}',
    "no role": b'{"messages": [{"content": "hi"}]}',
    "role of the wrong type": b'{"messages": [{"role": [], "content": "hi"}]}',
    "system": b'{"messages": [{"role": "system", "content": "x"}, {"role":"user","content":"a"}]}',
    "developer": b'{"messages": [{"role": "developer", "content": "x"}]}',
    "tool": b'{"messages": [{"role": "tool", "content": "x"}]}',
    "an unknown role": b'{"messages": [{"role": "root", "content": "x"}]}',
    "the last not the user's": b'{"messages": [{"role": "assistant", "content": "hi"}]}',
    "no content": b'{"messages": [{"role": "user"}]}',
    "content of the wrong type": b'{"messages": [{"role": "user", "content": 1}]}',
    "a part without text": b'{"messages": [{"role": "user", "parts": [{"type": "text"}]}]}',
    "parts no list": b'{"messages": [{"role": "user", "parts": "hi"}]}',
    "a part without a type": b'{"messages": [{"role": "user", "content": [{"text": "a"}]}]}',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_bad_requests_cost_nothing(relay: RelayProcess, upstream: Upstream, body: bytes) -> None:
    """What cannot be understood is told with 400, and the model is not asked."""
    assert Exchange(relay.url, body).error() == (400, "invalid_request")
    assert not upstream.requests


def test_pictures_cost_nothing(relay: RelayProcess, upstream: Upstream) -> None:
    """What is no text is refused in words, and the model is not asked about the rest."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    content = [{"type": "text", "text": "What is this?"}, picture]
    reply = Exchange(relay.url, {"messages": [{"role": "user", "content": content}]})
    assert reply.error() == (400, "unsupported_content")
    assert not upstream.requests


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_wrong_media_types(relay: RelayProcess, upstream: Upstream, media_type: str) -> None:
    """Other bodies than JSON and forms are told with 415."""
    reply = Exchange(relay.url, b"{}", headers={"Content-Type": media_type})
    assert reply.error() == (415, "unsupported_media_type")
    assert not upstream.requests


@pytest.mark.parametrize(
    "media_type", ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", ""]
)
def test_json_under_another_name(relay: RelayProcess, upstream: Upstream, media_type: str) -> None:
    """JSON as `curl -d` or a bare `fetch` sends it is refused with the header that it needs."""
    body = b'{"userPrompt": "a=b&c"}'
    reply = Exchange(relay.url, body, headers={"Content-Type": media_type})
    assert reply.status == 415
    assert "Content-Type: application/json" in reply.json()["error"]["message"]
    assert not upstream.requests


def test_unknown_persona(relay: RelayProcess, upstream: Upstream) -> None:
    """A persona that is not here is not replaced by another."""
    reply = Exchange(relay.url, {"userPrompt": "Hi", "persona": "nobody"})
    assert reply.error() == (400, "unknown_persona")
    assert not upstream.requests


def test_addresses_and_methods(relay: RelayProcess) -> None:
    """404 and 405 have the body of every error, CORS headers too, and 405 says what is allowed."""
    origin = {"Origin": ORIGIN}
    nowhere = Exchange(relay.url, method="GET", path="/nowhere", headers=origin)
    assert nowhere.error() == (404, "not_found")
    assert nowhere.headers["Access-Control-Allow-Origin"] == ORIGIN
    wrong = Exchange(relay.url, method="GET", headers=origin)
    assert wrong.error() == (405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"]
    assert wrong.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_head_of_a_post_route(relay: RelayProcess) -> None:
    """HEAD is refused like GET, and holds nothing open."""
    reply = Exchange(relay.url, method="HEAD")
    assert (reply.status, reply.text()) == (405, "")


def test_preflight(relay: RelayProcess) -> None:
    """A browser's preflight is allowed with whatever headers it asks for."""
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, idempotency-key, x-mine",
    }
    reply = Exchange(relay.url, method="OPTIONS", headers=headers)
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert "DELETE" in reply.headers["Access-Control-Allow-Methods"]
    assert "x-mine" in reply.headers["Access-Control-Allow-Headers"].lower()


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ],
            ["a", "b", "c"],
        ),
        (
            [
                {"id": "1", "role": "user", "parts": [{"type": "text", "text": "a"}]},
                {
                    "id": "2",
                    "role": "assistant",
                    "parts": [
                        {"type": "step-start"},
                        {"type": "text", "text": "b"},
                        {"type": "text", "text": "b"},
                    ],
                },
                {"id": "3", "role": "user", "parts": [{"type": "text", "text": "c"}]},
            ],
            ["a", "bb", "c"],
        ),
        (
            [
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
                {"role": "user", "content": [{"type": "text", "text": "c"}]},
            ],
            ["a", "b", "c"],
        ),
        (
            [
                {"role": "user", "text": "a"},
                {"role": "ai", "text": "b"},
                {"role": "user", "text": "c"},
            ],
            ["a", "b", "c"],
        ),
        (
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "parts": []},
                {"role": "user", "content": "c"},
            ],
            ["a", "c"],
        ),
    ],
    ids=["chat", "AI SDK", "content in parts", "deep-chat", "a stopped answer"],
)
def test_conversations(
    relay: RelayProcess, upstream: Upstream, messages: object, expected: list[str]
) -> None:
    """The shapes in which chat pages send a conversation reach the model as one."""
    fields = {"messages": messages, "id": "chat-1", "stream": True}
    assert Exchange(relay.url, fields).text() == "Hello there."
    turns = upstream.requests[0]["messages"][-len(expected) :]
    assert [turn["content"] for turn in turns] == expected
    assert turns[-1]["role"] == "user"


def test_limits(start_relay: StartRelay, upstream: Upstream) -> None:
    """Too many bytes, characters or messages: 413, whichever way the body is sent."""
    relay = start_relay(MAX_BODY_BYTES="200", MAX_QUESTION_CHARS="10", MAX_MESSAGES="2")
    assert ask(relay.url, "a" * 11).error() == (413, "question_too_long")
    assert ask(relay.url, "안" * 10).text() == "Hello there."
    turn = {"role": "user", "content": "a"}
    many = Exchange(relay.url, {"messages": [turn] * 3})
    assert many.error() == (413, "question_too_long")
    large = Exchange(relay.url, {"userPrompt": "a", "more": "b" * 200})
    assert large.error() == (413, "request_too_large")
    host = urlsplit(relay.url).netloc
    body = b'{"userPrompt": "a", "more": "' + b"b" * 200 + b'"}'
    chunked = raw_exchange(
        relay.url,
        b"POST /aiCompletion HTTP/1.1\r\nHost: " + host.encode() + b"\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        + f"{len(body):x}\r\n".encode()
        + body
        + b"\r\n0\r\n\r\n",
    )
    assert chunked.startswith(b"HTTP/1.1 413 ")
    assert b"request_too_large" in chunked
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("framing", [b"zz\r\n", b"5;x=\x01\r\nhello\r\n", b"-1\r\n"])
def test_a_body_badly_framed(relay: RelayProcess, upstream: Upstream, framing: bytes) -> None:
    """Chunks that are none are the client's fault, and cost no trace in the log."""
    reply = raw_exchange(
        relay.url,
        b"POST /aiCompletion HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + framing,
    )
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in relay.log
    assert not upstream.requests


def test_a_body_that_stalls(start_relay: StartRelay, upstream: Upstream) -> None:
    """Half a body is waited for, but not for ever."""
    relay = start_relay(SEND_TIMEOUT="0.3")
    reply = raw_exchange(
        relay.url,
        b"POST /aiCompletion HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b'Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"userPrompt"',
    )
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b'"invalid_request"' in reply
    assert not upstream.requests


def test_a_body_that_breaks_off(relay: RelayProcess, upstream: Upstream) -> None:
    """A question of which the end is missing is not asked, though its beginning could be one."""
    body = b'{"userPrompt": "Hi"}'
    parts = urlsplit(relay.url)
    with socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS) as sock:
        sock.sendall(
            b"POST /aiCompletion HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body) + 1, body)
        )
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert not upstream.requests


def test_a_compressed_body(start_relay: StartRelay, upstream: Upstream) -> None:
    """It is not unpacked: a few bytes could become any number."""
    relay = start_relay(MAX_BODY_BYTES="2000")
    body = gzip.compress(b'{"userPrompt": "%b"}' % (b"a" * 1_000_000))
    assert len(body) < 2000
    reply = Exchange(relay.url, body, headers=JSON | {"Content-Encoding": "gzip"})
    assert reply.error() == (415, "unsupported_media_type")
    assert Exchange(relay.url, body).error() == (400, "invalid_request")
    assert not upstream.requests


def test_an_endless_body(start_relay: StartRelay, upstream: Upstream) -> None:
    """A chunked body without an end is refused where it is too long."""
    relay = start_relay(MAX_BODY_BYTES="2000")
    parts = urlsplit(relay.url)
    with socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS) as sock:
        sock.sendall(
            b"POST /aiCompletion HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with contextlib.suppress(ConnectionError):
            for _ in range(4):
                sock.sendall(b"400\r\n" + b"a" * 1024 + b"\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert not upstream.requests


@pytest.mark.parametrize(
    "key", ["a\tb", "a%0d%0ab", "../..", "null", "x" * 4000, "\xe9" * 36, ID + ID, ID[:-1]]
)
def test_ids_that_are_none(relay: RelayProcess, upstream: Upstream, key: str) -> None:
    """A key is a UUID; line ends and other words in its place are refused everywhere."""
    for path in ("/aiCompletion", "/api/completion", "/v1/chat/completions"):
        headers = {"Idempotency-Key": key}
        body = {"prompt": "Hi"} if "api" in path else {"userPrompt": "Hi"}
        if path.startswith("/v1"):
            body = {"messages": [{"role": "user", "content": "Hi"}]}  # type: ignore[dict-item]
        assert Exchange(relay.url, body, path=path, headers=headers).status == 400
    quoted_key = quote(key, safe="")
    for method in ("GET", "DELETE"):
        path = f"/aiCompletion/{quoted_key}"
        assert Exchange(relay.url, method=method, path=path).error() == (404, "not_found")
    for path in (f"/aiCompletion/{ID}%0d%0aSet-Cookie:%20a=b", f"/aiCompletion/{ID}%00"):
        reply = Exchange(relay.url, method="GET", path=path)
        assert reply.error() == (404, "not_found")
        assert "Set-Cookie" not in reply.headers
    assert not upstream.requests


def test_preflight_of_a_wrong_address(relay: RelayProcess) -> None:
    """It is answered as elsewhere, so that the page can read the 404."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    preflight = Exchange(relay.url, method="OPTIONS", path="/aiCompletions", headers=headers)
    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    wrong = Exchange(relay.url, {}, path="/aiCompletions", headers={"Origin": ORIGIN})
    assert wrong.error() == (404, "not_found")
    assert wrong.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_request_ids(relay: RelayProcess) -> None:
    """A caller's own request id is kept if it is one; anything else gets a new one."""
    kept = Exchange(relay.url, method="GET", path="/", headers={"X-Request-Id": "page-17"})
    assert kept.headers["X-Request-Id"] == "page-17"
    strange = Exchange(relay.url, method="GET", path="/", headers={"X-Request-Id": "a b<script>"})
    assert "script" not in strange.headers["X-Request-Id"]


def test_not_configured(start_relay: StartRelay) -> None:
    """Without a model to ask the relay says so, and stays alive."""
    relay = start_relay(OPENAI_API_KEY="", OPENAI_BASE_URL="")
    assert ask(relay.url).error() == (503, "not_configured")
    ready = Exchange(relay.url, method="GET", path="/ready")
    assert ready.error() == (503, "not_configured")
    assert Exchange(relay.url, method="GET", path="/").status == 200


def test_ready(relay: RelayProcess, upstream: Upstream) -> None:
    """`GET /ready` says whether questions can be answered, without asking one."""
    reply = Exchange(relay.url, method="GET", path="/ready")
    assert (reply.status, reply.json()) == (200, {"ready": True, "version": version()})
    assert not upstream.requests


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.8", "애스크봇"),
        ("en-US", "Askbot"),
        ("fr", "Askbot"),
        ("", "Askbot"),
    ],
)
def test_personas(relay: RelayProcess, language: str, name: str) -> None:
    """`GET /personas` has what a page shows, in the reader's language, and no system message."""
    reply = Exchange(
        relay.url, method="GET", path="/personas", headers={"Accept-Language": language}
    )
    shown = reply.json()
    assert shown["default"] == "askbot"
    cards = {card["id"]: card for card in shown["personas"]}
    assert set(cards) == {"askbot", "secretary"}
    assert cards["askbot"]["name"] == name
    for card in cards.values():
        shown = {"id", "name", "description", "greeting", "suggestions", "accepts_images"}
        assert set(card) == shown


def test_limits_are_told(start_relay: StartRelay) -> None:
    """A page can say what is too long before it is sent."""
    relay = start_relay(MAX_QUESTION_CHARS="10", MAX_MESSAGES="2")
    limits = Exchange(relay.url, method="GET", path="/personas").json()["limits"]
    assert limits == {"max_question_chars": 10, "max_messages": 2, "images": None}


def test_a_persona_answers(relay: RelayProcess, upstream: Upstream) -> None:
    """The persona the page chose stands before its question: its message, then its examples."""
    Exchange(relay.url, {"userPrompt": "Hi", "persona": "secretary"}).text()
    sent = upstream.requests[0]["messages"]
    assert sent[0]["role"] == "system"
    assert "secretary" in sent[0]["content"]
    assert [turn["role"] for turn in sent[1:]] == ["user", "assistant"] * (len(sent) // 2 - 1) + [
        "user"
    ]


def test_connections_are_reused(relay: RelayProcess, upstream: Upstream) -> None:
    """Questions one after the other travel on one connection to the model."""
    for _ in range(5):
        assert ask(relay.url).text() == "Hello there."
        # The reply ends before the last chunk of the model's server.
        assert upstream.wait_until(lambda server: server.open == 0)
    assert len(upstream.requests) == 5
    assert upstream.connections <= 1


def test_secrets_stay(relay: RelayProcess, upstream: Upstream) -> None:
    """Neither the key, nor the question, nor the upstream's words reach a log or a refusal."""
    upstream.answers(
        lambda reply: reply.refuse("401 No", {"message": f"bad key {KEY}", "code": "x_code"})
    )
    refusal = ask(relay.url, "my secret question")
    assert refusal.error() == (502, "upstream_error")
    upstream.answers(lambda reply: reply.chunk(b"data: {my own secret words}\n\n"))
    assert ask(relay.url, "my secret question").error() == (502, "upstream_error")
    relay.wait_for_line("x_code")
    relay.wait_for_line("an event that is no chunk")
    log = relay.log
    for secret in (KEY, "my secret question", "bad key", "secret words"):
        assert secret not in log


def test_pacing(start_relay: StartRelay, upstream: Upstream) -> None:
    """The first text leaves at once, the rest in gathered pieces, and the last without a pause."""
    relay = start_relay(FLUSH_INTERVAL_MS="300")
    first_read = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("first ")
        first_read.wait(WAIT_SECONDS)
        for _ in range(100):
            reply.text("more ")
        reply.finish()

    reply = ask(relay.url)
    pieces = [reply.piece()]
    assert pieces == ["first "]
    begin = time.monotonic()
    first_read.set()
    while piece := reply.piece():
        pieces.append(piece)
    assert "".join(pieces) == "first " + "more " * 100
    # One each 300 ms, besides the first and the last.
    assert len(pieces) <= 3 + (time.monotonic() - begin) / 0.3


def test_every_token(start_relay: StartRelay, upstream: Upstream) -> None:
    """FLUSH_INTERVAL_MS=0 writes whatever has arrived, at once."""
    relay = start_relay(FLUSH_INTERVAL_MS="0")
    turn = threading.Semaphore(0)

    @upstream.answers
    def script(reply: Reply) -> None:
        for _ in range(20):
            reply.text("more ")
            assert turn.acquire(timeout=WAIT_SECONDS)
        reply.finish()

    reply = ask(relay.url)
    for _ in range(20):
        assert reply.piece() == "more "
        turn.release()
    assert reply.text() == ""
