"""The three forms of a reply, made from the same pieces of text."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import msgspec

from relay.completion import Completion
from relay.errors import RelayError

DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": waiting\n\n"


def plain_chunks(texts: Iterator[str]) -> Iterator[bytes]:
    """The text and nothing else. A chunk never ends inside a character."""
    for text in texts:
        yield text.encode()


def event_chunks(texts: Iterator[str]) -> Iterator[bytes]:
    """Server-sent events; a failure is told in the stream, in place of `[DONE]`."""
    try:
        for text in texts:
            yield _event({"text": text}) if text else HEARTBEAT
    except RelayError as error:
        yield _event({"error": error.message, "code": error.code})
    else:
        yield DONE


def json_body(completion: Completion, text: str) -> dict[str, Any]:
    """`{"id", "text", "finish_reason", "usage"}`; the usage is null where none was reported."""
    return {
        "id": completion.id,
        "text": text,
        "finish_reason": completion.finish_reason,
        "usage": asdict(completion.usage) if completion.usage else None,
    }


def _event(data: dict[str, str]) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"
