"""One `chat.completion.chunk` of the OpenAI API, as compatible servers write it.

Nearly every chunk is decoded the fast way, into typed fields. A chunk that does not fit them is
decoded the slow way. There only the fields around its text must have the right types.
"""

import json
import math
import re
from typing import Any

import msgspec

from relay.upstream.outcome import Usage

# No model or reason has a longer name.
_WORD = re.compile(r"[A-Za-z0-9_./:@+-]{1,200}")
# Far above what any model reads or writes.
MAX_TOKENS = 10**9


class NoChunk(Exception):
    """The event is no chunk. The message does not quote the event."""


# These objects are never part of a cycle, so the garbage collector need not visit them.
class Delta(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    # The thoughts, by the names of DeepSeek and llama.cpp; of vLLM, Ollama and OpenRouter; and of
    # OpenRouter alone.
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Any] | None = None


class Choice(msgspec.Struct, gc=False):
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    usage: Any = None
    model: str | None = None
    error: Any = None


class _Envelope(msgspec.Struct, gc=False):
    object: Any = None
    type: Any = None


decode_fast = msgspec.json.Decoder(Chunk).decode
# The errors that `decode_fast` may raise.
UNFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def decode_leniently(event: bytes) -> Chunk:
    """The slow way. The text may contain lone surrogates. Raises NoChunk."""
    try:
        value = json.loads(event.decode(), strict=False, parse_int=_number)
    except (ValueError, RecursionError):
        raise NoChunk("an event that is no chunk") from None
    fields = _mapping(value)
    choices = fields.get("choices")
    if not isinstance(choices, list | None):
        raise NoChunk("a chunk whose choices are no list")
    return Chunk(
        choices=[_choice(_mapping(choices[0]))] if choices else None,
        usage=fields.get("usage"),
        model=_string(fields.get("model")),
        error=fields.get("error"),
    )


def thought_of(delta: Delta) -> str | None:
    """The text of a thought, which is "" if the provider hides it; None if there is no thought.

    OpenRouter sends each thought under two names.
    """
    if thought := delta.reasoning_content or delta.reasoning:
        return thought
    return "".join(map(_detail, delta.reasoning_details)) if delta.reasoning_details else None


def reports_error(event: bytes) -> bool:
    """Whether an event without choices is the bare error object that some servers send."""
    try:
        envelope = _decode_envelope(event)
    except UNFIT:
        return False
    return "error" in (envelope.object, envelope.type)


def usage_of(reported: Any) -> Usage | None:
    """The token counts, if the three that every server reports are there and plausible."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    prompt, completion, total = (_count(reported, name) for name in names)
    if prompt is None or completion is None or total is None:
        return None
    details = reported.get("completion_tokens_details")
    return Usage(prompt, completion, total, _count(details, "reasoning_tokens"))


def word(value: str) -> str:
    """A name of the upstream's, for the log and the receipt; "other" if it is not one plain word.

    Anything else could be a sentence, which may quote a question or a key.
    """
    return value if _WORD.fullmatch(value) else "other"


def _count(counts: Any, name: str) -> int | None:
    count = counts.get(name) if isinstance(counts, dict) else None
    return count if type(count) is int and 0 <= count <= MAX_TOKENS else None


def _choice(fields: dict[str, Any]) -> Choice:
    return Choice(
        delta=_delta(fields.get("delta")),
        message=_delta(fields.get("message")),
        finish_reason=_string(fields.get("finish_reason")),
    )


def _delta(value: Any) -> Delta | None:
    if value is None:
        return None
    fields = _mapping(value)
    content, details = fields.get("content"), fields.get("reasoning_details")
    return Delta(
        content=_content(content),
        refusal=_string(fields.get("refusal")),
        reasoning_content=_string(fields.get("reasoning_content")) or _thinking(content),
        reasoning=_string(fields.get("reasoning")),
        reasoning_details=details if isinstance(details, list) else None,
    )


def _content(value: Any) -> str | None:
    if isinstance(value, list):
        return "".join(map(_part, value))
    if not isinstance(value, str | None):
        raise NoChunk("a chunk whose content is no text")
    return value


def _part(value: Any) -> str:
    """The text of one part of a content, or ""."""
    if isinstance(value, dict):
        kind = value.get("type", "text")
        value = value.get(kind) if kind in ("text", "refusal") else None
    return value if isinstance(value, str) else ""


def _thinking(content: Any) -> str | None:
    """The thoughts among the parts of a content, as Mistral sends them."""
    parts = content if isinstance(content, list) else []
    thoughts = [
        _content(part.get("thinking"))
        for part in parts
        if isinstance(part, dict) and part.get("type") == "thinking"
    ]
    return "".join(filter(None, thoughts)) or None


def _detail(value: Any) -> str:
    """The text of one of the `reasoning_details`, or "", as for those that are encrypted."""
    fields = value if isinstance(value, dict) else {}
    return _string(fields.get("text")) or _string(fields.get("summary")) or ""


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NoChunk("an event that is no chunk")
    return value


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(digits: str) -> float:
    """An integer, or infinity for a very long one, because Python refuses to parse those."""
    return int(digits) if len(digits) < 20 else math.inf
