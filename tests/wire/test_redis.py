"""Two servers, as on two hosts, with a Redis between them: each finds what the other has."""

import time
from collections.abc import Iterator

import pytest

from helpers.client import Exchange, ask, close_exchanges
from helpers.completions import Gated, eventually, get, keyed, new_key, receipt, stop
from helpers.redis_server import RedisServer
from helpers.relay_process import KEY, RelayProcess
from helpers.upstream import Upstream, hello

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
        "REDIS_URL": redis_server.url,
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
        start = time.monotonic()
        assert ask(host).text() == "Hello there."
        assert time.monotonic() - start < 0.5
    assert keyed(there, later).text() == "Hello there."
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
        relay.wait_for_line("Redis cannot be used")
        relay.wait_for_line("Redis is back")


def test_redis_says_nothing(
    here: str, there: str, upstream: Upstream, redis_server: RedisServer
) -> None:
    """A Redis that hangs costs one request a second, and the others nothing."""
    assert upstream
    redis_server.freeze()
    try:
        assert ask(here).text() == "Hello there."
        start = time.monotonic()
        for _ in range(10):
            assert keyed(here, new_key()).text() == "Hello there."
        assert time.monotonic() - start < 2
    finally:
        redis_server.thaw()
    for host in (here, there):
        eventually(lambda: Exchange(host, method="GET", path="/ready").status == 200)  # noqa: B023


@pytest.mark.parametrize("url", ["localhost", "http://localhost", "redis://:secret@h/0?odd=1"])
def test_a_wrong_address(url: str) -> None:
    """The server does not start, and says which setting it is, without the password."""
    relay = RelayProcess({"REDIS_URL": url})
    assert relay.wait_for_exit() != 0
    assert "askbot: REDIS_URL " in relay.log
    assert "secret" not in relay.log
    assert "Traceback" not in relay.log
