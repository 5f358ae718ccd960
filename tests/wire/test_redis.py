"""Two servers, as on two hosts, with a Redis between them: each finds what the other has."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from helpers.client import Exchange, ask, close_exchanges
from helpers.completions import GONE_SECONDS, Gated, get, keyed, new_key, receipt, stop
from helpers.redis_server import RedisServer
from helpers.relay_process import KEY, RelayProcess, StartRelay, worker_of
from helpers.upstream import Reply, Upstream, hello

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


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Asks the relay again and again; with a limit."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come true in time"


def test_reading_on_elsewhere(here: str, there: str, upstream: Upstream) -> None:
    """A reader who drops at one host reads on at another, live, from their byte on."""
    gated = Gated(upstream, "안녕", "하세요", ", 세계!")
    key = new_key()
    gated.let()
    reply = keyed(here, key)
    assert reply.piece() == "안녕"
    reply.leave("RST")
    rest = get(there, key, start=4)
    assert rest.status == 206
    assert rest.headers["Content-Range"] == "bytes 4-9007199254740991/*"
    whole = get(there, key)
    assert whole.piece() == "안녕"
    gated.let()
    assert whole.piece() == "하세요"
    gated.let(2)
    assert ("안녕".encode()[:4] + rest.response.read()).decode() == "안녕하세요, 세계!"
    assert whole.text() == ", 세계!"
    assert len(upstream.requests) == 1


def test_reading_again_elsewhere(here: str, there: str, upstream: Upstream) -> None:
    """An ended answer is the same everywhere: bytes, ranges, receipt; with a key or without."""
    Gated(upstream, "안녕").let(2)
    reply = ask(here)
    assert reply.text() == "안녕"
    id = reply.headers["Completion-Id"]
    eventually(lambda: receipt(there, id)["state"] == "finished")
    assert receipt(there, id) == receipt(here, id)
    assert get(there, id).text() == "안녕"
    part = get(there, id.upper(), start=4)
    assert (part.status, part.response.read()) == (206, "안녕".encode()[4:])
    assert part.headers["Content-Range"] == "bytes 4-5/6"
    assert get(there, id, start=6).error() == (416, "range_not_satisfiable")
    events = get(there, id, Accept="text/event-stream").text()
    assert events == 'data: {"text":"안녕"}\n\ndata: [DONE]\n\n'


def test_asking_again_elsewhere(here: str, there: str, upstream: Upstream) -> None:
    """The same key at another host is the same answer, and refused to another question."""
    gated = Gated(upstream, "안녕", "하세요")
    key = new_key()
    gated.let()
    first = keyed(here, key)
    assert first.piece() == "안녕"
    second = keyed(there, key)
    assert second.headers["Completion-Id"] == key
    assert second.piece() == "안녕"
    assert keyed(there, key, "Bye").error() == (422, "idempotency_key_reused")
    gated.let(2)
    assert (first.text(), second.text()) == ("하세요", "하세요")
    eventually(lambda: receipt(there, key)["state"] == "finished")
    assert keyed(there, key, stream=False).json()["text"] == "안녕하세요"
    assert keyed(there, key, "Bye").error() == (422, "idempotency_key_reused")
    assert len(upstream.requests) == 1


def test_unknown_everywhere(here: str, there: str) -> None:
    """What nobody has is 404."""
    id = new_key()
    for host in (here, there):
        assert get(host, id).error() == (404, "not_found")
        assert get(host, id, Accept="application/json").error() == (404, "not_found")
        assert stop(host, id) == 404


def test_twenty_at_two_hosts(here: str, there: str, upstream: Upstream) -> None:
    """Twenty clients with one key at two hosts at once are one question to the model."""
    gated = Gated(upstream, "안녕", "하세요")
    key = new_key()
    crowd = [keyed(host, key) for _ in range(10) for host in (here, there)]
    assert upstream.wait_until(lambda server: server.open == 1)
    gated.let(3)
    assert {reply.text() for reply in crowd} == {"안녕하세요"}
    assert len(upstream.requests) == 1


def test_twenty_at_two_hosts_refused(here: str, there: str, upstream: Upstream) -> None:
    """They share a failure too, and then the key is free at both."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        gate.wait(20)
        reply.refuse("429 Busy", {}, Retry_After="7")

    key = new_key()
    crowd = [keyed(host, key) for _ in range(10) for host in (here, there)]
    assert upstream.wait_until(lambda server: server.open == 1)
    gate.set()
    assert {reply.error() for reply in crowd} == {(429, "upstream_rate_limited")}
    assert {reply.headers["Retry-After"] for reply in crowd} == {"7"}
    upstream.answers(hello)
    for host in (there, here):
        assert keyed(host, key).text() == "Hello there."


def test_the_receipt_of_a_running_answer(here: str, there: str, upstream: Upstream) -> None:
    """Another host's receipt is as fresh as one's own."""
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    reply = ask(here)
    assert reply.piece() == "안녕"
    id = reply.headers["Completion-Id"]
    found = receipt(there, id)
    assert (found["id"], found["state"], found["bytes"]) == (id, "running", 6)
    gated.let()
    assert reply.piece() == "하세요"
    assert receipt(there, id)["bytes"] == 15
    gated.let()
    assert reply.text() == ""


@pytest.mark.parametrize("text", ["", "Hello "], ids=["before the first text", "in a stall"])
def test_stopping_elsewhere(here: str, there: str, upstream: Upstream, text: str) -> None:
    """DELETE at another host closes the request to the model at once; readers see an end."""

    @upstream.answers
    def script(reply: Reply) -> None:
        if text:
            reply.text(text)
        reply.until_gone()

    key = new_key()
    reply = keyed(here, key)
    assert upstream.wait_until(lambda server: server.open == 1)
    other = keyed(there, key)
    if text:
        assert (reply.piece(), other.piece()) == (text, text)
    assert stop(there, key) == 204
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    assert (reply.text(), other.text()) == ("", "")
    eventually(lambda: receipt(there, key)["state"] == "stopped")
    assert (receipt(there, key)["error"], stop(there, key)) == (None, 204)
    assert get(there, key).text() == text


def test_an_answer_that_breaks(here: str, there: str, upstream: Upstream) -> None:
    """It is cut for readers at both hosts, and the receipt is the same."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        gate.wait(20)
        reply.event("{broken")

    key = new_key()
    replies = [keyed(host, key) for host in (here, there)]
    assert [reply.piece() for reply in replies] == ["Hello ", "Hello "]
    gate.set()
    assert [reply.text_before_cut() for reply in replies] == ["", ""]
    eventually(lambda: receipt(there, key)["state"] == "failed")
    assert receipt(there, key) == receipt(here, key)
    assert receipt(there, key)["error"]["code"] == "upstream_error"
    assert get(there, key, start=2).text_before_cut() == "llo "


def test_the_grace_time_with_readers_elsewhere(here: str, there: str, upstream: Upstream) -> None:
    """While somebody reads at another host nobody is missing; when they leave, the time runs."""
    gated = Gated(upstream, "one ", "two ", "three ")
    key = new_key()
    gated.let()
    reply = keyed(here, key)
    assert reply.piece() == "one "
    reply.leave()
    other = get(there, key)
    assert other.piece() == "one "
    late = receipt(here, key)["duration_ms"] + 1000 * (GRACE_SECONDS + 2)
    eventually(lambda: receipt(here, key)["duration_ms"] > late)
    gated.let()
    assert other.piece() == "two "
    other.leave()
    assert receipt(here, key)["state"] == "running"
    eventually(lambda: receipt(there, key)["state"] == "failed")
    assert receipt(there, key)["error"]["code"] == "abandoned"
    gated.let(2)


def test_leaving_is_known_elsewhere(here: str, there: str, upstream: Upstream) -> None:
    """Without a key a drop ends the answer, and other hosts can tell."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    reply = ask(here)
    assert reply.piece() == "Hello "
    id = reply.headers["Completion-Id"]
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    eventually(lambda: receipt(there, id)["state"] == "failed")
    assert receipt(there, id)["error"]["code"] == "abandoned"


def test_leaving_a_mirror(here: str, there: str, upstream: Upstream) -> None:
    """Readers who leave at another host end nothing for those who stay."""
    gated = Gated(upstream, "one ", "two ")
    gated.let()
    reply = ask(here)
    assert reply.piece() == "one "
    id = reply.headers["Completion-Id"]
    for _ in range(3):
        other = get(there, id)
        assert other.piece() == "one "
        other.leave()
    assert receipt(there, id)["state"] == "running"
    gated.let(2)
    assert reply.text() == "two "


def test_dropping_from_host_to_host(here: str, there: str, upstream: Upstream) -> None:
    """Dropped at any byte and taken up again here or there: it is the same answer."""
    texts = ["안녕하세요! ", "I'm Askbot 🎸. ", "こんにちは、", "世界。", "Ça va? "] * 8
    whole = "".join(texts).encode()
    choose = random.Random(5)
    for _ in range(3):
        gated = Gated(upstream, *texts)
        key = new_key()
        gated.let()
        received, reply = b"", keyed(here, key)
        for drop in range(20):
            received += reply.response.read1(choose.randint(1, 40))
            reply.leave(choose.choice(["FIN", "RST"]))
            gated.let(2 if drop < 18 else len(texts))
            reply = get(choose.choice([here, there]), key, start=len(received))
            if reply.status == 416:
                break
            assert reply.status == 206
        if reply.status == 206:
            received += reply.response.read()
        assert received == whole
    assert len(upstream.requests) == 3


def test_tokens_do_not_pass_through_redis(
    here: str, there: str, upstream: Upstream, redis_server: RedisServer
) -> None:
    """Until another host is asked for the answer; then they do."""
    gated = Gated(upstream, "one ", "two ", "three ")
    with redis_server.client() as redis:
        redis.flushall()
        redis.config_resetstat()
        gated.let(2)
        reply = ask(here)
        text = reply.piece()
        if text == "one ":
            text += reply.piece()
        id = reply.headers["Completion-Id"]
        assert receipt(there, id)["state"] == "running"
        assert not redis.keys("askbot:*:stream")
        assert "cmdstat_xadd" not in redis.info("commandstats")
        assert get(there, id).piece() == "one two "
        assert len(redis.keys("askbot:*:stream")) == 1
        assert not any(id.encode() in key for key in redis.keys("*"))
    gated.let(2)
    assert reply.text() == "three "


def test_the_owner_dies(
    hosts: tuple[RelayProcess, RelayProcess], here: str, there: str, upstream: Upstream
) -> None:
    """Readers elsewhere get what was published and a cut, the receipt says failed, and what had no
    text yet can be asked again."""
    gated = Gated(upstream, "안녕", "하세요")
    key, silent = new_key(), new_key()
    gated.let()
    reply = keyed(here, key)
    assert reply.piece() == "안녕"
    other = get(there, key)
    assert other.piece() == "안녕"
    waiting = keyed(here, silent)
    assert upstream.wait_until(lambda server: server.open == 2)
    os.kill(worker_of(hosts[0]), signal.SIGKILL)
    start = time.monotonic()
    early = get(there, silent)
    assert other.text_before_cut() == ""
    assert early.error() == (502, "upstream_error")
    assert time.monotonic() - start < 12
    found = receipt(there, key)
    assert (found["state"], found["bytes"]) == ("failed", 6)
    assert found["error"]["code"] == "upstream_error"
    assert get(here, key).text_before_cut() == "안녕"
    upstream.answers(hello)
    assert keyed(there, silent).text() == "Hello there."
    gated.let(6)
    waiting.leave()


def test_an_answer_outlives_its_server(
    start_relay: StartRelay, there: str, redis_server: RedisServer
) -> None:
    """A server that is told to stop leaves the last answer to the others."""
    relay = start_relay(REDIS_URL=redis_server.url)
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    close_exchanges()
    assert relay.stop() == 0
    assert receipt(there, key)["state"] == "finished"
    assert get(there, key).text() == "Hello there."


def test_two_workers(
    start_relay: StartRelay, upstream: Upstream, redis_server: RedisServer
) -> None:
    """Whichever of them a request meets, it finds the answer."""
    relay = start_relay(REDIS_URL=redis_server.url, WEB_CONCURRENCY="2")
    assert "REDIS_URL" not in relay.log
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    key = new_key()
    crowd = [keyed(relay.url, key) for _ in range(8)]
    assert {reply.piece() for reply in crowd} == {"안녕"}
    crowd += [get(relay.url, key) for _ in range(8)]
    gated.let(2)
    assert {reply.text() for reply in crowd} == {"하세요", "안녕하세요"}
    assert len(upstream.requests) == 1


def test_threads(start_relay: StartRelay, there: str, redis_server: RedisServer) -> None:
    """The server for development takes part too."""
    command = [sys.executable, "-m", "flask", "run", "--port", "0"]
    relay = start_relay(command=command, REDIS_URL=redis_server.url)
    key, other = new_key(), new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    assert keyed(there, other).text() == "Hello there."
    assert get(there, key).text() == get(relay.url, other).text() == "Hello there."


def test_two_workers_without_redis(start_relay: StartRelay) -> None:
    """They say at their start what will not work; one worker has nothing to say."""
    relay = start_relay(WEB_CONCURRENCY="2")
    assert relay.log.count("2 workers without REDIS_URL") == 1
    assert ask(relay.url).text() == "Hello there."
    assert "without REDIS_URL" not in start_relay().log


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
