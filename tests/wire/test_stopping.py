"""A server that is told to end: what becomes of running answers, and of new questions."""

import http.client
import json
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helpers.client import LIMIT_SECONDS, Exchange, ask
from helpers.completions import Gated, eventually, keyed, new_key
from helpers.redis_server import RedisServer
from helpers.relay_process import StartRelay
from helpers.upstream import Upstream

BODY = json.dumps({"userPrompt": "Hi"})


def test_readers_past_the_grace_time(start_relay: StartRelay, upstream: Upstream) -> None:
    """Those who are still connected see a cut, and the log says why."""
    relay = start_relay(GRACEFUL_TIMEOUT="4")
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    reply = keyed(relay.url, new_key())
    assert reply.piece() == "Hello "
    relay.process.terminate()
    assert reply.text_before_cut() == ""
    assert relay.wait_for_exit() == 0
    assert "shutting_down" in relay.log
    gated.let(2)


def test_old_readers_past_the_grace_time(start_relay: StartRelay, upstream: Upstream) -> None:
    """HTTP/1.0 has no last chunk, so the connection is reset: half is not taken for the whole."""
    relay = start_relay(GRACEFUL_TIMEOUT="4")
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    parts = urlsplit(relay.url)
    head = "POST /aiCompletion HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "
    with socket.create_connection((parts.hostname, parts.port), LIMIT_SECONDS) as sock:
        sock.sendall(f"{head}{len(BODY)}\r\n\r\n{BODY}".encode())
        received = b""
        while b"Hello " not in received:
            received += sock.recv(65536)
        relay.process.terminate()
        with pytest.raises(ConnectionResetError):
            sock.recv(65536)
    assert relay.wait_for_exit() == 0
    gated.let(2)


def test_new_questions_are_refused(start_relay: StartRelay, upstream: Upstream) -> None:
    """Also on a connection that is open already; running answers go on."""
    relay = start_relay()
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    running = ask(relay.url)
    assert running.piece() == "Hello "
    kept = http.client.HTTPConnection(urlsplit(relay.url).netloc, timeout=LIMIT_SECONDS)
    kept.connect()
    relay.process.terminate()
    eventually(lambda: not relay.is_listening())
    kept.request("POST", "/aiCompletion", BODY, {"Content-Type": "application/json"})
    refusal = kept.getresponse()
    assert (refusal.status, json.load(refusal)["error"]["code"]) == (503, "shutting_down")
    assert int(refusal.headers["Retry-After"]) > 0
    kept.close()
    gated.let(2)
    assert running.text() == "there"
    running.leave()
    assert relay.wait_for_exit() == 0
    assert len(upstream.requests) == 1


def test_an_interrupt_waits_for_nobody(start_relay: StartRelay, upstream: Upstream) -> None:
    """Ctrl-C ends a server at once, however long an answer may go on."""
    relay = start_relay(GRACEFUL_TIMEOUT="1000")
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    reply = keyed(relay.url, new_key())
    assert reply.piece() == "Hello "
    reply.leave()
    relay.process.send_signal(signal.SIGINT)
    assert relay.wait_for_exit() == 0
    gated.let(2)


def test_ready_again(start_relay: StartRelay, tmp_path: Path) -> None:
    """A server that nobody has asked yet finds out by itself that Redis is back."""
    redis_server = RedisServer(tmp_path)
    try:
        redis_server.stop()
        relay = start_relay(REDIS_URL=redis_server.url)
        ready = Exchange(relay.url, method="GET", path="/ready")
        assert ready.error() == (503, "store_unreachable")
        redis_server.start()
        eventually(lambda: Exchange(relay.url, method="GET", path="/ready").status == 200)
    finally:
        redis_server.stop()
