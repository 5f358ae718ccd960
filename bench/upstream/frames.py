"""The bytes of a streamed chat completion, as OpenAI sends them: one event in one HTTP chunk."""

import json
import time
import uuid
from typing import Any

from bench.stamp import TOKEN_BYTES, TOKEN_FORMAT, microseconds

HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
DONE = b"e\r\ndata: [DONE]\n\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_TOKEN_PLACE = "@token@"


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


class Frames:
    """The frames of one completion; what does not change from token to token is built once."""

    def __init__(self, model: str, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._common: dict[str, Any] = {
            "id": f"chatcmpl-{uuid.uuid4().hex[:29]}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
        }
        event = self._event({"content": _TOKEN_PLACE}, None)
        before, after = event.split(_TOKEN_PLACE.encode())
        size = len(before) + TOKEN_BYTES + len(after)
        before, after = before.replace(b"%", b"%%"), after.replace(b"%", b"%%")
        self._token = b"%x\r\n%b%b%b\r\n" % (size, before, TOKEN_FORMAT, after)
        self.role = _chunk(self._event({"role": "assistant", "content": "", "refusal": None}, None))

    def token(self, place: int, now: float) -> bytes:
        """The event of the token at `place`, written at `now` (monotonic seconds)."""
        return self._token % (place, microseconds(now))

    def ending(self, tokens: int) -> list[bytes]:
        """What follows the last token, one item a write."""
        events = [_chunk(self._event({}, "stop"))]
        if self._include_usage:
            usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
            events.append(_chunk(self._data(self._common | {"choices": [], "usage": usage})))
        return [*events, DONE, LAST_CHUNK]

    def _event(self, delta: dict[str, str | None], finish_reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return self._data(self._common | {"choices": [choice]} | usage)

    @staticmethod
    def _data(completion: dict[str, Any]) -> bytes:
        return b"data: %b\n\n" % json.dumps(completion, separators=(",", ":")).encode()
