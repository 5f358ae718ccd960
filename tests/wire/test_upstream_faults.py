"""What a reader sees when the model's server fails: before the first text, and in the flow."""

import contextlib
import gzip
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from bench.process import free_port
from helpers.client import Cut, ask, raw_exchange
from helpers.limits import GONE_SECONDS
from helpers.relay_process import PATIENT, RelayProcess, StartRelay, worker_of
from helpers.upstream import Gone, Reply, Script, Upstream, chunk, hello


def refusing(status: str, error: "dict[str, object] | str" = "", **headers: str) -> Script:
    return lambda reply: reply.refuse(status, error or {"message": "secret words"}, **headers)


def refusing_with(body: bytes) -> Script:
    def script(reply: Reply) -> None:
        reply.headers("400 Bad Request", "application/json")
        reply.chunk(body)
        reply.end()

    return script


def compressed(reply: Reply) -> None:
    reply.headers(Content_Encoding="gzip")
    reply.until_gone()


def not_http(reply: Reply) -> None:
    reply.raw(b"SSH-2.0-OpenSSH_9.2\r\n")


def html(reply: Reply) -> None:
    reply.headers(content_type="text/html")
    reply.chunk(b"<html><h1>Maintenance</h1></html>\n")
    reply.end()


def half_a_refusal(reply: Reply) -> None:
    reply.raw(b'HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\n{"error"')


def switching(reply: Reply) -> None:
    reply.raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")


def error_event(reply: Reply) -> None:
    reply.event({"error": {"message": "secret words of the upstream", "code": 500}})
    reply.end()


def nothing(reply: Reply) -> None:
    reply.end()


BEFORE_THE_FIRST_TEXT: dict[str, tuple[Script, int, str]] = {
    "401": (refusing("401 Unauthorized"), 502, "upstream_error"),
    "403": (refusing("403 Forbidden"), 502, "upstream_error"),
    "404": (refusing("404 Not Found"), 502, "upstream_error"),
    "a redirect": (refusing("302 Found", Location="/v2"), 502, "upstream_error"),
    "429": (refusing("429 Too Many Requests"), 429, "upstream_rate_limited"),
    "context length": (
        refusing("400 Bad", {"message": "no", "code": "context_length_exceeded"}),
        413,
        "question_too_long",
    ),
    "context length, llama.cpp": (
        refusing("400 Bad", {"message": "no", "type": "exceed_context_size_error"}),
        413,
        "question_too_long",
    ),
    "context length, in another encoding": (
        refusing_with(
            '{"error":{"code":"context_length_exceeded","message":"zu groß"}}'.encode("latin-1")
        ),
        413,
        "question_too_long",
    ),
    "a refusal that is too deep to read": (
        refusing_with(b'{"error":{"code":' + 996 * b"[" + 996 * b"]" + b"}}"),
        502,
        "upstream_error",
    ),
    "a deep refusal": (
        refusing_with(b'{"error":{"code":' + 900 * b"[" + 900 * b"]" + b"}}"),
        502,
        "upstream_error",
    ),
    "content policy": (
        refusing("400 Bad", {"message": "no", "code": "content_policy_violation"}),
        422,
        "content_filtered",
    ),
    "filtered without a word": (
        lambda reply: reply.finish("content_filter"),
        422,
        "content_filtered",
    ),
    "another 400": (refusing("400 Bad"), 502, "upstream_error"),
    "500": (refusing("500 Oops"), 502, "upstream_error"),
    "503": (refusing("503 Busy"), 502, "upstream_error"),
    "502 in HTML": (refusing("502 Bad Gateway", "<html>nginx</html>"), 502, "upstream_error"),
    "200 in HTML": (html, 502, "upstream_error"),
    "an empty stream": (nothing, 502, "upstream_error"),
    "not HTTP": (not_http, 502, "upstream_error"),
    "a compressed stream": (compressed, 502, "upstream_error"),
    "a refusal that is not gzip": (
        refusing("500 Oops", {"message": "no"}, Content_Encoding="gzip"),
        502,
        "upstream_error",
    ),
    "half a refusal": (half_a_refusal, 502, "upstream_error"),
    "an odd refusal": (refusing("400 Bad", {"param": ["a"], "code": {}}), 502, "upstream_error"),
    "another protocol": (switching, 502, "upstream_error"),
    "an error event": (error_event, 502, "upstream_error"),
    "a broken frame": (lambda reply: reply.event("{broken"), 502, "upstream_error"),
    "a frame of another type": (lambda reply: reply.event('{"choices": 1}'), 502, "upstream_error"),
}


@pytest.mark.parametrize(
    ("script", "status", "code"),
    BEFORE_THE_FIRST_TEXT.values(),
    ids=BEFORE_THE_FIRST_TEXT.keys(),
)
def test_failures_before_the_first_text(
    relay: RelayProcess, upstream: Upstream, script: Script, status: int, code: str
) -> None:
    """Each has its status, its code and a JSON body, and the model was asked once."""
    upstream.answers(script)
    refusal = ask(relay.url)
    assert refusal.error() == (status, code)
    assert "secret words" not in relay.log
    assert len(upstream.requests) == 1


def test_failures_are_alike_in_every_form(relay: RelayProcess, upstream: Upstream) -> None:
    """A failure before the first text has its status whatever form was asked for.

    Only who reads events finds the sentence where it would stand in the stream.
    """
    upstream.answers(refusing("500 Oops"))
    assert ask(relay.url, Accept="application/json").error() == (502, "upstream_error")
    refusal = ask(relay.url, Accept="text/event-stream")
    body = refusal.json()
    assert (refusal.status, body["code"]) == (502, "upstream_error")
    assert isinstance(body["error"], str)


@pytest.mark.parametrize(
    "value",
    [
        "17",
        "Wed, 21 Oct 2099 07:28:00 GMT",
        "soon",
        "9" * 5000,
        "Mon, 01 Jan 2024 00:00:00 +99999999999999",
    ],
)
def test_retry_after_is_passed_on(relay: RelayProcess, upstream: Upstream, value: str) -> None:
    """The upstream's Retry-After reaches the page in seconds, when it makes sense."""
    upstream.answers(refusing("429 Too Many Requests", Retry_After=value))
    refusal = ask(relay.url)
    assert refusal.error() == (429, "upstream_rate_limited")
    expected = {"17": "17", "Wed, 21 Oct 2099 07:28:00 GMT": "86400"}.get(value)
    assert refusal.headers["Retry-After"] == expected
    assert "Traceback" not in relay.log


def peak_bytes(process: int) -> int:
    """The most memory that a process has had so far."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def test_a_refusal_that_inflates(relay: RelayProcess, upstream: Upstream) -> None:
    """A body in a coding nobody asked for is not read, and the status says enough."""
    bomb = gzip.compress(bytes(400_000_000), 1)

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.headers("429 Too Many", "application/json", Content_Encoding="gzip", Retry_After="7")
        with contextlib.suppress(Gone):
            reply.chunk(bomb)
            reply.end()

    worker = worker_of(relay)
    before = peak_bytes(worker)
    refusal = ask(relay.url)
    assert refusal.error() == (429, "upstream_rate_limited")
    assert refusal.headers["Retry-After"] == "7"
    assert peak_bytes(worker) < before + 100_000_000


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_nobody_there(start_relay: StartRelay, host: str) -> None:
    """A refused connection and an unknown host are 502; only the log says which."""
    # A resolver may ask several times.
    relay = start_relay(
        OPENAI_BASE_URL=f"http://{host}:{free_port()}/v1", CONNECT_TIMEOUT="60", **PATIENT
    )
    assert ask(relay.url).error() == (502, "upstream_error")
    relay.wait_for_line("ConnectError")


def test_a_name_that_cannot_be(start_relay: StartRelay) -> None:
    """A host whose name is no name is a failed connection too."""
    relay = start_relay(OPENAI_BASE_URL="http://model.example/v1", HTTP_PROXY="http://a..b:3128")
    assert ask(relay.url).error() == (502, "upstream_error")
    relay.wait_for_line("no host can have this name")
    assert "Traceback" not in relay.log


@contextmanager
def deaf_server() -> Iterator[str]:
    """The address of a server that never completes a connection."""
    with socket.socket() as listener, ExitStack() as opened:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # Nobody accepts; with two in its queue the kernel does not answer a third.
        for _ in range(2):
            sock = opened.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def test_connecting_too_slowly(start_relay: StartRelay) -> None:
    """A server that does not complete the connection is given up after CONNECT_TIMEOUT."""
    with deaf_server() as url:
        relay = start_relay(OPENAI_BASE_URL=url, CONNECT_TIMEOUT="0.2", **PATIENT)
        assert ask(relay.url).error() == (504, "upstream_timeout")


@pytest.mark.parametrize("server", [[], ["flask", "run", "--port", "0"]], ids=["gevent", "threads"])
def test_leaving_while_connecting(start_relay: StartRelay, server: list[str]) -> None:
    """A reader who leaves before there is a connection ends the attempt."""
    with deaf_server() as url:
        command = [sys.executable, "-m", *server] if server else None
        patient = PATIENT | {"CONNECT_TIMEOUT": "1000", "FIRST_TEXT_TIMEOUT": "1000"}
        relay = start_relay(OPENAI_BASE_URL=url, command=command, **patient)
        ask(relay.url).leave()
        relay.wait_for_line("reader had left")


@pytest.mark.parametrize(
    "phase",
    [
        "no headers",
        "no text",
        "a drip of comments",
        "a flood of comments",
        "a drip of head",
        "half a refusal",
    ],
)
def test_the_first_text_has_a_deadline(
    start_relay: StartRelay, upstream: Upstream, phase: str
) -> None:
    """However the upstream stays silent, FIRST_TEXT_TIMEOUT ends it with 504 and closes it."""

    @upstream.answers
    def script(reply: Reply) -> None:
        if phase == "a drip of head":
            drip(reply, b"X: y\r\n", b"HTTP/1.1 200 OK\r\n")
        if phase == "a drip of comments":
            reply.headers()
            drip(reply, b"8\r\n: wait\n\n\r\n")
        if phase == "a flood of comments":
            while True:
                reply.chunk(b": wait\n\n" * 100)
        if phase == "half a refusal":
            reply.raw(b"HTTP/1.1 401 No\r\nContent-Length: 99\r\n\r\n{")
        if phase == "no text":
            reply.event(chunk({"role": "assistant"}))
        reply.until_gone()

    relay = start_relay(FIRST_TEXT_TIMEOUT="0.5")
    assert ask(relay.url).error() == (504, "upstream_timeout")
    assert upstream.wait_until(lambda server: len(server.requests) == 1)
    # While the relay is there: its end would close everything.
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    assert len(upstream.requests) == 1


def drip(reply: Reply, piece: bytes, first: bytes = b"") -> None:
    """Says something twenty times a second, for as long as anybody listens."""
    reply.raw(first)
    reply.socket.settimeout(0.05)
    while True:
        reply.raw(piece)
        try:
            if not reply.socket.recv(1):
                return
        except TimeoutError:
            continue


def test_tls_is_verified(start_relay: StartRelay, tmp_path: Path) -> None:
    """A certificate nobody vouches for is 502, and the same one behind SSL_CERT_FILE is good."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    roots = str(tmp_path / "roots.pem")
    authority.cert_pem.write_to_path(roots)
    server = Upstream(context)
    try:
        relay = start_relay(OPENAI_BASE_URL=server.url)
        assert ask(relay.url).error() == (502, "upstream_error")
        relay.wait_for_line("TLS: unable to get local issuer certificate")
        assert not server.requests
        trusting = start_relay(OPENAI_BASE_URL=server.url, SSL_CERT_FILE=roots)
        assert ask(trusting.url).text() == "Hello there."
        other_name = server.url.replace("localhost", "127.0.0.1")
        stranger = start_relay(OPENAI_BASE_URL=other_name, SSL_CERT_FILE=roots)
        assert ask(stranger.url).error() == (502, "upstream_error")
    finally:
        server.close()


def hello_then(script: Script) -> Script:
    def answer(reply: Reply) -> None:
        reply.text("Hello ")
        script(reply)

    return answer


def bare_error_event(reply: Reply) -> None:
    reply.chunk(b'event: error\ndata: {"message": "secret words of the upstream"}\n\n')
    reply.finish()


def endless_event(reply: Reply) -> None:
    while True:
        reply.chunk(b"data: " + b"x" * 65536)


IN_THE_FLOW: dict[str, Script] = {
    "reset": lambda reply: reply.reset(),
    "end inside a frame": lambda reply: reply.raw(b"99\r\ndata: {"),
    "end between frames": lambda reply: reply.socket.close(),
    "clean end without finish": lambda reply: reply.end(),
    "an error event": error_event,
    "an error event by name": bare_error_event,
    "a broken frame": lambda reply: reply.event("{broken"),
    "not UTF-8": lambda reply: reply.chunk(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'),
    "a stall": lambda reply: reply.until_gone(),
    "an endless event": endless_event,
}


@pytest.fixture(scope="module")
def impatient(upstream_server: Upstream) -> Iterator[RelayProcess]:
    """A relay that gives up on a stalled answer soon."""
    relay = RelayProcess({"OPENAI_BASE_URL": upstream_server.url, "IDLE_TIMEOUT": "0.4"})
    relay.wait_for_url()
    yield relay
    relay.stop()


@pytest.mark.parametrize("script", IN_THE_FLOW.values(), ids=IN_THE_FLOW.keys())
def test_failures_in_the_flow(impatient: RelayProcess, upstream: Upstream, script: Script) -> None:
    """What was written is kept, and the end is a cut that no client takes for an end."""
    upstream.answers(hello_then(script))
    reply = ask(impatient.url)
    assert (reply.status, reply.piece()) == (200, "Hello ")
    with pytest.raises(Cut):
        reply.text()
    assert "Traceback" not in impatient.log


@pytest.mark.parametrize("script", [IN_THE_FLOW["reset"], IN_THE_FLOW["clean end without finish"]])
def test_a_cut_over_http_1_0(impatient: RelayProcess, upstream: Upstream, script: Script) -> None:
    """HTTP/1.0 knows no last chunk: there the connection is reset."""
    upstream.answers(hello_then(script))
    body = b'{"userPrompt": "Hi"}'
    with pytest.raises(Cut):
        raw_exchange(
            impatient.url,
            b"POST /aiCompletion HTTP/1.0\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
        )


def test_a_whole_answer_over_http_1_0(relay: RelayProcess) -> None:
    """A good answer to HTTP/1.0 ends with the connection, unharmed."""
    body = b'{"userPrompt": "Hi"}'
    reply = raw_exchange(
        relay.url,
        b"POST /aiCompletion HTTP/1.0\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
    )
    assert reply.endswith(b"\r\n\r\nHello there.")


def test_a_failure_as_event(impatient: RelayProcess, upstream: Upstream) -> None:
    """The event form tells a failure in words, and leaves out [DONE]."""
    upstream.answers(hello_then(error_event))
    text = ask(impatient.url, Accept="text/event-stream").text()
    assert text.startswith('id: 6\ndata: {"text":"Hello "}\n\nid: 6\ndata: {"error":"')
    assert '"code":"upstream_error"' in text
    assert "[DONE]" not in text
    assert "secret" not in text


def test_a_failure_in_json(impatient: RelayProcess, upstream: Upstream) -> None:
    """The head has left with the first text, so half an answer is cut, and is no JSON."""
    upstream.answers(hello_then(IN_THE_FLOW["reset"]))
    reply = ask(impatient.url, Accept="application/json")
    assert (reply.status, reply.text_before_cut()) == (200, "")


def test_a_fault_loses_no_text(relay: RelayProcess, upstream: Upstream) -> None:
    """Text that came in the same packet as the fault still reaches the reader."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        good = b'data: {"choices":[{"delta":{"content":"there"}}]}\n\n'
        reply.chunk(good + b"data: {broken\n\n")

    reply = ask(relay.url)
    assert reply.text_before_cut() == "Hello there"


@pytest.mark.parametrize("interval", ["0", "30"])
@pytest.mark.parametrize("pace", ["a drip", "a flood"])
def test_the_whole_answer_has_a_deadline(
    start_relay: StartRelay, upstream: Upstream, pace: str, interval: str
) -> None:
    """An answer that goes on and on is cut at ANSWER_TIMEOUT, though it never stalls."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("more ")
        while pace == "a flood":
            reply.text("more ")
        token = b"data: " + b'{"choices":[{"delta":{"content":"more "}}]}' + b"\n\n"
        drip(reply, f"{len(token):x}\r\n".encode() + token + b"\r\n")

    relay = start_relay(ANSWER_TIMEOUT="1", FLUSH_INTERVAL_MS=interval)
    reply = ask(relay.url)
    assert reply.piece()
    with pytest.raises(Cut):
        reply.text()


def test_after_the_finish_nothing_is_lost(relay: RelayProcess, upstream: Upstream) -> None:
    """Once the model has said why it ended, a broken rest of the stream changes nothing."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello.")
        reply.event(chunk({}, "stop"))
        reply.reset()

    assert ask(relay.url).text() == "Hello."


def test_an_empty_finish_reason_is_none(impatient: RelayProcess, upstream: Upstream) -> None:
    """Some servers send "" with every token, which says nothing of an end."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.event(chunk({"content": "Hello "}, ""))
        reply.reset()

    assert ask(impatient.url).text_before_cut() == "Hello "


def in_one_segment(*parts: bytes) -> Script:
    """A response to the byte, head included, that arrives at once."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return lambda reply: reply.raw(head + b"".join(parts))


def framed(*events: bytes) -> bytes:
    body = b"".join(b"data: " + event + b"\n\n" for event in events)
    return b"%x\r\n%s\r\n" % (len(body), body)


HELLO = b'{"choices":[{"delta":{"content":"Hello."}}]}'
FINISH = b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'


@pytest.mark.parametrize(
    "stray", [b"0\r\n\r\n", b"garbage", b"\r\n", b"HTTP/1.1 200 OK\r\n\r\nLEAK"]
)
def test_bytes_after_the_end(relay: RelayProcess, upstream: Upstream, stray: bytes) -> None:
    """What comes after a whole response changes nothing, and that connection is not used again."""
    upstream.answers(in_one_segment(framed(HELLO, FINISH, b"[DONE]"), b"0\r\n\r\n", stray))
    assert ask(relay.url).text() == "Hello."
    upstream.answers(hello)
    assert ask(relay.url).text() == "Hello there."


def test_a_second_response_is_not_the_answer(relay: RelayProcess, upstream: Upstream) -> None:
    """A response nobody asked for is not appended to the one before it."""
    second = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed(HELLO, FINISH)
    upstream.answers(in_one_segment(framed(HELLO), b"0\r\n\r\n", second))
    assert ask(relay.url).text_before_cut() == "Hello."


def test_text_before_bad_framing(relay: RelayProcess, upstream: Upstream) -> None:
    """Text that arrived together with a broken chunk is read before the cut."""
    upstream.answers(in_one_segment(framed(HELLO), b"zz\r\n"))
    assert ask(relay.url).text_before_cut() == "Hello."


def test_done_is_an_end(relay: RelayProcess, upstream: Upstream) -> None:
    """Some servers never give a finish_reason, but do send [DONE]."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello.")
        reply.event("[DONE]")
        reply.end()

    assert ask(relay.url).text() == "Hello."


def test_finish_reason_need_not_be_required(start_relay: StartRelay, upstream: Upstream) -> None:
    """REQUIRE_FINISH_REASON=off takes a clean end for an end, but a broken one still for a cut."""
    relay = start_relay(REQUIRE_FINISH_REASON="off")
    upstream.answers(hello_then(lambda reply: reply.end()))
    assert ask(relay.url).text() == "Hello "
    upstream.answers(hello_then(lambda reply: reply.reset()))
    with pytest.raises(Cut):
        ask(relay.url).text()
    upstream.answers(html)
    assert ask(relay.url).error() == (502, "upstream_error")


def test_awkward_streams(relay: RelayProcess, upstream: Upstream) -> None:
    """CRLF, comments, `data:` without a space, odd chunks and torn characters change no text."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.chunk(b": a comment\r\n\r\n")
        reply.chunk(b'event: x\r\nid: 1\r\ndata:{"choices":[{"delta":{"content":"a"}}]}\r\n\r\n')
        reply.chunk(b'data: {"choices":[{"delta":\ndata: {"content":"b"}}]}\n\n')
        reply.event({"choices": []})
        reply.event({"choices": None, "more": {"x": [1]}})
        reply.event({"choices": [{"delta": None}]})
        for byte in 'data: {"choices":[{"delta":{"content":"안🎸"}}]}\n\n'.encode():
            reply.chunk(bytes([byte]))
        reply.chunk(b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\ndata:\n\n')
        reply.chunk(b'data: {"choices":[{"delta":{"content":"\\ude00"}}]}\n\n')
        reply.event('{"id":"\\ud83d","model":1,"choices":[{"delta":{"content":["c"]}}]}')
        reply.event(chunk({"content": "d"}, "stop"))
        reply.text("e")
        reply.finish()

    assert ask(relay.url).text() == "ab안🎸😀cde"


def test_an_answer_as_a_message(relay: RelayProcess, upstream: Upstream) -> None:
    """A server that sends `message` for `delta` is understood, and its answer is not empty."""

    @upstream.answers
    def script(reply: Reply) -> None:
        message = {"role": "assistant", "content": "Hello."}
        reply.event({"choices": [{"message": message, "finish_reason": "stop"}]})
        reply.event("[DONE]")
        reply.end()

    assert ask(relay.url).text() == "Hello."


def test_a_reason_that_forges(relay: RelayProcess, upstream: Upstream) -> None:
    """No word of the upstream's begins a line of the log, or fills it."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello.")
        reply.finish("stop\nWARNING forged" + "x" * 500_000)

    assert ask(relay.url).text() == "Hello."
    relay.wait_for_record("answer", finish_reason="other")
    assert "forged" not in relay.log


def test_a_dead_kept_connection_is_replaced(relay: RelayProcess, upstream: Upstream) -> None:
    """A connection the upstream dropped while it was idle costs the reader nothing."""
    dropped = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello.")
        reply.finish()
        reply.keep_alive = False
        reply.socket.close()
        dropped.set()

    assert ask(relay.url).text() == "Hello."
    assert dropped.wait(10)
    assert ask(relay.url).text() == "Hello."
    assert len(upstream.requests) == 2


def test_the_last_chunk_in_a_packet_of_its_own(start_relay: StartRelay, upstream: Upstream) -> None:
    """The reader does not wait for it, and the connection is used again all the same."""
    read = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello.")
        reply.event(chunk({}, "stop"))
        reply.event("[DONE]")
        assert read.wait(10)
        reply.end()

    relay = start_relay()
    assert ask(relay.url).text() == "Hello."
    read.set()
    assert upstream.wait_until(lambda server: server.open == 0)
    assert ask(relay.url).text() == "Hello."
    assert len(upstream.requests) == 2
    assert upstream.connections == 1


def test_no_last_chunk(relay: RelayProcess, upstream: Upstream) -> None:
    """After [DONE] the reader has all of it; a connection that hangs there is given up."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello.")
        reply.event("[DONE]")
        reply.until_gone()

    assert ask(relay.url).text() == "Hello."
    assert upstream.wait_until(lambda server: server.open == 0)


def test_retries(start_relay: StartRelay, upstream: Upstream) -> None:
    """A connection that broke before a byte came back is tried again, once by default."""
    attempts = []

    @upstream.answers
    def script(reply: Reply) -> None:
        attempts.append(reply)
        if len(attempts) == 1:
            reply.reset()
        else:
            reply.text("Hello.")
            reply.finish()

    relay = start_relay()
    assert ask(relay.url).text() == "Hello."
    assert len(upstream.requests) == 2
    attempts.clear()
    never = start_relay(UPSTREAM_RETRIES="0")
    assert ask(never.url).error() == (502, "upstream_error")
    assert len(upstream.requests) == 3


def test_no_retry_once_something_came(relay: RelayProcess, upstream: Upstream) -> None:
    """Half a response head is an answer begun: asking again might cost two."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 200 OK\r\nContent-")

    assert ask(relay.url).error() == (502, "upstream_error")
    assert len(upstream.requests) == 1
