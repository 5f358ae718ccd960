"""The decoder gives the same text for any way of cutting the same stream, as openai's own does."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from helpers.upstream import chunk
from relay.upstream.decoder import MAX_EVENT_BYTES, ChunkDecoder
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


GOOD = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'


def decoded(*events: str) -> tuple[str, ChunkDecoder]:
    """The text of these events, each read by itself, and the decoder that has read them."""
    decoder = ChunkDecoder()
    pieces = [decoder.feed(f"data: {event}\n\n".encode()) for event in events]
    # Strictly: a piece that ends inside a character would raise.
    return "".join(piece.decode() for piece in [*pieces, decoder.end()]), decoder


def delta(content: str) -> str:
    """A chunk whose content is that JSON, as it is."""
    return f'{{"choices":[{{"delta":{{"content":{content}}}}}]}}'


@pytest.mark.parametrize(
    "usage",
    [
        "{}",
        "[]",
        '"many"',
        '{"prompt_tokens":null}',
        '{"prompt_tokens":1,"completion_tokens":2}',
        '{"prompt_tokens":1,"completion_tokens":-2,"total_tokens":3}',
        '{"prompt_tokens":1,"completion_tokens":true,"total_tokens":3}',
        '{"prompt_tokens":1,"completion_tokens":2.5,"total_tokens":3}',
        '{"prompt_tokens":1,"completion_tokens":2,"total_tokens":10000000000}',
        '{"prompt_tokens":1,"completion_tokens":2,"total_tokens":%s}' % ("9" * 5000),
        '{"prompt_tokens":1,"completion_tokens":2,"total_tokens":1e999}',
    ],
)
def test_odd_usage(usage: str) -> None:
    """A count nobody can believe is not reported, and costs the reader nothing of the answer."""
    odd = f'{{"usage":{usage},"choices":[{{"delta":{{"content":"a"}}}}]}}'
    text, decoder = decoded(odd)
    assert (text, decoder.failure, decoder.outcome.usage) == ("a", None, None)
    good = '{"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
    assert decoded(good, odd)[1].outcome.usage == Usage(1, 2, 3)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([delta(r'"\ud83d"'), delta(r'"\ude00"')], "😀"),
        ([delta(r'"a\ud83d"'), '{"choices":[]}', delta(r'"\ude00b"')], "a😀b"),
        ([delta(r'"\ud83d"'), delta('"b"')], "\ufffdb"),
        ([delta(r'"\ude00"'), delta('"b"')], "\ufffdb"),
        ([delta(r'"a\ud83d"')], "a\ufffd"),
        ([delta(r'"a\ud83d"'), "[DONE]"], "a\ufffd"),
        ([delta(r'"a\ud83d"'), "{broken"], "a\ufffd"),
    ],
    ids=["two", "torn wider", "no second", "no first", "at the end", "before DONE", "broken"],
)
def test_halves_of_a_character(events: list[str], expected: str) -> None:
    """One torn between two chunks is put together; a half that stays alone is replaced."""
    assert decoded(*events)[0] == expected


@pytest.mark.parametrize(
    "event",
    [
        r'{"id":"\ud83d","choices":[{"delta":{"content":"a"}}]}',
        r'{"model":"\ud83d","choices":[{"delta":{"content":"a"}}]}',
        '{"id":"\t","choices":[{"delta":{"content":"a"}}]}',
        '{"model":1,"choices":[{"delta":{"content":"a"}}]}',
        '{"choices":[{"delta":{"content":"a"},"finish_reason":1}]}',
        '{"choices":[{"delta":{"content":"a"},"finish_reason":{"type":"stop"}}]}',
        '{"choices":[{"delta":{"content":"a","refusal":false}}]}',
        delta('[{"type":"text","text":"a"}]'),
        delta('["a"]'),
        delta('[{"type":"thinking","thinking":[]},{"type":"text","text":"a"},null]'),
        delta('[{"type":"refusal","refusal":"a"}]'),
        '{"choices":[{"message":{"role":"assistant","content":"a"}}]}',
        '{"choices":[{"delta":{},"message":{"content":"a"}}]}',
    ],
)
def test_odd_chunks(event: str) -> None:
    """What is odd where nobody looks costs no text, and text is found where some servers put it."""
    text, decoder = decoded(event)
    assert (text, decoder.failure) == ("a", None)
    assert decoder.outcome.finish_reason is None


@pytest.mark.parametrize("empty", [b"data:\n\n", b"data: \n\n", b"data:\r\n\r\n", b"data\n\n"])
def test_empty_events(empty: bytes) -> None:
    """An event without data is none, as the specification has it."""
    decoder = ChunkDecoder()
    assert decoder.feed(empty + GOOD) + decoder.end() == b"a"
    assert decoder.failure is None


def test_a_message_that_repeats_the_deltas() -> None:
    """The whole answer, sent once more at its end, is not told twice."""
    message = '{"choices":[{"message":{"content":"ab"},"finish_reason":"stop"}]}'
    assert decoded(delta('"a"'), delta('"b"'), message)[0] == "ab"
    parts = '{"choices":[{"message":{"content":"a"}}]}', '{"choices":[{"message":{"content":"b"}}]}'
    assert decoded(*parts)[0] == "ab"


@pytest.mark.parametrize(
    ("events", "ending"),
    [
        (["a"], ""),
        (["a", "-stop"], "certain"),
        (["a-stop"], "likely"),
        (["a-stop", "-stop"], "certain"),
        (["a-stop", "b-stop"], "refuted"),
        (["a", "-stop", "b"], "refuted"),
        (["a", "-stop", "b", "-stop"], "refuted"),
    ],
)
def test_what_a_finish_reason_is_worth(events: list[str], ending: str) -> None:
    """With text it is likely to be the end; text after it proves that it was not."""
    decoder = ChunkDecoder()
    for event in events:
        content, _, reason = event.partition("-")
        payload = chunk({"content": content}, reason or None)
        decoder.feed(f"data: {json.dumps(payload)}\n\n".encode())
    assert decoder.ending == ending


@pytest.mark.parametrize("where", ["model", "finish_reason"])
@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("hf.co/some-one/Model_1:Q4", "hf.co/some-one/Model_1:Q4"),
        ("MAX_TOKENS", "MAX_TOKENS"),
        ("stop\n2026-01-01 WARNING forged \u202e\x1b[31m", "other"),
        ("stop\n", "other"),
        ("your key sk-1 is not valid", "other"),
        ("x" * 201, "other"),
    ],
)
def test_words_of_the_upstream(where: str, word: str, shown: str) -> None:
    """What is shown and logged of them is one plain word."""
    payload = chunk({"content": "a"}, "stop")
    (payload if where == "model" else payload["choices"][0])[where] = word
    text, decoder = decoded(json.dumps(payload))
    assert (text, getattr(decoder.outcome, where)) == ("a", shown)


@pytest.mark.parametrize(
    "event",
    [
        b"data: {",
        b"data: []",
        b'data: {"choices":{}}',
        b'data: {"choices":[null]}',
        b'data: {"choices":[{"delta":1}]}',
        b'data: {"choices":[{"delta":{"content":1}}]}',
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}',
        b"data: " + b"[" * 100_000,
        b'data: {"error":{"message":"secret"}}',
        b'data: {"error":"secret"}',
        b'data: {"object":"error","message":"secret","code":50001}',
        b'data: {"type":"error","message":"secret"}',
        b'event: error\ndata: {"message":"secret"}',
        b'event:error\r\ndata: {"choices":[]}\r\n',
        b"event: error",
        b'data: {"choices":[{"delta":{"content":""},"finish_reason":"error"}]}',
    ],
)
def test_failures(event: bytes) -> None:
    """A fault is told after the text before it, tells nothing of the bytes, and is final."""
    decoder = ChunkDecoder()
    assert decoder.feed(GOOD + event + b"\n\n" + GOOD + b"data: [DONE]\n\n") == b"a"
    assert decoder.failure
    assert "secret" not in decoder.failure
    assert decoder.feed(GOOD) == b""
    assert not decoder.done


def test_an_error_event_in_pieces() -> None:
    """Its name counts too when it has come alone, before its data."""
    decoder = ChunkDecoder()
    for piece in (b"event: error\r\n", b'data: {"message":"a"}\n', b"\n"):
        decoder.feed(piece)
    assert decoder.failure


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=4)
    | st.sampled_from(["stop", "text", "\ud83d", "\ude00", "error"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def fields(*names: str, **more: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """An object with some of these fields, each of them anything; or anything at all."""
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON) | more)
    return known | known | known | JSON


PART = fields("type", "text", "refusal")
DELTA = fields("content", "refusal", content=JSON | st.lists(PART, max_size=3))
CHOICE = fields("finish_reason", delta=DELTA, message=DELTA)
USAGE = fields("prompt_tokens", "completion_tokens", "total_tokens")
CHUNK = fields("model", "object", "error", usage=USAGE, choices=JSON | st.lists(CHOICE, max_size=2))


@given(st.lists(CHUNK, max_size=6), st.booleans(), st.lists(st.integers(min_value=0), max_size=6))
def test_any_chunks(payloads: list[object], ascii_only: bool, places: list[int]) -> None:
    """Whatever is in the chunks, the decoder raises nothing, and gives whole characters."""
    events = [f"data: {json.dumps(each, ensure_ascii=ascii_only)}\n\n" for each in payloads]
    decoder = ChunkDecoder()
    for piece in cut("".join(events).encode(errors="surrogatepass"), places):
        decoder.feed(piece).decode()
    decoder.end().decode()
    words = decoder.outcome.finish_reason, decoder.outcome.model
    assert all(word is None or word.isprintable() for word in words)


@pytest.mark.parametrize(
    "piece", [b"x" * 65536, b"data: " + b"x" * 65536 + b"\n", b"data:\r\n" * 65536]
)
def test_an_event_without_end(piece: bytes) -> None:
    """A line, or a run of data lines, that never ends is not kept without bound."""
    decoder = ChunkDecoder()
    for _ in range(MAX_EVENT_BYTES // 65536 + 1):
        decoder.feed(piece)
    assert decoder.failure


def thoughts_in(*events: str) -> tuple[str, str]:
    """The text of these events, and the thoughts."""
    text, decoder = decoded(*events)
    return text, "".join(decoder.thoughts)


@pytest.mark.parametrize(
    "event",
    [
        '{"choices":[{"delta":{"reasoning_content":"Hm."}}]}',
        '{"choices":[{"delta":{"reasoning":"Hm.","content":""}}]}',
        '{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"Hm."}]}}]}',
        '{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":"Hm."}]}}]}',
        '{"choices":[{"delta":{"reasoning":"Hm.","reasoning_content":"Hm.","reasoning_details":'
        '[{"type":"reasoning.text","text":"Hm."}]}}]}',
        '{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}]}]}}]}',
        r'{"id":"\ud83d","choices":[{"delta":{"reasoning":"Hm."}}]}',
        '{"choices":[{"message":{"reasoning":"Hm."}}]}',
    ],
)
def test_the_names_of_thoughts(event: str) -> None:
    """They are found under each name, once, and are no part of the text."""
    assert thoughts_in(event, delta('"a"')) == ("a", "Hm.")


@pytest.mark.parametrize(
    "event",
    [
        '{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}}]}',
        '{"choices":[{"delta":{"reasoning_details":[1]}}]}',
    ],
)
def test_hidden_thoughts(event: str) -> None:
    """A thought without text is a thought."""
    assert decoded(event)[1].thoughts == [""]


@pytest.mark.parametrize(
    "event",
    [
        '{"choices":[{"delta":{"reasoning_content":null,"reasoning":"","reasoning_details":[]}}]}',
        '{"choices":[{"delta":{"reasoning_content":1,"reasoning":{},"reasoning_details":"Hm."}}]}',
        '{"choices":[{"delta":{"role":"assistant","content":""}}]}',
    ],
)
def test_no_thoughts(event: str) -> None:
    """An empty field, or one of another type, is none."""
    _, decoder = decoded(event)
    assert (decoder.thoughts, decoder.failure) == ([], None)


def by_pieces(text: str, places: list[int]) -> tuple[str, str]:
    """Text and thoughts of an answer that comes in pieces, cut at these places."""
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return thoughts_in(*(delta(json.dumps(text[a:b])) for a, b in itertools.pairwise(edges)))


@given(
    st.sampled_from(
        [
            ("<think>Hm. <b> </thin</think>\n\nHello </think>", "Hello </think>", "Hm. <b> </thin"),
            ("\n <think>\nHm.</think>Hello", "Hello", "\nHm."),
            ("<think></think>Hello", "Hello", ""),
            ("<think>Hm.", "", "Hm."),
            ("<think>Hm.</think>", "", "Hm."),
            ("<think>Hm.</thi", "", "Hm."),
            ("Hello <think>Hm.</think>", "Hello <think>Hm.</think>", ""),
            ("`<think>` is a tag.", "`<think>` is a tag.", ""),
            ("<thinking>is another</thinking>", "<thinking>is another</thinking>", ""),
            ("\n\n<th", "\n\n<th", ""),
            (" " * 100 + "<think>a", " " * 100 + "<think>a", ""),
            ("<think>안녕</think>하세요 🙂", "하세요 🙂", "안녕"),
        ]
    ),
    st.lists(st.integers(min_value=0), max_size=12),
)
def test_thoughts_in_the_text(script: tuple[str, str, str], places: list[int]) -> None:
    """A leading tag is taken apart, however it is cut; any other is part of the answer."""
    whole, text, thoughts = script
    assert by_pieces(whole, places) == (text, thoughts)


STREAMS = Path(__file__).with_name("streams")
NO_THOUGHTS = {"azure"}


@pytest.mark.parametrize("stream", sorted(STREAMS.glob("*.sse")), ids=lambda path: path.stem)
@given(places=st.lists(st.integers(min_value=0), max_size=12))
def test_the_streams_of_providers(stream: Path, places: list[int]) -> None:
    """The same answer in the shape of each provider: its text, thoughts, usage and end."""
    decoder = ChunkDecoder()
    text = b"".join(decoder.feed(piece) for piece in cut(stream.read_bytes(), places))
    assert (text + decoder.end(), decoder.failure, decoder.done) == (b"Hello there.", None, True)
    assert decoder.outcome.finish_reason == "stop"
    assert decoder.outcome.usage is not None
    assert decoder.outcome.usage.prompt_tokens == 7
    expected = "" if stream.stem in NO_THOUGHTS else "The user greets."
    assert "".join(decoder.thoughts) == expected


def test_reasoning_tokens() -> None:
    """They are told where the provider tells them."""
    streams = {path.stem: ChunkDecoder() for path in STREAMS.glob("*.sse")}
    for name, decoder in streams.items():
        decoder.feed((STREAMS / f"{name}.sse").read_bytes())
    told = {
        name: each.outcome.usage and each.outcome.usage.reasoning_tokens
        for name, each in streams.items()
    }
    assert {name: count for name, count in told.items() if count is not None} == {
        "azure": 0,
        "deepseek": 4,
        "openrouter": 4,
    }
