"""Readers who leave, who do not read, who come in crowds; the upstream's open requests witness."""

import os
import socket
import sys
import threading
from functools import partial
from urllib.parse import urlsplit

import pytest

from helpers.client import Cut, ask
from helpers.limits import GONE_SECONDS, HELD_SECONDS, WAIT_SECONDS
from helpers.relay_process import KEY, PATIENT, RelayProcess, StartRelay, worker_of
from helpers.upstream import Reply, Script, Upstream, chunk


@pytest.fixture(params=["gevent", "threads"])
def either_relay(request: pytest.FixtureRequest, start_relay: StartRelay) -> RelayProcess:
    """The relay as it is deployed, and as `flask run` and `python app.py` serve it."""
    if request.param == "gevent":
        relay: RelayProcess = request.getfixturevalue("relay")
        return relay
    command = [sys.executable, "-m", "flask", "run", "--port", "0"]
    return start_relay(command=command)


def silent(reply: Reply) -> None:
    reply.until_gone()


def headers_only(reply: Reply) -> None:
    reply.headers()
    reply.until_gone()


def role_only(reply: Reply) -> None:
    reply.event(chunk({"role": "assistant"}))
    reply.until_gone()


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("script", [silent, headers_only, role_only])
def test_leaving_before_the_first_text(
    either_relay: RelayProcess, upstream: Upstream, script: Script, how: str
) -> None:
    """A reader who leaves while the model is silent ends the request to it."""
    upstream.answers(script)
    reply = ask(either_relay.url)
    assert upstream.wait_until(lambda server: server.open == 1)
    reply.leave(how)
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_leaving_in_a_stall(either_relay: RelayProcess, upstream: Upstream, how: str) -> None:
    """A reader who has seen some text and leaves while no more comes ends the request."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    reply = ask(either_relay.url)
    assert reply.piece() == "Hello "
    reply.leave(how)
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_leaving_in_the_flow(either_relay: RelayProcess, upstream: Upstream, how: str) -> None:
    """A reader who leaves while text flows ends the request."""

    @upstream.answers
    def script(reply: Reply) -> None:
        while True:
            reply.text("more ")
            reply.socket.settimeout(0.02)
            try:
                if not reply.socket.recv(1):
                    return
            except TimeoutError:
                continue

    reply = ask(either_relay.url)
    for _ in range(5):
        assert reply.piece()
    reply.leave(how)
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("more", [b"\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_leaving_after_another_request(
    either_relay: RelayProcess, upstream: Upstream, more: bytes, how: str
) -> None:
    """Bytes that wait to be read do not hide that their sender has left."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    reply = ask(either_relay.url)
    assert reply.piece() == "Hello "
    reply.socket.sendall(more)
    reply.leave(how)
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("more", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_closing_one_half(
    relay: RelayProcess, upstream: Upstream, version: str, more: bytes
) -> None:
    """A client that has nothing more to say, such as `nc -N`, may go on reading."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        gate.wait(HELD_SECONDS)
        reply.text("Hello there.")
        reply.finish()

    parts = urlsplit(relay.url)
    with socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS) as sock:
        sock.sendall(question(version) + more)
        sock.shutdown(socket.SHUT_WR)
        # The relay has noticed it, and tries whether anybody reads.
        assert sock.recv(1) == b"H"
        gate.set()
        reply = b"H" + b"".join(iter(partial(sock.recv, 65536), b""))
    assert reply.startswith(f"HTTP/{version} 200 OK\r\n".encode())
    assert b"Hello there." in reply
    assert (b'{"data":"success"}' in reply) is (bool(more) and version == "1.1")


def test_closing_one_half_of_a_refused_question(relay: RelayProcess, upstream: Upstream) -> None:
    """It reads a refusal from its first byte, too."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        gate.wait(HELD_SECONDS)
        reply.refuse("429 Slow down", {"message": "no"})

    parts = urlsplit(relay.url)
    with socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS) as sock:
        sock.sendall(question("1.1"))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b"H"
        gate.set()
        reply = b"H" + b"".join(iter(partial(sock.recv, 65536), b""))
    assert reply.startswith(b"HTTP/1.1 429 ")
    assert b"upstream_rate_limited" in reply


def question(version: str) -> bytes:
    """The bytes of a question in HTTP 1.0 or 1.1."""
    body = b'{"userPrompt": "Hi"}'
    return (
        f"POST /aiCompletion HTTP/{version}\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def test_a_flood_starves_nobody(start_relay: StartRelay, upstream: Upstream) -> None:
    """While one upstream never stops talking, other readers are answered."""
    relay = start_relay(FIRST_TEXT_TIMEOUT=f"{HELD_SECONDS:g}", FLUSH_INTERVAL_MS="0")
    answered = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        if reply.body["messages"][-1]["content"] != "flood":
            reply.text("Hello.")
            reply.finish()
            return
        reply.headers()
        while not answered.is_set():
            reply.chunk(b": nothing yet\n\n" * 1000)
        reply.finish()

    flooded = ask(relay.url, "flood")
    assert upstream.wait_until(lambda server: server.open == 1)
    assert ask(relay.url).text() == "Hello."
    answered.set()
    assert flooded.text() == ""


@pytest.mark.parametrize("form", ["text/event-stream", "application/json"])
def test_leaving_in_every_form(relay: RelayProcess, upstream: Upstream, form: str) -> None:
    """It makes no difference in which form the answer was wanted."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    reply = ask(relay.url, Accept=form)
    assert upstream.wait_until(lambda server: server.open == 1)
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_leaving_during_a_retry(start_relay: StartRelay, upstream: Upstream) -> None:
    """A reader who has left is not asked for again."""
    relay = start_relay(UPSTREAM_RETRIES="5")
    seen = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        seen.set()
        reply.reset()

    reply = ask(relay.url)
    assert seen.wait(10)
    reply.leave()
    relay.wait_for_line("had left")
    assert len(upstream.requests) < 6


@pytest.mark.parametrize("server", [[], ["flask", "run", "--port", "0"]], ids=["gevent", "threads"])
def test_a_reader_who_does_not_read(
    start_relay: StartRelay, upstream: Upstream, server: list[str]
) -> None:
    """One who takes nothing is cut off after SEND_TIMEOUT, and nobody else is slowed."""
    command = [sys.executable, "-m", *server] if server else None
    relay = start_relay(SEND_TIMEOUT="1", command=command)

    @upstream.answers
    def script(reply: Reply) -> None:
        if reply.body["messages"][-1]["content"] != "flood":
            reply.text("Hello.")
            reply.finish()
            return
        text = "x" * 60_000
        while True:
            reply.text(text)

    stuck = ask(relay.url, "flood")
    # A small window, so that the kernel does not take in the whole flood by itself.
    stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert stuck.status == 200
    assert upstream.wait_until(lambda server: server.open == 1)
    assert ask(relay.url).text() == "Hello."
    assert upstream.wait_until(lambda server: server.open == 0, 10)
    if not server:
        # With threads the kernel would first deliver what it holds, for a minute.
        with pytest.raises(Cut):
            stuck.text()
        relay.wait_for_line("a reader took nothing for too long")
    assert "Traceback" not in relay.log


def test_a_crowd_that_leaves_at_once(start_relay: StartRelay, upstream: Upstream) -> None:
    """1,000 waiting readers on one worker, all gone at once: descriptors and memory come back."""
    relay = start_relay(**PATIENT)
    worker = worker_of(relay)
    upstream.answers(lambda reply: reply.finish())
    assert ask(relay.url).text() == ""
    before = descriptors(worker)
    upstream.answers(silent)
    crowd = [ask(relay.url) for _ in range(1000)]
    assert upstream.wait_until(lambda server: server.open == 1000, WAIT_SECONDS)
    assert descriptors(worker) >= 2000
    full = memory_bytes(worker)
    for reply in crowd:
        reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, WAIT_SECONDS)
    upstream.answers(lambda reply: reply.finish())
    assert ask(relay.url).text() == ""
    assert descriptors(worker) <= before + 5
    # A second crowd finds room in what the first one left.
    upstream.answers(silent)
    again = [ask(relay.url) for _ in range(1000)]
    assert upstream.wait_until(lambda server: server.open == 1000, WAIT_SECONDS)
    assert memory_bytes(worker) < full * 1.1
    for reply in again:
        reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, WAIT_SECONDS)
    assert KEY not in relay.log


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  # A folder of the kernel's.


def memory_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123  # A file of the kernel's.
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
