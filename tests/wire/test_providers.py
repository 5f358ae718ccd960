"""Providers differ: in names, in what they refuse, in how long a conversation may be."""

import threading
from pathlib import Path

import pytest

from helpers.client import Exchange, ask
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Reply, Script, Upstream, hello

CONVERSATION = [
    {"role": role, "content": text}
    for role, text in zip(["user", "assistant"] * 4 + ["user"], "abcdefghi", strict=True)
]


def contents(request: dict[str, list[dict[str, str]]]) -> list[str]:
    return [message["content"] for message in request["messages"]]


def test_what_is_asked_of_openai_like_servers(relay: RelayProcess, upstream: Upstream) -> None:
    """With a base URL the older name of the token limit is used, and the usage asked for."""
    assert ask(relay.url).text()
    sent = upstream.requests[0]
    assert sent["max_tokens"] > 0
    assert "max_completion_tokens" not in sent
    assert sent["stream_options"] == {"include_usage": True}


def test_what_is_asked_can_be_set(start_relay: StartRelay, upstream: Upstream) -> None:
    """One setting each for the names that differ between providers."""
    relay = start_relay(
        OPENAI_TOKEN_LIMIT_PARAMETER="max_completion_tokens",
        OPENAI_STREAM_USAGE="off",
        OPENAI_SYSTEM_ROLE="developer",
        OPENAI_MODEL="some-model",
        MAX_ANSWER_TOKENS="9",
    )
    assert ask(relay.url).text()
    sent = upstream.requests[0]
    assert sent["max_completion_tokens"] == 9
    assert "max_tokens" not in sent
    assert "stream_options" not in sent
    assert sent["messages"][0]["role"] == "developer"
    assert sent["model"] == "some-model"


def test_an_address_without_a_path(start_relay: StartRelay, upstream: Upstream) -> None:
    """What is asked for stands behind whatever OPENAI_BASE_URL ends in."""
    for end, target in (("", ""), ("/", ""), ("/v1/", "/v1")):
        relay = start_relay(OPENAI_BASE_URL=f"http://127.0.0.1:{upstream.port}{end}")
        assert ask(relay.url).text() == "Hello there."
        assert upstream.targets[-1] == f"{target}/chat/completions"


def test_an_address_that_cannot_be() -> None:
    """What only the client finds wrong with OPENAI_BASE_URL is a sentence too."""
    relay = RelayProcess({"OPENAI_BASE_URL": "http://300.0.0.1/secret"})
    assert relay.wait_for_exit() != 0
    assert "askbot: OPENAI_BASE_URL must be an address such as " in relay.log
    assert "Traceback" not in relay.log
    assert "secret" not in relay.log


@pytest.mark.parametrize("parameter", ["temperature", "stream_options.include_usage"])
def test_refused_parameters(
    start_relay: StartRelay, upstream: Upstream, parameter: str, tmp_path: Path
) -> None:
    """A parameter the model refuses by name is left out, then and from then on."""
    front = "name: A\ndescription: B\ngreeting: C\nsuggestions: []\ntemperature: 0.5"
    (tmp_path / "warm.md").write_text(f"---\n{front}\n---\nBe warm.\n", encoding="utf-8")
    name = parameter.partition(".")[0]

    @upstream.answers
    def script(reply: Reply) -> None:
        if name in reply.body:
            reply.refuse("400 Bad", {"message": "no", "param": parameter, "code": "x"})
        else:
            hello(reply)

    relay = start_relay(PERSONAS_DIR=str(tmp_path), PERSONA="warm")
    assert ask(relay.url).text() == "Hello there."
    assert ask(relay.url).text() == "Hello there."
    assert [name in request for request in upstream.requests] == [True, False, False]


def test_a_conversation_too_long_for_the_model(relay: RelayProcess, upstream: Upstream) -> None:
    """When the model says so, half of the history is left out, once, and the question is not."""

    @upstream.answers
    def script(reply: Reply) -> None:
        if len(upstream.requests) == 1:
            reply.refuse("400 Bad", {"message": "no", "code": "context_length_exceeded"})
        else:
            hello(reply)

    assert Exchange(relay.url, {"messages": CONVERSATION}).text() == "Hello there."
    first, second = map(contents, upstream.requests)
    assert first[-9:] == list("abcdefghi")
    assert second[-5:] == list("efghi")
    assert "d" not in second
    assert second[0] == first[0]


def test_still_too_long(relay: RelayProcess, upstream: Upstream) -> None:
    """After one shorter try the reader is told, and a question alone is not asked twice."""
    upstream.answers(
        lambda reply: reply.refuse("400 Bad", {"message": "no", "code": "context_length_exceeded"})
    )
    refusal = Exchange(relay.url, {"messages": CONVERSATION})
    assert refusal.error() == (413, "question_too_long")
    assert len(upstream.requests) == 2
    assert ask(relay.url).error() == (413, "question_too_long")
    assert len(upstream.requests) == 3


def test_history_limits(start_relay: StartRelay, upstream: Upstream) -> None:
    """HISTORY_TURNS and HISTORY_CHARS keep the newest whole turns."""
    relay = start_relay(HISTORY_TURNS="2", HISTORY_CHARS="100")
    assert Exchange(relay.url, {"messages": CONVERSATION}).text()
    opening = len(upstream.requests[0]["messages"]) - 3
    assert contents(upstream.requests[0])[opening:] == list("ghi")
    assert upstream.requests[0]["messages"][0]["role"] == "system"


def stall(reply: Reply) -> None:
    reply.until_gone()


def broken(reply: Reply) -> None:
    reply.event("{broken")


@pytest.mark.parametrize(
    "failure",
    [
        lambda reply: reply.refuse("429 Too Many", {"message": "no"}),
        lambda reply: reply.refuse("503 Busy", {"message": "no"}),
        stall,
        broken,
    ],
    ids=["429", "503", "stall", "broken stream"],
)
def test_fallback_models(start_relay: StartRelay, upstream: Upstream, failure: Script) -> None:
    """A model that fails before its first text is replaced by the next, in order."""

    @upstream.answers
    def script(reply: Reply) -> None:
        (hello if reply.body["model"] == "c" else failure)(reply)

    relay = start_relay(OPENAI_MODEL="a", OPENAI_FALLBACK_MODELS="b, c, d", FIRST_TEXT_TIMEOUT="12")
    assert ask(relay.url).text() == "Hello there."
    assert [request["model"] for request in upstream.requests] == ["a", "b", "c"]


def test_models_that_say_nothing(start_relay: StartRelay, upstream: Upstream) -> None:
    """All of them together have FIRST_TEXT_TIMEOUT."""
    upstream.answers(stall)
    relay = start_relay(OPENAI_MODEL="a", OPENAI_FALLBACK_MODELS="b, c, d", FIRST_TEXT_TIMEOUT="8")
    assert ask(relay.url).error() == (504, "upstream_timeout")
    assert [request["model"] for request in upstream.requests] == ["a", "b", "c", "d"]
    # Each with a time of its own would take four times as long.
    assert relay.wait_for_record("answer")["duration_ms"] < 3 * 8000


def test_no_fallback_for_a_bad_question(start_relay: StartRelay, upstream: Upstream) -> None:
    """What the question itself is refused for, another model is not asked to excuse."""
    relay = start_relay(OPENAI_FALLBACK_MODELS="b")
    upstream.answers(
        lambda reply: reply.refuse("400 Bad", {"message": "no", "code": "content_policy_violation"})
    )
    assert ask(relay.url).error() == (422, "content_filtered")
    assert len(upstream.requests) == 1


def test_no_fallback_after_the_first_text(start_relay: StartRelay, upstream: Upstream) -> None:
    """An answer that has begun is that model's; it is cut, not begun again."""
    relay = start_relay(OPENAI_FALLBACK_MODELS="b")
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        gate.wait(10)
        reply.reset()

    reply = ask(relay.url)
    assert reply.piece() == "Hello "
    gate.set()
    assert reply.text_before_cut() == ""
    assert len(upstream.requests) == 1


def test_all_models_fail(start_relay: StartRelay, upstream: Upstream) -> None:
    """The last model's failure is the one that is told."""
    relay = start_relay(OPENAI_MODEL="a", OPENAI_FALLBACK_MODELS="b")

    @upstream.answers
    def script(reply: Reply) -> None:
        if reply.body["model"] == "a":
            reply.refuse("500 Oops", {"message": "no"})
        else:
            reply.refuse("429 Too Many", {"message": "no"}, Retry_After="3")

    refusal = ask(relay.url)
    assert refusal.error() == (429, "upstream_rate_limited")
    assert refusal.headers["Retry-After"] == "3"
