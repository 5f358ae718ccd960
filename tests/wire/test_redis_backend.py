"""The journal in a real Redis: what every backend promises, and what is forgotten when."""

import threading
from collections.abc import Iterator

import pytest

from helpers.backends import (
    DAY,
    RECEIPT,
    TEXT,
    Place,
    SharedBackendPromises,
    bucket,
    record_of,
    running,
    take,
    writing,
)
from helpers.limits import WAIT_SECONDS
from helpers.network_line import Line, line_in_a_process
from helpers.redis_server import RedisServer
from helpers.sources import Task
from relay.intervals import ALIVE_SECONDS
from relay.journal import (
    Addition,
    Backend,
    Change,
    Letter,
    Position,
    Record,
    Settlement,
    Unavailable,
)
from relay.journal.redis import LONGEST_SECONDS, RedisBackend

TTL_SECONDS = 600


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


class Database:
    """A journal in a Redis that other tests have left nothing in."""

    def __init__(self, server: RedisServer) -> None:
        self.url = server.url
        self.client = server.client()
        self.client.flushall()
        self._opened: list[RedisBackend] = []

    def open(self) -> Backend:
        self._opened.append(RedisBackend(self.url, ttl_seconds=TTL_SECONDS))
        return self._opened[-1]

    def close(self) -> None:
        self.client.close()
        for backend in self._opened:
            # A worker has no use for this: it keeps its connections for as long as it lives.
            backend._redis.close()

    def kill(self, worker: str) -> None:
        self.client.delete(f"askbot:worker:{worker}")

    def lose(self) -> None:
        self.client.flushall()


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Database]:
    database = Database(redis_server)
    yield database
    database.close()


class TestRedis(SharedBackendPromises):
    """The promises, kept in a Redis."""

    def to_open(self, place: Place) -> tuple[str, str]:
        assert isinstance(place, Database)
        return (
            "from relay.journal.redis import RedisBackend",
            f"RedisBackend({place.url!r}, ttl_seconds=600)",
        )


def test_everything_goes_one_day(place: Database) -> None:
    """What has ended after its time, what has not after a day, whoever is silent in seconds."""
    backend = place.open()
    backend.claim(writing(1))
    backend.write("here", [Addition(writing(1), 0, b"")])
    backend.write("here", [Addition(writing(1), 0, TEXT[:7])])
    backend.write("here", [Addition(writing(1), 7, TEXT[7:])])
    backend.write("here", [Addition(writing(2), 0, TEXT, RECEIPT)])
    backend.send([Letter("dead", writing().etag, "read")])
    take(backend, "here", "1", [bucket(), bucket("minute", seconds=60), running()])
    limits = {
        f"answer:{writing(1).digest}": LONGEST_SECONDS,
        "text:etag-1": LONGEST_SECONDS,
        f"answer:{writing(2).digest}": TTL_SECONDS,
        "text:etag-2": TTL_SECONDS,
        "worker:here": ALIVE_SECONDS,
        "letters:dead": 10 * ALIVE_SECONDS,
        "count:day": DAY,
        "count:minute": 60,
        "running:running": LONGEST_SECONDS,
        "running:running:here": LONGEST_SECONDS,
    }
    for key, limit in limits.items():
        assert max(limit - 60, 0) < place.client.ttl(f"askbot:{key}") <= limit, key
    assert place.client.dbsize() == len(limits)


def test_evicted_text(place: Database) -> None:
    """Whoever writes on is told that what was before is gone."""
    backend = place.open()
    backend.claim(writing())
    backend.write("here", [Addition(writing(), 0, TEXT[:7])])
    place.client.delete(f"askbot:text:{writing().etag}")
    assert backend.write("here", [Addition(writing(), 7, TEXT[7:])])[0] is False
    assert record_of(backend, writing()).data == b""
    backend.write("here", [Addition(writing(), 0, TEXT)])
    assert record_of(backend, writing()).data == TEXT


def test_a_redis_that_is_away(redis_server: RedisServer, place: Database) -> None:
    """Every call says so, and works again when it is back."""
    backend = place.open()
    backend.claim(writing())
    redis_server.stop()
    try:
        for call in (
            lambda: backend.claim(writing()),
            lambda: backend.read([]),
            lambda: backend.write("here", []),
            lambda: backend.send([Letter("here", writing().etag, "stop")]),
            lambda: take(backend, "here", "1", [bucket()]),
        ):
            with pytest.raises(Unavailable):
                call()
    finally:
        redis_server.start()
    assert backend.write("here", [])[0] is False


@pytest.fixture
def line(redis_server: RedisServer) -> Iterator[Line]:
    line = Line(redis_server.port)
    yield line
    line.close()


def test_a_reply_that_is_lost(place: Database, line: Line) -> None:
    """What Redis may have done is not done again: tokens would be given back twice."""
    place.url = f"redis://127.0.0.1:{line.port}/0"
    backend = place.open()
    backend.give_back("here", Settlement([], [Change("day", 10, DAY)]))
    line.lose_a_reply()
    with pytest.raises(Unavailable):
        backend.give_back("here", Settlement([], [Change("day", -3, DAY)]))
    assert int(place.client.get("askbot:count:day") or 0) == 7
    backend.give_back("here", Settlement([], [Change("day", -3, DAY)]))
    assert int(place.client.get("askbot:count:day") or 0) == 4


def test_letters_that_are_lost(place: Database, line: Line) -> None:
    """They come with the next write: the writer of an answer must hear that it was stopped."""
    place.url = f"redis://127.0.0.1:{line.port}/0"
    backend, letter = place.open(), Letter("here", writing().etag, "stop")
    backend.write("here", [])
    backend.send([letter])
    line.lose_a_reply()
    with pytest.raises(Unavailable):
        backend.write("here", [])
    assert backend.write("here", []) == (True, [letter])
    assert backend.write("here", []) == (True, [])


def test_a_connection_that_was_closed(place: Database) -> None:
    """Redis may close those that are idle, and the next call has another."""
    backend = place.open()
    backend.claim(writing())
    assert place.client.client_kill_filter(_type="normal", skipme=True) > 0
    assert backend.read([Position(writing().digest)])[0] is not None


def test_a_crowd(place: Database, redis_server: RedisServer) -> None:
    """Calls that come at once wait for one another."""
    with line_in_a_process(redis_server.port, delay_seconds=0.05) as port:
        place.url = f"redis://127.0.0.1:{port}/0?socket_timeout={WAIT_SECONDS:g}"
        backend = place.open()
        start = threading.Barrier(150)

        def read() -> list[Record | None]:
            start.wait(WAIT_SECONDS)
            return backend.read([Position(writing().digest)])

        readers = [Task(read) for _ in range(150)]
        assert [each.result() for each in readers] == [[None]] * 150
