"""The forms of a reply besides plain text, which is the pieces of the answer as they are."""

from collections.abc import Iterator

import msgspec

from relay.completions.completion import Completion
from relay.errors import RelayError

DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": waiting\n\n"


def event_chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Server-sent events; a failure is told in the stream, in place of `[DONE]`."""
    try:
        for piece in pieces:
            yield _event({"text": piece.decode()}) if piece else HEARTBEAT
    except RelayError as error:
        yield _event({"error": error.message, "code": error.code})
    else:
        yield DONE


def json_body(completion: Completion, text: bytes) -> bytes:
    """`{"id", "text", "finish_reason", "usage"}`; the usage is null where none was reported."""
    return msgspec.json.encode(
        {
            "id": completion.id,
            "text": text.decode(),
            "finish_reason": completion.finish_reason,
            "usage": completion.usage,
        }
    )


def _event(data: dict[str, str]) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"
