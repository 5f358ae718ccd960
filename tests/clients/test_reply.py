"""The bodies of replies, as chunks."""

import json
from collections.abc import Iterator

from helpers.sources import Clock
from relay.clients.reply import json_chunks, text_in_json
from relay.completions import MAX_PIECE_BYTES, EndedCompletion, Reading, Receipt
from relay.intervals import HEARTBEAT_SECONDS
from relay.upstream import Outcome, Usage


def reading(text: str, outcome: Outcome) -> Reading:
    data = text.encode()
    return Reading(EndedCompletion("the id", "etag", data, Receipt("finished", len(data), outcome)))


def test_json_keeps_the_connection_busy() -> None:
    """The head leaves at once, and then a space for each silence before and within the text."""
    outcome = Outcome("stop", Usage(7, 3, 10), "model")
    chunks = list(json_chunks(reading("Hello", outcome), iter([b"", b"Hel", b"", b"", b"lo"])))
    assert chunks[:4] == [b"", b" ", b" ", b" "]
    assert json.loads(b"".join(chunks)) == {
        "id": "the id",
        "text": "Hello",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def test_json_of_a_model_that_is_never_silent() -> None:
    """While it writes, too, there is a space every HEARTBEAT_SECONDS."""
    clock = Clock()

    def pieces() -> Iterator[bytes]:
        for _ in range(65):
            yield b"word "
            clock.advance(1)

    def after(_: Outcome) -> bytes:
        return b'"'

    found = list(text_in_json(reading("words", Outcome()), pieces(), b'"', after, clock))
    assert found.count(b" ") == 64 // int(HEARTBEAT_SECONDS)
    assert json.loads(b"".join(found)) == "words"


def test_json_in_pieces() -> None:
    """A long text is written in pieces, whatever its characters, and a short one in one."""
    text = '안녕 "\\\n\0 🎸' * 20_000
    chunks = list(json_chunks(reading(text, Outcome()), iter([])))
    assert json.loads(b"".join(chunks)) == {
        "id": "the id",
        "text": text,
        "finish_reason": None,
        "usage": None,
    }
    assert max(map(len, chunks)) < 6 * MAX_PIECE_BYTES
    assert len(list(json_chunks(reading("안녕", Outcome()), iter([])))) == 2
