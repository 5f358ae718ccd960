"""Models that think before they answer: what each client sees of it, and of no answer at all."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from helpers.client import Exchange, ask
from helpers.completions import eventually, get, keyed, new_key, receipt, stop
from helpers.limits import HELD_SECONDS
from helpers.relay_process import KEY, RelayProcess, StartRelay
from helpers.thinker import SECRET, TaggedThinker, Thinker, by_details, by_field
from helpers.upstream import Reply, Upstream, chunk

THINKERS = [
    lambda upstream: Thinker(upstream, by_field("reasoning_content")),
    lambda upstream: Thinker(upstream, by_field("reasoning")),
    lambda upstream: Thinker(upstream, by_details),
    TaggedThinker,
]


def events_of(text: str) -> list[Any]:
    """What is in the events but for `[DONE]`, which must be the last."""
    data = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    return [json.loads(each) for each in data]


@pytest.mark.parametrize("make", THINKERS, ids=["content", "reasoning", "details", "tag"])
def test_thoughts_are_no_part_of_the_answer(
    relay: RelayProcess, upstream: Upstream, make: Callable[[Upstream], Thinker]
) -> None:
    """In text, events and JSON there is the answer only; events tell that the model thinks."""
    thinker = make(upstream)
    events = ask(relay.url, Accept="text/event-stream")
    first = events.piece()
    assert first == 'id: 0\ndata: {"thinking":""}\n\n'
    text, whole = ask(relay.url), ask(relay.url, Accept="application/json")
    assert upstream.wait_until(lambda it: it.open == 3)
    thinker.speaks.set()
    assert text.text() == "안녕하세요"
    assert whole.json()["text"] == "안녕하세요"
    told = events_of(first + events.text())
    assert "".join(each.get("text", "") for each in told) == "안녕하세요"
    assert {each["thinking"] for each in told if "thinking" in each} == {""}


def test_the_head_leaves_while_it_thinks(relay: RelayProcess, upstream: Upstream) -> None:
    """No host has to wait for the first text of a long thought, and no answer after it is a cut."""
    thinker = Thinker(upstream)
    text, whole = ask(relay.url), ask(relay.url, Accept="application/json")
    assert upstream.wait_until(lambda it: it.open == 2)
    ends = threading.Event()
    upstream.answers(lambda reply: thinks_in_vain(reply, ends))
    vain = [ask(relay.url), ask(relay.url, Accept="application/json")]
    assert [each.status for each in (text, whole, *vain)] == [200] * 4
    assert "Server-Timing" not in text.headers
    thinker.speaks.set()
    ends.set()
    assert text.text() == "안녕하세요"
    assert whole.json()["text"] == "안녕하세요"
    assert [each.text_before_cut().strip() for each in vain] == ["", ""]


def test_the_phases_of_an_answer(relay: RelayProcess, upstream: Upstream) -> None:
    """The receipt says what the model does, and how long it thought."""
    thinker = Thinker(upstream, is_silent=True)
    key = new_key()
    reply = keyed(relay.url, key)
    assert thinker.is_asked.wait(HELD_SECONDS)
    found = receipt(relay.url, key)
    assert (found["phase"], found["thinking_ms"]) == ("waiting", None)
    thinker.thinks.set()
    eventually(lambda: receipt(relay.url, key)["phase"] == "thinking")
    eventually(lambda: receipt(relay.url, key)["thinking_ms"] > 100)
    assert "thinking" not in receipt(relay.url, key)
    thinker.speaks.set()
    assert reply.text() == "안녕하세요"
    found = receipt(relay.url, key)
    assert (found["state"], found["phase"]) == ("finished", None)
    assert 100 < found["thinking_ms"] <= found["first_token_ms"] <= found["duration_ms"]
    assert found["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 8,
        "total_tokens": 15,
        "reasoning_tokens": 5,
    }


def test_thoughts_that_are_shown(start_relay: StartRelay, upstream: Upstream) -> None:
    """With SHOW_THINKING each event has what is new, and the receipt all while it thinks."""
    relay = start_relay(SHOW_THINKING="true")
    thinker = Thinker(upstream)
    key = new_key()
    events = Exchange(
        relay.url,
        {"userPrompt": "Hi"},
        headers={"Accept": "text/event-stream", "Idempotency-Key": key},
    )
    first = events.piece()
    assert SECRET in first
    eventually(lambda: "hm. hm." in receipt(relay.url, key).get("thinking", ""))
    thinker.speaks.set()
    told = events_of(first + events.text())
    thoughts = "".join(each.get("thinking", "") for each in told)
    assert thoughts.startswith(SECRET + "hm. hm. ")
    assert thoughts.replace("hm. ", "") == SECRET
    assert "".join(each.get("text", "") for each in told) == "안녕하세요"
    assert "thinking" not in receipt(relay.url, key)
    again = get(relay.url, key, Accept="text/event-stream").text()
    assert SECRET not in again


UI_QUESTION = {
    "id": "a",
    "messages": [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}],
}
CHUNKS_QUESTION = {
    "messages": [{"role": "user", "content": "Hi"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}


def thinks_in_vain(reply: Reply, ends: threading.Event) -> None:
    """A model that uses up its tokens once the test lets it."""
    while not ends.wait(0.5):
        reply.event(chunk({"reasoning": "hm. "}))
    reply.finish("length")


def no_answer(reply: Reply) -> None:
    reply.event(chunk({"reasoning": "hm. "}))
    reply.finish("length")


def test_thoughts_and_no_answer(relay: RelayProcess, upstream: Upstream) -> None:
    """A model that used up its tokens is an error before the head, and the key is free again."""
    upstream.answers(no_answer)
    key = new_key()
    reply = keyed(relay.url, key)
    assert reply.error() == (502, "no_answer")
    assert receipt(relay.url, key)["error"]["code"] == "no_answer"
    thinker = Thinker(upstream)
    thinker.speaks.set()
    assert keyed(relay.url, key).text() == "안녕하세요"


def test_no_answer_after_the_head(relay: RelayProcess, upstream: Upstream) -> None:
    """Events that had begun with a thought end with the error in place of `[DONE]`."""
    ends = threading.Event()
    upstream.answers(lambda reply: thinks_in_vain(reply, ends))
    events = ask(relay.url, Accept="text/event-stream")
    chat = Exchange(relay.url, UI_QUESTION, path="/api/chat")
    chunks = Exchange(relay.url, CHUNKS_QUESTION, path="/v1/chat/completions")
    replies = events, chat, chunks
    begun = [each.piece() for each in replies]
    ends.set()
    found = begun[0] + events.text()
    assert json.loads(found.strip().split("data: ")[-1])["code"] == "no_answer"
    for first, reply in zip(begun[1:], replies[1:], strict=True):
        told = first + reply.text_before_cut()
        assert "used up its tokens" in told
        assert "[DONE]" not in told


def test_stopped_while_it_thinks(relay: RelayProcess, upstream: Upstream) -> None:
    """The request to the model is closed, and the answer is empty."""
    Thinker(upstream)
    key = new_key()
    reply = keyed(relay.url, key)
    eventually(lambda: get(relay.url, key, Accept="application/json").status == 200)
    eventually(lambda: receipt(relay.url, key)["phase"] == "thinking")
    assert stop(relay.url, key) == 204
    assert reply.text() == ""
    assert upstream.wait_until(lambda it: it.open == 0)
    assert receipt(relay.url, key)["state"] == "stopped"


def test_a_silent_model(start_relay: StartRelay, upstream: Upstream) -> None:
    """It is a 504, also if it had announced an answer."""
    relay = start_relay(FIRST_TEXT_TIMEOUT="1", IDLE_TIMEOUT="1")

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.event(chunk({"role": "assistant", "content": ""}))
        reply.until_gone()

    assert ask(relay.url).error() == (504, "upstream_timeout")


@pytest.mark.parametrize("counts_thoughts", [True, False])
def test_the_limit_of_tokens(
    start_relay: StartRelay, upstream: Upstream, counts_thoughts: bool
) -> None:
    """Where thoughts count, a small limit leaves nothing for the answer; the default leaves all."""

    @upstream.answers
    def script(reply: Reply) -> None:
        left = reply.body["max_tokens"]
        for _ in range(4000):
            left -= counts_thoughts
            if left <= 0:
                reply.finish("length")
                return
        reply.event(chunk({"reasoning": "hm. "}))
        reply.text("Hello")
        reply.finish()

    assert ask(start_relay().url).text() == "Hello"
    small = ask(start_relay(MAX_ANSWER_TOKENS="1000").url)
    if counts_thoughts:
        assert small.error() == (502, "no_answer")
    else:
        assert small.text() == "Hello"


def test_thoughts_elsewhere(start_relay: StartRelay, upstream: Upstream, tmp_path: Any) -> None:
    """Another worker knows that the model thinks, and tells those who read there."""
    settings = {"STATE_FILE": str(tmp_path / "state.sqlite3"), "SHOW_THINKING": "true"}
    here, there = start_relay(**settings), start_relay(**settings)
    thinker = Thinker(upstream)
    key = new_key()
    asked = keyed(here.url, key)
    eventually(lambda: get(there.url, key, Accept="application/json").status == 200)
    eventually(lambda: receipt(there.url, key)["phase"] == "thinking")
    events = get(there.url, key, Accept="text/event-stream")
    first = events.piece()
    assert SECRET in first
    thinker.speaks.set()
    told = events_of(first + events.text())
    assert "".join(each.get("text", "") for each in told) == "안녕하세요"
    assert asked.text() == "안녕하세요"
    eventually(lambda: receipt(there.url, key) == receipt(here.url, key))


def test_the_ui_message_stream(relay: RelayProcess, upstream: Upstream) -> None:
    """`useChat` gets a reasoning part, empty unless it is shown, and then the text."""
    thinker = Thinker(upstream)
    reply = Exchange(relay.url, UI_QUESTION, path="/api/chat")
    first = reply.piece()
    assert "reasoning-start" in first
    thinker.speaks.set()
    told = events_of(first + reply.text())
    kinds = [each["type"] for each in told]
    assert kinds[:3] == ["start", "reasoning-start", "reasoning-delta"]
    assert kinds.index("reasoning-end") < kinds.index("text-start")
    assert {each["delta"] for each in told if each["type"] == "reasoning-delta"} == {""}
    assert "".join(each["delta"] for each in told if each["type"] == "text-delta") == "안녕하세요"


@pytest.mark.parametrize("shown", [True, False])
def test_openais_chunks(start_relay: StartRelay, upstream: Upstream, shown: bool) -> None:
    """The head leaves while the model thinks; thoughts have the name most servers give them."""
    relay = start_relay(SHOW_THINKING=str(shown))
    thinker = Thinker(upstream)
    reply = Exchange(relay.url, CHUNKS_QUESTION, path="/v1/chat/completions")
    first = reply.piece()
    thinker.speaks.set()
    told = events_of(first + reply.text())
    deltas = [each["choices"][0]["delta"] for each in told if each["choices"]]
    assert "".join(each.get("content", "") for each in deltas) == "안녕하세요"
    thoughts = "".join(each.get("reasoning_content", "") for each in deltas)
    assert thoughts.startswith(SECRET) if shown else thoughts == ""
    assert told[-1]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 5}


def test_how_much_it_thinks(start_relay: StartRelay, upstream: Upstream, tmp_path: Any) -> None:
    """REASONING_EFFORT is sent, a persona's own before it, until a model refuses it by name."""
    front = "name: A\ndescription: B\ngreeting: C\nsuggestions: []\nreasoning_effort: high"
    (tmp_path / "deep.md").write_text(f"---\n{front}\n---\nThink.\n", encoding="utf-8")
    relay = start_relay(REASONING_EFFORT="low", PERSONAS_DIR=str(tmp_path))
    assert ask(relay.url).text()
    body = {"userPrompt": "Hi", "persona": "deep"}
    assert Exchange(relay.url, body).text()
    efforts = [each["reasoning_effort"] for each in upstream.requests]
    assert efforts == ["low", "high"]

    @upstream.answers
    def script(reply: Reply) -> None:
        if "reasoning_effort" in reply.body:
            message = "Unrecognized request argument supplied: reasoning_effort"
            error = {"message": message, "type": "invalid_request_error", "param": None}
            reply.refuse("400 Bad Request", {**error, "code": None})
        else:
            reply.text("Hello")
            reply.finish()

    assert ask(relay.url).text() == "Hello"
    assert ask(relay.url).text() == "Hello"
    asked = ["reasoning_effort" in each for each in upstream.requests[2:]]
    assert asked == [True, False, False]


def test_thoughts_in_the_log(start_relay: StartRelay, upstream: Upstream) -> None:
    """Nothing that a model thought is logged, not even if it comes to nothing."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.event(chunk({"reasoning": SECRET}))
        reply.finish("length")

    relay = start_relay(SHOW_THINKING="true", LOG_LEVEL="debug")
    assert ask(relay.url).status == 502
    eventually(lambda: "no_answer" in relay.log)
    assert SECRET not in relay.log
    assert KEY not in relay.log
