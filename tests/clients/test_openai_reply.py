"""OpenAI's chunks and whole completions, frame by frame."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from relay.clients.openai_reply import completion_chunks, openai_error
from relay.completions import EndedCompletion, Receipt
from relay.errors import NotConfigured, QuestionTooLong, UnknownPersona, UpstreamError
from relay.intervals import LAST_WORDS_SECONDS
from relay.upstream import Outcome, Usage

OUTCOME = Outcome("length", Usage(7, 3, 10), "model")
FINISHED = EndedCompletion("the id", "the etag", b"", Receipt("finished", 0, OUTCOME))


def chunks(pieces: Iterator[bytes], *, includes_usage: bool = False) -> list[Any]:
    body = b"".join(completion_chunks(FINISHED, pieces, "askbot", includes_usage=includes_usage))
    *events, done, _ = body.decode().split("\n\n")
    assert done == "data: [DONE]"
    data = [event for event in events if not event.startswith(":")]
    return [json.loads(event.removeprefix("data: ")) for event in data]


def test_chunks() -> None:
    """The role comes first, then the text in deltas, then why it ended, all with one head."""
    found = chunks(iter([b"", b"Hel", b"", b"lo"]))
    assert [each["choices"][0]["delta"] for each in found] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [each["choices"][0]["finish_reason"] for each in found] == [None] * 3 + ["length"]
    heads = [{name: each[name] for name in each if name != "choices"} for each in found]
    assert all(head == heads[0] for head in heads)
    assert heads[0].pop("created") > 0
    assert heads[0] == {"id": "the id", "object": "chat.completion.chunk", "model": "askbot"}


def test_usage() -> None:
    """Where it is asked for it comes last, in a chunk without a choice."""
    last = chunks(iter([b"Hello"]), includes_usage=True)[-1]
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def test_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as OpenAI does, and raised for whoever cuts the connection."""

    def pieces() -> Iterator[bytes]:
        yield b"Hello"
        raise UpstreamError()

    body = completion_chunks(FINISHED, pieces(), "askbot", includes_usage=True)
    next(body)
    error = json.loads(next(body).removeprefix(b"data: "))["error"]
    assert (error["code"], error["type"]) == ("upstream_error", "server_error")
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(UpstreamError):
        next(body)
    assert pauses == [LAST_WORDS_SECONDS]


def test_errors() -> None:
    """Those that OpenAI's clients know by another name have that, and others their own."""
    assert openai_error(QuestionTooLong()) == (
        400,
        {
            "error": {
                "message": QuestionTooLong.message,
                "type": "invalid_request_error",
                "code": "context_length_exceeded",
                "param": "messages",
            }
        },
    )
    status, body = openai_error(UnknownPersona())
    assert (status, body["error"]["code"]) == (404, "model_not_found")
    status, body = openai_error(NotConfigured())
    assert (status, body["error"]["code"], body["error"]["param"]) == (503, "not_configured", None)
