"""From the bytes of a streaming chat completion to its text, whatever way the bytes are cut.

Pure: nothing here reads or waits. The framing is that of server-sent events
(https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation), each
event a `chat.completion.chunk` of the OpenAI API, the last one `[DONE]`.
"""

import re
from codecs import BOM_UTF8
from dataclasses import replace
from typing import Any

import msgspec

from relay.upstream.outcome import Outcome, Usage


class MalformedStream(Exception):
    """The bytes are not what a chat completions API sends. The message holds none of them."""


class UpstreamFailure(Exception):
    """The stream itself reports that the answer failed."""


# Never part of a cycle, so the garbage collector need not visit them.
class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    # Read leniently: an odd count must not cost the reader the answer.
    usage: Any = None
    model: str | None = None
    error: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_LINE_END = re.compile(rb"\r\n|\n|\r")
# Far above any event of a real model; a stream without line ends must not fill the memory.
MAX_EVENT_BYTES = 1024 * 1024


def _usage(reported: Any) -> Usage | None:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    counts = [reported.get(name) for name in names] if isinstance(reported, dict) else []
    whole = [count for count in counts if type(count) is int]
    return Usage(*whole) if len(whole) == len(names) else None


class ChunkDecoder:
    """Feed it the bytes as they come; it gives back the text they complete.

    The text comes as UTF-8, in whole characters. `outcome` is what the `chunks` have said besides;
    `done` is set once `[DONE]` was read, and whatever follows is ignored. A fault in the stream is
    put into `failure` rather than raised, so that the text before it, read in the same piece, is
    not lost.
    """

    __slots__ = (
        "_begun",
        "_data",
        "_rest",
        "chunks",
        "done",
        "failure",
        "outcome",
    )

    def __init__(self) -> None:
        self._begun = False
        self._rest = b""
        self._data: list[bytes] = []
        self.chunks = 0
        self.done = False
        self.failure: MalformedStream | UpstreamFailure | None = None
        self.outcome = Outcome()

    def feed(self, received: bytes) -> bytes:
        """The text that `received` completes, often none; after `done` or a `failure` always."""
        data = self._rest + received if self._rest else received
        if not self._begun and data:
            # The specification lets a byte order mark come first; three bytes may take three reads.
            if len(data) < len(BOM_UTF8) and BOM_UTF8.startswith(data):
                self._rest = data
                return b""
            self._begun, data = True, data.removeprefix(BOM_UTF8)
        texts: list[str] = []
        try:
            if self._data or b"\r" in data:
                self._lines(data, texts)
            else:
                self._events(data, texts)
            # Each line counts for itself: an event may consist of empty ones.
            if len(self._rest) + sum(map(len, self._data)) + len(self._data) > MAX_EVENT_BYTES:
                raise MalformedStream("an event without end")
        except (MalformedStream, UpstreamFailure) as error:
            self.failure = self.failure or error
        return "".join(texts).encode()

    def end(self) -> bytes:
        """The stream has ended: a lone CR still held back, in case LF followed, ends its line."""
        return self.feed(b"\n") if self._rest.endswith(b"\r") else b""

    def _events(self, data: bytes, texts: list[str]) -> None:
        """The short way, for what nearly every stream is: one line of data, and a blank one."""
        events = data.split(b"\n\n")
        self._rest = events.pop()
        for event in events:
            if event.startswith(b"data: ") and b"\n" not in event:
                self._event(event[6:], texts)
            else:
                self._lines(event + b"\n\n", texts, rest=self._rest)

    def _lines(self, data: bytes, texts: list[str], rest: bytes = b"") -> None:
        """The long way: any line end, several lines of data, comments, other fields."""
        # A CR at the very end may be the first half of CR LF: it waits for the next piece.
        held = data.endswith(b"\r")
        lines = _LINE_END.split(data[:-1] if held else data)
        self._rest = lines.pop() + (b"\r" if held else b"") + rest
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif not line and self._data:
                event = b"\n".join(self._data)
                self._data.clear()
                self._event(event, texts)

    def _event(self, event: bytes, texts: list[str]) -> None:
        if self.done or self.failure:
            return
        if event.startswith(b"[DONE]"):
            self.done = True
            return
        try:
            chunk = _decode_chunk(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # The decoder's own message may quote the event.
            raise MalformedStream(f"an event that is no chunk ({type(error).__name__})") from None
        if chunk.error:
            raise UpstreamFailure("the stream reported an error")
        self.chunks += 1
        # Nearly every chunk names the model, and it is the same.
        if chunk.model is not None and chunk.model != self.outcome.model:
            self.outcome = replace(self.outcome, model=chunk.model)
        if chunk.usage is not None:
            self.outcome = replace(self.outcome, usage=_usage(chunk.usage))
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        if choice.delta is not None:
            # A refusal is an answer too: the model's words to the reader.
            text = choice.delta.content or choice.delta.refusal
            if text:
                texts.append(text)
        # Some servers send "" with every token.
        if choice.finish_reason:
            self.outcome = replace(self.outcome, finish_reason=choice.finish_reason)
