"""Decodes the bytes of a streaming chat completion, in pieces of any size, into its text.

This module does no I/O. The framing is that of server-sent events
(https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation), each
event a `chat.completion.chunk` of the OpenAI API, the last one `[DONE]`.
"""

import re
from codecs import BOM_UTF8
from dataclasses import replace
from typing import Literal

from relay.upstream.chunk import (
    UNFIT,
    Delta,
    NoChunk,
    decode_fast,
    decode_leniently,
    reports_error,
    thought_of,
    usage_of,
    word,
)
from relay.upstream.outcome import Outcome
from relay.upstream.think_tag import ThinkTag

# Whether a finish_reason marks the end of the answer. Some servers send one with every chunk. One
# without a text or a thought is certain. One with it is likely, and is refuted by more.
Ending = Literal["", "likely", "certain", "refuted"]

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIRST_HALF = re.compile("[\ud800-\udbff]\\Z")
# Far above any real event. Without a limit, a stream without line ends would fill the memory.
MAX_EVENT_BYTES = 1024 * 1024


class _Done(Exception):
    """`[DONE]` was read. The rest of the stream is ignored."""


class _Failure(Exception):
    """The stream is broken or reports an error. The message does not quote the stream."""


class ChunkDecoder:
    """`feed` takes the bytes as they arrive, and returns the text that they complete.

    The text is UTF-8, in whole characters. `outcome` holds the other facts from the chunks, which
    `chunks` counts. `thoughts` gathers the model's thoughts, which are never part of the text; the
    caller clears it. `done` is set once `[DONE]` was read. A fault in the stream sets `failure`. It
    is not raised, because the text before it in the same piece would be lost.
    """

    __slots__ = (
        "_begun",
        "_by_message",
        "_data",
        "_half",
        "_has_text",
        "_is_error",
        "_rest",
        "_tag",
        "chunks",
        "done",
        "ending",
        "failure",
        "outcome",
        "thoughts",
    )

    def __init__(self) -> None:
        self._begun = False
        self._rest = b""
        self._data: list[bytes] = []
        self._is_error = False
        self._has_text = False
        self._by_message = False
        self._half = ""
        self._tag: ThinkTag | None = ThinkTag()
        self.thoughts: list[str] = []
        self.chunks = 0
        self.done = False
        self.failure: str | None = None
        self.ending: Ending = ""
        self.outcome = Outcome()

    def feed(self, received: bytes) -> bytes:
        """The text that `received` completes, often b"". After `done` or `failure` it is b""."""
        if self.done or self.failure:
            return b""
        data = self._rest + received if self._rest else received
        if not self._begun and data:
            # The specification allows a byte order mark, which may be split between reads.
            if len(data) < len(BOM_UTF8) and BOM_UTF8.startswith(data):
                self._rest = data
                return b""
            self._begun, data = True, data.removeprefix(BOM_UTF8)
        texts: list[str] = []
        try:
            if self._data or self._is_error or b"\r" in data:
                self._lines(data, texts)
            else:
                self._events(data, texts)
            # Lines are counted too, because an event may consist of empty ones.
            if len(self._rest) + sum(map(len, self._data)) + len(self._data) > MAX_EVENT_BYTES:
                raise _Failure("an event is longer than 1 MiB")
        except _Done:
            self.done = True
        except (_Failure, NoChunk) as error:
            # Keeps the message only: the error's traceback would keep the received bytes.
            self.failure = str(error)
        if texts:
            self._has_text = True
        text = self._half + "".join(texts)
        if self._tag is not None and text:
            text = self._without_thoughts(self._tag, text)
        try:
            return text.encode()
        except UnicodeEncodeError:
            return self._mended(text)

    def end(self) -> bytes:
        """The text that was held back for its continuation. Called at the end of the stream."""
        # A lone CR ends its line.
        text = self.feed(b"\n") if self._rest.endswith(b"\r") else b""
        held = self._half + (self._tag.end() if self._tag is not None else "")
        self._half, self._tag = "", None
        return text + joined(held)

    def _events(self, data: bytes, texts: list[str]) -> None:
        """The fast path, for events of one data line and a blank line, as nearly all are."""
        events = data.split(b"\n\n")
        self._rest = events.pop()
        for event in events:
            if event.startswith(b"data: ") and b"\n" not in event:
                self._event(event[6:], texts)
            else:
                self._lines(event + b"\n\n", texts, rest=self._rest)

    def _lines(self, data: bytes, texts: list[str], rest: bytes = b"") -> None:
        """The slow path: any line end, several data lines, comments, other fields."""
        # A CR at the very end may be half of a CR LF. It is held back for the next piece.
        held = data.endswith(b"\r")
        lines = _LINE_END.split(data[:-1] if held else data)
        self._rest = lines.pop() + (b"\r" if held else b"") + rest
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif line.startswith(b"event:"):
                self._is_error = line[6:].strip() == b"error"
            elif not line and (self._data or self._is_error):
                if self._is_error:
                    raise _Failure("the stream reported an error")
                event = b"\n".join(self._data)
                self._data.clear()
                self._event(event, texts)

    def _event(self, event: bytes, texts: list[str]) -> None:
        try:
            chunk = decode_fast(event)
        except UNFIT:
            if event.startswith(b"[DONE]"):
                raise _Done from None
            if not event.strip():
                return
            chunk = decode_leniently(event)
        if chunk.error:
            raise _Failure("the stream reported an error")
        self.chunks += 1
        # Nearly every chunk repeats the name of the model.
        if chunk.model is not None and chunk.model != self.outcome.model:
            self.outcome = replace(self.outcome, model=word(chunk.model))
        if chunk.usage is not None:
            self.outcome = replace(self.outcome, usage=usage_of(chunk.usage) or self.outcome.usage)
        if not chunk.choices:
            if chunk.usage is None and reports_error(event):
                raise _Failure("the stream reported an error")
            return
        choice = chunk.choices[0]
        delta = choice.delta
        # A refusal is the model's text for the reader, so it is an answer.
        text = delta and (delta.content or delta.refusal)
        if not text and choice.message is not None:
            delta, text = choice.message, self._message(choice.message, texts)
        is_sign = bool(text)
        if text:
            texts.append(text)
        # A chunk with text ends the thoughts.
        elif delta is not None and (thought := thought_of(delta)) is not None:
            self.thoughts.append(thought)
            is_sign = True
        if is_sign and self.ending:
            self.ending = "refuted"
        # Some servers send "" with every token.
        if choice.finish_reason:
            self._finish(choice.finish_reason, with_sign=is_sign)

    def _finish(self, reason: str, *, with_sign: bool) -> None:
        if reason == "error":
            raise _Failure("the finish_reason is an error")
        self.outcome = replace(self.outcome, finish_reason=word(reason))
        if self.ending != "refuted":
            self.ending = "likely" if with_sign else "certain"

    def _message(self, message: Delta, texts: list[str]) -> str | None:
        """The text of a `message` in place of a delta.

        Some servers send only messages. Others repeat the whole text in one after the deltas, which
        is ignored.
        """
        if not (self._has_text or texts):
            self._by_message = True
        return (message.content or message.refusal) if self._by_message else None

    def _without_thoughts(self, tag: ThinkTag, text: str) -> str:
        text, thoughts = tag.split(text)
        if thoughts is not None:
            self.thoughts.append(thoughts)
        if tag.is_over:
            self._tag = None
        return text

    def _mended(self, text: str) -> bytes:
        """Encodes text with lone surrogates. Holds back a first half at the end for the second."""
        waits = _FIRST_HALF.search(text) and not (self.done or self.failure)
        self._half = text[-1] if waits else ""
        return joined(text.removesuffix(self._half))


def joined(text: str) -> bytes:
    """UTF-8 of a text with surrogates. Pairs are joined, and lone ones are replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
