"""How much may be asked, with real workers, restarts, and the counts in a file or a Redis."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from helpers.client import Exchange, ask, close_exchanges
from helpers.completions import Gated, eventually, get, keyed, new_key, receipt, stop
from helpers.redis_server import RedisServer
from helpers.relay_process import LATE_KILL, PATIENT, RelayProcess, StartRelay, worker_of
from helpers.sources import Task
from helpers.upstream import WHOLE, Paused, Reply, Upstream, silent_after

# Five answers fit into the budget, whatever their prompts need, and six do not.
ANSWER_TOKENS = 100_000
BUDGET = {"MAX_ANSWER_TOKENS": str(ANSWER_TOKENS), "DAILY_TOKENS": str(6 * ANSWER_TOKENS - 1)}


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings that name a store of the test's own, which keeps its data."""
    if request.param == "file":
        yield {"STATE_FILE": str(tmp_path / "state.sqlite3")}
        return
    server = RedisServer(tmp_path, keeps=True)
    yield {"REDIS_URL": server.patient_url}
    server.stop()


def refusal(exchange: Exchange) -> tuple[int, str]:
    status, code = exchange.error()
    assert int(exchange.headers["Retry-After"]) > 0
    return status, code


def test_what_a_client_is_told(start_relay: StartRelay) -> None:
    """Answers and refusals say what is left; pages may read it; a refusal says how long to wait."""
    relay = start_relay(
        QUESTIONS_PER_MINUTE="1000", QUESTIONS_PER_DAY="2", MAX_STREAMS_PER_CLIENT="3"
    )
    first = ask(relay.url, Origin="http://localhost:5173")
    assert first.headers["RateLimit-Policy"] == (
        '"minute";q=1000;w=60, "day";q=2;w=86400, "streams";q=3;qu="concurrent-requests"'
    )
    minute, day, streams = first.headers["RateLimit"].split(", ")
    assert minute.startswith('"minute";r=999;t=')
    assert day.startswith('"day";r=1;t=')
    assert streams == '"streams";r=2'
    exposed = first.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
    assert first.text() == "Hello there."
    assert ask(relay.url).text() == "Hello there."
    refused = ask(relay.url)
    assert refusal(refused) == (429, "rate_limited")
    assert refused.headers["RateLimit"] == f'"day";r=0;t={refused.headers["Retry-After"]}'
    assert refused.headers["RateLimit-Policy"] == first.headers["RateLimit-Policy"]


def test_every_door(start_relay: StartRelay, upstream: Upstream) -> None:
    """A client has the same limits at each door, and is refused in the words of each protocol."""
    relay = start_relay(QUESTIONS_PER_DAY="1")
    assert ask(relay.url).text() == "Hello there."
    conversation = {"messages": [{"role": "user", "content": "Hi"}]}
    events = ask(relay.url, Accept="text/event-stream")
    assert (events.status, events.json()["code"]) == (429, "rate_limited")
    openai = Exchange(relay.url, conversation, path="/v1/chat/completions")
    assert openai.status == 429
    error = openai.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limited")
    for path in ("/api/chat", "/api/completion"):
        sdk = Exchange(relay.url, conversation | {"id": new_key()}, path=path)
        assert sdk.status == 429
        assert sdk.text().startswith("You have used up the questions of today. Try again in ")
    assert len(upstream.requests) == 1


def test_what_costs_nothing(start_relay: StartRelay, upstream: Upstream) -> None:
    """Asking again, reading on, the receipt and a stop are free, also after the last question."""
    relay = start_relay(QUESTIONS_PER_DAY="1", WEB_CONCURRENCY="2")
    gated = Gated(upstream, "Hello", " there.")
    key = new_key()
    gated.let()
    first = keyed(relay.url, key)
    assert first.piece() == "Hello"
    again = [keyed(relay.url, key) for _ in range(6)]
    assert {each.piece() for each in again} == {"Hello"}
    gated.let(2)
    assert {each.text() for each in again} == {" there."}
    eventually(lambda: receipt(relay.url, key)["state"] == "finished")
    for _ in range(6):
        assert keyed(relay.url, key).text() == "Hello there."
        assert get(relay.url, key, start=6).text() == "there."
        assert refusal(keyed(relay.url, new_key())) == (429, "rate_limited")
    assert stop(relay.url, key) == 204
    assert len(upstream.requests) == 1


def test_a_refused_question(start_relay: StartRelay, upstream: Upstream) -> None:
    """A question that never reaches the model takes nothing; one that the provider refuses takes
    no tokens."""
    relay = start_relay(QUESTIONS_PER_DAY="2", **BUDGET)
    for body in (b"", b"[]", {"userPrompt": " "}, {"userPrompt": "Hi", "persona": "nobody"}):
        assert Exchange(relay.url, body).status == 400

    @upstream.answers
    def refuse(reply: Reply) -> None:
        reply.refuse("400 Bad Request", {"code": "content_policy_violation", "message": "No."})

    assert ask(relay.url).error() == (422, "content_filtered")
    relay.wait_for_record("answer", state="failed", bytes=0, tokens=0)
    upstream.forget()
    assert ask(relay.url).text() == "Hello there."
    relay.wait_for_record("answer", state="finished", tokens=10, tokens_estimated=False)
    assert refusal(ask(relay.url)) == (429, "rate_limited")


def test_a_stopped_answer(start_relay: StartRelay, upstream: Upstream) -> None:
    """It costs what it may have used by then, which is an estimate; the rest is given back."""
    relay = start_relay(**BUDGET)
    upstream.answers(silent_after("Hello"))
    for _ in range(12):
        reply = ask(relay.url)
        assert reply.piece() == "Hello"
        reply.leave()
        assert relay.wait_for_record("answer", tokens_estimated=True)["tokens"] > 0


def test_an_answer_without_text(start_relay: StartRelay, upstream: Upstream) -> None:
    """A question that the model has read is not free, though its reader left before the text, or
    the answer was filtered."""
    relay = start_relay(**BUDGET)
    upstream.answers(Reply.until_gone)
    reply = ask(relay.url)
    assert upstream.wait_until(lambda server: server.open == 1)
    reply.leave()
    assert relay.wait_for_record("answer", code="abandoned")["tokens"] > 0
    upstream.answers(lambda reply: reply.finish("content_filter", usage=False))
    assert ask(relay.url).error() == (422, "content_filtered")
    assert relay.wait_for_record("answer", code="content_filtered")["tokens"] > 0


def test_what_was_reported_without_text(start_relay: StartRelay, upstream: Upstream) -> None:
    """An answer that ends before its first text counts, and is recorded, as it was reported."""
    relay = start_relay(**BUDGET)
    upstream.answers(lambda reply: reply.finish("content_filter"))
    assert ask(relay.url).error() == (422, "content_filtered")
    record = relay.wait_for_record("answer", finish_reason="content_filter")
    assert (record["tokens"], record["tokens_estimated"]) == (10, False)


def test_fifty_at_once(start_relay: StartRelay, upstream: Upstream, store: dict[str, str]) -> None:
    """Of fifty questions at once against a budget for five, at two workers, five are asked."""
    relay = start_relay(WEB_CONCURRENCY="2", **BUDGET, **store, **PATIENT)
    gated = Gated(upstream, "Hello there.")
    asked = [ask(relay.url) for _ in range(50)]
    statuses = [Task(partial(lambda each: each.status, each)) for each in asked]
    eventually(lambda: sum(not each.is_running for each in statuses) == 45)
    assert {each.result() for each in statuses if not each.is_running} == {429}
    assert upstream.wait_until(lambda server: len(server.requests) == 5)
    gated.let(10)
    assert sorted(each.result() for each in statuses) == [200] * 5 + [429] * 45
    codes = {each.error()[1] for each in asked if each.status == 429}
    assert codes == {"budget_exhausted"}
    assert {each.text() for each in asked if each.status == 200} == {"Hello there."}
    assert len(upstream.requests) == 5
    # What they have not used is there again.
    upstream.forget()
    eventually(lambda: ask(relay.url).status == 200)


def test_running_answers(
    start_relay: StartRelay, upstream: Upstream, store: dict[str, str]
) -> None:
    """A client has so many at once, at whichever worker; each that ends makes room for another."""
    relay = start_relay(WEB_CONCURRENCY="2", MAX_STREAMS_PER_CLIENT="3", **store)
    paused = Paused(upstream)
    running = [keyed(relay.url, new_key()) for _ in range(3)]
    assert all(WHOLE.startswith(each.piece()) for each in running)
    for _ in range(6):
        assert refusal(keyed(relay.url, new_key())) == (429, "too_many_streams")
    assert refusal(ask(relay.url)) == (429, "too_many_streams")
    paused.go_on.set()
    assert all(WHOLE.endswith(each.text()) for each in running)
    # The other worker hears of it a moment later.
    for _ in range(12):
        eventually(lambda: ask(relay.url).text() == WHOLE)


def test_a_killed_worker(
    start_relay: StartRelay, upstream: Upstream, store: dict[str, str]
) -> None:
    """Its answers make room after a moment, and what they reserved is spent for today."""
    relay = start_relay(MAX_STREAMS="2", **BUDGET, **store)
    upstream.answers(silent_after("Hello"))
    running = [ask(relay.url) for _ in range(2)]
    assert {each.piece() for each in running} == {"Hello"}
    assert refusal(ask(relay.url)) == (429, "too_many_streams")
    os.kill(worker_of(relay), signal.SIGKILL)
    close_exchanges()
    upstream.forget()
    eventually(lambda: answer_or_none(relay) == "Hello there.")
    relay.stop()
    # Five fit into a day, and the two that were killed are among them.
    relay = start_relay(**BUDGET, **store)
    upstream.answers(silent_after("Hello"))
    running = [ask(relay.url) for _ in range(3)]
    assert {each.piece() for each in running} == {"Hello"}
    assert refusal(ask(relay.url)) == (429, "budget_exhausted")


def answer_or_none(relay: RelayProcess) -> str | None:
    try:
        exchange = ask(relay.url)
        return exchange.text() if exchange.status == 200 else None
    except OSError:
        return None


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
def test_started_again(
    start_relay: StartRelay, upstream: Upstream, store: dict[str, str], is_killed: bool
) -> None:
    """A day's budget is not given back by a restart, nor by a crash during an answer."""
    relay = start_relay(**BUDGET, **store, **LATE_KILL)
    upstream.answers(silent_after("Hello"))
    running = [ask(relay.url) for _ in range(5)]
    assert {each.piece() for each in running} == {"Hello"}
    if is_killed:
        os.killpg(relay.process.pid, signal.SIGKILL)
        relay.wait_for_exit()
    else:
        assert relay.stop() == 0
    close_exchanges()
    upstream.forget()
    relay = start_relay(**BUDGET, **store)
    if is_killed:
        # Nobody knows what was used: all that was reserved.
        assert refusal(ask(relay.url)) == (429, "budget_exhausted")
        assert upstream.requests == []
    else:
        assert ask(relay.url).text() == "Hello there."
    relay.stop()
    # A question that would fit into another day.
    relay = start_relay(MAX_ANSWER_TOKENS="100", DAILY_TOKENS="1000", **store)
    assert refusal(ask(relay.url)) == (429, "budget_exhausted")


def test_redis_is_gone(start_relay: StartRelay, upstream: Upstream, tmp_path: Path) -> None:
    """Meanwhile each process counts alone, so that its day's tokens hold, and then all together."""
    server = RedisServer(tmp_path, keeps=True)
    try:
        relay = start_relay(REDIS_URL=server.url, **BUDGET)
        upstream.answers(silent_after("Hello"))
        running = [ask(relay.url) for _ in range(2)]
        assert {each.piece() for each in running} == {"Hello"}
        server.stop()
        running += [ask(relay.url) for _ in range(3)]
        assert {each.piece() for each in running[2:]} == {"Hello"}
        assert refusal(ask(relay.url)) == (429, "budget_exhausted")
        server.start()
        relay.wait_for_line("Redis can be used again")
        assert refusal(ask(relay.url)) == (429, "budget_exhausted")
    finally:
        server.stop()


def test_the_file_is_locked(start_relay: StartRelay, upstream: Upstream, tmp_path: Path) -> None:
    """The same while another program holds the file: questions are answered, up to the budget."""
    path = tmp_path / "state.sqlite3"
    relay = start_relay(STATE_FILE=str(path), **BUDGET)
    upstream.answers(silent_after("Hello"))
    running = [ask(relay.url) for _ in range(2)]
    assert {each.piece() for each in running} == {"Hello"}
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    running += [ask(relay.url) for _ in range(3)]
    assert {each.piece() for each in running[2:]} == {"Hello"}
    assert refusal(ask(relay.url)) == (429, "budget_exhausted")
    lock.execute("ROLLBACK")
    lock.close()
