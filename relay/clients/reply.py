"""The reply with an answer: its status, its headers, and its body in one of the forms.

The body in plain text is the answer's bytes, without any framing.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from relay.clients.byte_range import quoted
from relay.clients.content_negotiation import Form
from relay.clients.reader import Reader
from relay.completions import (
    MAX_PIECE_BYTES,
    Readable,
    Reading,
    Receipt,
    Thought,
    content_range,
)
from relay.deadline import Clock, Deadline
from relay.errors import RangeNotSatisfiable, RelayError
from relay.intervals import HEARTBEAT_SECONDS
from relay.upstream import Outcome

HEARTBEAT = b": waiting\n\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, headers, and a body to write chunk by chunk."""

    body: Iterator[bytes]
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def make_reply(reader: Reader, form: Form, *, interval: float, offset: int | None = None) -> Reply:
    """The reply with an answer that has begun, from byte `offset` on if it is given.

    Raises RangeNotSatisfiable.
    """
    reading, answer = reader.reading, reader.reading.answer
    receipt, headers = answer.receipt(), headers_of(answer)
    if form is Form.TEXT:
        pieces = reading.pieces(offset or 0, interval=interval)
        headers |= {"Accept-Ranges": "bytes", "ETag": quoted(answer.etag)}
        if offset is not None:
            headers["Content-Range"] = content_range(receipt, offset)
            # The empty chunk sends the head, which a failed answer needs before its cut.
            return Reply(reader.deliver(chain([b""], pieces)), form.value, 206, headers)
        if receipt.phase == "thinking":
            # The head shall not wait for the first text any longer.
            pieces = chain([b""], pieces)
        return Reply(reader.deliver(pieces), form.value, 200, headers)
    if form is Form.EVENTS and offset is not None and not _has_more(receipt, offset):
        return Reply(iter(()), form.value, 204, headers)
    offset, pauses = offset or 0, {"interval": interval, "heartbeat": HEARTBEAT_SECONDS}
    if form is Form.EVENTS:
        chunks = event_chunks(reading.pieces_and_thoughts(offset, **pauses), offset)
    else:
        chunks = json_chunks(reading, reading.pieces(offset, **pauses))
    return Reply(reader.deliver(chunks), form.value, 200, headers)


def headers_of(answer: Readable) -> dict[str, str]:
    """The headers of every reply with an answer, in all forms.

    The time of the first text is not known yet if the model still thinks.
    """
    headers, first_token_ms = {"Completion-Id": answer.id}, answer.receipt().first_token_ms
    if first_token_ms is not None:
        headers["Server-Timing"] = f"first-token;dur={first_token_ms}"
    return headers


def event_chunks(pieces: Iterator[bytes | Thought], offset: int = 0) -> Iterator[bytes]:
    """Server-sent events. A failure is sent as an event, in place of `[DONE]`.

    An event's id is the number of bytes of text so far. A browser's `EventSource` that reconnects
    sends the last id, and gets the text after it.
    """
    try:
        for piece in pieces:
            if isinstance(piece, Thought):
                yield _event(offset, msgspec.json.encode({"thinking": piece.text}))
                continue
            offset += len(piece)
            # Only an offset that the client made up can lie inside a character.
            text = piece.decode(errors="replace")
            yield _event(offset, msgspec.json.encode({"text": text})) if piece else HEARTBEAT
    except RelayError as error:
        failure = {"error": error.message, "code": error.code}
        yield _event(offset, msgspec.json.encode(failure))
    else:
        yield _event(offset, b"[DONE]")


def json_chunks(reading: Reading, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """`{"id", "text", "finish_reason", "usage"}`. The usage is null if none was reported."""
    before = b'{"id":' + msgspec.json.encode(reading.answer.id) + b',"text":"'

    def after(outcome: Outcome) -> bytes:
        end = {"finish_reason": outcome.finish_reason, "usage": usage_of(outcome)}
        return b'",' + msgspec.json.encode(end)[1:]

    return text_in_json(reading, pieces, before, after)


def text_in_json(
    reading: Reading,
    pieces: Iterator[bytes],
    before: bytes,
    after: Callable[[Outcome], bytes],
    clock: Clock = time.monotonic,
) -> Iterator[bytes]:
    """JSON with the text of an answer between `before` and `after`, once the answer is whole.

    The head of the reply is sent at once. JSON allows white space at its start, so a space is sent
    every HEARTBEAT_SECONDS, for hosts that end silent connections. The text is written in pieces,
    so that a stuck reader does not hold a copy of all of it.
    """
    yield b""
    due = Deadline(HEARTBEAT_SECONDS, clock)
    for piece in pieces:
        if not piece or due.passed:
            yield b" "
            due = Deadline(HEARTBEAT_SECONDS, clock)
    chunk = before
    for piece in reading.pieces():
        if len(chunk) > MAX_PIECE_BYTES:
            yield chunk
            chunk = b""
        chunk += msgspec.json.encode(piece.decode())[1:-1]
    yield chunk + after(reading.answer.receipt().outcome)


def usage_of(outcome: Outcome) -> dict[str, int] | None:
    """The usage as JSON; None if the model's server reported none."""
    return outcome.usage.body() if outcome.usage else None


def _event(id: int, data: bytes) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (id, data)


def _has_more(receipt: Receipt, offset: int) -> bool:
    """Whether there is more to send after byte `offset`. Raises RangeNotSatisfiable."""
    if receipt.state == "running" and offset > receipt.size:
        raise RangeNotSatisfiable(receipt.size)
    # The rest of a failed answer is its error.
    return receipt.state in ("running", "failed") or offset < receipt.size
