"""The decoder gives the same text for any way of cutting the same stream, as openai's own does."""

import itertools
import json
from collections.abc import Iterator

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from helpers.upstream import chunk
from relay.upstream.decoder import (
    MAX_EVENT_BYTES,
    ChunkDecoder,
    MalformedStream,
    UpstreamFailure,
)
from relay.upstream.outcome import Outcome, Usage

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
LINE_END = st.sampled_from(["\n", "\r\n", "\r"])


def events(line_end: str) -> st.SearchStrategy[str]:
    """What may stand in a stream between two blank lines, in the spellings there are."""
    payloads = st.one_of(
        TEXT.map(lambda text: chunk({"content": text})),
        TEXT.map(lambda text: chunk({"content": None, "refusal": text})),
        st.just(chunk({"role": "assistant", "content": ""})),
        st.just(chunk({}, "stop")),
        st.just({**chunk({}), "choices": [], "usage": {"prompt_tokens": 1}}),
        st.just({**chunk({}), "obfuscation": "xyz", "service_tier": None}),
    )
    data = st.builds(
        lambda payload, prefix, ascii_only: prefix + json.dumps(payload, ensure_ascii=ascii_only),
        payloads,
        st.sampled_from(["data:", "data: "]),
        st.booleans(),
    )
    split = data.map(lambda line: line.replace(', "choices"', f',{line_end}data: "choices"', 1))
    # openai's decoder hands out events without data, which the specification forbids, once it has
    # seen an `id`; so there is none here, and a block without data has nothing but comments.
    noise = st.lists(st.sampled_from([": comment", ":", "event: x", "retry: 5", "odd"]), max_size=2)
    block = st.builds(lambda before, line: [*before, line], noise, st.one_of(data, split))
    comments = st.lists(st.sampled_from([": comment", ":"]), min_size=1, max_size=2)
    return st.one_of(block, comments).map(lambda lines: line_end.join(lines) + line_end * 2)


STREAM = LINE_END.flatmap(lambda end: st.lists(events(end), max_size=6).map("".join))


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    for start, end in itertools.pairwise(edges):
        yield data[start:end]


@pytest.fixture(scope="module")
def openai_client() -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="none", base_url="http://127.0.0.1:9") as client:
        yield client


def text_by(client: openai.OpenAI, data: bytes) -> str:
    with openai.Stream[ChatCompletionChunk](
        cast_to=ChatCompletionChunk,
        response=httpx2.Response(
            200, content=data, request=httpx2.Request("POST", "http://127.0.0.1:9")
        ),
        client=client,
    ) as stream:
        deltas = [part.choices[0].delta for part in stream if part.choices]
    return "".join(delta.content or delta.refusal or "" for delta in deltas)


@given(STREAM, st.booleans(), st.lists(st.integers(min_value=0), max_size=12))
def test_same_text_as_openai(
    openai_client: openai.OpenAI, stream: str, done: bool, places: list[int]
) -> None:
    """Any stream of the API's, however it is cut, reads as openai's decoder reads it whole."""
    data = (stream + ("data: [DONE]\n\ndata: ignored\n\n" if done else "")).encode()
    decoder = ChunkDecoder()
    text = b"".join(decoder.feed(piece) for piece in cut(data, places)) + decoder.end()
    assert decoder.failure is None
    assert text.decode() == text_by(openai_client, data)
    assert decoder.done is done


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=5))
def test_any_bytes(data: bytes, places: list[int]) -> None:
    """Whatever arrives, the decoder does not raise."""
    decoder = ChunkDecoder()
    for piece in cut(data, places):
        decoder.feed(piece)
    decoder.end()


def test_a_byte_order_mark() -> None:
    """It may come first, in as many reads as it has bytes, and is not part of the first event."""
    decoder = ChunkDecoder()
    data = b'\xef\xbb\xbfdata: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    assert b"".join(decoder.feed(bytes([byte])) for byte in data) == b"a"


def test_what_it_learns() -> None:
    """Reason, usage and model are those the stream named last."""
    decoder = ChunkDecoder()
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "more": {}}
    for payload in (chunk({"content": "a"}), chunk({}, "length"), {"choices": [], "usage": usage}):
        decoder.feed(f"data: {json.dumps(payload)}\n\n".encode())
    assert decoder.outcome == Outcome("length", Usage(1, 2, 3), "scripted")
    assert decoder.chunks == 3
    assert not decoder.done


@pytest.mark.parametrize("usage", [{}, [], "many", {"prompt_tokens": None}])
def test_odd_usage(usage: object) -> None:
    """A count nobody understands does not cost the reader the answer."""
    decoder = ChunkDecoder()
    payload = {**chunk({"content": "a"}), "usage": usage}
    assert decoder.feed(f"data: {json.dumps(payload)}\n\n".encode()) == b"a"
    assert decoder.outcome.usage is None
    assert decoder.failure is None


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b"{", MalformedStream),
        (b"[]", MalformedStream),
        (b'{"choices":{}}', MalformedStream),
        (b'{"choices":[{"delta":{"content":1}}]}', MalformedStream),
        (b'{"choices":[{"delta":{"content":"\xff"}}]}', MalformedStream),
        (b"[" * 100_000, MalformedStream),
        (b'{"error":{"message":"secret"}}', UpstreamFailure),
        (b'{"error":"secret"}', UpstreamFailure),
    ],
)
def test_faults(event: bytes, kind: type) -> None:
    """A fault is kept for after the text before it, tells nothing of the bytes, and is final."""
    decoder = ChunkDecoder()
    good = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    assert decoder.feed(good + b"data: " + event + b"\n\n" + good) == b"a"
    assert isinstance(decoder.failure, kind)
    assert "secret" not in str(decoder.failure)
    assert decoder.feed(good) == b""


@pytest.mark.parametrize(
    "piece", [b"x" * 65536, b"data: " + b"x" * 65536 + b"\n", b"data:\r\n" * 65536]
)
def test_an_event_without_end(piece: bytes) -> None:
    """A line, or a run of data lines, that never ends is not kept without bound."""
    decoder = ChunkDecoder()
    for _ in range(MAX_EVENT_BYTES // 65536 + 1):
        decoder.feed(piece)
    assert isinstance(decoder.failure, MalformedStream)
