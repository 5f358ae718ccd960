"""The AI SDK's UI message stream, frame by frame."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from relay.clients.ai_sdk_reply import ui_message_chunks
from relay.completions import EndedCompletion, Receipt
from relay.errors import UpstreamError
from relay.intervals import LAST_WORDS_SECONDS
from relay.upstream import Outcome

FINISHED = EndedCompletion("the id", "the etag", b"", Receipt("finished", 0, Outcome("stop")))


def frames(chunks: Iterator[bytes]) -> list[Any]:
    """What is in the frames; a comment is a silence, and True is `[DONE]`."""
    found = []
    for frame in b"".join(chunks).decode().removesuffix("\n\n").split("\n\n"):
        data = frame.removeprefix("data: ")
        found.append("silence" if data.startswith(":") else data == "[DONE]" or json.loads(data))
    return found


def test_a_message() -> None:
    """Its one text part is opened by the first text, and silence is a comment."""
    pieces = iter([b"", "안".encode(), b"", "녕".encode()])
    assert frames(ui_message_chunks(FINISHED, pieces)) == [
        {"type": "start", "messageId": "the etag"},
        "silence",
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "안"},
        "silence",
        {"type": "text-delta", "id": "1", "delta": "녕"},
        {"type": "text-end", "id": "1"},
        {"type": "finish", "finishReason": "stop"},
        True,
    ]


def test_an_empty_message() -> None:
    """It has no part, and an end."""
    assert frames(ui_message_chunks(FINISHED, iter([]))) == [
        {"type": "start", "messageId": "the etag"},
        {"type": "finish", "finishReason": "stop"},
        True,
    ]


def test_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and raised for whoever cuts the connection."""

    def pieces() -> Iterator[bytes]:
        yield b"Hello"
        raise UpstreamError()

    chunks = ui_message_chunks(FINISHED, pieces())
    written = [next(chunks), next(chunks)]
    assert frames(iter(written))[-1] == {"type": "error", "errorText": UpstreamError.message}
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(UpstreamError):
        next(chunks)
    assert pauses == [LAST_WORDS_SECONDS]
