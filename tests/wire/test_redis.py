"""Two servers, as on two hosts, with a Redis between them: each finds what the other has."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.client import Exchange, ask, close_exchanges
from helpers.completions import Gated, eventually, get, keyed, new_key, receipt, stop
from helpers.limits import WAIT_SECONDS
from helpers.network_line import line_in_a_process
from helpers.redis_server import RedisServer
from helpers.relay_process import KEY, PATIENT, RelayProcess, StartRelay
from helpers.upstream import Upstream, hello
from relay.intervals import ALIVE_SECONDS, LOST_SECONDS

GRACE_SECONDS = 2


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def hosts(
    upstream_server: Upstream, redis_server: RedisServer
) -> Iterator[tuple[RelayProcess, RelayProcess]]:
    settings = {
        "OPENAI_BASE_URL": upstream_server.url,
        "OPENAI_API_KEY": KEY,
        # Not much longer than usual, because one test has this Redis hang.
        "REDIS_URL": f"{redis_server.url}?socket_timeout=3",
        "RESUME_GRACE_SECONDS": str(GRACE_SECONDS),
    }
    pair = RelayProcess(settings), RelayProcess(settings)
    for relay in pair:
        relay.wait_for_url()
    yield pair
    close_exchanges()
    for relay in pair:
        assert "Traceback" not in relay.log
        assert relay.stop() == 0


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Starts a Redis of the test's own; see `RedisServer` for the argument."""
    started: list[RedisServer] = []

    def start(*, keeps: bool = False) -> RedisServer:
        started.append(RedisServer(tmp_path, keeps=keeps))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def here(hosts: tuple[RelayProcess, RelayProcess], upstream: Upstream) -> str:
    """The address of the server that is asked first."""
    assert upstream
    return hosts[0].url


@pytest.fixture
def there(hosts: tuple[RelayProcess, RelayProcess]) -> str:
    """The address of the other one."""
    return hosts[1].url


def test_redis_goes_and_comes_back(
    hosts: tuple[RelayProcess, RelayProcess],
    here: str,
    there: str,
    upstream: Upstream,
    redis_server: RedisServer,
) -> None:
    """Running answers go on; new ones work; afterwards all are found again."""
    gated = Gated(upstream, "안녕", "하세요", "!")
    key, later = new_key(), new_key()
    gated.let()
    reply = keyed(here, key)
    assert reply.piece() == "안녕"
    mirrored = get(there, key)
    assert mirrored.piece() == "안녕"
    redis_server.stop()
    eventually(lambda: Exchange(there, method="GET", path="/ready").status == 503)
    assert Exchange(there, method="GET", path="/ready").error() == (503, "store_unreachable")
    gated.let()
    assert reply.piece() == "하세요"
    assert receipt(here, key)["state"] == "running"
    assert get(there, new_key()).error() == (503, "store_unreachable")
    assert stop(there, key) == 503
    upstream.answers(hello)
    for host in (here, there):
        assert ask(host).text() == "Hello there."
    assert keyed(there, later).text() == "Hello there."
    for relay in hosts:
        relay.wait_for_line("Redis cannot be used")
    redis_server.start()
    for host in (here, there):
        eventually(lambda: Exchange(host, method="GET", path="/ready").status == 200)  # noqa: B023
    eventually(lambda: get(there, key, Accept="application/json").status == 200)
    other = get(there, key)
    gated.let(2)
    assert (reply.text(), other.text(), mirrored.text()) == ("!", "안녕하세요!", "하세요!")
    eventually(lambda: get(here, later, Accept="application/json").status == 200)
    assert get(here, later).text() == "Hello there."
    for relay in hosts:
        relay.wait_for_line("Redis can be used again")


def test_redis_says_nothing(
    here: str, there: str, upstream: Upstream, redis_server: RedisServer
) -> None:
    """A Redis that hangs costs one request a second, and the others nothing."""
    assert upstream
    redis_server.freeze()
    try:
        assert ask(here).text() == "Hello there."
        start = time.monotonic()
        for _ in range(30):
            assert keyed(here, new_key()).text() == "Hello there."
        assert time.monotonic() - start < 30
    finally:
        redis_server.thaw()
    for host in (here, there):
        eventually(lambda: Exchange(host, method="GET", path="/ready").status == 200)  # noqa: B023


class Crossed:
    """An answer at each of two hosts, read there and at the other; the test lets them on."""

    def __init__(self, hosts: tuple[RelayProcess, RelayProcess], upstream: Upstream) -> None:
        self.keys: list[str] = []
        self.near: list[Exchange] = []
        self.far: list[Exchange] = []
        self._gates: list[Gated] = []
        self.texts = ["안녕", "하세요", ", ", "세계!"]
        for here, there in (hosts, reversed(hosts)):
            gated = Gated(upstream, *self.texts)
            gated.let()
            self._gates.append(gated)
            self.keys.append(new_key())
            self.near.append(keyed(here.url, self.keys[-1]))
            assert self.near[-1].piece() == self.texts[0]
            self.far.append(get(there.url, self.keys[-1]))
            assert self.far[-1].piece() == self.texts[0]

    def let(self, count: int = 1) -> None:
        for gated in self._gates:
            gated.let(count)


@pytest.mark.parametrize("how", ["kept", "empty", "frozen"])
def test_away_in_mid_answer(
    start_relay: StartRelay,
    start_redis: Callable[..., RedisServer],
    upstream: Upstream,
    how: str,
) -> None:
    """A Redis that is away for longer than a worker's mark lasts, and comes back with what it had
    or without, or that hangs so long, takes nothing from an answer at either host."""
    server = start_redis(keeps=how == "kept")
    hosts = start_relay(REDIS_URL=server.url), start_relay(REDIS_URL=server.url)
    crossed = Crossed(hosts, upstream)
    gone_at = time.monotonic()
    if how == "frozen":
        server.freeze()
    else:
        server.stop()
    for relay in hosts:
        relay.wait_for_line("Redis cannot be used")
    crossed.let()
    assert [reply.piece() for reply in crossed.near] == ["하세요"] * 2
    late = receipt(hosts[0].url, crossed.keys[0])["duration_ms"] + 1000 * (ALIVE_SECONDS + 1)
    eventually(lambda: receipt(hosts[0].url, crossed.keys[0])["duration_ms"] > late)
    if how == "frozen":
        server.thaw()
    else:
        server.start()
    for relay in hosts:
        relay.wait_for_line("Redis can be used again")
    # Had this machine taken so long, those who read elsewhere would have been cut off.
    is_in_time = time.monotonic() - gone_at < LOST_SECONDS - 1
    crossed.let(3)
    assert [reply.text() for reply in crossed.near] == [", 세계!"] * 2
    if is_in_time:
        assert [reply.text() for reply in crossed.far] == ["하세요, 세계!"] * 2
    for relay in hosts:
        for key in crossed.keys:
            eventually(lambda: receipt(relay.url, key)["state"] == "finished")  # noqa: B023
            assert get(relay.url, key).text() == "안녕하세요, 세계!"
        assert "Traceback" not in relay.log
    assert len(upstream.requests) == 2


def test_emptied_in_mid_answer(
    hosts: tuple[RelayProcess, RelayProcess], upstream: Upstream, redis_server: RedisServer
) -> None:
    """FLUSHALL between any two pieces, and while others ask: every byte elsewhere is the right
    one, and what is being written is found again."""
    crossed = Crossed(hosts, upstream)
    upstream.answers(hello)
    client = redis_server.client()
    for _ in crossed.texts:
        client.flushall()
        # Whoever asks marks their worker alive again, before it has seen that anything is lost.
        assert keyed(hosts[0].url, new_key()).text() == "Hello there."
        for relay, key in zip(hosts, reversed(crossed.keys), strict=True):
            eventually(lambda: is_known(relay.url, key))  # noqa: B023
        crossed.let()
    for reply in [*crossed.near, *crossed.far]:
        assert reply.text() == "하세요, 세계!"
    for relay, key in zip(hosts, crossed.keys, strict=True):
        eventually(lambda: receipt(relay.url, key)["state"] == "finished")  # noqa: B023
        assert get(relay.url, key).text() == "안녕하세요, 세계!"


def is_known(url: str, key: str) -> bool:
    return get(url, key, Accept="application/json").status == 200


def test_a_text_that_was_evicted(here: str, there: str, redis_server: RedisServer) -> None:
    """A full Redis may throw away a text and keep that it was finished: that is a failed answer,
    not an empty one, and the model can be asked again."""
    key = new_key()
    assert keyed(here, key).text() == "Hello there."
    eventually(lambda: receipt(there, key)["state"] == "finished")
    client = redis_server.client()
    assert client.delete(*client.keys("askbot:text:*"))
    for host in (here, there):
        assert receipt(host, key)["state"] == "failed"
        assert get(host, key).error() == (502, "upstream_error")
    assert keyed(there, key).text() == "Hello there."


def test_a_burst_over_a_long_line(
    start_relay: StartRelay, upstream: Upstream, redis_server: RedisServer
) -> None:
    """With 10 ms to Redis and back, hundreds of answers at once leave nobody for dead: each is read
    at the other host while it is written, and found there when it has ended."""
    with line_in_a_process(redis_server.port, delay_seconds=0.005) as port:
        # On a slow machine the line is late by more.
        url = f"redis://127.0.0.1:{port}/0?socket_timeout={WAIT_SECONDS:g}"
        hosts = start_relay(REDIS_URL=url, **PATIENT), start_relay(REDIS_URL=url, **PATIENT)
        read_a_burst(hosts, upstream)
        close_exchanges()
        for relay in hosts:
            assert relay.stop() == 0


def read_a_burst(hosts: tuple[RelayProcess, RelayProcess], upstream: Upstream) -> None:
    crossed = Crossed(hosts, upstream)
    upstream.answers(hello)
    keys = [new_key() for _ in range(600)]
    with ThreadPoolExecutor(30) as pool:
        texts = pool.map(lambda key: keyed(hosts[0].url, key).text(), keys)
        assert set(texts) == {"Hello there."}
        crossed.let(4)
        assert [reply.text() for reply in crossed.near + crossed.far] == ["하세요, 세계!"] * 4
        for key in keys:
            eventually(lambda: get(hosts[1].url, key).status == 200)  # noqa: B023
        texts = pool.map(lambda key: get(hosts[1].url, key).text(), keys)
        assert set(texts) == {"Hello there."}
    for relay in hosts:
        assert all(answer["state"] == "finished" for answer in relay.records_of("answer"))
    assert len(upstream.requests) == 602


def test_a_long_list_of_what_was_not_saved(
    start_relay: StartRelay, start_redis: Callable[..., RedisServer], upstream: Upstream
) -> None:
    """What ended while Redis was away is written down when it is back, and holds up neither the
    mark of its worker nor an answer that is read elsewhere."""
    server = start_redis()
    settings = {"REDIS_URL": server.url, **PATIENT}
    hosts = start_relay(**settings), start_relay(**settings)
    crossed = Crossed(hosts, upstream)
    server.stop()
    hosts[0].wait_for_line("Redis cannot be used")
    upstream.answers(hello)
    keys = [new_key() for _ in range(600)]
    with ThreadPoolExecutor(30) as pool:
        texts = pool.map(lambda key: keyed(hosts[0].url, key).text(), keys)
        assert set(texts) == {"Hello there."}
    server.start()
    for relay in hosts:
        relay.wait_for_line("Redis can be used again")
    # Those who read there before may have been cut off, if all this took longer than they wait.
    again = []
    for relay, key in zip(hosts, reversed(crossed.keys), strict=True):
        eventually(lambda: is_known(relay.url, key))  # noqa: B023
        again.append(get(relay.url, key))
    crossed.let(4)
    assert [reply.text() for reply in crossed.near] == ["하세요, 세계!"] * 2
    assert [reply.text() for reply in again] == ["안녕하세요, 세계!"] * 2
    for key in keys:
        eventually(lambda: get(hosts[1].url, key).status == 200)  # noqa: B023


@pytest.mark.parametrize("url", ["localhost", "http://localhost", "redis://:secret@h/0?odd=1"])
def test_a_wrong_address(url: str) -> None:
    """The server does not start, and says which setting it is, without the password."""
    relay = RelayProcess({"REDIS_URL": url})
    assert relay.wait_for_exit() != 0
    assert "askbot: REDIS_URL " in relay.log
    assert "secret" not in relay.log
    assert "Traceback" not in relay.log
