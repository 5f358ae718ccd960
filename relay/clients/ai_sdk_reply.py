"""The AI SDK's form of a reply: the UI message stream of `useChat` and `useCompletion`."""

import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from relay.clients.reader import Reader
from relay.clients.reply import HEARTBEAT, Reply, headers_of
from relay.completions import Readable, Thought
from relay.errors import RelayError
from relay.intervals import HEARTBEAT_SECONDS, LAST_WORDS_SECONDS

VERSION = {"x-vercel-ai-ui-message-stream": "v1"}
DONE = b"data: [DONE]\n\n"

# The SDK's names for finish reasons. All others are "other".
FINISH_REASONS = {
    None: "stop",
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
}


def ui_message_reply(reader: Reader, *, interval: float) -> Reply:
    """The reply with an answer that has begun, from its first byte."""
    reading, answer = reader.reading, reader.reading.answer
    pieces = reading.pieces_and_thoughts(interval=interval, heartbeat=HEARTBEAT_SECONDS)
    chunks = ui_message_chunks(answer, pieces)
    return Reply(reader.deliver(chunks), "text/event-stream", headers=headers_of(answer) | VERSION)


def ui_message_chunks(answer: Readable, pieces: Iterator[bytes | Thought]) -> Iterator[bytes]:
    """The events of a stream. A failure is sent as an `error`, and then raised."""
    parts = _Parts()
    # The writing's tag, because all answers of a chat may have the same id.
    chunk = _frame("start", messageId=answer.etag)
    try:
        for piece in pieces:
            if isinstance(piece, Thought):
                yield chunk + parts.said("reasoning", piece.text)
            else:
                yield chunk + (parts.said("text", piece.decode()) if piece else HEARTBEAT)
            chunk = b""
    except RelayError as error:
        yield chunk + _frame("error", errorText=error.message)
        time.sleep(LAST_WORDS_SECONDS)
        raise
    chunk += parts.closed()
    receipt = answer.receipt()
    if receipt.state == "stopped":
        yield chunk + _frame("abort") + DONE
    else:
        reason = FINISH_REASONS.get(receipt.outcome.finish_reason, "other")
        yield chunk + _frame("finish", finishReason=reason) + DONE


class _Parts:
    """The parts of a message, one after the other. The first text of a part opens it."""

    def __init__(self) -> None:
        self._number = 0
        self._open: Literal["text", "reasoning"] | None = None

    def said(self, kind: Literal["text", "reasoning"], text: str) -> bytes:
        """The frames for more text of this kind. Opens a new part if another kind is open."""
        frames = b""
        if self._open != kind:
            frames = self.closed()
            self._number += 1
            self._open = kind
            frames += _frame(f"{kind}-start", id=str(self._number))
        return frames + _frame(f"{kind}-delta", id=str(self._number), delta=text)

    def closed(self) -> bytes:
        """The frame that ends the open part, if there is one."""
        kind, self._open = self._open, None
        return _frame(f"{kind}-end", id=str(self._number)) if kind else b""


def _frame(type: str, **fields: Any) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode({"type": type, **fields})
