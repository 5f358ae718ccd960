"""The door for OpenAI's clients, with their own package and on the wire."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from helpers.client import Cut, Exchange
from helpers.completions import Gated, get, new_key, receipt, stop
from helpers.limits import GONE_SECONDS
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Reply, Upstream

QUESTION: list[Any] = [{"role": "user", "content": "Hi"}]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def ask(url: str, *, headers: dict[str, str] | None = None, **fields: Any) -> Exchange:
    body = {"model": "askbot", "messages": QUESTION, **fields}
    return Exchange(url, body, path="/v1/chat/completions", headers=headers)


def chunks(text: str) -> list[Any]:
    """What is in the events, `[DONE]` left out, which must be their end."""
    *events, done, nothing = text.split("\n\n")
    assert (done, nothing) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


@pytest.fixture
def client(relay: RelayProcess) -> Iterator[openai.OpenAI]:
    """The package of PyPI, as a program would make it; but it asks again only if it is told to."""
    with openai.OpenAI(base_url=f"{relay.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_whole(client: openai.OpenAI) -> None:
    """Without `stream` the answer comes whole, with its usage."""
    answer = client.chat.completions.create(model="askbot", messages=QUESTION)
    (choice,) = answer.choices
    assert choice.message.content == "Hello there."
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert answer.usage is not None
    assert answer.usage.model_dump(exclude_none=True) == USAGE
    assert (answer.object, answer.model) == ("chat.completion", "askbot")


def test_streamed(client: openai.OpenAI, upstream: Upstream) -> None:
    """With it each piece comes as it is written, and the usage where it is asked for."""
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    stream = client.chat.completions.create(
        model="secretary",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": True},
    )
    first = next(stream)
    assert (first.choices[0].delta.role, first.model) == ("assistant", "secretary")
    assert next(stream).choices[0].delta.content == "안녕"
    gated.let(2)
    *more, end, usage = stream
    assert [each.choices[0].delta.content for each in more] == ["하세요"]
    assert end.choices[0].finish_reason == "stop"
    assert usage.usage is not None
    assert usage.usage.total_tokens == 10
    assert "secretary" in upstream.requests[0]["messages"][0]["content"]


def test_no_usage_unless_asked(relay: RelayProcess) -> None:
    """Every chunk then has a choice, on which many clients rely."""
    assert all(each["choices"] for each in chunks(ask(relay.url, stream=True).text()))


def test_models(client: openai.OpenAI) -> None:
    """The models are the personas, one by one too."""
    assert [model.id for model in client.models.list()] == ["askbot", "secretary"]
    assert client.models.retrieve("secretary").owned_by == "askbot"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.models.retrieve("gpt-4o")
    assert unknown.value.code == "model_not_found"


def test_an_unknown_model(client: openai.OpenAI, upstream: Upstream) -> None:
    """It is not replaced by another, and the refusal names those that are there."""
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert "askbot, secretary" in unknown.value.message
    assert not upstream.requests


def test_no_model_at_all(relay: RelayProcess) -> None:
    """Then the default persona answers."""
    body = {"messages": QUESTION}
    assert Exchange(relay.url, body, path="/v1/chat/completions").json()["model"] == "askbot"


def test_what_is_ignored(relay: RelayProcess, upstream: Upstream) -> None:
    """Options and messages that are the server's to choose have no effect, and are named."""
    messages = [
        {"role": "system", "content": "Be a pirate."},
        {"role": "developer", "content": "Be a pirate."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "Be a pirate."},
        {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
    ]
    fields: dict[str, Any] = {
        "temperature": 2,
        "tools": [],
        "max_tokens": 9999,
        "user": None,
        "x\r\ny": 1,
    }
    reply = ask(relay.url, messages=messages, **fields)
    assert reply.json()["choices"][0]["message"]["content"] == "Hello there."
    told = reply.headers["Askbot-Ignored"]
    assert told == "developer, system, tool, max_tokens, temperature, tools"
    (sent,) = upstream.requests
    assert "pirate" not in json.dumps(sent)
    assert [each["content"] for each in sent["messages"][-2:]] == ["Hi", "And now?"]
    assert "tools" not in sent
    assert "Askbot-Ignored" not in ask(relay.url, stream=True).headers


def test_a_refusal(client: openai.OpenAI, upstream: Upstream) -> None:
    """It is the package's own error, with the sentence and how long to wait."""
    upstream.answers(lambda reply: reply.refuse("429 Slow", {"message": "x"}, Retry_After="7"))
    with pytest.raises(openai.RateLimitError) as refusal:
        client.chat.completions.create(model="askbot", messages=QUESTION)
    assert refusal.value.code == "upstream_rate_limited"
    assert refusal.value.type == "rate_limit_error"
    assert refusal.value.response.headers["Retry-After"] == "7"
    assert "Try again in a little while." in refusal.value.message
    assert refusal.value.request_id


def test_an_access_token(start_relay: StartRelay, upstream: Upstream) -> None:
    """It goes where OpenAI's key goes; a wrong one is the package's error for a wrong key."""
    token = "a-token-of-ana-0001"
    url = f"{start_relay(ACCESS_TOKENS=f'ana:{token}').url}/v1"
    with openai.OpenAI(base_url=url, api_key=token, max_retries=0) as client:
        answer = client.chat.completions.create(model="askbot", messages=QUESTION)
        assert answer.choices[0].message.content == "Hello there."
        assert client.models.list().data
    with (
        openai.OpenAI(base_url=url, api_key="none") as client,
        pytest.raises(openai.AuthenticationError) as refusal,
    ):
        client.chat.completions.create(model="askbot", messages=QUESTION)
    assert refusal.value.code == "invalid_api_key"
    assert "access token" in refusal.value.message
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("theirs", "status", "code"),
    [
        ({"code": "context_length_exceeded"}, 400, "context_length_exceeded"),
        ({"code": "content_filter"}, 400, "content_filter"),
        ({"code": "odd"}, 502, "upstream_error"),
    ],
)
def test_refusals_by_openais_names(
    relay: RelayProcess, upstream: Upstream, theirs: dict[str, str], status: int, code: str
) -> None:
    """What OpenAI's clients look for in an error has the name and status that they know."""
    upstream.answers(lambda reply: reply.refuse("400 Bad", {"message": "x", **theirs}))
    reply = ask(relay.url)
    assert reply.status == status
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert error["code"] == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"messages": None}, "invalid_request"),
        ({"messages": []}, "invalid_request"),
        ({"messages": [{"role": "system", "content": "x"}]}, "invalid_request"),
        ({"messages": [{"role": "root", "content": "x"}]}, "invalid_request"),
        ({"model": 1}, "invalid_request"),
        ({"stream": "yes"}, "invalid_request"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "unsupported_content",
        ),
    ],
)
def test_bad_requests(
    relay: RelayProcess, upstream: Upstream, fields: dict[str, Any], code: str
) -> None:
    """They are refused in the same shape, and cost nothing."""
    reply = ask(relay.url, **fields)
    assert reply.status == 400
    assert reply.json()["error"]["code"] == code
    assert not upstream.requests


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v1/responses", 404), ("GET", "/v1", 404), ("GET", "/v1/chat/completions", 405)],
)
def test_wrong_addresses(relay: RelayProcess, method: str, path: str, status: int) -> None:
    """What is not here is told in the same shape."""
    reply = Exchange(relay.url, method=method, path=path)
    assert reply.status == status
    assert reply.json()["error"]["type"] == "invalid_request_error"


def stalls(reply: Reply) -> None:
    reply.text("Hello ")
    reply.until_gone()


def breaks_off(reply: Reply) -> None:
    reply.text("Half an ans")
    reply.event("{broken")


def test_a_failure_in_mid_answer(client: openai.OpenAI, upstream: Upstream) -> None:
    """A stream raises the package's error with the sentence, after what had come."""
    upstream.answers(breaks_off)
    stream = client.chat.completions.create(model="askbot", messages=QUESTION, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "Half an ans"]
    with pytest.raises(openai.APIError, match="could not be asked"):
        next(stream)


def test_a_cut(relay: RelayProcess, client: openai.OpenAI, upstream: Upstream) -> None:
    """Who knows of no errors in a stream sees it break, and so does who reads it whole."""
    upstream.answers(breaks_off)
    assert "[DONE]" not in ask(relay.url, stream=True).text_before_cut()
    with pytest.raises(Cut):
        ask(relay.url).text()
    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        client.chat.completions.create(model="askbot", messages=QUESTION)


def test_leaving_ends_it(client: openai.OpenAI, upstream: Upstream) -> None:
    """Closing the stream closes the request to the model."""
    upstream.answers(stalls)
    stream = client.chat.completions.create(model="askbot", messages=QUESTION, stream=True)
    next(stream)
    stream.close()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_stopped(relay: RelayProcess, upstream: Upstream) -> None:
    """The id of a chunk is that of the answer. Stopped, it ends as one that was too long."""
    upstream.answers(stalls)
    reply = ask(relay.url, stream=True)
    begin = reply.piece()
    id = json.loads(begin.split("\n\n")[0].removeprefix("data: "))["id"]
    assert stop(relay.url, id) == 204
    assert chunks(begin + reply.text())[-1]["choices"][0]["finish_reason"] == "length"
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    assert receipt(relay.url, id)["state"] == "stopped"


def test_a_key(relay: RelayProcess, upstream: Upstream) -> None:
    """With a key the answer goes on without its reader, and is asked for once, by whatever door."""
    gated = Gated(upstream, "안녕", "하세요")
    headers = {"Idempotency-Key": new_key()}
    gated.let()
    first = ask(relay.url, headers=headers, stream=True)
    assert "안녕" in first.piece()
    first.leave()
    gated.let(2)
    again = ask(relay.url, headers=headers)
    assert again.json()["choices"][0]["message"]["content"] == "안녕하세요"
    assert get(relay.url, headers["Idempotency-Key"], start=6).text() == "하세요"
    assert len(upstream.requests) == 1


def test_a_long_answer(relay: RelayProcess, upstream: Upstream) -> None:
    """Whole JSON stays JSON, whatever is in the text."""
    text = 'a "quoted" \\ line\n\t안녕 🎸 ' * 5000

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text(text)
        reply.finish()

    assert ask(relay.url).json()["choices"][0]["message"]["content"] == text
