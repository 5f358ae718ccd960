"""The door for the AI SDK: the UI message stream, and refusals in a sentence."""

import json
import sys
from typing import Any

import pytest

from helpers.client import Cut, Exchange
from helpers.completions import Gated, eventually, new_key, receipt, stop
from helpers.limits import GONE_SECONDS
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Reply, Upstream, hello

QUESTION = [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]


def chat(url: str, id: str = "VwtQeFAtHCXULqkE", **more: Any) -> Exchange:
    """What `useChat` sends for the first question of a chat."""
    body = {"id": id, "messages": QUESTION, "trigger": "submit-message"}
    return Exchange(url, body, path="/api/chat", **more)


def completion(url: str, **more: Any) -> Exchange:
    """What `useCompletion` sends."""
    return Exchange(url, {"prompt": "Hi"}, path="/api/completion", **more)


def stream_of(url: str, id: str) -> Exchange:
    """What `useChat({resume: true})` asks when a page is opened."""
    return Exchange(url, method="GET", path=f"/api/chat/{id}/stream")


def stalls(reply: Reply) -> None:
    reply.text("Hello ")
    reply.until_gone()


def frames(text: str) -> list[Any]:
    """What is in the events, `[DONE]` left out, which must be their end."""
    *events, done, nothing = text.split("\n\n")
    assert (done, nothing) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def text_in(found: list[Any]) -> str:
    return "".join(each["delta"] for each in found if each["type"] == "text-delta")


@pytest.mark.parametrize("ask", [chat, completion])
def test_a_stream(relay: RelayProcess, upstream: Upstream, ask: Any) -> None:
    """Each piece is a delta in one text part of one message, as it is written."""
    gated = Gated(upstream, "안녕", "하세요")
    reply = ask(relay.url)
    gated.let()
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert reply.headers["x-vercel-ai-ui-message-stream"] == "v1"
    first = reply.piece()
    assert "안녕" in first
    gated.let(2)
    found = frames(first + reply.text())
    assert found.pop(0).keys() == {"type", "messageId"}
    assert found == [
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "안녕"},
        {"type": "text-delta", "id": "1", "delta": "하세요"},
        {"type": "text-end", "id": "1"},
        {"type": "finish", "finishReason": "stop"},
    ]
    assert upstream.requests[0]["messages"][-1] == {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("length", "length"), ("content_filter", "content-filter"), ("odd", "other"), (None, "stop")],
)
def test_finish_reasons(
    relay: RelayProcess, upstream: Upstream, theirs: str | None, ours: str
) -> None:
    """Why the answer ended is told in the SDK's own words."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("As I was say")
        reply.finish(theirs)

    assert frames(chat(relay.url).text())[-1] == {"type": "finish", "finishReason": ours}


@pytest.mark.parametrize("ask", [chat, completion])
def test_a_refusal(relay: RelayProcess, upstream: Upstream, ask: Any) -> None:
    """Before the stream a failure is a status and one sentence, which the SDK shows as it is."""
    upstream.answers(lambda reply: reply.refuse("429 Slow", {"message": "x"}, Retry_After="7"))
    reply = ask(relay.url, headers={"Origin": "http://localhost:5173"})
    assert reply.status == 429
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Retry-After"] == "7"
    assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    assert reply.text().endswith("Try again in a little while.")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/api/chats", 404), ("GET", "/api", 404), ("GET", "/api/chat", 405)],
)
def test_wrong_addresses(relay: RelayProcess, method: str, path: str, status: int) -> None:
    """They are refused in a sentence too."""
    reply = Exchange(relay.url, method=method, path=path)
    assert (reply.status, reply.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")


def test_a_picture(relay: RelayProcess, upstream: Upstream) -> None:
    """It is refused in words, and costs nothing."""
    parts = [{"type": "file", "mediaType": "image/png", "url": "data:,"}]
    body = {"id": "x", "messages": [{"role": "user", "parts": parts}]}
    reply = Exchange(relay.url, body, path="/api/chat")
    assert reply.status == 400
    assert "only text" in reply.text()
    assert not upstream.requests


@pytest.mark.parametrize("ask", [chat, completion])
def test_a_failure_in_mid_answer(relay: RelayProcess, upstream: Upstream, ask: Any) -> None:
    """It is told in the stream, which is cut after it and has no end that looks like one."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.event("{broken")

    text = ask(relay.url).text_before_cut()
    *_, error, nothing = text.split("\n\n")
    assert nothing == ""
    told = json.loads(error.removeprefix("data: "))
    assert told["type"] == "error"
    assert told["errorText"].endswith(".")
    assert "finish" not in text


def test_leaving_is_stopping(relay: RelayProcess, upstream: Upstream) -> None:
    """The SDK's `stop()` only leaves, which ends an answer that nobody can come back to."""
    upstream.answers(stalls)
    reply = chat(relay.url)
    assert "Hello" in reply.piece()
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_taken_up(relay: RelayProcess, upstream: Upstream) -> None:
    """A chat whose id is a UUID is taken up from the start of its answer, while that is written."""
    gated = Gated(upstream, "안녕", "하세요")
    id = new_key()
    gated.let()
    reply = chat(relay.url, id)
    begin = reply.piece()
    reply.leave()
    again = stream_of(relay.url, id)
    assert again.status == 200
    assert again.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert again.piece() == begin
    gated.let(2)
    assert "하세요" in again.text()
    eventually(lambda: stream_of(relay.url, id).status == 204)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "id", ["VwtQeFAtHCXULqkE", "a/b", "a%2Fb", "%2E%2E", "3f0c1a52-6a0b-4f5e-9d5c-0a1b2c3d4e5f"]
)
def test_nothing_to_take_up(relay: RelayProcess, id: str) -> None:
    """Any other status would be an error on a page that only looks whether there is something."""
    assert stream_of(relay.url, id).status == 204


def test_the_next_question_of_a_chat(relay: RelayProcess, upstream: Upstream) -> None:
    """It has an answer of its own, and the one before, if it still runs, is stopped."""
    upstream.answers(stalls)
    id = new_key()
    first = chat(relay.url, id)
    begin = first.piece()
    upstream.answers(hello)
    second = frames(chat(relay.url, id).text())
    assert text_in(second) == "Hello there."
    before = frames(begin + first.text())
    assert before[-1] == {"type": "abort"}
    assert before[0]["messageId"] != second[0]["messageId"]
    assert receipt(relay.url, id)["state"] == "finished"


def test_a_chat_is_stopped(relay: RelayProcess, upstream: Upstream) -> None:
    """The id of such a chat is that of its answer, which can be stopped as any other."""
    upstream.answers(stalls)
    id = new_key()
    reply = chat(relay.url, id)
    begin = reply.piece()
    assert stop(relay.url, id) == 204
    assert frames(begin + reply.text())[-1] == {"type": "abort"}
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_a_key(relay: RelayProcess, upstream: Upstream) -> None:
    """With a key of the client's the same question is not asked twice, as everywhere."""
    headers = {"Idempotency-Key": new_key()}
    first = completion(relay.url, headers=headers).text()
    assert text_in(frames(first)) == "Hello there."
    again = frames(completion(relay.url, headers=headers).text())
    assert text_in(again) == "Hello there."
    assert again[0] == frames(first)[0]
    assert len(upstream.requests) == 1


def test_a_failed_answer_is_read_again(relay: RelayProcess, upstream: Upstream) -> None:
    """It is cut again."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.event("{broken")

    headers = {"Idempotency-Key": new_key()}
    for _ in range(2):
        with pytest.raises(Cut):
            chat(relay.url, headers=headers).text()
    assert len(upstream.requests) == 1


def test_ids_are_short_in_the_development_log(start_relay: StartRelay) -> None:
    """The id of a chat opens its answer, and the development server logs addresses."""
    relay = start_relay(command=[sys.executable, "-m", "flask", "run", "--port", "0"])
    id = new_key()
    assert stream_of(relay.url, id).status == 204
    relay.wait_for_line(f"/api/chat/{id[:8]}")
    assert id not in relay.log
