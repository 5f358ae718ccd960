"""OpenAI's form of a reply: a `chat.completion`, in chunks or whole, and its errors."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from relay.clients.reader import Reader
from relay.clients.reply import HEARTBEAT, Reply, headers_of, text_in_json, usage_of
from relay.completions import Readable, Receipt, Thought
from relay.errors import RelayError
from relay.intervals import HEARTBEAT_SECONDS, LAST_WORDS_SECONDS
from relay.upstream import Outcome

DONE = b"data: [DONE]\n\n"

# Errors that have another status and code for OpenAI's clients, with the field at fault.
RENAMED: dict[str, tuple[int, str, str | None]] = {
    "unauthorized": (401, "invalid_api_key", None),
    "unknown_persona": (404, "model_not_found", "model"),
    "unsupported_content": (400, "unsupported_content", "messages"),
    "question_too_long": (400, "context_length_exceeded", "messages"),
    "content_filtered": (400, "content_filter", "messages"),
}


def openai_error(error: RelayError) -> tuple[int, dict[str, Any]]:
    """The status and the body of a refusal in OpenAI's form."""
    status, code, param = RENAMED.get(error.code, (error.status, error.code, None))
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status == 429:
        kind = "rate_limit_error"
    return status, {"error": {"message": error.message, "type": kind, "code": code, "param": param}}


def chunked_reply(reader: Reader, *, interval: float, model: str, includes_usage: bool) -> Reply:
    """The reply in chunks. The answer must have begun."""
    reading, answer = reader.reading, reader.reading.answer
    pieces = reading.pieces_and_thoughts(interval=interval, heartbeat=HEARTBEAT_SECONDS)
    chunks = completion_chunks(answer, pieces, model, includes_usage=includes_usage)
    return Reply(reader.deliver(chunks), "text/event-stream", headers=headers_of(answer))


def whole_reply(reader: Reader, *, interval: float, model: str) -> Reply:
    """The reply as one JSON object, written when the answer is whole. It must have begun."""
    reading = reader.reading
    pieces = reading.pieces(interval=interval, heartbeat=HEARTBEAT_SECONDS)
    head = msgspec.json.encode(_head(reading.answer, "chat.completion", model))
    before = head[:-1] + b',"choices":[{"index":0,"message":{"role":"assistant","content":"'

    def after(outcome: Outcome) -> bytes:
        choice = {"logprobs": None, "finish_reason": _finish_reason(reading.answer.receipt())}
        usage = msgspec.json.encode(_usage(outcome))
        ending = msgspec.json.encode(choice)[1:]
        return b'","refusal":null},' + ending + b'],"usage":' + usage + b"}"

    chunks = text_in_json(reading, pieces, before, after)
    return Reply(reader.deliver(chunks), "application/json", headers=headers_of(reading.answer))


def completion_chunks(
    answer: Readable, pieces: Iterator[bytes | Thought], model: str, *, includes_usage: bool
) -> Iterator[bytes]:
    """The events of a stream. A failure is sent as an event, and then raised."""
    head = _head(answer, "chat.completion.chunk", model)
    chunk = _frame(head, {"role": "assistant", "content": ""})
    try:
        for piece in pieces:
            delta = _delta(piece)
            yield chunk + (_frame(head, delta) if delta else HEARTBEAT)
            chunk = b""
    except RelayError as error:
        yield chunk + _data(openai_error(error)[1])
        time.sleep(LAST_WORDS_SECONDS)
        raise
    receipt = answer.receipt()
    outcome = receipt.outcome
    chunk += _frame(head, {}, _finish_reason(receipt))
    if includes_usage and outcome.usage is not None:
        chunk += _data(head | {"choices": [], "usage": _usage(outcome)})
    yield chunk + DONE


def _usage(outcome: Outcome) -> dict[str, Any] | None:
    usage: dict[str, Any] | None = usage_of(outcome)
    if usage is not None and "reasoning_tokens" in usage:
        details = {"reasoning_tokens": usage.pop("reasoning_tokens")}
        usage["completion_tokens_details"] = details
    return usage


def _delta(piece: bytes | Thought) -> dict[str, str]:
    """The delta for a piece, or {}. Thoughts have the name that most servers give them."""
    if isinstance(piece, Thought):
        return {"reasoning_content": piece.text} if piece.text else {}
    return {"content": piece.decode()} if piece else {}


def _finish_reason(receipt: Receipt) -> str:
    """Of an answer that was stopped these clients must not think that it is whole."""
    if receipt.state == "stopped":
        return "length"
    return receipt.outcome.finish_reason or "stop"


def _head(answer: Readable, kind: str, model: str) -> dict[str, Any]:
    return {"id": answer.id, "object": kind, "created": int(time.time()), "model": model}


def _frame(head: dict[str, Any], delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return _data(head | {"choices": [choice]})


def _data(data: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(data)
