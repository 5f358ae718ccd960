"""A server that is told to end: what becomes of running answers, and of new questions."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helpers.client import (
    LIMIT_SECONDS,
    QUESTION,
    Exchange,
    ask,
    connected,
    half_sent,
    received_until,
)
from helpers.completions import Gated, eventually, get, keyed, new_key, receipt
from helpers.redis_server import RedisServer
from helpers.relay_process import LATE_KILL, PATIENT, RelayProcess, StartRelay
from helpers.upstream import WHOLE, Paused, Upstream

BODY = json.dumps({"userPrompt": "Hi"})


def test_readers_past_the_grace_time(start_relay: StartRelay, upstream: Upstream) -> None:
    """Those who are still connected see a cut, and the log says why."""
    relay = start_relay(**LATE_KILL)
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    reply = keyed(relay.url, new_key())
    assert reply.piece() == "Hello "
    relay.process.terminate()
    assert reply.text_before_cut() == ""
    assert relay.wait_for_exit() == 0
    assert "shutting_down" in relay.log
    gated.let(2)


@contextlib.contextmanager
def old_reader(url: str) -> Iterator[socket.socket]:
    """The connection of a client of HTTP/1.0 that has read "Hello "."""
    head = "POST /aiCompletion HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "
    with connected(url) as sock:
        sock.sendall(f"{head}{len(BODY)}\r\n\r\n{BODY}".encode())
        received_until(sock, b"Hello ")
        yield sock


def test_old_readers_past_the_grace_time(start_relay: StartRelay, upstream: Upstream) -> None:
    """HTTP/1.0 has no last chunk, so the connection is reset: half is not taken for the whole."""
    relay = start_relay(**LATE_KILL)
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    with old_reader(relay.url) as sock:
        relay.process.terminate()
        with pytest.raises(ConnectionResetError):
            sock.recv(65536)
    assert relay.wait_for_exit() == 0
    gated.let(2)


def test_old_readers_of_a_killed_server(start_relay: StartRelay, upstream: Upstream) -> None:
    """Nor is it when the process ends without a word; and the whole of an answer is no cut."""
    relay = start_relay()
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    with old_reader(relay.url) as sock:
        gated.let(2)
        with sock.makefile("rb") as rest:
            assert rest.read().endswith(b"there")
    gated.let()
    with old_reader(relay.url) as sock:
        os.killpg(relay.process.pid, signal.SIGKILL)
        with pytest.raises(ConnectionResetError):
            sock.recv(65536)
    gated.let(2)


def test_stuck_readers_past_the_grace_time(start_relay: StartRelay, upstream: Upstream) -> None:
    """Nor do they take for the whole what they had not read when the server left them."""
    relay = start_relay(**LATE_KILL)
    gated, key = Gated(upstream, *["x" * 500_000] * 6), new_key()
    gated.let(7)
    assert len(keyed(relay.url, key).text()) == 3_000_000
    parts = urlsplit(relay.url)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(LIMIT_SECONDS)
        sock.connect((parts.hostname, parts.port))
        sock.sendall(f"GET /aiCompletion/{key} HTTP/1.0\r\n\r\n".encode())
        assert sock.recv(1) == b"H"
        relay.process.terminate()
        assert relay.wait_for_exit() == 0
        with pytest.raises(ConnectionResetError):
            sock.makefile("rb").read()


def test_what_a_deploy_cuts_is_kept(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path
) -> None:
    """The next process has what was written, from any byte on, and tells that more was to come."""
    file = str(tmp_path / "state.sqlite3")
    relay = start_relay(**LATE_KILL, STATE_FILE=file)
    paused, key = Paused(upstream), new_key()
    reply = keyed(relay.url, key)
    first = reply.piece()
    relay.process.terminate()
    assert reply.text_before_cut() == ""
    assert relay.wait_for_exit() == 0
    following = start_relay(STATE_FILE=file)
    rest = get(following.url, key, start=3)
    assert rest.status == 206
    assert first[0] + rest.text_before_cut() == first
    found = receipt(following.url, key)
    assert (found["state"], found["error"]["code"]) == ("failed", "shutting_down")
    assert found["bytes"] == len(first.encode())
    assert keyed(following.url, key).text_before_cut() == first
    paused.go_on.set()


def test_new_questions_are_refused(start_relay: StartRelay, upstream: Upstream) -> None:
    """They are told to come back, while running answers go on, and so does what costs nothing."""
    relay = start_relay()
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    key = new_key()
    running = keyed(relay.url, key)
    assert running.piece() == "Hello "
    relay.process.terminate()
    eventually(lambda: not relay.is_ready())
    refusal = ask(relay.url)
    assert refusal.error() == (503, "shutting_down")
    assert int(refusal.headers["Retry-After"]) > 0
    assert Exchange(relay.url, method="GET", path="/").json() == {"data": "success"}
    assert receipt(relay.url, key)["state"] == "running"
    resumed = get(relay.url, key, start=3)
    again = keyed(relay.url, key)
    gated.let(2)
    assert [reply.text() for reply in (running, resumed, again)] == [
        "there",
        "lo there",
        "Hello there",
    ]
    assert relay.wait_for_exit() == 0
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one worker", "two workers"])
def test_draining(start_relay: StartRelay, upstream: Upstream, workers: str) -> None:
    """For DRAIN_SECONDS no worker says that it is ready, and each takes questions all the same."""
    relay = start_relay(DRAIN_SECONDS="1000", WEB_CONCURRENCY=workers)
    paused = Paused(upstream)
    before = ask(relay.url)
    first = before.piece()
    relay.process.terminate()
    eventually(lambda: not any(relay.is_ready() for _ in range(8)))
    # Whichever of the workers they meet.
    refusals = [Exchange(relay.url, method="GET", path="/ready") for _ in range(8)]
    assert {refusal.error() for refusal in refusals} == {(503, "shutting_down")}
    assert all(int(refusal.headers["Retry-After"]) > 0 for refusal in refusals)
    crowd = [ask(relay.url) for _ in range(8)]
    paused.go_on.set()
    assert {reply.text() for reply in crowd} == {WHOLE}
    assert first + before.text() == WHOLE
    relay.process.send_signal(signal.SIGINT)
    assert relay.wait_for_exit() == 0


def test_drained(start_relay: StartRelay, upstream: Upstream) -> None:
    """After that questions are refused, and the server ends when the running answers have."""
    relay = start_relay(DRAIN_SECONDS="1", GRACEFUL_TIMEOUT="1000")
    paused = Paused(upstream)
    running = ask(relay.url)
    first = running.piece()
    relay.process.terminate()

    def is_refused() -> bool:
        reply = ask(relay.url)
        is_taken = reply.status == 200
        reply.leave()
        return not is_taken

    eventually(is_refused)
    assert ask(relay.url).error() == (503, "shutting_down")
    paused.go_on.set()
    assert first + running.text() == WHOLE
    assert relay.wait_for_exit() == 0


def test_kept_connections_while_draining(start_relay: StartRelay, upstream: Upstream) -> None:
    """Each reply tells the client that its connection ends: the next one may go elsewhere."""
    assert upstream
    relay = start_relay(DRAIN_SECONDS="1000")
    eventually(relay.is_ready)
    kept = http.client.HTTPConnection(urlsplit(relay.url).netloc, timeout=LIMIT_SECONDS)
    kept.connect()
    relay.process.terminate()
    eventually(lambda: not relay.is_ready())
    kept.request("GET", "/")
    reply = kept.getresponse()
    assert (reply.status, reply.headers["Connection"]) == (200, "close")
    kept.close()
    relay.process.send_signal(signal.SIGINT)
    assert relay.wait_for_exit() == 0


IDLE = {
    "nothing yet": b"",
    "a reply": b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n",
    "half a head": b"POST /aiCompletion HTTP/1.1\r\nHost: relay\r\nContent-",
    "half a head after a reply": b"GET / HTTP/1.1\r\nHost: relay\r\n\r\nGET / HT",
}


@pytest.mark.parametrize("sent", IDLE.values(), ids=IDLE)
def test_idle_connections_are_not_waited_for(
    start_relay: StartRelay, upstream: Upstream, sent: bytes
) -> None:
    """With nothing running a server ends at once, whatever connections are open."""
    assert upstream
    relay = start_relay(GRACEFUL_TIMEOUT="1000")
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            sock = stack.enter_context(connected(relay.url))
            sock.sendall(sent)
            if b"\r\n\r\n" in sent:
                assert sock.recv(65536)
        # Connections are accepted in their order, so by then all of them are.
        eventually(relay.is_ready)
        relay.process.terminate()
        assert relay.wait_for_exit() == 0


def test_connections_that_become_idle(start_relay: StartRelay, upstream: Upstream) -> None:
    """Nor is the connection of an answer that ends while the server stops."""
    relay = start_relay(GRACEFUL_TIMEOUT="1000")
    gated = Gated(upstream, "Hello ", "there")
    gated.let()
    with connected(relay.url) as sock:
        sock.sendall(QUESTION)
        received = received_until(sock, b"Hello ")
        relay.process.terminate()
        eventually(lambda: not relay.is_ready())
        gated.let(2)
        while piece := sock.recv(65536):
            received += piece
        assert received.endswith(b"\r\n0\r\n\r\n")
        assert relay.wait_for_exit() == 0


@pytest.mark.parametrize("times", [1, 4], ids=["once", "several times"])
@pytest.mark.parametrize(
    "line", ["Listening at", "Using worker", "Booting worker", "Booting worker.*\n(.*\n)*.*Booting"]
)
def test_told_to_stop_while_starting(upstream: Upstream, line: str, times: int) -> None:
    """A server whose workers do not serve yet ends at once, too."""
    settings = {"OPENAI_BASE_URL": upstream.url, "GRACEFUL_TIMEOUT": "1000", "WEB_CONCURRENCY": "2"}
    relay = RelayProcess(settings)
    eventually(lambda: re.search(line, relay.log) is not None)
    for _ in range(times):
        relay.process.terminate()
    assert relay.wait_for_exit() == 0


# gunicorn's settings with a master that tells its first worker to end before it has begun.
HASTY = """
import os, runpy, signal
from gunicorn.app import base
globals().update(runpy.run_path("gunicorn.conf.py"))

class Hasty(base.Arbiter):
    def spawn_worker(self):
        pid = super().spawn_worker()
        if self.worker_age == 1:
            os.kill(pid, signal.SIGTERM)
        return pid

base.Arbiter = Hasty
"""


def test_told_to_end_before_it_has_begun(start_relay: StartRelay, tmp_path: Path) -> None:
    """A worker that has just been forked ends as well, and another takes its place."""
    settings = tmp_path / "hasty.conf.py"
    settings.write_text(HASTY, encoding="utf-8")
    relay = start_relay(command=[sys.executable, "-m", "gunicorn", "-c", str(settings), "app:app"])
    eventually(lambda: relay.log.count("Booting worker") == 2)
    eventually(relay.is_ready)


# Starts a server as systemd does, with the listening socket that is passed on.
ACTIVATED = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&"$0"'


def test_a_socket_of_systemd(upstream: Upstream) -> None:
    """A server that is told to stop leaves new connections in it to its successor.

    It answers a question that is half sent then.
    """
    paused = Paused(upstream)
    gunicorn = [sys.executable, "-m", "gunicorn", "app:app"]
    settings = {
        "OPENAI_BASE_URL": upstream.url,
        "GRACEFUL_TIMEOUT": "1000",
        "DRAIN_SECONDS": "500",
        "SEND_TIMEOUT": "1000",
        **PATIENT,
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        descriptor = listening.fileno()
        command = ["bash", "-c", ACTIVATED, str(descriptor), *gunicorn]
        old = RelayProcess(settings, command=command, pass_fds=[descriptor])
        url = old.wait_for_url()
        running = ask(url)
        first = running.piece()
        with half_sent(url) as finish:
            old.process.terminate()
            old.wait_for_line("Handling signal: term")
            successor = RelayProcess(settings, command=command, pass_fds=[descriptor])
            assert successor.wait_for_url() == url
            eventually(successor.is_ready)
            crowd = [ask(url) for _ in range(8)]
            paused.go_on.set()
            reply = finish()
            assert reply.startswith(b"HTTP/1.1 200 ")
            assert reply.endswith(b"\r\n0\r\n\r\n")
        assert {reply.text() for reply in crowd} == {WHOLE}
        assert first + running.text() == WHOLE
        assert old.wait_for_exit() == 0
        successor.process.send_signal(signal.SIGINT)
        assert successor.wait_for_exit() == 0


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
