"""What a request's body is taken for, and what it is refused for."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.bodies import BODIES
from relay.errors import InvalidRequest, RelayError, UnsupportedContent
from relay.questions import (
    Limits,
    Message,
    PictureLimits,
    Question,
    parse_chat,
    parse_chat_completion,
    parse_question,
)

JSON = "application/json"


def messages(*contents: Any, **more: Any) -> bytes:
    turns = [{"role": "user", **content} for content in contents]
    return json.dumps({"messages": turns, **more}).encode()


def asked(body: bytes) -> str:
    return parse_question(body, content_type=JSON).messages[-1].content


LIMITS = Limits(100, 3, PictureLimits())


def chat(body: bytes, content_type: str) -> Question:
    return parse_chat(body, content_type=content_type, limits=LIMITS).question


def chat_completion(body: bytes, content_type: str) -> Question:
    parsed = parse_chat_completion(body, content_type=content_type, limits=LIMITS)
    assert all(name.isascii() and name.replace("_", "a").isalpha() for name in parsed.ignored)
    return parsed.question


def question(body: bytes, content_type: str) -> Question:
    return parse_question(body, content_type=content_type, limits=LIMITS)


Parser = Callable[[bytes, str], Question]
every_parser = pytest.mark.parametrize("parse", [question, chat, chat_completion])


def is_asked_or_refused(parse: Parser, body: bytes, content_type: str = JSON) -> bool:
    """Whatever is asked has a last message of the user's; nothing else is raised than a refusal."""
    try:
        last = parse(body, content_type).messages[-1]
    except RelayError as refusal:
        return 400 <= refusal.status < 500
    return last.role == "user" and bool(last.content.strip() or last.pictures)


@every_parser
@given(BODIES)
def test_any_json_is_a_question_or_refused(parse: Parser, body: Any) -> None:
    """Whatever is sent to whichever door, nothing breaks."""
    assert is_asked_or_refused(parse, json.dumps(body).encode())


@every_parser
@given(st.binary(), st.sampled_from([JSON, "application/x-www-form-urlencoded"]))
def test_any_bytes_are_a_question_or_refused(parse: Parser, body: bytes, content_type: str) -> None:
    """So it is with what is no JSON at all."""
    assert is_asked_or_refused(parse, body, content_type)


def test_nul_is_left_out() -> None:
    """It is no text, and a question of nothing else is empty."""
    assert asked(b'{"userPrompt": "W\\u0000hy?"}') == "Why?"
    assert asked(messages({"content": "W\0hy?"})) == "Why?"
    for body in (b'{"prompt": "\\u0000 "}', messages({"parts": [{"type": "text", "text": "\0"}]})):
        with pytest.raises(InvalidRequest):
            asked(body)


@pytest.mark.parametrize(("id", "expected"), [("abc", "abc"), (None, None), (7, None), ([], None)])
def test_the_id_of_a_chat(id: Any, expected: str | None) -> None:
    """It is the client's own, and nothing where it is no text."""
    body = messages({"content": "Why?"}, id=id)
    assert parse_chat(body, content_type=JSON).id == expected


def test_a_chat_completion() -> None:
    """The model is the persona, whole is the default, and what has no effect is named."""
    system = {"role": "system", "content": "x"}
    options = {"stream_options": {"include_usage": True}, "temperature": 1, "n": None}
    body = messages(system, {"content": "Why?"}, model="secretary", **options)
    parsed = parse_chat_completion(body, content_type=JSON)
    assert parsed.question == Question((Message("user", "Why?"),), "secretary", False)
    assert parsed.includes_usage
    assert parsed.ignored == ("system", "temperature")


@pytest.mark.parametrize(
    "content",
    [
        {"content": "Why?"},
        {"content": [{"type": "text", "text": "Wh"}, {"type": "text", "text": "y?"}]},
        {"parts": [{"type": "text", "text": "Why?"}]},
        {"text": "Why?"},
        {"text": "Why?", "files": []},
        {"parts": [{"type": "step-start"}, {"type": "data-now"}, {"type": "text", "text": "Why?"}]},
    ],
)
def test_the_shapes_of_a_message(content: Any) -> None:
    """A text, its parts, or what deep-chat calls it; what a page notes beside it is passed over."""
    assert asked(messages(content)) == "Why?"


def test_what_an_assistant_noted() -> None:
    """The steps and tools of an answer that another server gave do not stand in the way."""
    answer = [{"type": "reasoning", "text": "Hm."}, {"type": "tool-weather"}, {"type": "refusal"}]
    body = messages({"role": "assistant", "content": answer}, {"content": "Why?"})
    assert [each.content for each in parse_question(body, content_type=JSON).messages] == ["Why?"]


@pytest.mark.parametrize(
    "content",
    [
        {"content": [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {}}]},
        {"content": [{"type": "input_audio"}]},
        {"parts": [{"type": "text", "text": "What?"}, {"type": "file", "url": "data:,x"}]},
        {"parts": [{"type": "something new"}]},
        {"text": "What?", "files": [{"src": "data:,x", "type": "image"}]},
        {"files": [{"src": "data:,x"}]},
        {"content": "What?", "experimental_attachments": [{"url": "data:,x"}]},
    ],
)
def test_what_is_no_text_is_refused(content: Any) -> None:
    """A picture or a file is not dropped without a word, also in an earlier turn."""
    for body in (messages(content), messages(content, {"content": "And now?"})):
        with pytest.raises(UnsupportedContent) as refusal:
            parse_question(body, content_type=JSON)
        assert "messages[0]" in refusal.value.message
