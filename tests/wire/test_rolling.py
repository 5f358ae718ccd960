"""A deploy under load: servers are restarted, or reloaded, while fifty readers ask and ask."""

import http.client
import itertools
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.process import free_port
from helpers.client import Exchange
from helpers.completions import eventually, get, keyed, new_key
from helpers.limits import WAIT_SECONDS
from helpers.nginx_process import run_nginx
from helpers.relay_process import RelayProcess, StartRelay, workers_of
from helpers.upstream import Reply, Upstream


@contextmanager
def closing(reply: Exchange) -> Iterator[Exchange]:
    try:
        yield reply
    finally:
        reply.leave()


READERS = 50
WORDS = 8


def answer_to(question: str) -> list[str]:
    """No two questions have the same answer."""
    return [f"{question}, 단어 {number}; " for number in range(WORDS)]


class Model:
    """Answers each question at the pace of a model, and counts how often each was asked."""

    def __init__(self, upstream: Upstream) -> None:
        self.asked: Counter[str] = Counter()
        self._pace = threading.Event()
        upstream.answers(self._answer)

    def _answer(self, reply: Reply) -> None:
        question = reply.body["messages"][-1]["content"]
        self.asked[question] += 1
        for text in answer_to(question):
            reply.text(text)
            # Nothing is waited for: a model takes its time.
            self._pace.wait(0.03)
        reply.finish()


class Readers:
    """They ask one question after the other, and read on as Askbot's page does.

    Whoever is refused, or loses the connection, goes to the next server with the same key.
    """

    def __init__(self, *urls: str) -> None:
        self.retries = 0
        self._urls = urls
        self._is_over = threading.Event()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Fails if one of them does not get an answer exactly."""
        with ThreadPoolExecutor(READERS) as threads:
            running = [threads.submit(self._ask, number) for number in range(READERS)]
            try:
                yield
            finally:
                self._is_over.set()
        assert all(count > 0 for count in map(Future.result, running))

    def _ask(self, reader: int) -> int:
        for number in itertools.count():
            if self._is_over.is_set():
                return number
            question = f"reader {reader}, question {number}"
            assert self._whole(question, first=reader) == "".join(answer_to(question))
        raise AssertionError

    def _whole(self, question: str, *, first: int) -> str:
        key, received, limit = new_key(), b"", time.monotonic() + WAIT_SECONDS
        for attempt in itertools.count():
            url = self._urls[(first + attempt) % len(self._urls)]
            assert time.monotonic() < limit, f"nobody answers: {question}"
            self.retries += attempt > 0
            try:
                at = len(received)
                request = get(url, key, start=at) if at else keyed(url, key, question)
                with closing(request) as reply:
                    if reply.status == 416:
                        # Only the last chunk was missing.
                        break
                    if reply.status == 503:
                        assert reply.error() == (503, "shutting_down")
                        continue
                    assert reply.status == (206 if at else 200)
                    while piece := reply.response.read1():
                        received += piece
                    break
            except (http.client.HTTPException, ConnectionError):
                continue
        return received.decode()


class Pair:
    """Two servers, with two workers each, that share a file."""

    def __init__(self, start_relay: StartRelay, folder: Path) -> None:
        self._start_relay = start_relay
        self._settings = {
            "STATE_FILE": str(folder / "state.sqlite3"),
            "WEB_CONCURRENCY": "2",
            "DRAIN_SECONDS": "0.5",
            "GRACEFUL_TIMEOUT": "1000",
        }
        self.addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self._servers = {address: self._start(address) for address in self.addresses}

    def restart(self) -> None:
        """One after the other."""
        for address, server in self._servers.items():
            server.process.terminate()
            assert server.wait_for_exit() == 0
            self._servers[address] = self._start(address)

    def _start(self, address: str) -> RelayProcess:
        server = self._start_relay(**self._settings, PORT=address.rpartition(":")[2])
        eventually(server.is_ready)
        return server


def test_a_rolling_restart(start_relay: StartRelay, upstream: Upstream, tmp_path: Path) -> None:
    """Two servers are restarted, one after the other: each reader gets each answer exactly, and the
    model is asked each question once."""
    model, pair = Model(upstream), Pair(start_relay, tmp_path)
    readers = Readers(*(f"http://{address}" for address in pair.addresses))
    with readers.asking():
        eventually(lambda: model.asked.total() > READERS)
        pair.restart()
    assert readers.retries
    assert set(model.asked.values()) == {1}


# As in docs/deploy.md.
BALANCED = """
    upstream askbot {{
        server {} max_fails=0;
        server {} max_fails=0;
    }}
    server {{
        listen 127.0.0.1:{};
        location / {{
            proxy_pass http://askbot;
            proxy_http_version 1.1;
            proxy_next_upstream error timeout http_503 non_idempotent;
        }}
    }}
"""


def test_a_rolling_restart_behind_nginx(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path
) -> None:
    """Likewise, and nobody has to try again: nginx does."""
    model, pair, port = Model(upstream), Pair(start_relay, tmp_path), free_port()
    readers = Readers(f"http://127.0.0.1:{port}")
    with run_nginx(BALANCED.format(*pair.addresses, port), tmp_path), readers.asking():
        eventually(lambda: model.asked.total() > READERS)
        pair.restart()
    assert readers.retries == 0
    assert set(model.asked.values()) == {1}


def test_a_reload(start_relay: StartRelay, upstream: Upstream) -> None:
    """By SIGHUP, twice: likewise, and nobody has to try again."""
    model = Model(upstream)
    relay = start_relay(WEB_CONCURRENCY="2", GRACEFUL_TIMEOUT="1000")
    eventually(relay.is_ready)
    readers = Readers(relay.url)
    with readers.asking():
        for _ in range(2):
            before = workers_of(relay)
            relay.process.send_signal(signal.SIGHUP)
            # Those from before are gone.
            eventually(lambda: not before & workers_of(relay))  # noqa: B023
    assert readers.retries == 0
    assert set(model.asked.values()) == {1}
