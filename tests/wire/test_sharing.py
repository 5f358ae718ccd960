"""Two servers with one journal between them: each finds what the other has.

The journal is a file, as between the workers of one host, or a Redis, as between hosts.
"""

import os
import random
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from helpers.client import Exchange, ask, close_exchanges
from helpers.completions import (
    Gated,
    eventually,
    get,
    keyed,
    new_key,
    receipt,
    stop,
)
from helpers.limits import GONE_SECONDS
from helpers.redis_server import RedisServer
from helpers.relay_process import KEY, LATE_KILL, RelayProcess, StartRelay, worker_of
from helpers.upstream import Reply, Upstream, hello

GRACE_SECONDS = 5


@pytest.fixture(scope="module", params=["file", "redis"])
def journal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The settings that name a journal which two servers can share."""
    folder = tmp_path_factory.mktemp("journal")
    if request.param == "file":
        yield {"STATE_FILE": str(folder / "state.sqlite3")}
        return
    server = RedisServer(folder)
    yield {"REDIS_URL": server.patient_url}
    server.stop()


@pytest.fixture(scope="module")
def hosts(
    upstream_server: Upstream, journal: dict[str, str]
) -> Iterator[tuple[RelayProcess, RelayProcess]]:
    settings = {
        "OPENAI_BASE_URL": upstream_server.url,
        "OPENAI_API_KEY": KEY,
        "RESUME_GRACE_SECONDS": str(GRACE_SECONDS),
    }
    pair = RelayProcess(settings | journal), RelayProcess(settings | journal)
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
    """An ended answer is the same everywhere: bytes, ranges, events, receipt."""
    Gated(upstream, "안녕").let(2)
    key = new_key()
    assert keyed(here, key).text() == "안녕"
    eventually(lambda: receipt(there, key)["state"] == "finished")
    assert receipt(there, key) == receipt(here, key)
    assert get(there, key).text() == "안녕"
    part = get(there, key.upper(), start=4)
    assert (part.status, part.response.read()) == (206, "안녕".encode()[4:])
    assert part.headers["Content-Range"] == "bytes 4-5/6"
    assert part.headers["ETag"] == get(here, key).headers["ETag"]
    assert get(there, key, start=6).error() == (416, "range_not_satisfiable")
    events = get(there, key, Accept="text/event-stream").text()
    assert events == 'id: 6\ndata: {"text":"안녕"}\n\nid: 6\ndata: [DONE]\n\n'


def test_without_a_key_only_the_receipt_is_kept(here: str, there: str, upstream: Upstream) -> None:
    """Nobody can ask for the text again, at neither server; what became of it can be asked."""
    Gated(upstream, "안녕").let(2)
    reply = ask(here)
    assert reply.text() == "안녕"
    id = reply.headers["Completion-Id"]
    eventually(lambda: receipt(there, id)["state"] == "finished")
    for host in (here, there):
        eventually(lambda: get(host, id).status == 404)  # noqa: B023
        assert receipt(host, id)["bytes"] == 6


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
        # A host hears of the other's failure a moment after whoever had asked there.
        eventually(lambda: keyed(host, key).text() == "Hello there.")  # noqa: B023


def test_the_receipt_of_a_running_answer(here: str, there: str, upstream: Upstream) -> None:
    """Another server's receipt follows one's own."""
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    key = new_key()
    reply = keyed(here, key)
    assert reply.piece() == "안녕"
    eventually(lambda: receipt(there, key)["bytes"] == 6)
    found = receipt(there, key)
    assert (found["id"], found["state"]) == (key, "running")
    gated.let()
    assert reply.piece() == "하세요"
    eventually(lambda: receipt(there, key)["bytes"] == 15)
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


def test_leaving_is_known_elsewhere(
    start_relay: StartRelay, there: str, journal: dict[str, str], upstream: Upstream
) -> None:
    """Without a key a drop ends the answer at once, and other hosts can tell."""
    here = start_relay(RESUME_GRACE_SECONDS="1000", **journal).url

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


def test_leaving_elsewhere(here: str, there: str, upstream: Upstream) -> None:
    """Readers who leave at another server end nothing for those who stay."""
    gated = Gated(upstream, "one ", "two ")
    gated.let()
    key = new_key()
    reply = keyed(here, key)
    assert reply.piece() == "one "
    for _ in range(3):
        other = get(there, key)
        assert other.piece() == "one "
        other.leave()
    assert receipt(there, key)["state"] == "running"
    gated.let(2)
    assert reply.text() == "two "


def read_on(url: str, key: str, start: int) -> Exchange:
    """The answer from a byte on; 416 if it has ended before.

    A host that is behind says 416 of a running one too.
    """
    while True:
        is_running = receipt(url, key)["state"] == "running"
        reply = get(url, key, start=start)
        if not (reply.status == 416 and is_running):
            return reply


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
            reply = read_on(choose.choice([here, there]), key, len(received))
            if reply.status == 416:
                break
            assert reply.status == 206
        if reply.status == 206:
            received += reply.response.read()
        assert received == whole
    assert len(upstream.requests) == 3


def test_the_writer_is_killed(
    start_relay: StartRelay, there: str, journal: dict[str, str], upstream: Upstream
) -> None:
    """Readers elsewhere get what was written down and a cut, the receipt says failed, and what had
    no text yet can be asked again."""
    relay = start_relay(**journal)
    gated = Gated(upstream, "안녕", "하세요")
    key, silent = new_key(), new_key()
    gated.let()
    reply = keyed(relay.url, key)
    assert reply.piece() == "안녕"
    other = get(there, key)
    assert other.piece() == "안녕"
    waiting = keyed(relay.url, silent)
    assert upstream.wait_until(lambda server: server.open == 2)
    early = get(there, silent)
    os.kill(worker_of(relay), signal.SIGKILL)
    assert other.text_before_cut() == ""
    assert early.error() == (502, "upstream_error")
    found = receipt(there, key)
    assert (found["state"], found["bytes"]) == ("failed", 6)
    assert found["error"]["code"] == "upstream_error"
    assert get(there, key).text_before_cut() == "안녕"
    # gunicorn has another worker by now.
    eventually(lambda: get(relay.url, key).text_before_cut() == "안녕")
    upstream.answers(hello)
    assert keyed(there, silent).text() == "Hello there."
    gated.let(6)
    waiting.leave()


def test_a_killed_writer_has_failed_for_whoever_asks(
    start_relay: StartRelay, there: str, journal: dict[str, str], upstream: Upstream
) -> None:
    """Nobody was reading elsewhere: what was written down is there all the same."""
    relay = start_relay(**journal)
    gated = Gated(upstream, "안녕", "하세요")
    key = new_key()
    gated.let()
    assert keyed(relay.url, key).piece() == "안녕"
    eventually(lambda: receipt(there, key)["bytes"] == 6)
    os.kill(worker_of(relay), signal.SIGKILL)
    eventually(lambda: receipt(there, key)["state"] == "failed")
    assert get(there, key).text_before_cut() == "안녕"
    assert keyed(there, key).text_before_cut() == "안녕"
    gated.let(2)


def test_an_answer_outlives_its_server(
    start_relay: StartRelay, there: str, journal: dict[str, str]
) -> None:
    """A server that is told to stop leaves the last answer to the others, and to the next one."""
    relay = start_relay(**journal)
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    close_exchanges()
    assert relay.stop() == 0
    assert receipt(there, key)["state"] == "finished"
    for url in (there, start_relay(**journal).url):
        assert get(url, key).text() == "Hello there."


@pytest.mark.parametrize("is_read", [True, False], ids=["read elsewhere", "reader away"])
def test_a_server_that_stops_ends_its_answers(
    start_relay: StartRelay, there: str, journal: dict[str, str], upstream: Upstream, is_read: bool
) -> None:
    """Told to stop, it goes on with an answer that nobody is connected to it for."""
    relay = start_relay(**journal)
    gated = Gated(upstream, "one ", "two ", "three")
    key = new_key()
    gated.let()
    reply = keyed(relay.url, key)
    assert reply.piece() == "one "
    other = get(there, key) if is_read else None
    reply.leave()
    relay.process.terminate()
    eventually(lambda: not relay.is_ready())
    gated.let(3)
    if other is not None:
        assert other.text() == "one two three"
    assert relay.process.wait(30) == 0
    assert receipt(there, key)["state"] == "finished"
    assert get(there, key).text() == "one two three"


def test_a_server_that_stops_too_late(
    start_relay: StartRelay, there: str, journal: dict[str, str], upstream: Upstream
) -> None:
    """Past GRACEFUL_TIMEOUT an answer has failed, with what was written of it."""
    relay = start_relay(**journal, **LATE_KILL)
    gated = Gated(upstream, "one ", "two ")
    key = new_key()
    gated.let()
    reply = keyed(relay.url, key)
    assert reply.piece() == "one "
    other = get(there, key)
    reply.leave()
    relay.process.terminate()
    assert other.text_before_cut() == "one "
    assert relay.wait_for_exit() == 0
    found = receipt(there, key)
    assert (found["state"], found["error"]["code"]) == ("failed", "shutting_down")
    gated.let(2)


def test_a_crowd_comes_back_elsewhere(here: str, there: str, upstream: Upstream) -> None:
    """A hundred readers of one answer drop at one server and read on at the other, all at once."""
    gated = Gated(upstream, "안녕", "하세요", ", 세계!")
    key = new_key()
    gated.let()
    crowd = [keyed(here, key) for _ in range(100)]
    assert {reply.piece() for reply in crowd} == {"안녕"}
    for reply in crowd:
        reply.leave("RST")
    gated.let()
    crowd = [get(there, key, start=6) for _ in range(100)]
    gated.let(2)
    assert {reply.text() for reply in crowd} == {"하세요, 세계!"}
    assert len(upstream.requests) == 1


def test_two_workers(start_relay: StartRelay, upstream: Upstream, journal: dict[str, str]) -> None:
    """Whichever of them a request meets, it finds the answer."""
    relay = start_relay(**journal, WEB_CONCURRENCY="2")
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    key = new_key()
    crowd = [keyed(relay.url, key) for _ in range(8)]
    assert {reply.piece() for reply in crowd} == {"안녕"}
    crowd += [get(relay.url, key) for _ in range(8)]
    gated.let(2)
    assert {reply.text() for reply in crowd} == {"하세요", "안녕하세요"}
    assert len(upstream.requests) == 1


def test_threads(start_relay: StartRelay, there: str, journal: dict[str, str]) -> None:
    """The server for development takes part too."""
    command = [sys.executable, "-m", "flask", "run", "--port", "0"]
    relay = start_relay(command=command, **journal)
    key, other = new_key(), new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    assert keyed(there, other).text() == "Hello there."
    assert get(there, key).text() == get(relay.url, other).text() == "Hello there."
