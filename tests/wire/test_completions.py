"""Completions as resources: the receipt, stop, asking again safely, reading on after a drop."""

import subprocess
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.client import Exchange, ask
from helpers.completions import Gated, eventually, get, keyed, new_key, receipt, stop
from helpers.limits import GONE_SECONDS
from helpers.redis_server import RedisServer
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Reply, Upstream, hello


def test_a_receipt(relay: RelayProcess) -> None:
    """What became of an answer can be asked by the id in its headers, key or no key."""
    reply = ask(relay.url)
    assert reply.text() == "Hello there."
    found = receipt(relay.url, reply.headers["Completion-Id"])
    assert found.pop("first_token_ms") > 0
    assert found.pop("duration_ms") > 0
    assert found == {
        "id": reply.headers["Completion-Id"],
        "state": "finished",
        "phase": None,
        "bytes": 12,
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        "error": None,
        "thinking_ms": None,
        "model": "scripted",
    }


def test_the_client_names_it(relay: RelayProcess, upstream: Upstream) -> None:
    """The Idempotency-Key is the id, and the same request again is the same answer, asked once."""
    key = new_key()
    first = keyed(relay.url, key)
    assert first.headers["Completion-Id"] == key
    assert first.text() == "Hello there."
    assert keyed(relay.url, key.upper()).text() == "Hello there."
    assert keyed(relay.url, key, stream=False).json()["text"] == "Hello there."
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "key", ["mine", "", "1234", "a" * 36, "'; drop", "123e4567-e89b-42d3-a456-426614174000x"]
)
def test_keys_are_uuids(relay: RelayProcess, upstream: Upstream, key: str) -> None:
    """Whoever has a key can read the answer, so it must not be one that can be guessed."""
    assert keyed(relay.url, key).error() == (400, "invalid_request")
    assert not upstream.requests


def test_another_question_under_the_same_key(relay: RelayProcess, upstream: Upstream) -> None:
    """A key belongs to one question, persona included."""
    key = new_key()
    assert keyed(relay.url, key).text()
    assert keyed(relay.url, key, "Bye").error() == (422, "idempotency_key_reused")
    other = keyed(relay.url, key, persona="secretary")
    assert other.error() == (422, "idempotency_key_reused")
    assert len(upstream.requests) == 1


def test_unknown_ids(relay: RelayProcess) -> None:
    """An id nobody has, or none at all, is 404, for every method."""
    for id in (new_key(), "nonsense"):
        assert get(relay.url, id).error() == (404, "not_found")
        assert Exchange(relay.url, method="DELETE", path=f"/aiCompletion/{id}").error() == (
            404,
            "not_found",
        )


def test_twenty_at_once(relay: RelayProcess, upstream: Upstream) -> None:
    """Twenty clients with one key at the same time are one question to the model."""
    gated = Gated(upstream, "안녕", "하세요")
    key = new_key()
    crowd = [keyed(relay.url, key) for _ in range(20)]
    assert upstream.wait_until(lambda server: server.open == 1)
    gated.let(3)
    assert {reply.text() for reply in crowd} == {"안녕하세요"}
    assert len(upstream.requests) == 1


def test_twenty_at_once_refused(relay: RelayProcess, upstream: Upstream) -> None:
    """They share a failure too, and the key is free for another try."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        gate.wait(20)
        reply.refuse("500 Oops", {})

    key = new_key()
    crowd = [keyed(relay.url, key) for _ in range(20)]
    assert upstream.wait_until(lambda server: server.open == 1)
    gate.set()
    assert {reply.error() for reply in crowd} == {(502, "upstream_error")}
    upstream.answers(hello)
    assert keyed(relay.url, key).text() == "Hello there."


def test_every_reader_is_live(relay: RelayProcess, upstream: Upstream) -> None:
    """A second reader gets what there is, and then each piece as it comes, like the first."""
    gated = Gated(upstream, "one ", "two ", "three")
    gated.let()
    first = ask(relay.url)
    assert first.piece() == "one "
    id = first.headers["Completion-Id"]
    second = get(relay.url, id)
    third = get(relay.url, id, start=2)
    assert second.piece() == "one "
    assert third.piece() == "e "
    gated.let()
    for reader in (first, second, third):
        assert reader.piece() == "two "
    first.leave()
    gated.let(2)
    assert second.text() == "three"
    assert third.text() == "three"
    assert receipt(relay.url, id)["state"] == "finished"


def test_coming_back_after_a_drop(relay: RelayProcess, upstream: Upstream) -> None:
    """With a key the answer goes on while its reader is away, and continues at their byte."""
    gated = Gated(upstream, "안녕", "하세요")
    key = new_key()
    gated.let()
    reply = keyed(relay.url, key)
    assert reply.piece() == "안녕"
    reply.leave("RST")
    gated.let()
    assert get(relay.url, key, start=0).piece().startswith("안녕")
    rest = get(relay.url, key, start=4)
    assert rest.status == 206
    assert rest.headers["Content-Range"] == "bytes 4-9007199254740991/*"
    gated.let()
    body = "안녕".encode()[:4] + rest.response.read()
    assert body.decode() == "안녕하세요"
    assert len(upstream.requests) == 1


def test_coming_back_before_the_first_text(relay: RelayProcess, upstream: Upstream) -> None:
    """A drop while the model still thinks loses nothing either."""
    gated = Gated(upstream, "Hello")
    key = new_key()
    reply = keyed(relay.url, key)
    assert upstream.wait_until(lambda server: server.open == 1)
    reply.leave()
    again = keyed(relay.url, key)
    gated.let(2)
    assert again.text() == "Hello"
    assert len(upstream.requests) == 1


def test_the_grace_time_ends(start_relay: StartRelay, upstream: Upstream) -> None:
    """Nobody came back: the model's request is closed, and the receipt says what happened."""
    relay = start_relay(RESUME_GRACE_SECONDS="0.5")

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    key = new_key()
    reply = keyed(relay.url, key)
    assert reply.piece() == "Hello "
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, 5)
    found = receipt(relay.url, key)
    assert (found["state"], found["bytes"]) == ("failed", 6)
    assert found["error"]["code"] == "abandoned"
    assert get(relay.url, key).text_before_cut() == "Hello "


def test_no_grace(start_relay: StartRelay, upstream: Upstream) -> None:
    """RESUME_GRACE_SECONDS=0: a drop ends the answer, key or no key."""
    relay = start_relay(RESUME_GRACE_SECONDS="0")

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    reply = keyed(relay.url, new_key())
    assert reply.piece() == "Hello "
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def before_the_first_text(reply: Reply) -> None:
    reply.until_gone()


def in_a_stall(reply: Reply) -> None:
    reply.text("Hello ")
    reply.until_gone()


def in_the_flow(reply: Reply) -> None:
    reply.socket.settimeout(0.02)
    while True:
        reply.text("more ")
        try:
            if not reply.socket.recv(1):
                return
        except TimeoutError:
            continue


@pytest.mark.parametrize("script", [before_the_first_text, in_a_stall, in_the_flow])
@pytest.mark.parametrize("alone", [False, True], ids=["while reading", "after leaving"])
def test_stop(
    relay: RelayProcess, upstream: Upstream, script: Callable[[Reply], None], alone: bool
) -> None:
    """DELETE closes the request to the model at once, in every phase; what was written stays."""
    upstream.answers(script)
    key = new_key()
    reply = keyed(relay.url, key)
    assert upstream.wait_until(lambda server: server.open == 1)
    text = "" if script is before_the_first_text else reply.piece()
    if alone:
        reply.leave()
    assert stop(relay.url, key) == 204
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    if not alone:
        text += reply.text()
    found = receipt(relay.url, key)
    assert (found["state"], found["error"]) == ("stopped", None)
    assert get(relay.url, key).text().startswith(text)
    assert stop(relay.url, key) == 204


def test_stop_is_no_drop(relay: RelayProcess, upstream: Upstream) -> None:
    """A drop leaves the answer running."""
    gated = Gated(upstream, "Hello ", "there")
    key = new_key()
    gated.let()
    reply = keyed(relay.url, key)
    assert reply.piece() == "Hello "
    reply.leave()
    assert receipt(relay.url, key)["state"] == "running"
    gated.let(2)
    assert get(relay.url, key).text() == "Hello there"


def test_ranges_of_a_finished_answer(relay: RelayProcess, upstream: Upstream) -> None:
    """`bytes=N-` of an ended answer is exact, past its end 416, and other ranges are the whole."""
    Gated(upstream, "안녕").let(2)
    id = new_key()
    assert keyed(relay.url, id).text() == "안녕"
    whole = get(relay.url, id)
    assert (whole.status, whole.text()) == (200, "안녕")
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = get(relay.url, id, start=4)
    assert (part.status, part.response.read()) == (206, "안녕".encode()[4:])
    assert part.headers["Content-Range"] == "bytes 4-5/6"
    past = get(relay.url, id, start=6)
    assert past.headers["Content-Range"] == "bytes */6"
    assert past.error() == (416, "range_not_satisfiable")
    for other in ("bytes=0-1", "bytes=-2", "items=1-", "bytes=1-,3-"):
        assert get(relay.url, id, Range=other).status == 200


def test_a_range_past_what_is_written(relay: RelayProcess, upstream: Upstream) -> None:
    """So far no client can have seen more than there is."""
    gated = Gated(upstream, "Hello")
    gated.let()
    reply = ask(relay.url)
    assert reply.piece() == "Hello"
    past = get(relay.url, reply.headers["Completion-Id"], start=6)
    assert past.error() == (416, "range_not_satisfiable")
    gated.let()
    assert reply.text() == ""


@pytest.mark.parametrize("running", [True, False], ids=["running", "finished"])
def test_curl_continues(
    relay: RelayProcess, upstream: Upstream, running: bool, tmp_path: Path
) -> None:
    """`curl -C` takes up a download where it broke off, while the answer runs and after."""
    gated = Gated(upstream, "안녕하세요, ", "세계!")
    key = new_key()
    gated.let()
    reply = keyed(relay.url, key)
    assert reply.piece()
    if not running:
        gated.let(2)
        reply.text()
    file = tmp_path / "answer"
    file.write_bytes("안녕하세요, ".encode()[:7])
    command = ["curl", "-sS", "--fail", "-C", "7", "-o", str(file)]
    curl = subprocess.Popen([*command, f"{relay.url}/aiCompletion/{key}"])
    if running:
        gated.let(2)
    assert curl.wait(20) == 0
    assert file.read_text(encoding="utf-8") == "안녕하세요, 세계!"


def test_a_failed_answer(relay: RelayProcess, upstream: Upstream) -> None:
    """What there is of it can be read again, and it never looks whole."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.event("{broken")

    key = new_key()
    assert keyed(relay.url, key).text_before_cut() == "Hello "
    found = receipt(relay.url, key)
    assert found["state"] == "failed"
    assert found["error"]["code"] == "upstream_error"
    assert get(relay.url, key, start=2).text_before_cut() == "llo "
    at_its_end = get(relay.url, key, start=6)
    assert (at_its_end.status, at_its_end.text_before_cut()) == (206, "")
    assert keyed(relay.url, key).text_before_cut() == "Hello "
    assert len(upstream.requests) == 1


def test_events_of_a_completion(relay: RelayProcess) -> None:
    """It can be read again as events as well."""
    id = new_key()
    assert keyed(relay.url, id).text()
    assert get(relay.url, id, Accept="text/event-stream").text().endswith("data: [DONE]\n\n")


EVENTS = {"Accept": "text/event-stream"}


def events(url: str, id: str, last: str) -> Exchange:
    return get(url, id, Accept="text/event-stream", Last_Event_ID=last)


def test_events_go_on(relay: RelayProcess, upstream: Upstream) -> None:
    """Events take up after the one that the reader names, live, and to their end."""
    gated = Gated(upstream, "안녕", "하세요")
    key = new_key()
    gated.let()
    reply = Exchange(relay.url, {"userPrompt": "Hi"}, headers=EVENTS | {"Idempotency-Key": key})
    assert reply.piece() == 'id: 6\ndata: {"text":"안녕"}\n\n'
    reply.leave()
    rest = events(relay.url, key, "6")
    whole = get(relay.url, key, Accept="text/event-stream")
    assert whole.piece() == 'id: 6\ndata: {"text":"안녕"}\n\n'
    gated.let(2)
    end = 'id: 15\ndata: {"text":"하세요"}\n\nid: 15\ndata: [DONE]\n\n'
    assert rest.text() == end
    assert whole.text() == end
    assert events(relay.url, key, "6").text() == end
    assert len(upstream.requests) == 1


def test_events_that_are_over(relay: RelayProcess) -> None:
    """Who has all of a finished or stopped answer is told 204, after which EventSource stops."""
    key = new_key()
    assert keyed(relay.url, key).text()
    for last in ("12", "999"):
        reply = events(relay.url, key, last)
        assert (reply.status, reply.text()) == (204, "")
    # What is no number of ours says nothing.
    assert events(relay.url, key, "x").text().startswith("id: 12\n")


def test_events_of_a_failure(relay: RelayProcess, upstream: Upstream) -> None:
    """The end of what a failed answer has is not its end: who comes back is told of the failure."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.event("{broken")

    key = new_key()
    assert keyed(relay.url, key).text_before_cut() == "Hello "
    rest = events(relay.url, key, "6").text()
    assert rest.startswith('id: 6\ndata: {"error":')
    assert "upstream_error" in rest


def test_events_past_what_is_written(relay: RelayProcess, upstream: Upstream) -> None:
    """So far no client can have seen more than there is, nor the half of a character."""
    gated = Gated(upstream, "안녕")
    gated.let()
    reply = ask(relay.url)
    assert reply.piece() == "안녕"
    id = reply.headers["Completion-Id"]
    past = events(relay.url, id, "7")
    assert (past.status, past.json()["code"]) == (416, "range_not_satisfiable")
    assert "녕" in events(relay.url, id, "1").piece()
    gated.let()
    assert reply.text() == ""


def test_events_asked_for_again(relay: RelayProcess, upstream: Upstream) -> None:
    """Some clients come back with the question: it is not asked again, known or not."""
    key = new_key()
    again = EVENTS | {"Idempotency-Key": f'"{key}"', "Last-Event-ID": "6"}
    unknown = Exchange(relay.url, {"userPrompt": "Hi"}, headers=again)
    assert unknown.status == 404
    assert not upstream.requests
    assert keyed(relay.url, key).text() == "Hello there."
    rest = Exchange(relay.url, {"userPrompt": "Hi"}, headers=again)
    assert rest.text() == 'id: 12\ndata: {"text":"there."}\n\nid: 12\ndata: [DONE]\n\n'
    # Without a key there is nothing to come back to.
    fresh = Exchange(relay.url, {"userPrompt": "Hi"}, headers=EVENTS | {"Last-Event-ID": "6"})
    assert "Hello " in fresh.text()
    assert len(upstream.requests) == 2


def test_forgetting(start_relay: StartRelay) -> None:
    """An ended answer is kept for ANSWER_TTL_SECONDS, and the least recent go first for room."""
    relay = start_relay(ANSWER_STORE_MAX_BYTES="5000", ANSWER_TTL_SECONDS="600")
    ids = [new_key() for _ in range(4)]
    for id in ids:
        assert keyed(relay.url, id).text() == "Hello there."
    eventually(lambda: [get(relay.url, id).status for id in ids] == [404, 404, 200, 200])
    brief = start_relay(ANSWER_TTL_SECONDS="0.2")
    id = new_key()
    assert keyed(brief.url, id).text()
    eventually(lambda: get(brief.url, id).status == 404)


def test_forgetting_with_redis(start_relay: StartRelay, tmp_path: Path) -> None:
    """Redis keeps an ended answer for as long; without it a process has as little room."""
    server = RedisServer(tmp_path)
    try:
        relay = start_relay(REDIS_URL=server.url, ANSWER_TTL_SECONDS="1")
        id = new_key()
        assert keyed(relay.url, id).text()
        eventually(lambda: get(relay.url, id).status == 404)
        relay = start_relay(REDIS_URL=server.url, ANSWER_STORE_MAX_BYTES="5000")
        server.stop()
        ids = [new_key() for _ in range(4)]
        for id in ids:
            assert keyed(relay.url, id).text() == "Hello there."
        eventually(lambda: [get(relay.url, id).status for id in ids] == [503, 503, 200, 200])
    finally:
        server.stop()


def test_ids_are_not_logged(relay: RelayProcess) -> None:
    """Who reads the log cannot read the answers."""
    key = new_key()
    assert keyed(relay.url, key).text()
    shown = sha256(key.encode()).hexdigest()[:8]
    relay.wait_for_record("answer", completion=shown, state="finished")
    assert key[:8] not in relay.log


DROPS = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(["FIN", "RST"])), min_size=20, max_size=20
)


@given(DROPS)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_two_hundred_drops(
    relay: RelayProcess, upstream: Upstream, drops: list[tuple[int, str]]
) -> None:
    """Dropped at any byte, of any character, 200 times: put together it is the same answer."""
    texts = ["안녕하세요! ", "I'm Askbot 🎸. ", "こんにちは、", "世界。", "Ça va? "] * 8
    upstream.forget()
    gated = Gated(upstream, *texts)
    key = new_key()
    gated.let()
    received, reply = b"", keyed(relay.url, key)
    for most, how in drops:
        received += reply.response.read1(most)
        reply.leave(how)
        gated.let(2)
        reply = get(relay.url, key, start=len(received))
        assert reply.status == 206
    gated.let(len(texts))
    received += reply.response.read()
    assert received.decode() == "".join(texts)
    assert len(upstream.requests) == 1
